import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { frames, hex, parsed } from '../test-support/frames.ts';
import { parseIp } from './ip.ts';
import {
  emitIpv6,
  emitIpv6Extension,
  emitIpv6Fragment,
  findIpv6Extension,
  ipv6FinalDestination,
  ipv6FlowLabel,
  ipv6FragmentId,
  ipv6FragmentOffset,
  ipv6HopLimit,
  ipv6MoreFragments,
  ipv6NextHeader,
  ipv6PayloadLength,
  ipv6TrafficClass,
  printIpv6,
} from './ipv6.ts';
import { parseErrorText } from './parse-error.ts';
import { IpProtocol } from './protocol.ts';
import { Fragment } from './record.ts';

/** A copy of a frame with other bytes from `at` on. */
function changed(frame: Uint8Array, at: number, bytes: string): Uint8Array {
  const u8 = frame.slice();
  u8.set(hex(bytes), at);
  return u8;
}

test('a plain header', () => {
  const record = parsed(frames.udp6);
  assert.deepEqual(
    [record.error, record.ipVersion, record.ipSource, record.ipDestination, record.protocol, record.fragment],
    [0, 6, 22, 38, 17, Fragment.NONE],
  );
  assert.deepEqual([record.l3, record.l4, record.l3End], [14, 54, 67]);
  assert.deepEqual(
    [ipv6TrafficClass(frames.udp6, 14), ipv6FlowLabel(frames.udp6, 14), ipv6PayloadLength(frames.udp6, 14)],
    [0xb8, 0x12345, 13],
  );
  assert.deepEqual([ipv6NextHeader(frames.udp6, 14), ipv6HopLimit(frames.udp6, 14)], [17, 64]);
  assert.equal(printIpv6(frames.udp6, record), '2001:db8::1 > 2001:db8::2: UDP, hlim 64, length 13');
});

test('extension headers are walked through', () => {
  const extensions = parsed(frames.udp6Extensions);
  assert.deepEqual(
    [extensions.error, extensions.protocol, extensions.l4, extensions.destinationPort, extensions.payload],
    [0, 17, 78, 2, 86],
  );
  assert.equal(findIpv6Extension(frames.udp6Extensions, extensions, IpProtocol.HOP_BY_HOP), 54);
  assert.equal(findIpv6Extension(frames.udp6Extensions, extensions, IpProtocol.DESTINATION_OPTIONS), 62);
  assert.equal(findIpv6Extension(frames.udp6Extensions, extensions, IpProtocol.ROUTING), -1);
  const routing = parsed(frames.udp6Routing);
  assert.deepEqual([routing.error, routing.protocol, routing.l4, routing.destinationPort], [0, 17, 78, 2]);
});

test('the final destination is the last on a route that is not used up', () => {
  const of = (u8: Uint8Array): number => ipv6FinalDestination(u8, parsed(u8));
  assert.equal(of(frames.udp6), 38);
  assert.equal(of(frames.udp6Extensions), 38);
  assert.equal(of(frames.udp6Routing), 62);
  assert.equal(of(frames.udp6Segments), 62);
  assert.equal(of(changed(frames.udp6Routing, 57, '00')), 38, 'used up');
  assert.equal(of(changed(frames.udp6Routing, 56, '63')), 38, 'a type that is not known');
});

test('fragments', () => {
  const first = parsed(frames.udp6First);
  assert.deepEqual(
    [first.error, first.fragment, first.sourcePort, first.destinationPort, first.payload, first.payloadEnd],
    [0, Fragment.FIRST, 5, 6, 70, 86],
  );
  const later = parsed(frames.udp6Later);
  assert.deepEqual(
    [later.error, later.fragment, later.protocol, later.l4, later.sourcePort, later.payload],
    [0, Fragment.LATER, 17, 62, -1, 0],
  );
  const header = findIpv6Extension(frames.udp6Later, later, IpProtocol.FRAGMENT);
  assert.deepEqual(
    [ipv6FragmentOffset(frames.udp6Later, header), ipv6MoreFragments(frames.udp6Later, header)],
    [24, false],
  );
  assert.equal(ipv6FragmentId(frames.udp6Later, header), 0x01020304);
  assert.equal(
    printIpv6(frames.udp6Later, later),
    '2001:db8::1 > 2001:db8::2: UDP, hlim 64, fragment 24, length 24',
  );
  const atomic = parsed(frames.udp6Atomic);
  assert.deepEqual([atomic.error, atomic.fragment, atomic.destinationPort], [0, Fragment.NONE, 6]);
});

