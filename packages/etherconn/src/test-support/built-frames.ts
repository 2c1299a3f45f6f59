import {
  arp,
  destinationOptions,
  dhcpv4,
  ether,
  type FrameParts,
  fragment,
  hopByHop,
  icmpv4,
  icmpv6,
  igmp,
  igmpV3Query,
  igmpV3Report,
  ipv4,
  ipv6,
  iTag,
  llc,
  mld,
  mldV2Query,
  mldV2Report,
  neighborAdvertisement,
  neighborSolicitation,
  padding,
  redirect,
  routerAdvertisement,
  routerSolicitation,
  routing,
  sctp,
  tcp,
  udp,
  vlan,
} from '../frames/index.ts';
import { hex } from './frames.ts';

/** Frames with every layer of etherconn/frames, as layers. */

const A = '02:00:00:00:00:01';
const B = '02:00:00:00:00:02';
const link = ether({ source: A, destination: B });
const toGroup = ether({ source: A });
const over4 = ipv4({ source: '10.0.0.1', destination: '10.0.0.2' });
const over6 = ipv6({ source: 'fe80::1', destination: 'fe80::2' });
const group4 = ipv4({ source: '10.0.0.1', destination: '239.1.2.3', options: Uint8Array.of(0x94, 4, 0, 0) });
const group6 = ipv6({ source: 'fe80::1', destination: 'ff0e::1:3' });
const routerAlert = hopByHop({ options: Uint8Array.of(5, 2, 0, 0) });
const ports = { sourcePort: 1000, destinationPort: 2000 };

