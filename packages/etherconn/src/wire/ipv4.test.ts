import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { frames, hex, parsed } from '../test-support/frames.ts';
import { ChecksumState } from './checksum.ts';
import { parseIp } from './ip.ts';
import {
  emitIpv4,
  ipv4Checksum,
  ipv4ChecksumState,
  ipv4DontFragment,
  ipv4FinalDestination,
  ipv4FragmentOffset,
  ipv4HeaderLength,
  ipv4Id,
  ipv4MoreFragments,
  ipv4Tos,
  ipv4TotalLength,
  ipv4Ttl,
  printIpv4,
  verifyIpv4Header,
} from './ipv4.ts';
import { parseErrorText } from './parse-error.ts';
import { Fragment } from './record.ts';

/** A copy of a frame with other bytes from `at` on. */
function changed(frame: Uint8Array, at: number, bytes: string): Uint8Array {
  const u8 = frame.slice();
  u8.set(hex(bytes), at);
  return u8;
}

test('a plain header', () => {
  const record = parsed(frames.udp4);
  assert.deepEqual(
    [record.error, record.ipVersion, record.ipSource, record.ipDestination, record.protocol, record.fragment],
    [0, 4, 26, 30, 17, Fragment.NONE],
  );
  assert.deepEqual([record.l3, record.l4, record.l3End], [14, 34, 47]);
  assert.deepEqual(
    [ipv4HeaderLength(frames.udp4, 14), ipv4TotalLength(frames.udp4, 14), ipv4Id(frames.udp4, 14)],
    [20, 33, 7],
  );
  assert.deepEqual(
    [ipv4Ttl(frames.udp4, 14), ipv4Tos(frames.udp4, 14), ipv4Checksum(frames.udp4, 14)],
    [64, 0, 0x66c3],
  );
  assert.equal(printIpv4(frames.udp4, record), '10.0.0.1 > 10.0.0.2: UDP, ttl 64, id 7, length 33');
});

test('padding is not payload', () => {
  const record = parsed(frames.udp4Padded);
  assert.deepEqual(
    [record.error, record.l3End, record.payload, record.payloadEnd, record.end],
    [0, 47, 42, 47, 60],
  );
});

test('options are stepped over', () => {
  const record = parsed(frames.udp4Options);
  assert.deepEqual([record.error, record.l4, record.destinationPort, record.payload], [0, 42, 2, 50]);
  assert.equal(ipv4ChecksumState(frames.udp4Options, record), ChecksumState.GOOD);
});

test('fragments', () => {
  const first = parsed(frames.udp4First);
  assert.deepEqual(
    [first.error, first.fragment, first.sourcePort, first.destinationPort, first.payload, first.payloadEnd],
    [0, Fragment.FIRST, 5, 6, 42, 58],
  );
  const later = parsed(frames.udp4Later);
  assert.deepEqual(
    [
      later.error,
      later.fragment,
      later.protocol,
      later.l4,
      later.sourcePort,
      later.destinationPort,
      later.payload,
    ],
    [0, Fragment.LATER, 17, 34, -1, -1, 0],
  );
  assert.equal(ipv4FragmentOffset(frames.udp4Later, 14), 24);
  assert.equal(ipv4MoreFragments(frames.udp4First, 14), true);
  assert.equal(
    printIpv4(frames.udp4First, first),
    '10.0.0.1 > 10.0.0.2: UDP, ttl 64, id 9, fragment 0+, length 44',
  );
  assert.equal(
    printIpv4(frames.udp4Later, later),
    '10.0.0.1 > 10.0.0.2: UDP, ttl 64, id 9, fragment 24, length 36',
  );
});

test('DF alone is no fragment', () => {
  const record = parsed(frames.tcp4);
  assert.equal(record.fragment, Fragment.NONE);
  assert.equal(ipv4DontFragment(frames.tcp4, 14), true);
});

test('with a total length of 0 the packet goes to the end of the frame, and the fault is named', () => {
  const u8 = changed(frames.udp4Padded, 16, '0000');
  const record = parsed(u8);
  assert.equal(parseErrorText(record.error), 'ipv4: total length is 0, as segmentation offload leaves it');
  const { ipVersion, protocol, l4, l3End, sourcePort, payload, payloadEnd } = record;
  assert.deepEqual([ipVersion, protocol, l4, l3End, sourcePort], [4, 17, 34, u8.length, 1000]);
  // The length of UDP itself still bounds its payload.
  assert.deepEqual([payload, payloadEnd], [42, 47]);
});

test('faulty headers name the fault, and nothing above is known', () => {
  const faults: [Uint8Array, string][] = [
    [frames.udp4.slice(0, 33), 'ipv4: header is not whole'],
    [frames.udp4.slice(0, 14), 'ipv4: header is not whole'],
    [frames.udp4Options.slice(0, 41), 'ipv4: header is not whole'],
    [changed(frames.udp4, 14, '55'), 'ipv4: version is not 4'],
    [changed(frames.udp4, 14, '44'), 'ipv4: header length is under 20'],
    [changed(frames.udp4, 14, '4f'), 'ipv4: header is not whole'],
    [changed(frames.udp4, 16, '0013'), 'ipv4: total length is under the header length'],
    [changed(frames.udp4Options, 16, '0014'), 'ipv4: total length is under the header length'],
  ];
  for (const [u8, text] of faults) {
    const record = parsed(u8);
    assert.equal(parseErrorText(record.error), text);
    assert.equal(record.etherType, 0x0800);
    const { ipVersion, protocol, l4, sourcePort, payload } = record;
    assert.deepEqual([ipVersion, protocol, l4, sourcePort, payload], [0, -1, 0, -1, 0], text);
  }
});

