import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { builtFrames } from '../test-support/built-frames.ts';
import { assertSame } from '../test-support/frame-corpus.ts';
import { type FrameName, frames, hex, parsed } from '../test-support/frames.ts';
import { buildUdpFrame } from '../wire/build.ts';
import { ChecksumState } from '../wire/checksum.ts';
import { ipv4ChecksumState } from '../wire/ipv4.ts';
import { parseErrorText } from '../wire/parse-error.ts';
import { transportChecksumState } from '../wire/transport-checksum.ts';
import { lay } from './build.ts';
import {
  arp,
  build,
  destinationOptions,
  ether,
  type FrameParts,
  find,
  fragment,
  hopByHop,
  icmpv4,
  icmpv6,
  ipv4,
  ipv6,
  LAYER_NAMES,
  type Layer,
  llc,
  neighborAdvertisement,
  neighborSolicitation,
  padding,
  parse,
  payload,
  replace,
  routerAdvertisement,
  routerSolicitation,
  routing,
  sctp,
  tcp,
  udp,
  vlan,
} from './index.ts';

const A = '02:00:00:00:00:01';
const B = '02:00:00:00:00:02';
const link = ether({ source: A, destination: B });
const back = ether({ source: B, destination: A });
const over4 = { source: '10.0.0.1', destination: '10.0.0.2' };
const over6 = { source: '2001:db8::1', destination: '2001:db8::2' };