test('the protocol of a later fragment that begins inside the extension headers is not known', () => {
  const record = parsed(changed(frames.udp6Later, 54, '3c'));
  assert.deepEqual([record.error, record.fragment, record.protocol], [0, Fragment.LATER, -1]);
});

test('AH, ESP and no next header are the protocol', () => {
  for (const protocol of [50, 51, 59, 135, 253]) {
    const u8 = changed(frames.udp6, 20, protocol.toString(16).padStart(2, '0'));
    const record = parsed(u8);
    assert.deepEqual([record.error, record.protocol, record.l4, record.sourcePort], [0, protocol, 54, -1]);
  }
});

test('faulty headers name the fault, and nothing above is known', () => {
  const faults: [Uint8Array, string, number][] = [
    [frames.udp6.slice(0, 53), 'ipv6: header is not whole (under 40 bytes)', 0],
    [changed(frames.udp6, 14, '4b'), 'ipv6: version is not 6', 0],
    [changed(frames.udp6Extensions, 55, 'ff'), 'ipv6: extension header is not whole', 6],
    [changed(frames.udp6Extensions, 18, '0007'), 'ipv6: extension header is not whole', 6],
    [changed(frames.udp6Extensions, 18, '0000'), 'ipv6: extension header is not whole', 6],
  ];
  for (const [u8, text, version] of faults) {
    const record = parsed(u8);
    assert.equal(parseErrorText(record.error), text);
    assert.equal(record.ipVersion, version, text);
    assert.deepEqual([record.protocol, record.l4, record.sourcePort, record.payload], [-1, 0, -1, 0], text);
  }
});

test('a payload length of 0 is no payload, not a jumbogram', () => {
  const record = parsed(changed(frames.udp6, 18, '0000'));
  assert.equal(parseErrorText(record.error), 'udp: header is not whole (under 8 bytes)');
  assert.deepEqual([record.l3End, record.sourcePort], [54, -1]);
});

test('a payload length over the bytes there is an error, but what is there is parsed', () => {
  for (let length = 54; length < 89; length++) {
    const record = parsed(frames.udp6Extensions, 0, length);
    assert.equal(parseErrorText(record.error), 'ipv6: payload length is over the bytes there');
    assert.equal(record.l3End, length);
    assert.equal(record.protocol, length >= 78 ? 17 : -1);
    assert.equal(record.destinationPort, length >= 86 ? 2 : -1);
    assert.equal(record.payloadEnd, length >= 86 ? length : 0);
  }
});

test('a chain cut off by fragmentation is not a fault of the first fragment', () => {
  const u8 = new Uint8Array(14 + 40 + 8 + 8);
  u8.set(hex('020000000002 020000000001 86dd'));
  const source = parseIp('2001:db8::1');
  let at = emitIpv6(u8, 14, {
    source,
    destination: source,
    nextHeader: IpProtocol.FRAGMENT,
    payloadLength: 16,
  });
  at = emitIpv6Fragment(u8, at, { nextHeader: 60, moreFragments: true, identification: 1 });
  u8.set(hex('1105'), at);
  const record = parsed(u8);
  assert.deepEqual([record.error, record.fragment, record.protocol, record.l4], [0, Fragment.FIRST, -1, 0]);
});