export const builtFrames: Readonly<Record<string, FrameParts>> = {
  'type and payload': [link, 'hello'],
  '802.3': [link, llc({ dsap: 0x42, ssap: 0x42 }), new Uint8Array(35), padding(8)],
  '802.3 behind a tag': [link, vlan(7), llc({ dsap: 0x42, ssap: 0x42 }), new Uint8Array(35)],
  ARP: [toGroup, arp({ senderMac: A, senderIp: '10.0.0.1', targetIp: '10.0.0.2' }), padding(18)],
  UDP: [link, over4, udp(ports), 'hello'],
  'UDP, padded': [link, over4, udp(ports), 'hello', padding(13)],
  'UDP of an odd length with options': [
    link,
    ipv4({ source: '10.0.0.1', destination: '10.0.0.2', options: Uint8Array.of(7, 7, 4, 0, 0, 0, 0) }),
    udp(ports),
    'abc',
  ],
  'UDP along a source route': [
    link,
    ipv4({ source: '10.0.0.1', destination: '10.0.0.2', options: hex('83 07 04 0a000009') }),
    udp(ports),
    'abc',
  ],
  'UDP with tags': [
    link,
    vlan({ id: 100, tpid: 0x88a8, pcp: 5, dei: true }),
    vlan(5),
    over4,
    udp(ports),
    'hello',
  ],
  'UDP to a group': [toGroup, ipv4({ source: '10.0.0.1', destination: '239.1.2.3' }), udp(ports)],
  'UDP in a customer’s frame': [
    link,
    iTag({ serviceId: 66_051, priority: 5 }),
    ether({ source: B, destination: A }),
    vlan(9),
    over4,
    udp(ports),
    'hello',
  ],
  'IPv4 in IPv6 in IPv4': [link, over4, over6, over4, udp(ports), 'inside'],
  TCP: [link, over4, tcp({ ...ports, options: Uint8Array.of(2, 4, 5, 0xb4) })],
  'TCP with bytes over IPv6': [
    link,
    over6,
    tcp({ ...ports, sequence: 7, acknowledgment: 2 ** 32 - 1, flags: 0x18 }),
    'GET',
  ],
  SCTP: [link, over4, sctp({ ...ports, verificationTag: 0xdeadbeef }), hex('0b000004')],
  'ICMP echo': [link, over4, icmpv4({ id: 7, sequence: 9 }), 'ping'],
  'ICMP error': [
    link,
    ipv4({ source: '10.0.0.2', destination: '10.0.0.1' }),
    icmpv4({ type: 3, code: 3 }),
    over4,
    udp(ports),
    'quoted',
  ],
  'ICMPv6 echo': [link, over6, icmpv6({ id: 7, sequence: 9 }), 'ping'],
  'ICMPv6 error': [link, over6, icmpv6({ type: 2, rest: 1280 }), over6, udp(ports), 'quoted'],
  'UDP over IPv6': [link, over6, udp(ports), 'hello'],
  'UDP over IPv6 with headers': [
    link,
    over6,
    hopByHop({ options: Uint8Array.of(5, 2, 0, 0) }),
    destinationOptions({ options: Uint8Array.of(1, 3, 0, 0, 0) }),
    udp(ports),
    'hello',
  ],
  'UDP over IPv6 along a route': [
    link,
    ipv6({ source: '2001:db8::1', destination: '2001:db8::9' }),
    routing({ type: 2, segmentsLeft: 1, data: hex('00000000 20010db8000000000000000000000077') }),
    udp(ports),
    'hello',
  ],
  'UDP over IPv6, atomic fragment': [link, over6, fragment({ identification: 7 }), udp(ports), 'hello'],
  'IPv6 with nothing': [link, over6],
  'router solicitation': [
    toGroup,
    ipv6({ source: 'fe80::1', destination: 'ff02::2' }),
    routerSolicitation({ options: [{ type: 1, mac: A }] }),
  ],
  'router advertisement': [
    toGroup,
    ipv6({ source: 'fe80::1', destination: 'ff02::1' }),
    routerAdvertisement({
      hopLimit: 64,
      managed: true,
      preference: 1,
      routerLifetime: 1800,
      reachableTime: 30_000,
      retransTimer: 1000,
      options: [
        { type: 1, mac: A },
        { type: 5, mtu: 1400 },
        { type: 3, prefix: '2001:db8:1::', prefixLength: 64, validLifetime: 600, preferredLifetime: 300 },
        { type: 25, data: hex('0000 00000e10 20010db8000000000000000000000053') },
      ],
    }),
  ],
  'neighbor solicitation': [
    toGroup,
    ipv6({ source: 'fe80::1', destination: 'ff02::1:ff00:2' }),
    neighborSolicitation({ target: 'fe80::2', options: [{ type: 1, mac: A }] }),
  ],
  'neighbor advertisement': [
    link,
    over6,
    neighborAdvertisement({
      target: 'fe80::1',
      solicited: true,
      override: true,
      options: [{ type: 2, mac: A }],
    }),
  ],
  redirect: [link, over6, redirect({ target: 'fe80::3', destination: '2001:db8::7' })],
  'IGMPv2 report': [toGroup, group4, igmp({ group: '239.1.2.3' })],
  'IGMPv2 query': [toGroup, group4, igmp({ type: 0x11, maxResponseTime: 2500, group: '239.1.2.3' })],
  'IGMPv3 query': [
    toGroup,
    group4,
    igmpV3Query({
      group: '239.1.2.3',
      maxResponseTime: 20_000,
      suppress: true,
      queryInterval: 300,
      sources: ['10.0.0.3'],
    }),
  ],
  'IGMPv3 report': [
    toGroup,
    group4,
    igmpV3Report({
      records: [
        { type: 4, group: '239.1.2.3' },
        { type: 5, group: '232.1.1.1', sources: ['10.0.0.3', '10.0.0.4'] },
      ],
    }),
  ],
  'MLD report': [toGroup, group6, routerAlert, mld({ group: 'ff0e::1:3' })],
  'MLDv2 query': [toGroup, group6, routerAlert, mldV2Query({ group: 'ff0e::1:3', sources: ['2001:db8::3'] })],
  'MLDv2 report': [
    toGroup,
    group6,
    routerAlert,
    mldV2Report({ records: [{ type: 5, group: 'ff0e::1:3', sources: ['2001:db8::3'] }] }),
  ],
  'DHCP discover': [
    toGroup,
    ipv4({ destination: '255.255.255.255' }),
    udp(),
    dhcpv4({
      xid: 0x12345678,
      broadcast: true,
      hardwareAddress: A,
      options: { messageType: 1, hostName: 'machine', parameterList: Uint8Array.of(1, 3, 6) },
    }),
  ],
  'DHCP offer': [
    link,
    over4,
    udp(),
    dhcpv4({
      op: 2,
      xid: 0x12345678,
      yourAddress: '10.0.0.7',
      hardwareAddress: A,
      bootFile: 'pxe',
      options: { messageType: 2, serverId: '10.0.0.1', leaseTime: 600, routers: ['10.0.0.1'] },
    }),
  ],
};
