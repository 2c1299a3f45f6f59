import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { frames } from '../test-support/frames.ts';
import { tsharkFields, tsharkMissing } from '../test-support/tshark.ts';
import { emitArp } from '../wire/arp.ts';
import { buildUdpFrame } from '../wire/build.ts';
import { Dhcpv4Op, emitDhcpv4 } from '../wire/dhcpv4.ts';
import { writeDhcpv4Options } from '../wire/dhcpv4-options.ts';
import { emitEthernet } from '../wire/ethernet.ts';
import { EtherType } from '../wire/ethertype.ts';
import { emitITag } from '../wire/i-tag.ts';
import { emitIcmpv4, fillIcmpv4Checksum } from '../wire/icmpv4.ts';
import { emitIcmpv6 } from '../wire/icmpv6.ts';
import { emitIgmp, emitIgmpQuery, emitIgmpV3Report, IgmpType } from '../wire/igmp.ts';
import { parseIp } from '../wire/ip.ts';
import { emitIpv4 } from '../wire/ipv4.ts';
import { emitIpv6 } from '../wire/ipv6.ts';
import { parseMac } from '../wire/mac.ts';
import { emitMld, emitMldQuery, emitMldV2Report, MldType } from '../wire/mld.ts';
import { emitRouterAdvertisement } from '../wire/nd.ts';
import { parseFrame } from '../wire/parse.ts';
import { IpProtocol } from '../wire/protocol.ts';
import { FrameRecord } from '../wire/record.ts';
import { fillTransportChecksum } from '../wire/transport-checksum.ts';
import { type DecodedFrame, decodeFrame, decodePacket } from './decode.ts';
import { LinkType } from './packet.ts';
import { PcapWriter } from './pcap-writer.ts';
import { readCapture } from './read.ts';

/** What decode shows of the protocols above IP and beside it, compared with tshark's fields of the same names. */

const source = parseMac('02:00:00:00:00:01');
const destination = parseMac('02:00:00:00:00:02');
const near4 = parseIp('10.0.0.1');
const far4 = parseIp('10.0.0.2');
const near6 = parseIp('fe80::1');
const far6 = parseIp('fe80::2');
const group4 = parseIp('239.1.2.3');
const group6 = parseIp('ff0e::1:3');

type Emit = (u8: Uint8Array, offset: number) => number;

/** An IP packet in a frame with what `emit` writes, and with its checksum. */
function over(version: 4 | 6, protocol: number, emit: Emit): Uint8Array {
  const u8 = new Uint8Array(600);
  const l3 = emitEthernet(u8, 0, {
    source,
    destination,
    etherType: version === 4 ? EtherType.IPV4 : EtherType.IPV6,
  });
  const l4 = l3 + (version === 4 ? 20 : 40);
  const end = emit(u8, l4);
  const payloadLength = end - l4;
  if (version === 4) emitIpv4(u8, l3, { source: near4, destination: far4, protocol, payloadLength, ttl: 1 });
  else
    emitIpv6(u8, l3, {
      source: near6,
      destination: far6,
      nextHeader: protocol,
      payloadLength,
      hopLimit: 255,
    });
  const frame = u8.slice(0, end);
  const record = new FrameRecord();
  parseFrame(frame, 0, end, record);
  if (version === 6) assert.equal(fillTransportChecksum(frame, record), true);
  else if (protocol === IpProtocol.ICMP) fillIcmpv4Checksum(frame, l4, end);
  return frame;
}

const icmp = (type: number, code: number, rest: number): Uint8Array =>
  over(4, IpProtocol.ICMP, (u8, at) => emitIcmpv4(u8, at, { type, code, rest }) + 4);
const icmp6 = (type: number, code: number, rest: number): Uint8Array =>
  over(6, IpProtocol.ICMPV6, (u8, at) => emitIcmpv6(u8, at, { type, code, rest }));
const igmp = (emit: Emit): Uint8Array => over(4, IpProtocol.IGMP, emit);
const mld = (emit: Emit): Uint8Array => over(6, IpProtocol.ICMPV6, emit);

