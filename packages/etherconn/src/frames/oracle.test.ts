import assert from 'node:assert/strict';
import { test } from 'node:test';
import { builtFrames } from '../test-support/built-frames.ts';
import { pcapOf } from '../test-support/pcap-of.ts';
import { tsharkFields, tsharkMissing } from '../test-support/tshark.ts';
import { build, replace } from './index.ts';

/** What tshark makes of frames that have been built. */

const CHECKSUMS = ['ip', 'udp', 'tcp', 'sctp', 'icmp', 'icmpv6', 'igmp'].map(
  (name) => `${name}.checksum.status`,
);
const FIELDS = ['frame.protocols', '_ws.malformed', '_ws.expert.message', ...CHECKSUMS] as const;
const OPTIONS = {
  preferences: [
    ...['ip', 'udp', 'tcp'].map((name) => `${name}.check_checksum:TRUE`),
    'sctp.checksum:CRC 32c',
    'ip.defragment:FALSE',
    'ipv6.defragment:FALSE',
  ],
};

/** Layers as tshark names them; what stands behind is its guess at the payload. */
const PROTOCOLS: Readonly<Record<string, string>> = {
  'type and payload': 'eth:ethertype:data',
  '802.3': 'eth:llc:stp',
  '802.3 behind a tag': 'eth:ethertype:vlan:llc:stp',
  ARP: 'eth:ethertype:arp',
  UDP: 'eth:ethertype:ip:udp:data',
  'UDP, padded': 'eth:ethertype:ip:udp:data',
  'UDP of an odd length with options': 'eth:ethertype:ip:udp:data',
  'UDP along a source route': 'eth:ethertype:ip:udp:data',
  'UDP with tags': 'eth:ethertype:ieee8021ad:ethertype:vlan:ethertype:ip:udp:data',
  'UDP to a group': 'eth:ethertype:ip:udp',
  'UDP in a customer’s frame': 'eth:ethertype:ieee8021ah:ethertype:vlan:ethertype:ip:udp:data',
  'IPv4 in IPv6 in IPv4': 'eth:ethertype:ip:ipv6:ip:udp:data',
  TCP: 'eth:ethertype:ip:tcp',
  'TCP with bytes over IPv6': 'eth:ethertype:ipv6:tcp:data',
  SCTP: 'eth:ethertype:ip:sctp',
  'ICMP echo': 'eth:ethertype:ip:icmp:data',
  'ICMP error': 'eth:ethertype:ip:icmp:ip:udp:data',
  'ICMPv6 echo': 'eth:ethertype:ipv6:icmpv6:data',
  'ICMPv6 error': 'eth:ethertype:ipv6:icmpv6:ipv6:udp:data',
  'UDP over IPv6': 'eth:ethertype:ipv6:udp:data',
  'UDP over IPv6 with headers': 'eth:ethertype:ipv6:ipv6.hopopts:ipv6.dstopts:udp:data',
  'UDP over IPv6 along a route': 'eth:ethertype:ipv6:ipv6.routing:udp:data',
  'UDP over IPv6, atomic fragment': 'eth:ethertype:ipv6:ipv6.fraghdr:udp:data',
  'IPv6 with nothing': 'eth:ethertype:ipv6',
  'router solicitation': 'eth:ethertype:ipv6:icmpv6',
  'router advertisement': 'eth:ethertype:ipv6:icmpv6',
  'neighbor solicitation': 'eth:ethertype:ipv6:icmpv6',
  'neighbor advertisement': 'eth:ethertype:ipv6:icmpv6',
  redirect: 'eth:ethertype:ipv6:icmpv6',
  'IGMPv2 report': 'eth:ethertype:ip:igmp:igmp',
  'IGMPv2 query': 'eth:ethertype:ip:igmp:igmp',
  'IGMPv3 query': 'eth:ethertype:ip:igmp:igmp',
  'IGMPv3 report': 'eth:ethertype:ip:igmp:igmp',
  'MLD report': 'eth:ethertype:ipv6:ipv6.hopopts:icmpv6',
  'MLDv2 query': 'eth:ethertype:ipv6:ipv6.hopopts:icmpv6',
  'MLDv2 report': 'eth:ethertype:ipv6:ipv6.hopopts:icmpv6',
  'DHCP discover': 'eth:ethertype:ip:udp:dhcp',
  'DHCP offer': 'eth:ethertype:ip:udp:dhcp',
};