/** What scapy has built, in our words. */
const SAME: Partial<Record<FrameName, FrameParts>> = {
  arpRequest: [ether({ source: A }), arp({ senderMac: A, senderIp: '10.0.0.1', targetIp: '10.0.0.2' })],
  arpReply: [
    back,
    arp({ operation: 2, senderMac: B, senderIp: '10.0.0.2', targetMac: A, targetIp: '10.0.0.1' }),
  ],
  udp4: [
    link,
    ipv4({ ...over4, identification: 7 }),
    udp({ sourcePort: 1000, destinationPort: 53 }),
    'hello',
  ],
  udp4Padded: [
    link,
    ipv4({ ...over4, identification: 7 }),
    udp({ sourcePort: 1000, destinationPort: 53 }),
    'hello',
    padding(new Uint8Array(13).fill(0xaa)),
  ],
  udp4Options: [
    link,
    ipv4({ ...over4, identification: 8, options: hex('07070400000000') }),
    udp({ sourcePort: 1, destinationPort: 2 }),
    'abc',
  ],
  udp4SourceRoute: [
    link,
    ipv4({ ...over4, identification: 8, options: hex('8307040a000009') }),
    udp({ sourcePort: 1, destinationPort: 2 }),
    'abc',
  ],
  udp4First: [
    link,
    ipv4({ ...over4, identification: 9, moreFragments: true }),
    udp({ sourcePort: 5, destinationPort: 6, length: 40, checksum: 0x1234 }),
    'x'.repeat(16),
  ],
  udp4Later: [link, ipv4({ ...over4, identification: 9, fragmentOffset: 24, protocol: 17 }), 'y'.repeat(16)],
  tcp4: [
    link,
    ipv4({ ...over4, identification: 1, dontFragment: true }),
    tcp({
      sourcePort: 1234,
      destinationPort: 80,
      sequence: 0x01020304,
      acknowledgment: 0x05060708,
      flags: 0x12,
      window: 1000,
      options: hex('020405b4'),
    }),
    'GET',
  ],
  sctp4: [
    link,
    ipv4({ ...over4, identification: 1 }),
    sctp({ sourcePort: 7, destinationPort: 9, verificationTag: 0xdeadbeef }),
    hex('0b000004'),
  ],
  icmpv4Echo: [link, ipv4({ ...over4, identification: 1 }), icmpv4({ id: 0x1234, sequence: 5 }), 'ping'],
  icmpv4Unreachable: [
    link,
    ipv4({ source: '10.0.0.2', destination: '10.0.0.1', identification: 1 }),
    icmpv4({ type: 3, code: 3 }),
    ipv4({ ...over4, identification: 7 }),
    udp({ sourcePort: 1000, destinationPort: 53, length: 13, checksum: 0 }),
  ],
  udp6: [
    link,
    ipv6({ ...over6, trafficClass: 0xb8, flowLabel: 0x12345 }),
    udp({ sourcePort: 1000, destinationPort: 53 }),
    'hello',
  ],
  udp6Extensions: [
    link,
    ipv6(over6),
    hopByHop({ options: hex('05020000 0100') }),
    destinationOptions({ options: hex('010c 000000000000000000000000') }),
    udp({ sourcePort: 1, destinationPort: 2 }),
    'ext',
  ],
  udp6Routing: [
    link,
    ipv6(over6),
    routing({ segmentsLeft: 1, data: hex('00000000 20010db8000000000000000000000009') }),
    udp({ sourcePort: 1, destinationPort: 2 }),
    'route',
  ],
  udp6HomeAddress: [
    link,
    ipv6(over6),
    destinationOptions({ options: hex('0102 0000 c910 20010db8000000000000000000000078') }),
    udp({ sourcePort: 1000, destinationPort: 53 }),
    'hello',
  ],
  udp6First: [
    link,
    ipv6(over6),
    fragment({ moreFragments: true, identification: 0x01020304 }),
    udp({ sourcePort: 5, destinationPort: 6, length: 40, checksum: 0x1234 }),
    'x'.repeat(16),
  ],
  udp6Later: [
    link,
    ipv6(over6),
    fragment({ nextHeader: 17, fragmentOffset: 24, identification: 0x01020304 }),
    'y'.repeat(16),
  ],
  udp6Atomic: [
    link,
    ipv6(over6),
    fragment({ identification: 1 }),
    udp({ sourcePort: 5, destinationPort: 6 }),
    'atom',
  ],
  icmpv6Echo: [link, ipv6(over6), icmpv6({ id: 0x1234, sequence: 5 }), 'ping'],
  neighborSolicitation: [
    ether({ source: A }),
    ipv6({ source: 'fe80::1', destination: 'ff02::1:ff00:2' }),
    neighborSolicitation({ target: 'fe80::2', options: [{ type: 1, mac: A }] }),
  ],
  neighborAdvertisement: [
    back,
    ipv6({ source: 'fe80::2', destination: 'fe80::1' }),
    neighborAdvertisement({
      target: 'fe80::2',
      solicited: true,
      override: true,
      options: [{ type: 2, mac: B }],
    }),
  ],
  routerSolicitation: [
    ether({ source: A }),
    ipv6({ source: 'fe80::1', destination: 'ff02::2' }),
    routerSolicitation({ options: [{ type: 1, mac: A }] }),
  ],
  routerAdvertisement: [
    ether({ source: B }),
    ipv6({ source: 'fe80::2', destination: 'ff02::1' }),
    routerAdvertisement({
      hopLimit: 64,
      other: true,
      routerLifetime: 1800,
      reachableTime: 30_000,
      retransTimer: 1000,
      options: [
        { type: 1, mac: B },
        { type: 5, mtu: 1500 },
        {
          type: 3,
          prefix: '2001:db8:1::',
          prefixLength: 64,
          validLifetime: 86_400,
          preferredLifetime: 14_400,
        },
      ],
    }),
  ],
  qinq: [
    link,
    vlan({ id: 100, pcp: 6, dei: true, tpid: 0x88a8 }),
    vlan(5),
    ipv6(over6),
    udp({ sourcePort: 1, destinationPort: 2 }),
    'q',
  ],
  length8023: [
    ether({ source: A, destination: '01:80:c2:00:00:00' }),
    llc({ dsap: 0x42, ssap: 0x42 }),
    new Uint8Array(4),
    padding(39),
  ],
};

for (const [name, parts] of Object.entries(SAME)) {
  test(`the same bytes as scapy's: ${name}`, () => {
    assert.equal(
      Buffer.from(build(parts)).toString('hex'),
      Buffer.from(frames[name as FrameName]).toString('hex'),
    );
  });
}

test('the samples have every layer', () => {
  const seen = new Set(
    Object.values(builtFrames).flatMap((parts) => parse(build(parts)).map(({ layer }) => layer)),
  );
  assert.deepEqual([...seen].toSorted(), LAYER_NAMES.toSorted());
});