function dhcp(op: number, options: Parameters<typeof writeDhcpv4Options>[0]): Uint8Array {
  return buildUdpFrame({
    sourceMac: source,
    destinationMac: destination,
    source: near4,
    destination: far4,
    sourcePort: op === Dhcpv4Op.REQUEST ? 68 : 67,
    destinationPort: op === Dhcpv4Op.REQUEST ? 67 : 68,
    payload: emitDhcpv4({
      op,
      xid: 0xdeadbe01,
      hardwareAddress: source,
      yourAddress: op === Dhcpv4Op.REPLY ? far4 : parseIp('0.0.0.0'),
      relayAddress: parseIp('10.0.0.254'),
      options: writeDhcpv4Options(options),
    }),
  });
}

function behindITag(frame: Uint8Array): Uint8Array {
  const u8 = new Uint8Array(18 + frame.length);
  const at = emitEthernet(u8, 0, { source: destination, destination: source, etherType: EtherType.I_TAG });
  u8.set(frame, emitITag(u8, at, { serviceId: 0x0a0b0c, priority: 3, dropEligible: true }));
  return u8;
}

const arp = new Uint8Array(42);
emitEthernet(arp, 0, { source, destination, etherType: EtherType.ARP });
emitArp(arp, 14, {
  operation: 2,
  senderMac: source,
  senderIp: near4,
  targetMac: destination,
  targetIp: far4,
});

const RECORDS = [
  { type: 4, group: group4, sources: [] },
  { type: 5, group: parseIp('232.0.0.9'), sources: [near4, far4] },
];
const RECORDS6 = [
  { type: 6, group: group6, sources: [near6] },
  { type: 2, group: parseIp('ff05::9'), sources: [] },
];
const PREFIXES = [
  { prefix: parseIp('2001:db8:1::'), length: 64 },
  { prefix: parseIp('2001:db8:2::'), length: 56, onLink: false },
];

const SAMPLES: Readonly<Record<string, Uint8Array>> = {
  'ARP request': frames.arpRequest,
  'ARP reply': arp,
  'ICMP echo request': frames.icmpv4Echo,
  'ICMP echo reply': icmp(0, 0, 0x1234_0007),
  'ICMP fragmentation needed': icmp(3, 4, 1280),
  'ICMP port unreachable': icmp(3, 3, 0),
  'ICMPv6 echo request': frames.icmpv6Echo,
  'ICMPv6 echo reply': icmp6(129, 0, 0xfedc_0001),
  'ICMPv6 packet too big': icmp6(2, 0, 1400),
  'neighbor solicitation': frames.neighborSolicitation,
  'neighbor advertisement': frames.neighborAdvertisement,
  'router solicitation': frames.routerSolicitation,
  'router advertisement': frames.routerAdvertisement,
  'router advertisement with two prefixes': over(6, IpProtocol.ICMPV6, (u8, at) =>
    emitRouterAdvertisement(u8, at, {
      routerLifetime: 1800,
      hopLimit: 64,
      managed: true,
      reachableTime: 30_000,
      retransTimer: 1000,
      mtu: 1480,
      sourceMac: source,
      prefixes: PREFIXES,
    }),
  ),
  'IGMP query, version 1': igmp((u8, at) => emitIgmpQuery(u8, at, { version: 1 })),
  'IGMP query, version 2': igmp((u8, at) => emitIgmpQuery(u8, at, { version: 2, group: group4 })),
  'IGMP query, version 3': igmp((u8, at) =>
    emitIgmpQuery(u8, at, { group: group4, sources: [near4, far4], maxResponseTime: 2500 }),
  ),
  'IGMP report, version 1': igmp((u8, at) => emitIgmp(u8, at, IgmpType.V1_REPORT, group4)),
  'IGMP report, version 2': igmp((u8, at) => emitIgmp(u8, at, IgmpType.V2_REPORT, group4)),
  'IGMP leave': igmp((u8, at) => emitIgmp(u8, at, IgmpType.V2_LEAVE, group4)),
  'IGMP report, version 3': igmp((u8, at) => emitIgmpV3Report(u8, at, RECORDS)),
  'MLD query, version 1': mld((u8, at) => emitMldQuery(u8, at, { version: 1, maxResponseTime: 7000 })),
  'MLD query, version 2': mld((u8, at) => emitMldQuery(u8, at, { group: group6, sources: [near6, far6] })),
  'MLD report, version 1': mld((u8, at) => emitMld(u8, at, MldType.V1_REPORT, group6)),
  'MLD done': mld((u8, at) => emitMld(u8, at, MldType.V1_DONE, group6)),
  'MLD report, version 2': mld((u8, at) => emitMldV2Report(u8, at, RECORDS6)),
  'DHCP discover': dhcp(Dhcpv4Op.REQUEST, {
    messageType: 1,
    requestedAddress: '10.0.0.7',
    hostName: 'example',
    parameterList: Uint8Array.of(1, 3, 6),
  }),
  'DHCP ack': dhcp(Dhcpv4Op.REPLY, {
    messageType: 5,
    serverId: '10.0.0.1',
    leaseTime: 3600,
    subnetMask: '255.255.255.0',
    routers: ['10.0.0.1', '10.0.0.3'],
    dnsServers: ['10.0.0.4'],
    domainName: 'example.org',
    mtu: 1400,
  }),
  // Its checksum is right with the home address in place of the source.
  'home address option': frames.udp6HomeAddress,
  '802.1ah': behindITag(frames.udp4),
  '802.1ah, tagged inside': behindITag(frames.qinq),
};

