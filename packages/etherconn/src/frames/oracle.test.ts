import assert from 'node:assert/strict';
import { test } from 'node:test';
import { builtFrames } from '../test-support/built-frames.ts';
import { pcapOf } from '../test-support/pcap-of.ts';
import { tsharkFields, tsharkMissing } from '../test-support/tshark.ts';
import { build } from './index.ts';

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