test('tshark sees the layers, nothing malformed, and no bad checksum', { skip: tsharkMissing }, () => {
  const names = Object.keys(builtFrames);
  const rows = tsharkFields(pcapOf(names.map((name) => build(builtFrames[name]!))), FIELDS, OPTIONS);
  assert.deepEqual(
    Object.fromEntries(names.map((name, i) => [name, rows[i]!['frame.protocols'].join()])),
    PROTOCOLS,
  );
  for (const [i, row] of rows.entries()) {
    assert.deepEqual(row['_ws.malformed'], [], names[i]);
    for (const field of CHECKSUMS) {
      const states = row[field as (typeof FIELDS)[number]];
      assert.ok(
        states.every((state) => state === '1' || state === 'Good'),
        `${names[i]}: ${field} ${states}`,
      );
    }
  }
  const checked = rows.filter((row) =>
    CHECKSUMS.some((field) => row[field as (typeof FIELDS)[number]].length > 0),
  );
  assert.ok(checked.length > 30);
});

/** Fields as tshark shows them, of the layers whose bytes no other test compares. */
const VALUES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'UDP with tags': {
    'ieee8021ad.id': '100',
    'ieee8021ad.priority': '5',
    'ieee8021ad.dei': '1',
    'vlan.id': '5',
  },
  'UDP in a customer’s frame': {
    'ieee8021ah.isid': '66051',
    'ieee8021ah.priority': '5',
    'ieee8021ah.cdst': '02:00:00:00:00:01',
    'vlan.id': '9',
  },
  '802.3': { 'eth.len': '38', 'llc.dsap': '0x42', 'llc.ssap': '0x42', 'llc.control': '0x0003' },
  'TCP with bytes over IPv6': {
    'tcp.seq_raw': '7',
    'tcp.ack_raw': '4294967295',
    'tcp.flags': '0x0018',
    'tcp.len': '3',
    'tcp.window_size_value': '65535',
  },
  SCTP: { 'sctp.verification_tag': '0xdeadbeef' },
  'ICMP echo': { 'icmp.type': '8', 'icmp.ident': '7', 'icmp.seq': '9' },
  'ICMPv6 error': { 'icmpv6.type': '2', 'icmpv6.mtu': '1280' },
  'UDP over IPv6 along a route': {
    'ipv6.routing.type': '2',
    'ipv6.routing.segleft': '1',
    'ipv6.routing.len': '2',
  },
  'UDP over IPv6, atomic fragment': { 'ipv6.fraghdr.ident': '0x00000007', 'ipv6.fraghdr.offset': '0' },
  'router advertisement': {
    'ipv6.hlim': '255',
    'icmpv6.nd.ra.cur_hop_limit': '64',
    'icmpv6.nd.ra.flag.m': '1',
    'icmpv6.nd.ra.flag.prf': '1',
    'icmpv6.nd.ra.router_lifetime': '1800',
    'icmpv6.nd.ra.reachable_time': '30000',
    'icmpv6.nd.ra.retrans_timer': '1000',
    'icmpv6.opt.linkaddr': '02:00:00:00:00:01',
    'icmpv6.opt.mtu': '1400',
    'icmpv6.opt.prefix': '2001:db8:1::',
    'icmpv6.opt.prefix.length': '64',
    'icmpv6.opt.prefix.flag.l': '1',
    'icmpv6.opt.prefix.flag.a': '1',
    'icmpv6.opt.prefix.valid_lifetime': '600',
    'icmpv6.opt.prefix.preferred_lifetime': '300',
    'icmpv6.opt.rdnss': '2001:db8::53',
  },
  'neighbor advertisement': {
    'icmpv6.nd.na.target_address': 'fe80::1',
    'icmpv6.nd.na.flag.s': '1',
    'icmpv6.nd.na.flag.o': '1',
    'icmpv6.nd.na.flag.r': '0',
  },
  redirect: { 'icmpv6.nd.rd.target_address': 'fe80::3', 'icmpv6.rd.na.destination_address': '2001:db8::7' },
  'IGMPv2 query': { 'igmp.type': '0x11', 'igmp.max_resp': '25', 'igmp.maddr': '239.1.2.3', 'ip.ttl': '1' },
  'IGMPv3 query': {
    'igmp.maddr': '239.1.2.3',
    'igmp.s': '1',
    'igmp.qrv': '2',
    'igmp.num_src': '1',
    'igmp.saddr': '10.0.0.3',
  },
  'IGMPv3 report': { 'igmp.num_grp_recs': '2', 'igmp.record_type': '4,5', 'igmp.saddr': '10.0.0.3,10.0.0.4' },
  'MLDv2 query': {
    'ipv6.hlim': '1',
    'icmpv6.mld.multicast_address': 'ff0e::1:3',
    'icmpv6.mld.nb_sources': '1',
    'icmpv6.mld.source_address': '2001:db8::3',
  },
  'MLDv2 report': { 'icmpv6.mldr.nb_mcast_records': '1', 'icmpv6.mldr.mar.record_type': '5' },
  'DHCP discover': {
    'udp.srcport': '68',
    'udp.dstport': '67',
    'dhcp.type': '1',
    'dhcp.id': '0x12345678',
    'dhcp.flags.bc': '1',
    'dhcp.hw.mac_addr': '02:00:00:00:00:01',
    'dhcp.option.hostname': 'machine',
    'dhcp.option.request_list_item': '1,3,6',
  },
  'DHCP offer': {
    'udp.srcport': '67',
    'udp.dstport': '68',
    'dhcp.type': '2',
    'dhcp.ip.your': '10.0.0.7',
    'dhcp.file': 'pxe',
    'dhcp.option.dhcp': '2',
    'dhcp.option.ip_address_lease_time': '600',
    'dhcp.option.router': '10.0.0.1',
  },
};

