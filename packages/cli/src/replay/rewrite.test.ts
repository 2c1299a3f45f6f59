import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  arp,
  build,
  ether,
  type FrameParts,
  fragment,
  icmpv4,
  icmpv6,
  ipv4,
  ipv6,
  neighborSolicitation,
  parse,
  tcp,
  udp,
  vlan,
} from 'etherconn/frames';
import { parseMac } from 'etherconn/wire';
import { parseIpMapping, parseMacMapping, parseVlanMapping } from './address-map.ts';
import { type RewritePlan, Rewriter } from './rewrite.ts';

/** A rewritten frame must be what the frame builder makes of the new fields, checksums and all. */

const NOTHING: RewritePlan = { macs: [], stripVlans: false, vlans: [], ips: [], fixChecksums: false };
const [A, B, C] = ['02:00:00:00:00:01', '02:00:00:00:00:02', '02:00:00:00:00:03'] as const;

function check(before: FrameParts, plan: Partial<RewritePlan>, after: FrameParts): void {
  const frame = new Rewriter({ ...NOTHING, ...plan }).apply(build(before));
  assert.deepEqual(parse(frame), parse(build(after)));
  assert.deepEqual(Buffer.from(frame), Buffer.from(build(after)));
}

function map(...mappings: string[]): Pick<RewritePlan, 'ips'> {
  return { ips: mappings.map((each) => parseIpMapping('--map-ip', each)) };
}

test('IPv4 addresses, with the checksums of TCP, UDP and none', () => {
  const plan = map('10.0.0.0/24=192.168.7.0/24', '10.1.0.0/16=172.16.0.0/16');
  for (const rest of [
    [tcp({ sourcePort: 1, destinationPort: 80 }), 'hello'],
    [udp({ sourcePort: 1, destinationPort: 53 }), 'odd'],
    [udp({ destinationPort: 53, checksum: 0 }), 'without'],
    [icmpv4({ id: 1 }), 'ping'],
  ]) {
    const frame = (source: string, destination: string): FrameParts => [
      ether({ source: A, destination: B }),
      ipv4({ source, destination, identification: 0xffff }),
      ...rest,
    ];
    check(frame('10.0.0.255', '10.1.2.3'), plan, frame('192.168.7.255', '172.16.2.3'));
    check(frame('10.2.0.1', '8.8.8.8'), plan, frame('10.2.0.1', '8.8.8.8'));
  }
});

test('every UDP checksum: the one that comes out as 0 is sent as 0xffff', () => {
  const plan = map('10.0.0.1=10.9.8.7');
  for (let word = 0; word < 0x10000; word += 1) {
    const data = Uint8Array.of(word >> 8, word & 0xff);
    const parts = (source: string): FrameParts => [
      ether(),
      ipv4({ source, destination: '10.0.0.2' }),
      udp(),
      data,
    ];
    if (word % 97 !== 0 && word < 0xfff0) continue;
    check(parts('10.0.0.1'), plan, parts('10.9.8.7'));
  }
});

test('IPv6 addresses, those in neighbor discovery, and behind extension headers', () => {
  const plan = map('fd00::/64=2001:db8:1:2::/64');
  const frame = (prefix: string): FrameParts => [
    vlan(7),
    ipv6({ source: `${prefix}::1`, destination: `${prefix}::2` }),
    udp({ sourcePort: 1, destinationPort: 2 }),
    'x',
  ];
  check([ether(), ...frame('fd00')], plan, [ether(), ...frame('2001:db8:1:2')]);
  const solicit = (target: string): FrameParts => [
    ether({ source: A, destination: '33:33:ff:00:00:02' }),
    ipv6({ source: 'fe80::1', destination: 'ff02::1:ff00:2' }),
    neighborSolicitation({ target }),
  ];
  check(solicit('fd00::2'), plan, solicit('2001:db8:1:2::2'));
  const echo = (source: string): FrameParts => [
    ether(),
    ipv6({ source, destination: 'fe80::9' }),
    fragment({ identification: 5, moreFragments: true }),
    icmpv6({ type: 128, checksum: 0x1234 }),
    '12345678',
  ];
  const first = new Rewriter({ ...NOTHING, ...plan }).apply(build(echo('fd00::1')));
  assert.equal(Buffer.from(first).subarray(22, 30).toString('hex'), '20010db800010002');
  assert.notEqual(Buffer.from(first).subarray(64, 66).toString('hex'), '1234', 'of the first fragment');
  const later = (source: string): FrameParts => [
    ether(),
    ipv6({ source, destination: 'fe80::9' }),
    fragment({ nextHeader: 17, identification: 5, fragmentOffset: 800 }),
    'no header here',
  ];
  check(later('fd00::1'), plan, later('2001:db8:1:2::1'));
});