test('emits the same bytes', () => {
  const u8 = new Uint8Array(64).fill(0xee);
  const addresses = { source: parseIp('2001:db8::1'), destination: parseIp('2001:db8::2') };
  emitIpv6(u8, 0, {
    ...addresses,
    nextHeader: 17,
    payloadLength: 13,
    trafficClass: 0xb8,
    flowLabel: 0x12345,
  });
  assert.deepEqual(u8.slice(0, 40), frames.udp6.slice(14, 54));
  let at = emitIpv6(u8, 0, { ...addresses, nextHeader: 0, payloadLength: 35 });
  at = emitIpv6Extension(u8, at, 60, hex('050200000100'));
  at = emitIpv6Extension(u8, at, 17, hex('010c000000000000000000000000'));
  assert.deepEqual(u8.slice(0, at), frames.udp6Extensions.slice(14, 78));
  const end = emitIpv6Fragment(u8, 0, { nextHeader: 17, fragmentOffset: 24, identification: 0x01020304 });
  assert.deepEqual(u8.slice(0, end), frames.udp6Later.slice(54, 62));
});

test('what is emitted is parsed', () => {
  const address = fc.uint8Array({ minLength: 16, maxLength: 16 });
  const extension = fc.record({ kind: fc.constantFrom(0, 43, 60), units: fc.nat(3) });
  const fields = fc.record({
    source: address,
    destination: address,
    trafficClass: fc.nat(255),
    flowLabel: fc.nat(0xfffff),
    hopLimit: fc.nat(255),
  });
  const protocols = fc
    .integer({ min: 1, max: 255 })
    .filter((protocol) => ![6, 17, 43, 44, 58, 60, 132].includes(protocol));
  fc.assert(
    fc.property(
      fields,
      fc.array(extension, { maxLength: 4 }),
      protocols,
      fc.nat(20),
      (ip, chain, protocol, body) => {
        const kinds = [...chain.map(({ kind }) => kind), protocol];
        const payloadLength = chain.reduce((sum, { units }) => sum + 8 + 8 * units, body);
        const u8 = new Uint8Array(14 + 40 + payloadLength);
        u8.set(hex('020000000002 020000000001 86dd'));
        let at = emitIpv6(u8, 14, { ...ip, nextHeader: kinds[0]!, payloadLength });
        for (const [index, { units }] of chain.entries()) {
          at = emitIpv6Extension(u8, at, kinds[index + 1]!, new Uint8Array(6 + 8 * units));
        }
        const record = parsed(u8);
        assert.deepEqual(
          [record.error, record.protocol, record.l4, record.l3End],
          [0, protocol, at, u8.length],
        );
        assert.deepEqual(u8.slice(record.ipSource, record.ipSource + 16), Uint8Array.from(ip.source));
        assert.deepEqual(
          u8.slice(record.ipDestination, record.ipDestination + 16),
          Uint8Array.from(ip.destination),
        );
        assert.deepEqual(
          [ipv6TrafficClass(u8, 14), ipv6FlowLabel(u8, 14), ipv6HopLimit(u8, 14)],
          [ip.trafficClass, ip.flowLabel, ip.hopLimit],
        );
      },
    ),
  );
});

test('wrong fields are refused', () => {
  const u8 = new Uint8Array(64);
  const good = { source: parseIp('::1'), destination: parseIp('::2'), nextHeader: 17, payloadLength: 8 };
  assert.throws(() => emitIpv6(u8, 25, good), { name: 'OptionError', option: 'offset' });
  assert.throws(() => emitIpv6(u8, 0, { ...good, payloadLength: 65536 }), { option: 'payloadLength' });
  assert.throws(() => emitIpv6(u8, 0, { ...good, source: parseIp('10.0.0.1') }), { option: 'source' });
  assert.throws(() => emitIpv6Extension(u8, 0, 17, new Uint8Array(5)), { option: 'body' });
  assert.throws(() => emitIpv6Fragment(u8, 0, { nextHeader: 17, fragmentOffset: 4, identification: 0 }), {
    option: 'fragmentOffset',
  });
});