/** Fields with one value and the same name there. */
const SAME = [
  ...(['eth.src', 'eth.dst', 'udp.dstport'] as const),
  ...([
    'arp.opcode',
    'arp.src.hw_mac',
    'arp.src.proto_ipv4',
    'arp.dst.hw_mac',
    'arp.dst.proto_ipv4',
  ] as const),
  ...([
    'icmp.type',
    'icmp.code',
    'icmp.ident',
    'icmp.seq',
    'icmp.mtu',
    'icmpv6.type',
    'icmpv6.code',
  ] as const),
  ...(['icmpv6.echo.identifier', 'icmpv6.echo.sequence_number', 'icmpv6.mtu'] as const),
  ...(['icmpv6.nd.ns.target_address', 'icmpv6.nd.na.target_address'] as const),
  ...(['icmpv6.nd.na.flag.r', 'icmpv6.nd.na.flag.s', 'icmpv6.nd.na.flag.o'] as const),
  ...(['icmpv6.nd.ra.cur_hop_limit', 'icmpv6.nd.ra.flag.m', 'icmpv6.nd.ra.flag.o'] as const),
  ...(['icmpv6.nd.ra.router_lifetime', 'icmpv6.nd.ra.reachable_time', 'icmpv6.nd.ra.retrans_timer'] as const),
  ...(['icmpv6.opt.linkaddr', 'icmpv6.opt.mtu'] as const),
  ...(['igmp.type', 'igmp.version', 'icmpv6.mld.multicast_address', 'icmpv6.mld.source_address'] as const),
  ...(['dhcp.type', 'dhcp.id', 'dhcp.hw.mac_addr'] as const),
  ...(['dhcp.ip.client', 'dhcp.ip.your', 'dhcp.ip.server', 'dhcp.ip.relay'] as const),
  ...(['dhcp.option.dhcp', 'dhcp.option.requested_ip_address', 'dhcp.option.dhcp_server_id'] as const),
  ...(['dhcp.option.ip_address_lease_time', 'dhcp.option.subnet_mask', 'dhcp.option.router'] as const),
  ...(['dhcp.option.domain_name_server', 'dhcp.option.hostname', 'dhcp.option.domain_name'] as const),
  ...(['dhcp.option.interface_mtu', 'ieee8021ah.isid', 'ieee8021ah.cdst', 'ieee8021ah.csrc'] as const),
] satisfies readonly (keyof DecodedFrame)[];