/** Truth as tshark writes it in one version or another. */
const normal = (values: readonly string[]): string =>
  values.map((value) => ({ True: '1', False: '0' })[value] ?? value).join();

test('tshark sees the values of the fields', { skip: tsharkMissing }, () => {
  const names = Object.keys(VALUES);
  const fields = [...new Set(Object.values(VALUES).flatMap((values) => Object.keys(values)))];
  const rows = tsharkFields(pcapOf(names.map((name) => build(builtFrames[name]!))), fields, OPTIONS);
  const seen = names.map((name, i) => {
    const values = Object.keys(VALUES[name]!).map((field) => [field, normal(rows[i]![field]!)]);
    return [name, Object.fromEntries(values)];
  });
  assert.deepEqual(Object.fromEntries(seen), VALUES);
});

test('tshark sees what is wrong on purpose', { skip: tsharkMissing }, () => {
  const whole = builtFrames.UDP!;
  const wrong = {
    'IPv4 checksum': [replace(whole, 'ipv4', { checksum: 1 }), 'ip.checksum.status', '0'],
    'UDP checksum': [replace(whole, 'udp', { checksum: 1 }), 'udp.checksum.status', '0'],
    'no UDP checksum': [replace(whole, 'udp', { checksum: 0 }), 'udp.checksum.status', '3'],
    version: [replace(whole, 'ipv4', { version: 5 }), 'ip.version', '5'],
    'header length': [replace(whole, 'ipv4', { headerLength: 60 }), 'ip.hdr_len', '60'],
    'total length': [replace(whole, 'ipv4', { length: 1000 }), 'ip.len', '1000'],
    'UDP length': [replace(whole, 'udp', { length: 3 }), 'udp.length', '3'],
    protocol: [replace(whole, 'ipv4', { protocol: 6 }), 'ip.proto', '6'],
    type: [replace(whole, 'ether', { etherType: 0x9999 }), 'eth.type', '0x9999'],
    'reserved flag': [replace(whole, 'ipv4', { reserved: 1 }), 'ip.flags.rb', '1'],
  } as const;
  const fields = [...new Set(Object.values(wrong).map(([, field]) => field))];
  const rows = tsharkFields(pcapOf(Object.values(wrong).map(([frame]) => build(frame))), fields, OPTIONS);
  for (const [i, [name, [, field, value]]] of Object.entries(wrong).entries())
    assert.equal(normal(rows[i]![field]), value, name);
});