test('what is built is well-formed, with right checksums', () => {
  for (const [name, parts] of Object.entries(builtFrames)) {
    const bytes = build(parts);
    const record = parsed(bytes);
    assert.equal(parseErrorText(record.error), '', name);
    assert.notEqual(ipv4ChecksumState(bytes, record), ChecksumState.BAD, name);
    const state = transportChecksumState(bytes, record);
    assert.ok(state === ChecksumState.GOOD || state === ChecksumState.ABSENT, `${name}: ${state}`);
  }
});

test('the same bytes as those of buildUdpFrame', () => {
  const given = {
    sourceMac: A,
    destinationMac: B,
    sourcePort: 1,
    destinationPort: 2,
    payload: 'same',
    ttl: 9,
  };
  const ports = udp({ sourcePort: 1, destinationPort: 2 });
  assert.deepEqual(
    build([link, ipv4({ ...over4, ttl: 9 }), ports, 'same']),
    buildUdpFrame({ ...given, ...over4 }),
  );
  assert.deepEqual(
    build([link, ipv6({ ...over6, hopLimit: 9 }), ports, 'same']),
    buildUdpFrame({ ...given, ...over6 }),
  );
});

const whole: FrameParts = [link, ipv4(over4), udp({ sourcePort: 1, destinationPort: 2 }), 'hello'];

test('any field can be wrong, and comes back as it is', () => {
  const wrong = [
    ['ipv4', { version: 5 }],
    ['ipv4', { headerLength: 60 }],
    ['ipv4', { headerLength: 0 }],
    ['ipv4', { length: 0 }],
    ['ipv4', { length: 19 }],
    ['ipv4', { length: 65_535 }],
    ['ipv4', { reserved: 1 }],
    ['ipv4', { checksum: 0xdead }],
    ['udp', { length: 3 }],
    ['udp', { length: 9 }],
    ['udp', { length: 65_535 }],
    ['udp', { checksum: 0 }],
    ['udp', { checksum: 0xdead }],
  ] as const;
  for (const [name, fields] of wrong) {
    const frame = replace(whole, name, fields as never);
    const again = find(parse(build(frame)), name) as unknown as Record<string, unknown>;
    const [[field, value]] = Object.entries(fields);
    assert.equal(again[field], value, `${name}.${field}`);
    const filled = Object.keys(again).filter((key) => /checksum|length|version|reserved/i.test(key));
    assert.deepEqual(filled, [field], `no other field of ${name} is wrong`);
  }
});

test('a type that is not that of the layer behind it', () => {
  const bytes = build([ether({ etherType: 0x86dd }), ipv4({ ...over4, protocol: 6 }), udp()]);
  assert.deepEqual([bytes[12], bytes[13], bytes[23]], [0x86, 0xdd, 6]);
});

test('what is changed is filled anew', () => {
  const frame = replace(parse(build(whole)), 'ipv4', { ttl: 3, destination: '10.0.0.9' });
  const bytes = build([...frame.slice(0, -1), 'longer than before']);
  const record = parsed(bytes);
  assert.equal(record.error, 0);
  assert.equal(ipv4ChecksumState(bytes, record), ChecksumState.GOOD);
  assert.equal(transportChecksumState(bytes, record), ChecksumState.GOOD);
  assert.equal(find(frame, 'ipv4')?.ttl, 3);
});

test('a field can be taken away again', () => {
  const bad = replace(whole, 'udp', { checksum: 1 });
  assert.deepEqual(build(replace(bad, 'udp', { checksum: undefined })), build(whole));
  assert.ok(!('checksum' in find(replace(bad, 'udp', { checksum: undefined }), 'udp')!));
});

test('layers are found by name and number', () => {
  const frame = parse(build(builtFrames['ICMP error']));
  assert.equal(find(frame, 'ipv4')?.source, '10.0.0.2');
  assert.equal(find(frame, 'ipv4', 1)?.source, '10.0.0.1');
  assert.equal(find(frame, 'ipv4', 2), undefined);
  assert.equal(find(frame, 'tcp'), undefined);
});

