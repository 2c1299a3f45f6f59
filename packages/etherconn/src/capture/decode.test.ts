import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { frames } from '../test-support/frames.ts';
import { type DecodedFrame, decodeFrame, decodePacket } from './decode.ts';

/** Decodes the bytes of hex digits; blanks separate. */
function decode(hex: string): DecodedFrame {
  return decodeFrame(new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex')));
}

const macs = '020000000002 020000000001';
const ethernet = { 'eth.src': '02:00:00:00:00:01', 'eth.dst': '02:00:00:00:00:02' };

const ip4 = '45000021 00010000 401166c9 0a000001 0a000002';
const ip4Fields = {
  'ip.version': 4,
  'ip.src': '10.0.0.1',
  'ip.dst': '10.0.0.2',
  'ip.proto': 17,
  'ip.frag': false,
  'ip.checksum': 'good',
} as const;
const udp4 = '03e80035 000da3e2 68656c6c6f';
const udpFields = {
  'udp.srcport': 1000,
  'udp.dstport': 53,
  'udp.length': 13,
  'udp.payloadLength': 5,
  'udp.checksum': 'good',
} as const;
const good4 = { ...ethernet, 'eth.type': '0x0800', ...ip4Fields, ...udpFields };

/** Payload length and next header are left open. */
const ip6 = (lengthAndNext: string): string =>
  `60000000 ${lengthAndNext}40 fe800000000000000000000000000001 ff020000000000000001000000000001`;
const ip6Fields = {
  'ip.version': 6,
  'ip.src': 'fe80::1',
  'ip.dst': 'ff02::1:0:0:1',
  'ip.proto': 17,
  'ip.frag': false,
  'ip.checksum': 'absent',
} as const;
const udp6 = '03e80035 000dba5e 68656c6c6f';
const good6 = { ...ethernet, 'eth.type': '0x86dd', ...ip6Fields, ...udpFields };

/** The object without the named fields. */
function without(fields: DecodedFrame, ...prefixes: readonly string[]): DecodedFrame {
  return Object.fromEntries(
    Object.entries(fields).filter(([name]) => !prefixes.some((prefix) => name.startsWith(prefix))),
  );
}

test('UDP over IPv4, padding left out of account', () => {
  assert.deepEqual(decode(`${macs} 0800 ${ip4} ${udp4}`), good4);
  assert.deepEqual(decode(`${macs} 0800 ${ip4} ${udp4} 00000000000000000000000000`), good4);
});

test('IPv4 options', () => {
  const header = '46000025 00010000 401163c4 0a000001 0a000002 01010100';
  assert.deepEqual(decode(`${macs} 0800 ${header} ${udp4}`), good4);
});

test('UDP over IPv6, also behind extension headers', () => {
  assert.deepEqual(decode(`${macs} 86dd ${ip6('000d11')} ${udp6}`), good6);
  const extended = `${ip6('001d00')} 3c00010400000000 1100010400000000`;
  assert.deepEqual(decode(`${macs} 86dd ${extended} ${udp6}`), good6);
});

test('IPv6 fragments: an atomic one is none, a later one has no ports', () => {
  assert.deepEqual(decode(`${macs} 86dd ${ip6('00152c')} 1100000000000007 ${udp6}`), good6);
  assert.deepEqual(decode(`${macs} 86dd ${ip6('00152c')} 1100000100000007 ${udp6}`), {
    ...good6,
    'ip.frag': true,
    'udp.checksum': 'unverified',
  });
  const later = { ...ethernet, 'eth.type': '0x86dd', ...ip6Fields, 'ip.frag': true } as const;
  assert.deepEqual(decode(`${macs} 86dd ${ip6('00102c')} 1100001800000007 6162636465666768`), later);
  // The fragment header's next header is shown, be it an extension header's number.
  assert.deepEqual(decode(`${macs} 86dd ${ip6('00102c')} 3c00001800000007 6162636465666768`), {
    ...later,
    'ip.proto': 60,
  });
});

test('IPv4 fragments: the first has ports but no verdict, later ones have neither', () => {
  const first = '45000021 00012000 401146c9 0a000001 0a000002';
  assert.deepEqual(decode(`${macs} 0800 ${first} ${udp4}`), {
    ...good4,
    'ip.frag': true,
    'udp.checksum': 'unverified',
  });
  const zero = '03e80035 000d0000 68656c6c6f';
  assert.equal(decode(`${macs} 0800 ${first} ${zero}`)['udp.checksum'], 'zero');
  // The datagram is longer than this fragment, which is no fault.
  const long = '03e80035 05dca3e2 68656c6c6f';
  const decoded = decode(`${macs} 0800 ${first} ${long}`);
  assert.equal(decoded.error, undefined);
  assert.equal(decoded['udp.length'], 1500);
  assert.equal(decoded['udp.payloadLength'], 5);
  const later = '45000021 00010003 401166c6 0a000001 0a000002';
  assert.deepEqual(decode(`${macs} 0800 ${later} ${udp4}`), {
    ...ethernet,
    'eth.type': '0x0800',
    ...ip4Fields,
    'ip.frag': true,
  });
  assert.equal(
    decode(`${macs} 0800 ${later.replace('0003 401166c6', '4000 401126c9')} ${udp4}`)['ip.frag'],
    false,
  );
});

test('checksums: bad, zero, partial', () => {
  const udpState = (udp: string): unknown => decode(`${macs} 0800 ${ip4} ${udp}`)['udp.checksum'];
  assert.equal(udpState('03e80035 000da3e3 68656c6c6f'), 'bad');
  assert.equal(udpState('03e80035 000d0000 68656c6c6f'), 'zero');
  // 0x0a00 + 0x0001 + 0x0a00 + 0x0002 + 17 + 13: the sum of the pseudo-header alone.
  assert.equal(udpState('03e80035 000d1421 68656c6c6f'), 'bad');
  assert.equal(decode(`${macs} 86dd ${ip6('000d11')} 03e80035 000d0000 68656c6c6f`)['udp.checksum'], 'zero');
  const wrong = decode(`${macs} 0800 ${ip4.replace('66c9', '66c8')} ${udp4}`);
  assert.deepEqual(wrong, { ...good4, 'ip.checksum': 'bad' });
  assert.equal(decode(`${macs} 0800 ${ip4.replace('66c9', '0000')} ${udp4}`)['ip.checksum'], 'bad');
});

test('VLAN tags: all of them, outermost first; the innermost type', () => {
  const rest = `0800 ${ip4} ${udp4}`;
  assert.deepEqual(decode(`${macs} 8100 2005 ${rest}`), { ...good4, 'vlan.ids': [5] });
  assert.deepEqual(decode(`${macs} 8100 e000 ${rest}`), { ...good4, 'vlan.ids': [0] });
  assert.deepEqual(decode(`${macs} 88a8 0064 8100 0005 ${rest}`), { ...good4, 'vlan.ids': [100, 5] });
  assert.deepEqual(decode(`${macs} 88a8 0064 88a8 0000 8100 0005 8100 0fff ${rest}`), {
    ...good4,
    'vlan.ids': [100, 0, 5, 4095],
  });
});

test('no IP: other types, ARP, 802.3 length frames', () => {
  assert.deepEqual(decode(`${macs} 88cc 0000`), { ...ethernet, 'eth.type': '0x88cc' });
  const arp = '0001 0800 06 04 0001 020000000001 0a000001 000000000000 0a000002';
  assert.deepEqual(decode(`${macs} 0806 ${arp}`), {
    ...ethernet,
    'eth.type': '0x0806',
    'arp.opcode': 1,
    'arp.src.hw_mac': '02:00:00:00:00:01',
    'arp.src.proto_ipv4': '10.0.0.1',
    'arp.dst.hw_mac': '00:00:00:00:00:00',
    'arp.dst.proto_ipv4': '10.0.0.2',
  });
  // For other hardware, and cut off.
  const other = arp.replace('0001', '0006');
  assert.deepEqual(decode(`${macs} 0806 ${other}`), { ...ethernet, 'eth.type': '0x0806' });
  assert.deepEqual(Object.keys(decode(`${macs} 0806 ${arp.slice(0, -2)}`)), [
    ...Object.keys(ethernet),
    'eth.type',
    'error',
  ]);
  assert.deepEqual(decode(`${macs} 0003 424203 0000`), ethernet);
  assert.deepEqual(decode(`${macs} 8100 0007 0003 424203`), { ...ethernet, 'vlan.ids': [7] });
  assert.deepEqual(decode(`${macs} 0600`), { ...ethernet, 'eth.type': '0x0600' });
});

test('a layer that is not wholly there is left out, and named', () => {
  assert.deepEqual(decode(''), { error: 'ethernet: header is not whole (under 14 bytes)' });
  assert.deepEqual(decode(`${macs} 08`), { error: 'ethernet: header is not whole (under 14 bytes)' });
  for (const tag of ['', '00', '0005', '000508']) {
    assert.deepEqual(decode(`${macs} 8100 ${tag}`), { ...ethernet, error: 'vlan: tag is cut off' });
  }
  for (const tag of ['', '00', '0006', '000608']) {
    assert.deepEqual(decode(`${macs} 8100 0005 8100 ${tag}`), {
      ...ethernet,
      'vlan.ids': [5],
      error: 'vlan: tag is cut off',
    });
  }
  const eth4 = { ...ethernet, 'eth.type': '0x0800' };
  assert.deepEqual(decode(`${macs} 0800 ${ip4.slice(0, -2)}`), {
    ...eth4,
    error: 'ipv4: header is not whole',
  });
  assert.deepEqual(decode(`${macs} 0800 46${ip4.slice(2)}`), { ...eth4, error: 'ipv4: header is not whole' });
  assert.deepEqual(decode(`${macs} 0800 44${ip4.slice(2)} ${udp4}`), {
    ...eth4,
    error: 'ipv4: header length is under 20',
  });
  assert.deepEqual(decode(`${macs} 0800 65${ip4.slice(2)} ${udp4}`), {
    ...eth4,
    error: 'ipv4: version is not 4',
  });
  assert.deepEqual(decode(`${macs} 0800 ${ip4} 03e80035 000d`), {
    ...eth4,
    ...ip4Fields,
    error: 'ipv4: total length is over the bytes there; udp: header is not whole (under 8 bytes)',
  });
  // Bytes behind the IP packet are padding, not the rest of the UDP header.
  assert.deepEqual(decode(`${macs} 0800 ${ip4.replace('0021', '001b').replace('66c9', '66cf')} ${udp4}`), {
    ...eth4,
    ...ip4Fields,
    error: 'udp: header is not whole (under 8 bytes)',
  });
  assert.deepEqual(decode(`${macs} 86dd ${ip6('000d11').slice(0, -2)}`), {
    ...ethernet,
    'eth.type': '0x86dd',
    error: 'ipv6: header is not whole (under 40 bytes)',
  });
  assert.deepEqual(decode(`${macs} 86dd ${ip6('000400')} 3c000104`), {
    ...without(good6, 'udp.', 'ip.proto'),
    error: 'ipv6: extension header is not whole',
  });
  assert.equal(
    decode(`${macs} 86dd ${ip6('000d00')} 3c000104`).error,
    'ipv6: payload length is over the bytes there; ipv6: extension header is not whole',
  );
  // A first fragment has to be long enough for the headers (RFC 7112; RFC 791 cuts at multiples of 8 only).
  assert.deepEqual(decode(`${macs} 86dd ${ip6('000c2c')} 1100000100000007 03e80035`), {
    ...without(good6, 'udp.'),
    'ip.frag': true,
    error: 'udp: header is not whole (under 8 bytes)',
  });
});

test('missing bytes: what is there is counted, the checksum is not verified', () => {
  assert.deepEqual(decode(`${macs} 0800 ${ip4} ${udp4.slice(0, -4)}`), {
    ...good4,
    'udp.payloadLength': 3,
    'udp.checksum': 'unverified',
    error: 'ipv4: total length is over the bytes there',
  });
  assert.deepEqual(decode(`${macs} 86dd ${ip6('000d11')} ${udp6.slice(0, -4)}`), {
    ...good6,
    'udp.payloadLength': 3,
    'udp.checksum': 'unverified',
    error: 'ipv6: payload length is over the bytes there',
  });
});

test('wrong lengths of UDP', () => {
  assert.deepEqual(decode(`${macs} 0800 ${ip4} 03e80035 000ea3e2 68656c6c6f 00`), {
    ...good4,
    'udp.length': 14,
    'udp.checksum': 'unverified',
    error: 'udp: length is over the IP payload',
  });
  assert.deepEqual(decode(`${macs} 0800 ${ip4} 03e80035 0007a3e2 68656c6c6f`), {
    ...good4,
    'udp.length': 7,
    'udp.payloadLength': 0,
    'udp.checksum': 'unverified',
    error: 'udp: length is under 8',
  });
  // Shorter than the IP payload is allowed (RFC 768 leaves the rest open): the length field decides.
  assert.equal(decode(`${macs} 0800 ${ip4} 03e80035 000ca451 68656c6c6f`)['udp.payloadLength'], 4);
});

test('canonical IPv6 text; protocols without ports', () => {
  const tcp = '00140050 00000000 00000000 50022000 5dbf0000';
  const mapped = '60000000 00140640 00000000000000000000ffff01020304 20010db8000000000000000000000001';
  assert.deepEqual(decode(`${macs} 86dd ${mapped} ${tcp}`), {
    ...ethernet,
    'eth.type': '0x86dd',
    'ip.version': 6,
    'ip.src': '::ffff:1.2.3.4',
    'ip.dst': '2001:db8::1',
    'ip.proto': 6,
    'ip.frag': false,
    'ip.checksum': 'absent',
  });
});

test('a frame within a larger array', () => {
  const frame = Buffer.from(`${macs} 0800 ${ip4} ${udp4}`.replaceAll(' ', ''), 'hex');
  const larger = new Uint8Array(Buffer.concat([Buffer.alloc(7, 0xff), frame, Buffer.alloc(9, 0xff)]));
  assert.deepEqual(decodeFrame(larger, 7, frame.length), good4);
});

test('packets of captures: number, time, other link types', () => {
  const packet = { data: new Uint8Array(3), originalLength: 3, interfaceId: 0 };
  assert.deepEqual(decodePacket({ ...packet, linkType: 1, timestamp: undefined }, 7), {
    'frame.number': 7,
    error: 'ethernet: header is not whole (under 14 bytes)',
  });
  assert.deepEqual(decodePacket({ ...packet, linkType: 113, timestamp: 1_000_000_001n }, 1), {
    'frame.number': 1,
    'frame.time': '1970-01-01T00:00:01.000000001Z',
    error: 'link type 113 is not Ethernet',
  });
});

test('total length 0, as segmentation offload leaves it: to the end of the frame, and marked', () => {
  const offloaded = '45000000 00010000 401166ea 0a000001 0a000002';
  assert.deepEqual(decode(`${macs} 0800 ${offloaded} ${udp4}`), { ...good4, 'ip.tso': true });
  const cut = decode(`${macs} 0800 ${offloaded} 03e80035`);
  assert.deepEqual([cut['ip.tso'], cut.error], [true, 'udp: header is not whole (under 8 bytes)']);
});

test('802.1ah: through to the frame of the customer', () => {
  const customer = '0600000000aa 0600000000bb';
  const tag = `${macs} 88a8 0064 88e7 b0010203`;
  const outer = { ...ethernet, 'vlan.ids': [100], 'ieee8021ah.isid': 0x010203 };
  const addresses = { 'ieee8021ah.cdst': '06:00:00:00:00:aa', 'ieee8021ah.csrc': '06:00:00:00:00:bb' };
  assert.deepEqual(decode(`${tag} ${customer} 8100 0005 0800 ${ip4} ${udp4}`), {
    ...good4,
    ...outer,
    ...addresses,
    'vlan.ids': [100, 5],
  });
  assert.deepEqual(decode(`${tag} ${customer} 88e7 00000001 ${customer} 0800`), {
    ...outer,
    ...addresses,
    'eth.type': '0x88e7',
  });
  assert.deepEqual(decode(`${tag} 0600`), {
    ...outer,
    'eth.type': '0x88e7',
    error: 'ethernet: header is not whole (under 14 bytes)',
  });
  assert.deepEqual(decode(`${macs} 88e7 000102`), { ...ethernet, 'eth.type': '0x88e7' });
});

test('raw IP packets, of either version and by every number for them', () => {
  const ip = { ...ip4Fields, ...udpFields };
  const bytes = new Uint8Array(Buffer.from(`${ip4}${udp4}`.replaceAll(' ', ''), 'hex'));
  for (const linkType of [101, 228, 12, 14]) {
    const packet = { data: bytes, originalLength: 0, interfaceId: 0, linkType, timestamp: undefined };
    assert.deepEqual(decodePacket(packet, 1), { 'frame.number': 1, ...ip });
  }
  const packet = { data: frames.udp6.slice(14), originalLength: 0, interfaceId: 0, timestamp: undefined };
  const six = decodePacket({ ...packet, linkType: 229 }, 1);
  assert.deepEqual(
    [six['ip.version'], six['ip.dst'], six['udp.dstport'], six['udp.checksum'], six['eth.src']],
    [6, '2001:db8::2', 53, 'good', undefined],
  );
  assert.match(decodePacket({ ...packet, data: new Uint8Array(0), linkType: 101 }, 1).error!, /not whole/);
});

test('any bytes: nothing is thrown, and UDP never has more payload than there is', () => {
  const start = Buffer.from(`${macs} 0800 45`.replaceAll(' ', ''), 'hex');
  fc.assert(
    fc.property(fc.boolean(), fc.uint8Array({ maxLength: 120 }), (plausible, tail) => {
      const bytes = plausible ? new Uint8Array(Buffer.concat([start, tail])) : tail;
      const decoded = decodeFrame(bytes);
      const length = decoded['udp.payloadLength'];
      assert.ok(length === undefined || (length >= 0 && length <= bytes.length - 42));
      assert.equal('ip.frag' in decoded, 'ip.version' in decoded);
    }),
    { numRuns: 5000 },
  );
});