/** Fields of tshark that ours are put together of. */
const OTHERS = [
  ...([
    'udp.checksum.status',
    'icmp.checksum.status',
    'icmpv6.checksum.status',
    'igmp.maddr',
    'igmp.max_resp',
    'igmp.saddr',
  ] as const),
  ...(['igmp.record_type', 'icmpv6.opt.prefix', 'icmpv6.opt.prefix.length'] as const),
  ...(['icmpv6.mldr.mar.record_type', 'icmpv6.mldr.mar.multicast_address'] as const),
  ...(['icmpv6.mldr.mar.source_address', 'icmpv6.mld.maximum_response_delay'] as const),
  ...(['icmpv6.mld.maximum_response_code', 'dhcp.option.type'] as const),
];

type Row = Record<(typeof SAME)[number] | (typeof OTHERS)[number], string[]>;

test('fields of ARP, ICMP, ND, IGMP, MLD, DHCP and 802.1ah', { skip: tsharkMissing }, () => {
  const chunks: Uint8Array[] = [];
  const writer = new PcapWriter((chunk) => chunks.push(chunk));
  for (const data of Object.values(SAMPLES)) writer.write({ timestamp: 0n, data });
  const capture = new Uint8Array(Buffer.concat(chunks));
  const rows: Row[] = tsharkFields(capture, [...SAME, ...OTHERS], {
    preferences: ['udp.check_checksum:TRUE'],
  });
  for (const [index, [name, bytes]] of Object.entries(SAMPLES).entries()) {
    const ours = decodeFrame(bytes);
    assert.equal(ours.error, undefined, name);
    assert.deepEqual(ourValues(ours), theirValues(rows[index]!, ours), name);
  }
});

const IP = ['ip.src', 'ip.dst', 'ipv6.src', 'ipv6.dst', 'udp.srcport', 'udp.dstport'] as const;

/** Addresses and ports of each packet of a capture: ours, and tshark's. */
async function compareIp(capture: Uint8Array): Promise<void> {
  const rows = tsharkFields(capture, IP, { preferences: [] });
  const ours: unknown[] = [];
  for await (const packet of readCapture(capture)) {
    const decoded = decodePacket(packet, ours.length + 1);
    const { 'ip.src': from, 'ip.dst': to, 'udp.srcport': source, 'udp.dstport': destination } = decoded;
    assert.equal(decoded['udp.checksum'], 'good');
    ours.push([from, to, String(source), String(destination)]);
  }
  assert.ok(ours.length > 0);
  assert.deepEqual(
    ours,
    rows.map((row) => IP.flatMap((name) => row[name])),
  );
}

test('raw IP packets, by each number that stands for them', { skip: tsharkMissing }, async () => {
  const packets = { 4: frames.udp4.subarray(14), 6: frames.udp6.subarray(14) };
  for (const [linkType, versions] of [
    [12, [4, 6]],
    [14, [4, 6]],
    [LinkType.RAW, [4, 6]],
    [LinkType.IPV4, [4]],
    [LinkType.IPV6, [6]],
  ] as const) {
    const chunks: Uint8Array[] = [];
    const writer = new PcapWriter((chunk) => chunks.push(chunk), { linkType });
    for (const version of versions) writer.write({ timestamp: 0n, data: packets[version] });
    await compareIp(new Uint8Array(Buffer.concat(chunks)));
  }
});

test("Kuznetzov's pcap", { skip: tsharkMissing }, async () => {
  const chunks: Uint8Array[] = [];
  const writer = new PcapWriter((chunk) => chunks.push(chunk));
  chunks[0]!.set([0x34, 0xcd, 0xb2, 0xa1]);
  for (const data of [frames.udp4, frames.udp6, frames.udp4Padded]) writer.write({ timestamp: 7n, data });
  // Interface 2, IPv4 as for Ethernet's type field, to us, and a byte of padding, behind each header of 16 bytes.
  const more = Buffer.from('0200000008000000', 'hex');
  const longer = chunks.map((chunk, i) =>
    i === 0 ? chunk : Buffer.concat([chunk.subarray(0, 16), more, chunk.subarray(16)]),
  );
  await compareIp(new Uint8Array(Buffer.concat(longer)));
});

/** A value as tshark writes it, or a list of them, without what is not there. */
function values(fields: Record<string, unknown>): Record<string, string[]> {
  const entries = Object.entries(fields).map(([name, value]): [string, string[]] => [
    name,
    [value].flat().flatMap((one) => (one === undefined ? [] : [plain(String(one))])),
  ]);
  return Object.fromEntries(entries.filter(([, list]) => list.length > 0));
}

