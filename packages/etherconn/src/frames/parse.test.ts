import assert from 'node:assert/strict';
import { test } from 'node:test';
import { builtFrames } from '../test-support/built-frames.ts';
import { assertSame, CORPUS } from '../test-support/frame-corpus.ts';
import { frames, hex, parsed } from '../test-support/frames.ts';
import { sampleFrames } from '../test-support/sample-frames.ts';
import { Dhcpv4Op, emitDhcpv4 } from '../wire/dhcpv4.ts';
import { build, complete, dhcpv4, ether, type Frame, find, ipv4, parse, replace, udp } from './index.ts';

test('build(parse(bytes)) is bytes, for every frame of the corpus', () => {
  for (const bytes of CORPUS) assertSame(bytes);
});

test('and cut at every length', () => {
  // Frames have their first bytes in common.
  const seen = new Set<string>();
  for (const bytes of CORPUS) {
    for (let length = 0; length <= Math.min(bytes.length, 130); length++) {
      const cut = bytes.subarray(0, length);
      const key = Buffer.from(cut).toString('latin1');
      if (!seen.has(key)) assertSame(cut);
      seen.add(key);
    }
  }
});

test('a segment that is larger than a length field says, as before segmentation', () => {
  const bytes = new Uint8Array(70_000);
  bytes.set(frames.tcp4);
  bytes.fill(0, 16, 18);
  assertSame(bytes);
  assert.equal(find(parse(bytes), 'ipv4')?.length, 0);
});

test('what was built comes back: the same layers, with defaults and nothing filled', () => {
  for (const [name, parts] of Object.entries(builtFrames)) {
    const frame = parse(build(parts));
    const given = parts.filter((part) => typeof part !== 'string' && !(part instanceof Uint8Array)) as Frame;
    assert.deepEqual(
      frame.filter(({ layer }) => layer !== 'payload').map(({ layer }) => layer),
      given.map(({ layer }) => layer),
      name,
    );
    for (const layer of frame) {
      const wrong = Object.keys(layer).filter((key) =>
        /checksum|^(payload)?length$|version|reserved|nextHeader|count/i.test(key),
      );
      assert.deepEqual(wrong, [], `${name}: ${layer.layer}`);
    }
    assert.deepEqual(parse(build(frame)), frame, name);
  }
});

test('the layers are where parseFrame finds them', () => {
  let compared = 0;
  for (const { name, bytes } of sampleFrames()) {
    const record = parsed(bytes);
    if (record.error !== 0) continue;
    const layers = complete(parse(bytes));
    const tags = layers.filter(({ layer }) => layer === 'vlan');
    assert.equal(tags.length, record.vlanCount, name);
    const transport = layers.find(({ layer }) => ['udp', 'tcp', 'sctp'].includes(layer)) as
      | { sourcePort: number; destinationPort: number }
      | undefined;
    if (record.sourcePort >= 0) {
      assert.equal(transport?.sourcePort, record.sourcePort, name);
      assert.equal(transport?.destinationPort, record.destinationPort, name);
      const data = find(layers, 'payload')?.bytes ?? new Uint8Array(0);
      assert.deepEqual(data, bytes.slice(record.payload, record.payloadEnd), name);
      compared++;
    } else {
      assert.equal(transport, undefined, name);
    }
  }
  assert.ok(compared > 100, `${compared}`);
});

test('complete puts in what is filled', () => {
  const [, , header] = complete([
    ether(),
    ipv4({ source: '10.0.0.1', destination: '10.0.0.2' }),
    udp(),
    'abc',
  ]);
  assert.deepEqual(header, { layer: 'udp', sourcePort: 0, destinationPort: 0, length: 11, checksum: 0x2773 });
});

test('headers in headers, as many as there is room for', () => {
  const header = build([ipv4({ protocol: 4, version: 7, length: 1, checksum: 1 })]);
  const bytes = new Uint8Array(14 + 3000 * header.length);
  bytes.set([8, 0], 12);
  for (let at = 14; at < bytes.length; at += header.length) bytes.set(header, at);
  assert.equal(parse(bytes).length, 3001);
  assertSame(bytes);
});

test('nothing of the bytes is kept, also when they are a Buffer', () => {
  const buffer = Buffer.from(build([ether(), ipv4({ options: Uint8Array.of(1) }), udp(), 'hello']));
  const frame = parse(buffer);
  const before = structuredClone(frame);
  buffer.fill(0xff);
  assert.deepEqual(frame, before);
  assert.deepEqual(find(frame, 'payload')?.bytes, Uint8Array.from(Buffer.from('hello')));
});

test('frames are plain data', () => {
  const frame = parse(frames.routerAdvertisement);
  assert.deepEqual(structuredClone(frame), frame);
  assert.deepEqual(build(structuredClone(frame)), frames.routerAdvertisement);
});

test('DHCP options that are not known here stay as they are', () => {
  const options = new Map([
    [53, Uint8Array.of(1)],
    [224, Uint8Array.of(1, 2, 3)],
  ]);
  const message = emitDhcpv4({ op: Dhcpv4Op.REQUEST, xid: 7, hardwareAddress: hex('020000000001'), options });
  const bytes = build([ether(), ipv4(), udp({ sourcePort: 68, destinationPort: 67 }), message]);
  const frame = parse(bytes);
  assert.deepEqual(find(frame, 'dhcpv4')?.options, { messageType: 1 });
  assert.deepEqual(find(frame, 'dhcpv4')?.optionBytes, message.slice(240));
  assert.deepEqual(build(frame), bytes);
  const without = replace(frame, 'dhcpv4', { optionBytes: undefined });
  assert.deepEqual(parse(build(without)), without);
});

test('DHCP with options in its other fields', () => {
  const options = new Map([
    [43, new Uint8Array(50).fill(7)],
    [53, Uint8Array.of(5)],
  ]);
  options.set(61, new Uint8Array(90).fill(8)).set(57, Uint8Array.of(2, 64));
  const message = emitDhcpv4({ op: 2, xid: 7, hardwareAddress: hex('020000000001'), options }, 300);
  const bytes = build([ether(), ipv4(), udp({ sourcePort: 67, destinationPort: 68 }), message]);
  const found = find(parse(bytes), 'dhcpv4');
  assert.ok(found?.bootFile instanceof Uint8Array);
  assert.equal(found.options?.messageType, 5);
  assert.deepEqual(build(parse(bytes)), bytes);
  assert.equal(dhcpv4().layer, 'dhcpv4');
});