test('wrong checksums stay wrong, unless all are computed again', () => {
  const wrong = [ether(), ipv4({ source: '10.0.0.1' }), udp({ checksum: 0xbad }), 'x'];
  const plan = map('10.0.0.1=10.0.0.9');
  const kept = new Rewriter({ ...NOTHING, ...plan }).apply(build(wrong));
  assert.ok('checksum' in (parse(kept).find(({ layer }) => layer === 'udp') ?? {}));
  check(wrong, { ...plan, fixChecksums: true }, [ether(), ipv4({ source: '10.0.0.9' }), udp(), 'x']);
});

test('MAC addresses: set, mapped, and in ARP', () => {
  const rest = [ipv4({ source: '10.0.0.1', destination: '10.0.0.2' }), udp(), 'x'];
  const set = { sourceMac: parseMac(B), destinationMac: parseMac(C) };
  check([ether({ source: A, destination: A }), ...rest], set, [
    ether({ source: B, destination: C }),
    ...rest,
  ]);
  const macs = [parseMacMapping('', `${A}=${C}`)];
  check([ether({ source: A, destination: B }), ...rest], { macs }, [
    ether({ source: C, destination: B }),
    ...rest,
  ]);
  const ask = (mac: string, senderIp: string, targetIp: string): FrameParts => [
    ether({ source: mac }),
    arp({ senderMac: mac, senderIp, targetIp }),
  ];
  const before = ask(A, '10.0.0.1', '10.0.0.2');
  check(before, { macs, ...map('10.0.0.0/8=11.0.0.0/8') }, ask(C, '11.0.0.1', '11.0.0.2'));
  check(before, { sourceMac: parseMac(C) }, ask(C, '10.0.0.1', '10.0.0.2'));
});

test('VLAN tags: away, in place of others, around others, mapped', () => {
  const rest = [ipv4({ source: '10.0.0.1', destination: '10.0.0.2' }), udp(), 'x'];
  const e = ether({ source: A, destination: B });
  const double = [e, vlan({ id: 5, tpid: 0x88a8, pcp: 3 }), vlan(6), ...rest];
  check(double, { stripVlans: true }, [e, ...rest]);
  check(double, { setVlans: [9] }, [e, vlan(9), ...rest]);
  check([e, ...rest], { setVlans: [9, 10] }, [e, vlan(9), vlan(10), ...rest]);
  check([e, vlan(6), ...rest], { pushVlans: [7] }, [e, vlan(7), vlan(6), ...rest]);
  const vlans = [parseVlanMapping('', '5=50'), parseVlanMapping('', '6=60')];
  check(double, { vlans }, [e, vlan({ id: 50, tpid: 0x88a8, pcp: 3 }), vlan(6), ...rest]);
  // Addresses behind new tags are found.
  check([e, ...rest], { setVlans: [9], ...map('10.0.0.1=10.0.0.7') }, [
    e,
    vlan(9),
    ipv4({ source: '10.0.0.7', destination: '10.0.0.2' }),
    udp(),
    'x',
  ]);
});

test('without a plan a frame is the same; one that is cut off is no error', () => {
  const frame = build([ether(), ipv4({ source: '10.0.0.1' }), udp(), 'x']);
  assert.equal(new Rewriter(NOTHING).apply(frame), frame);
  const rewriter = new Rewriter({
    ...NOTHING,
    ...map('0.0.0.0/0=1.0.0.0/0', '::/0=1::/0'),
    setVlans: [5],
    fixChecksums: true,
    macs: [parseMacMapping('', `${A}=${B}`)],
  });
  for (const whole of [frame, build([ether(), arp()]), build([ether(), ipv6(), neighborSolicitation()])])
    for (let length = 14; length < whole.length; length++) rewriter.apply(whole.slice(0, length));
});

test('what is wrong with a mapping is said', () => {
  for (const [parseIt, message] of [
    [() => parseIpMapping('--map-ip', '10.0.0.1'), /^--map-ip: must be FROM=TO/],
    [() => parseIpMapping('--map-ip', '10.0.0.0/24=10.1.0.0/16'), /the same prefix length/],
    [() => parseIpMapping('--map-ip', '10.0.0.1=fd00::1'), /of one IP version/],
    [() => parseIpMapping('--map-ip', '10.0.0.0/33=10.1.0.0/33'), /must have IP addresses or networks/],
    [() => parseMacMapping('--map-mac', `${A}=x`), /must be a MAC address/],
    [() => parseVlanMapping('--map-vlan', '5=4095'), /must be a VLAN id from 1 to 4094/],
  ] as const)
    assert.throws(parseIt, { message });
});