test('a frame may begin anywhere', () => {
  assert.deepEqual(build(['only']), Uint8Array.from(Buffer.from('only')));
  assert.deepEqual(build([]), new Uint8Array(0));
  assert.deepEqual(build(whole.slice(1)), build(whole).slice(14));
  assert.deepEqual(parse(build(whole.slice(1)), 'ip'), parse(build(whole)).slice(1));
  const query = arp({ senderIp: '10.0.0.1' });
  assert.deepEqual(build(parse(build([query]), 'arp')), build([query]));
  assert.equal(find(parse(build([query]), 'arp'), 'arp')?.senderIp, '10.0.0.1');
  assert.deepEqual(
    parse(build([icmpv6(), 'x']), 'icmpv6'),
    parse(build([ipv6(), icmpv6(), 'x']), 'ip').slice(1),
  );
  // There are no addresses to sum up.
  assert.equal(build([udp({ sourcePort: 1, destinationPort: 2 })]).length, 8);
});

test('wrong values are refused by layer and field', () => {
  const cases: [() => unknown, RegExp][] = [
    [() => build([ipv4({ ttl: 256 })]), /^ipv4\.ttl: must be an integer from 0 to 255, got 256$/],
    [() => build([ipv4({ source: '::1' })]), /^ipv4\.source: must be an IPv4 address, got '::1'$/],
    [() => build([ipv4({ fragmentOffset: 7 })]), /^ipv4\.fragmentOffset: must be a multiple of 8, got 7$/],
    [
      () => build([ipv4({ options: new Uint8Array(41) })]),
      /^ipv4\.options: must be a Uint8Array of 0 to 40 bytes/,
    ],
    [() => build([ether({ source: 'x' })]), /^ether\.source: must be a MAC address/],
    [() => build([vlan({ dei: 1 as never })]), /^vlan\.dei: must be true or false, got 1$/],
    [() => udp({ port: 1 } as never), /^port: is not an option here; known are sourcePort, /],
    [() => build([{ layer: 'upd' } as never]), /^frame\[0\]\.layer: is not a layer known here, got 'upd'$/],
    [() => build([{ layer: 'udp', port: 1 } as never]), /^port: is not an option here/],
    [() => build([7 as never]), /^frame\[0\]: must be an object, got 7$/],
    [() => build({} as never), /^frame: must be an array/],
    [
      () => build([ipv4(), udp(), new Uint8Array(65_520)]),
      /^ipv4: takes 65515 bytes, got 65528; set its length/,
    ],
    [() => build([udp(), new Uint8Array(65_530)]), /^udp: takes 65527 bytes, got 65530/],
    [() => replace(whole, 'tcp', {}), /^name: the frame has no layer 'tcp'$/],
    [() => replace(whole, 'ipv4', { tll: 1 } as never), /^tll: is not an option here/],
    [() => find(whole, 'ip' as never), /^name: must be the name of a layer, got 'ip'$/],
    [() => parse('00' as never), /^bytes: must be a Uint8Array/],
    [() => parse(new Uint8Array(1), 'upd' as never), /^from: must be one of 'ip', 'ether', 'vlan'/],
    [() => payload(7 as never), /^payload: must be bytes or text, got 7$/],
    [() => padding(-1), /^padding: must be bytes, or a number of them/],
    [
      () => build([neighborSolicitation({ options: [{ type: 1, mac: 'x' }] })]),
      /^neighborSolicitation\.options\[0\]\.mac: must be a MAC address/,
    ],
  ];
  for (const [call, message] of cases) assert.throws(call, { code: 'ERR_ETHERCONN_OPTION', message });
});

test('property: any value that a field can have is in the bytes', () => {
  let fields = 0;
  for (const [name, parts] of Object.entries(builtFrames)) {
    const { u8: built, places } = lay(parts);
    for (const [index, { definition, at }] of places.entries()) {
      for (const [key, field] of Object.entries(definition.fields)) {
        if (field.isThere?.(built, at) === false) continue;
        fields++;
        fc.assert(
          fc.property(
            fc.uint8Array({ minLength: definition.length, maxLength: definition.length }),
            (bytes) => {
              const value = field.read(bytes, 0);
              const layers = places.map(({ layer }) => layer as unknown as Layer);
              const { u8 } = lay(layers.with(index, { ...layers[index], [key]: value } as never));
              assert.deepEqual(field.read(u8, at), value, `${name}: ${definition.name}.${key}`);
              assertSame(u8);
            },
          ),
          { numRuns: 5 },
        );
      }
    }
  }
  assert.ok(fields > 800, `${fields}`);
});
