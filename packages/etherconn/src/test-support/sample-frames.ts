import { buildUdpFrame } from '../wire/build.ts';
import { readU16, writeU16 } from '../wire/bytes.ts';
import { emitEthernet, ethernetHeaderLength } from '../wire/ethernet.ts';
import { EtherType } from '../wire/ethertype.ts';
import { parseIp } from '../wire/ip.ts';
import { emitIpv4, fillIpv4Checksum, type Ipv4Fields } from '../wire/ipv4.ts';
import { emitIpv6 } from '../wire/ipv6.ts';
import { parseMac } from '../wire/mac.ts';
import { IpProtocol } from '../wire/protocol.ts';
import type { Vlan } from '../wire/vlan.ts';

/**
 * Frames of every kind that wire/ knows, whole and well-formed but for what their name says. What tests cut
 * short and mutate.
 */
export interface SampleFrame {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const sourceMac = parseMac('02:00:00:00:00:01');
const destinationMac = parseMac('02:00:00:00:00:02');
const source4 = parseIp('10.1.2.3');
const destination4 = parseIp('10.9.8.7');
const source6 = parseIp('2001:db8::1');
const destination6 = parseIp('fe80::1234:0:0:1');

const VLAN_STACKS: readonly (readonly Vlan[])[] = [
  [],
  [{ id: 5, pcp: 3 }],
  [{ id: 0, pcp: 7, dei: true }],
  [{ id: 100, tpid: 0x88a8 }, { id: 5 }],
  [{ id: 1 }, { id: 4094 }, { id: 0 }],
  [{ id: 1, tpid: 0x88a8 }, { id: 2, tpid: 0x88a8 }, { id: 3 }, { id: 4 }],
];

/** All samples. */
export function sampleFrames(): SampleFrame[] {
  return [...udpFrames(), ...vlanFrames(), ...otherTypes(), ...ipv4Frames(), ...ipv6Frames()];
}

function bytes(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

function ethernet(etherType: number, payload: Uint8Array, vlans: readonly Vlan[] = []): Uint8Array {
  const header = new Uint8Array(ethernetHeaderLength(vlans.length));
  emitEthernet(header, 0, { source: sourceMac, destination: destinationMac, etherType, vlans });
  return joined(header, payload);
}

function ipv4(protocol: number, payload: Uint8Array, fields: Partial<Ipv4Fields> = {}): Uint8Array {
  const header = new Uint8Array(20 + (fields.options?.length ?? 0));
  emitIpv4(header, 0, {
    source: source4,
    destination: destination4,
    protocol,
    payloadLength: payload.length,
    identification: 7,
    ...fields,
  });
  return ethernet(EtherType.IPV4, joined(header, payload));
}

function ipv6(nextHeader: number, payload: Uint8Array): Uint8Array {
  const header = new Uint8Array(40);
  emitIpv6(header, 0, {
    source: source6,
    destination: destination6,
    nextHeader,
    payloadLength: payload.length,
  });
  return ethernet(EtherType.IPV6, joined(header, payload));
}

function udpFrames(): SampleFrame[] {
  const frames: SampleFrame[] = [];
  for (const version of [4, 6]) {
    for (const checksum of ['full', 'zero', 'partial', 'bad'] as const) {
      for (const payload of ['', 'odd', 'even', 'a longer one than the shortest frame'] as const) {
        for (const pad of [false, true]) {
          frames.push({
            name: `UDP over IPv${version}, checksum ${checksum}, ${payload.length} bytes${pad ? ', padded' : ''}`,
            bytes: buildUdpFrame({
              sourceMac,
              destinationMac,
              source: version === 4 ? source4 : source6,
              destination: version === 4 ? destination4 : destination6,
              sourcePort: 1000,
              destinationPort: 65_535,
              payload,
              checksum,
              pad,
            }),
          });
        }
      }
    }
  }
  return frames;
}

function vlanFrames(): SampleFrame[] {
  return VLAN_STACKS.flatMap((vlans) => {
    const tags = vlans.map(({ id, tpid }) => `${(tpid ?? 0x8100).toString(16)}:${id}`).join(' ');
    const common = { sourceMac, destinationMac, vlans, sourcePort: 1, destinationPort: 2, payload: 'tagged' };
    return [
      {
        name: `IPv4, tags [${tags}]`,
        bytes: buildUdpFrame({ ...common, source: source4, destination: destination4 }),
      },
      {
        name: `IPv6, tags [${tags}]`,
        bytes: buildUdpFrame({ ...common, source: source6, destination: destination6 }),
      },
      { name: `802.3, tags [${tags}]`, bytes: ethernet(3, bytes('424203 00000000'), vlans) },
    ];
  });
}

function otherTypes(): SampleFrame[] {
  const arp = bytes('0001 0800 06 04 0001 020000000001 0a010203 000000000000 0a090807');
  return [
    { name: 'ARP', bytes: ethernet(EtherType.ARP, arp) },
    { name: '802.3 of length 0', bytes: ethernet(0, new Uint8Array(46)) },
    { name: '802.3 of length 1500', bytes: ethernet(1500, new Uint8Array(1500)) },
    { name: 'local experimental type', bytes: ethernet(EtherType.EXPERIMENTAL_1, bytes('0102030405')) },
    { name: 'the lowest type', bytes: ethernet(0x0600, bytes('0102030405')) },
  ];
}

/** A datagram whose checksum is not right. */
const udp = bytes('03e80035 000d1234 68656c6c6f');
const tcp = bytes('03e80035 00000001 00000002 6012ffff 12340000 020405b4 70617964');
const sctp = bytes('03e80035 00000001 12345678 00030014 00000001 00000002 00000003 70617964');
const echo = bytes('0800 1234 00010001 6162636465666768');
const transports: readonly (readonly [string, number, Uint8Array])[] = [
  ['UDP', IpProtocol.UDP, udp],
  ['TCP', IpProtocol.TCP, tcp],
  ['SCTP', IpProtocol.SCTP, sctp],
  ['ICMP', IpProtocol.ICMP, echo],
  ['ICMPv6', IpProtocol.ICMPV6, echo],
  ['protocol 253', 253, echo],
];

function ipv4Frames(): SampleFrame[] {
  const options = bytes('01 94040000 07 0704 00000000');
  const frames: SampleFrame[] = [];
  for (const [name, protocol, segment] of transports) {
    frames.push(
      { name: `${name} over IPv4`, bytes: ipv4(protocol, segment) },
      { name: `${name} over IPv4 with options`, bytes: ipv4(protocol, segment, { options }) },
      { name: `${name} over IPv4, first fragment`, bytes: ipv4(protocol, segment, { moreFragments: true }) },
      {
        name: `${name} over IPv4, middle fragment`,
        bytes: ipv4(protocol, segment, { moreFragments: true, fragmentOffset: 1480 }),
      },
      {
        name: `${name} over IPv4, last fragment`,
        bytes: ipv4(protocol, segment, { fragmentOffset: 0xfff8 - 64 }),
      },
      { name: `${name} over IPv4, DF`, bytes: ipv4(protocol, segment, { dontFragment: true }) },
    );
  }
  const badHeader = ipv4(IpProtocol.UDP, udp);
  writeU16(badHeader, 24, readU16(badHeader, 24) ^ 0x0100);
  frames.push({ name: 'IPv4 with a bad header checksum', bytes: badHeader });
  for (const [name, segment, protocol] of [
    ['TCP', tcp, IpProtocol.TCP],
    ['UDP', udp, IpProtocol.UDP],
  ] as const) {
    const offloaded = ipv4(protocol, segment, { dontFragment: true });
    writeU16(offloaded, 16, 0);
    fillIpv4Checksum(offloaded, 14);
    frames.push({ name: `${name} over IPv4 of total length 0`, bytes: offloaded });
  }
  return frames;
}

/** An extension header: its number, and the rest of it after the next-header byte. */
const hopByHop = [IpProtocol.HOP_BY_HOP, '00 0502 0000 0100'] as const;
const destinationOptions = [IpProtocol.DESTINATION_OPTIONS, '01 010c 000000000000000000000000'] as const;
/** Routing type 253 (RFC 3692 experiments), no segments left. */
const routing = [IpProtocol.ROUTING, '00 fd00 00000000'] as const;
/** Mobile IPv6 (RFC 6275): the home address is still to be visited, so it counts as the destination. */
const homeRouting = [IpProtocol.ROUTING, '02 0201 00000000 20010db8000000000000000000000077'] as const;
/** Mobile IPv6 (RFC 6275 §6.3): the home address counts as the source. */
const homeAddress = [
  IpProtocol.DESTINATION_OPTIONS,
  '02 0102 0000 c910 20010db8000000000000000000000078',
] as const;
const fragment = (offsetAndMore: string): readonly [number, string] => [
  IpProtocol.FRAGMENT,
  `00 ${offsetAndMore} 00000007`,
];

/** The headers in order, and what follows, as the payload of IPv6; the first number is the fixed header's. */
function chain(
  headers: readonly (readonly [number, string])[],
  protocol: number,
  payload: Uint8Array,
): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const [i, [, rest]] of headers.entries()) {
    parts.push(new Uint8Array([headers[i + 1]?.[0] ?? protocol]), bytes(rest));
  }
  return ipv6(headers[0]?.[0] ?? protocol, joined(...parts, payload));
}

function ipv6Frames(): SampleFrame[] {
  const chains: readonly (readonly [string, readonly (readonly [number, string])[]])[] = [
    ['', []],
    [' hop-by-hop', [hopByHop]],
    [' routing', [routing]],
    [' home address routing', [homeRouting]],
    [' destination options', [destinationOptions]],
    [' home address option', [homeAddress]],
    [' home address option and routing', [homeAddress, homeRouting]],
    [' all headers', [hopByHop, destinationOptions, routing, fragment('0000'), destinationOptions]],
    [' atomic fragment', [fragment('0000')]],
    [' first fragment', [fragment('0001')]],
    [' first fragment with options', [hopByHop, fragment('0001'), destinationOptions]],
    [' middle fragment', [hopByHop, fragment('05b1')]],
    [' last fragment', [fragment('05b0')]],
    [' last fragment of destination options', [fragment('05b0'), destinationOptions]],
  ];
  return chains.flatMap(([kind, headers]) =>
    transports.map(([name, protocol, segment]) => ({
      name: `${name} over IPv6${kind}`,
      bytes: chain(headers, protocol, segment),
    })),
  );
}