test('a total length over the bytes there is an error, but what is there is parsed', () => {
  for (let length = 34; length < 47; length++) {
    const record = parsed(frames.udp4, 0, length);
    assert.equal(parseErrorText(record.error), 'ipv4: total length is over the bytes there');
    assert.deepEqual([record.l4, record.l3End], [34, length]);
    assert.equal(record.destinationPort, length >= 42 ? 53 : -1);
    assert.equal(record.payloadEnd, length >= 42 ? length : 0);
  }
});

test('the header checksum is verified', () => {
  assert.equal(verifyIpv4Header(frames.udp4, 14), true);
  const bad = changed(frames.udp4, 22, '3f');
  assert.equal(verifyIpv4Header(bad, 14), false);
  assert.equal(ipv4ChecksumState(bad, parsed(bad)), ChecksumState.BAD);
  assert.equal(ipv4ChecksumState(frames.udp6, parsed(frames.udp6)), ChecksumState.ABSENT);
});

test('a source route that is not used up has another final destination', () => {
  assert.equal(ipv4FinalDestination(frames.udp4, 14), 30);
  assert.equal(ipv4FinalDestination(frames.udp4Options, 14), 30);
  assert.equal(ipv4FinalDestination(frames.udp4SourceRoute, 14), 14 + 20 + 3);
  assert.equal(ipv4FinalDestination(changed(frames.udp4SourceRoute, 36, '08'), 14), 30, 'used up');
  assert.equal(ipv4FinalDestination(changed(frames.udp4SourceRoute, 36, '05'), 14), 30, 'no pointer');
  assert.equal(ipv4FinalDestination(changed(frames.udp4SourceRoute, 34, '01018307'), 14), 30, 'cut off');
});

test('emits the same bytes', () => {
  const source = parseIp('10.0.0.1');
  const destination = parseIp('10.0.0.2');
  const u8 = new Uint8Array(20).fill(0xee);
  assert.equal(
    emitIpv4(u8, 0, { source, destination, protocol: 17, payloadLength: 13, identification: 7 }),
    20,
  );
  assert.deepEqual(u8, frames.udp4.slice(14, 34));
  const withOptions = new Uint8Array(28);
  const options = hex('0707040000000000');
  emitIpv4(withOptions, 0, {
    source,
    destination,
    protocol: 17,
    payloadLength: 11,
    identification: 8,
    options,
  });
  assert.deepEqual(withOptions, frames.udp4Options.slice(14, 42));
});

test('what is emitted is parsed', () => {
  const address = fc.uint8Array({ minLength: 4, maxLength: 4 });
  const fields = fc.record({
    source: address,
    destination: address,
    protocol: fc.integer({ min: 0, max: 255 }).filter((protocol) => ![1, 6, 17, 132].includes(protocol)),
    payloadLength: fc.nat(64),
    ttl: fc.nat(255),
    tos: fc.nat(255),
    identification: fc.nat(0xffff),
    dontFragment: fc.boolean(),
    moreFragments: fc.boolean(),
    fragmentOffset: fc.nat(0x1fff).map((units) => units * 8),
    options: fc.nat(10).map((words) => new Uint8Array(words * 4).fill(1)),
  });
  fc.assert(
    fc.property(fields, fc.nat(7), (ip, padding) => {
      const headerLength = 20 + ip.options.length;
      const u8 = new Uint8Array(14 + headerLength + ip.payloadLength + padding);
      u8.set(hex('020000000002 020000000001 0800'));
      assert.equal(emitIpv4(u8, 14, ip), 14 + headerLength);
      const record = parsed(u8);
      assert.equal(record.error, 0);
      assert.deepEqual(
        [record.protocol, record.l4, record.l3End],
        [ip.protocol, 14 + headerLength, u8.length - padding],
      );
      assert.deepEqual(u8.slice(record.ipSource, record.ipSource + 4), Uint8Array.from(ip.source));
      assert.deepEqual(
        u8.slice(record.ipDestination, record.ipDestination + 4),
        Uint8Array.from(ip.destination),
      );
      const { NONE, FIRST, LATER } = Fragment;
      assert.equal(record.fragment, ip.fragmentOffset > 0 ? LATER : ip.moreFragments ? FIRST : NONE);
      assert.deepEqual(
        [ipv4Ttl(u8, 14), ipv4Tos(u8, 14), ipv4Id(u8, 14), ipv4FragmentOffset(u8, 14)],
        [ip.ttl, ip.tos, ip.identification, ip.fragmentOffset],
      );
      assert.deepEqual(
        [ipv4DontFragment(u8, 14), ipv4MoreFragments(u8, 14)],
        [ip.dontFragment, ip.moreFragments],
      );
      assert.equal(ipv4ChecksumState(u8, record), ChecksumState.GOOD);
    }),
  );
});

test('wrong fields are refused', () => {
  const good = {
    source: parseIp('10.0.0.1'),
    destination: parseIp('10.0.0.2'),
    protocol: 17,
    payloadLength: 8,
  };
  const u8 = new Uint8Array(64);
  const wrong: [object, string][] = [
    [{ payloadLength: 65516 }, 'payloadLength'],
    [{ ttl: 256 }, 'ttl'],
    [{ fragmentOffset: 4 }, 'fragmentOffset'],
    [{ options: new Uint8Array(3) }, 'options'],
    [{ options: new Uint8Array(44) }, 'options'],
    [{ source: parseIp('::1') }, 'source'],
    [{ dontFragment: 1 }, 'dontFragment'],
  ];
  for (const [part, option] of wrong) {
    assert.throws(() => emitIpv4(u8, 0, { ...good, ...part }), { name: 'OptionError', option });
  }
  assert.throws(() => emitIpv4(u8, 45, good), { name: 'OptionError', option: 'offset' });
});