function plain(text: string): string {
  if (text === 'true' || text === 'True') return '1';
  if (text === 'false' || text === 'False') return '0';
  return /^0x[0-9a-f]+$/.test(text) ? String(Number(text)) : text;
}

function ourValues(ours: DecodedFrame): Record<string, string[]> {
  const igmpRecords = ours['igmp.records'] ?? [];
  const mldRecords = ours['icmpv6.mldr.records'] ?? [];
  return values({
    ...Object.fromEntries(SAME.map((name) => [name, ours[name]])),
    udpChecksum: ours['udp.checksum'],
    icmpChecksum: ours['icmp.checksum'],
    icmpv6Checksum: ours['icmpv6.checksum'],
    igmpGroups: ours['igmp.maddr'] ?? igmpRecords.map(({ group }) => group),
    igmpSources: ours['igmp.saddr'] ?? igmpRecords.flatMap(({ sources }) => sources),
    igmpTypes: igmpRecords.map(({ type }) => type),
    igmpTime: ours['igmp.maxResponseTime'],
    prefixes: ours['icmpv6.opt.prefix'],
    mldTypes: mldRecords.map(({ type }) => type),
    mldGroups: mldRecords.map(({ group }) => group),
    mldSources: mldRecords.flatMap(({ sources }) => sources),
    mldTime: ours['icmpv6.mld.maximum_response_delay'],
    dhcpOptions: ours['dhcp.option.type'],
  });
}

function theirValues(row: Row, ours: DecodedFrame): Record<string, string[]> {
  const states = ['bad', 'good', 'unverified'];
  const isQuery = ours['igmp.type'] === IgmpType.QUERY;
  // What a query of version 1 has there means ten seconds (RFC 2236 §4).
  const tenths = ours['igmp.version'] === 1 ? ['100'] : row['igmp.max_resp'];
  const isMldQuery = ours['icmpv6.type'] === MldType.QUERY;
  return values({
    ...Object.fromEntries(SAME.map((name) => [name, row[name]])),
    udpChecksum: row['udp.checksum.status'].map((status) => states[Number(status)]),
    icmpChecksum: row['icmp.checksum.status'].map((status) => states[Number(status)]),
    icmpv6Checksum: row['icmpv6.checksum.status'].map((status) => states[Number(status)]),
    igmpGroups: row['igmp.maddr'],
    igmpSources: row['igmp.saddr'],
    igmpTypes: row['igmp.record_type'],
    igmpTime: isQuery ? tenths.map((tenth) => 100 * Number(tenth)) : [],
    prefixes: row['icmpv6.opt.prefix'].map((prefix, i) => `${prefix}/${row['icmpv6.opt.prefix.length'][i]}`),
    mldTypes: row['icmpv6.mldr.mar.record_type'],
    mldGroups: row['icmpv6.mldr.mar.multicast_address'],
    mldSources: row['icmpv6.mldr.mar.source_address'],
    mldTime: isMldQuery
      ? [...row['icmpv6.mld.maximum_response_delay'], ...row['icmpv6.mld.maximum_response_code']]
      : [],
    dhcpOptions: row['dhcp.option.type'].filter((code) => code !== '255' && code !== '0'),
  });
}

test('cut anywhere, with any byte changed to anything: nothing is thrown', () => {
  const samples = Object.values(SAMPLES);
  fc.assert(
    fc.property(
      fc.nat(),
      fc.nat(),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
      (...given) => {
        const [sample, cut, changes] = given;
        const bytes = samples[sample % samples.length]!.slice();
        for (const [at, value] of changes) bytes[14 + (at % (bytes.length - 14))] = value;
        const length = bytes.length - (cut % 3 === 0 ? cut % bytes.length : 0);
        assert.equal(typeof JSON.stringify(decodeFrame(bytes, 0, length)), 'string');
        // Bytes behind the frame are not looked at.
        assert.deepEqual(decodeFrame(bytes.slice(0, length)), decodeFrame(bytes, 0, length));
      },
    ),
    { numRuns: 20_000 },
  );
});
