import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FrameName, frames, hex, parsed } from '../test-support/frames.ts';
import { fillIcmpv6Checksum } from './icmpv6.ts';
import { formatIp, parseIp } from './ip.ts';
import { formatMac, parseMac } from './mac.ts';
import {
  emitNeighborAdvertisement,
  emitNeighborSolicitation,
  emitRouterAdvertisement,
  emitRouterSolicitation,
  findNdOption,
  isNd,
  isValidNd,
  ND_DNS,
  ND_LINK_LAYER_ADDRESS,
  ND_PREFIX,
  ND_TARGET,
  NdNeighborFlag,
  NdOption,
  NdPrefixFlag,
  NdRouterFlag,
  ndDnsLifetime,
  ndDnsServerCount,
  ndDomainSearch,
  ndMtu,
  ndNeighborFlags,
  ndPrefixFlags,
  ndPrefixLength,
  ndPrefixPreferredLifetime,
  ndPrefixValidLifetime,
  ndReachableTime,
  ndRetransTimer,
  ndRouterFlags,
  ndRouterHopLimit,
  ndRouterLifetime,
  printNd,
} from './nd.ts';
import { parseErrorText } from './parse-error.ts';

const L4 = 54;
const MAC_1 = parseMac('02:00:00:00:00:01');
const MAC_2 = parseMac('02:00:00:00:00:02');
const MESSAGES: FrameName[] = [
  'neighborSolicitation',
  'neighborAdvertisement',
  'routerSolicitation',
  'routerAdvertisement',
];

/** A copy of a frame with other bytes from `at` on. */
function changed(frame: Uint8Array, at: number, bytes: string): Uint8Array {
  const u8 = frame.slice();
  u8.set(hex(bytes), at);
  return u8;
}

/** The frame with its message replaced by what `emit` writes, checksum filled. */
function rewritten(frame: Uint8Array, emit: (u8: Uint8Array) => number): Uint8Array {
  const u8 = frame.slice();
  u8.fill(0xee, L4);
  const end = emit(u8);
  assert.equal(end, u8.length);
  fillIcmpv6Checksum(u8, L4, end, 22, 38);
  return u8;
}

test('neighbor solicitation', () => {
  const u8 = frames.neighborSolicitation;
  const record = parsed(u8);
  assert.ok(isNd(u8, record) && isValidNd(u8, record));
  assert.equal(formatIp(u8, L4 + ND_TARGET, 6), 'fe80::2');
  const option = findNdOption(u8, record, NdOption.SOURCE_LINK_LAYER);
  assert.equal(formatMac(u8, option + ND_LINK_LAYER_ADDRESS), '02:00:00:00:00:01');
  assert.equal(findNdOption(u8, record, NdOption.TARGET_LINK_LAYER), -1);
  assert.equal(findNdOption(u8, record, NdOption.SOURCE_LINK_LAYER, option + 1), -1);
  assert.equal(
    printNd(u8, record),
    'ICMPv6 neighbor solicitation, who has fe80::2, source link-address 02:00:00:00:00:01',
  );
  const target = parseIp('fe80::2');
  assert.deepEqual(
    rewritten(u8, (into) => emitNeighborSolicitation(into, L4, { target, sourceMac: MAC_1 })),
    u8,
  );
});

test('neighbor advertisement', () => {
  const u8 = frames.neighborAdvertisement;
  const record = parsed(u8);
  assert.ok(isValidNd(u8, record));
  assert.equal(ndNeighborFlags(u8, L4), NdNeighborFlag.SOLICITED | NdNeighborFlag.OVERRIDE);
  assert.equal(
    printNd(u8, record),
    'ICMPv6 neighbor advertisement, tgt is fe80::2, target link-address 02:00:00:00:00:02',
  );
  const fields = { target: parseIp('fe80::2'), targetMac: MAC_2, solicited: true, override: true };
  assert.deepEqual(
    rewritten(u8, (into) => emitNeighborAdvertisement(into, L4, fields)),
    u8,
  );
});

test('router solicitation', () => {
  const u8 = frames.routerSolicitation;
  assert.ok(isValidNd(u8, parsed(u8)));
  assert.equal(printNd(u8, parsed(u8)), 'ICMPv6 router solicitation, source link-address 02:00:00:00:00:01');
  assert.deepEqual(
    rewritten(u8, (into) => emitRouterSolicitation(into, L4, { sourceMac: MAC_1 })),
    u8,
  );
});

test('router advertisement', () => {
  const u8 = frames.routerAdvertisement;
  const record = parsed(u8);
  assert.ok(isValidNd(u8, record));
  assert.deepEqual(
    [ndRouterHopLimit(u8, L4), ndRouterFlags(u8, L4), ndRouterLifetime(u8, L4)],
    [64, NdRouterFlag.OTHER, 1800],
  );
  assert.deepEqual([ndReachableTime(u8, L4), ndRetransTimer(u8, L4)], [30000, 1000]);
  assert.equal(ndMtu(u8, findNdOption(u8, record, NdOption.MTU)), 1500);
  const prefix = findNdOption(u8, record, NdOption.PREFIX_INFORMATION);
  assert.equal(formatIp(u8, prefix + ND_PREFIX, 6), '2001:db8:1::');
  assert.deepEqual(
    [ndPrefixLength(u8, prefix), ndPrefixFlags(u8, prefix)],
    [64, NdPrefixFlag.ON_LINK | NdPrefixFlag.AUTONOMOUS],
  );
  assert.deepEqual(
    [ndPrefixValidLifetime(u8, prefix), ndPrefixPreferredLifetime(u8, prefix)],
    [86400, 14400],
  );
  assert.equal(
    printNd(u8, record),
    'ICMPv6 router advertisement, lifetime 1800s, source link-address 02:00:00:00:00:02',
  );
  const fields = {
    ...{ hopLimit: 64, other: true, routerLifetime: 1800, reachableTime: 30000, retransTimer: 1000 },
    ...{ sourceMac: MAC_2, mtu: 1500 },
    prefixes: [
      { prefix: parseIp('2001:db8:1::'), length: 64, validLifetime: 86400, preferredLifetime: 14400 },
    ],
  };
  assert.deepEqual(
    rewritten(u8, (into) => emitRouterAdvertisement(into, L4, fields)),
    u8,
  );
});

test('messages and options that are not whole', () => {
  for (const name of MESSAGES) {
    const u8 = frames[name];
    // Cut by the payload length, so that the bytes are there and the message still must not be read beyond.
    for (let length = 4; length < u8.length - L4; length++) {
      const cut = changed(u8, 18, length.toString(16).padStart(4, '0'));
      const record = parsed(cut);
      const fixed = { 133: 8, 134: 16, 135: 24, 136: 24 }[cut[L4]!]!;
      const text = parseErrorText(record.error);
      if (length < fixed) assert.equal(text, 'icmpv6: neighbor discovery message is not whole');
      else if ((length - fixed) % 8 !== 0) assert.match(text, /option has no valid length/);
      assert.equal(isNd(cut, record), record.error === 0);
    }
    const zero = changed(u8, u8.length - (name === 'routerAdvertisement' ? 32 : 8) + 1, '00');
    assert.match(parseErrorText(parsed(zero).error), /option has no valid length/, name);
    const long = changed(u8, u8.length - (name === 'routerAdvertisement' ? 32 : 8) + 1, '05');
    assert.match(parseErrorText(parsed(long).error), /option has no valid length/, name);
  }
});

test('a prefix option too short for its fields is passed over', () => {
  const u8 = changed(frames.neighborSolicitation, frames.neighborSolicitation.length - 8, '03');
  const record = parsed(u8);
  assert.equal(record.error, 0);
  assert.equal(findNdOption(u8, record, NdOption.PREFIX_INFORMATION), -1);
});

test('what RFC 4861 lets a receiver ignore is not valid', () => {
  const { neighborSolicitation: ns, neighborAdvertisement: na, routerAdvertisement: ra } = frames;
  const unspecified = '00'.repeat(16);
  const wrong: [string, Uint8Array][] = [
    ['forwarded', changed(ns, 21, 'fe')],
    ['code', changed(ns, L4 + 1, '01')],
    ['multicast target', changed(ns, L4 + ND_TARGET, 'ff')],
    ['probe with a source address', changed(ns, 22, unspecified)],
    ['solicited and multicast', changed(na, 38, 'ff')],
    ['multicast target', changed(na, L4 + ND_TARGET, 'ff')],
    ['router not link-local', changed(ra, 22, '2001')],
    [
      'anonymous router solicitation with a source address',
      changed(frames.routerSolicitation, 22, unspecified),
    ],
    ['echo', frames.icmpv6Echo],
  ];
  for (const [why, u8] of wrong) assert.equal(isValidNd(u8, parsed(u8)), false, why);
  // A probe for a duplicate: unspecified source, no source address option.
  const probe = changed(ns, 22, unspecified).slice(0, ns.length - 8);
  probe.set(hex('0018'), 18);
  assert.equal(isValidNd(probe, parsed(probe)), true);
  assert.equal(
    isValidNd(changed(probe, 38, 'fe80'), parsed(changed(probe, 38, 'fe80'))),
    false,
    'probe to a host',
  );
});

test('DNS servers and search list of a router advertisement', () => {
  const u8 = new Uint8Array(256);
  u8.set(frames.routerAdvertisement.subarray(0, 54));
  const end = emitRouterAdvertisement(u8, 54, {
    routerLifetime: 1800,
    dnsServers: [parseIp('2001:db8::53'), parseIp('2001:db8::54')],
    domainSearch: ['example.org', 'a.example'],
    dnsLifetime: 600,
  });
  u8.set([(end - 54) >> 8, (end - 54) & 255], 18);
  fillIcmpv6Checksum(u8, 54, end, 22, 38);
  const record = parsed(u8, 0, end);
  const dns = findNdOption(u8, record, NdOption.RECURSIVE_DNS);
  assert.deepEqual([ndDnsLifetime(u8, dns), ndDnsServerCount(u8, dns)], [600, 2]);
  assert.equal(formatIp(u8, dns + ND_DNS + 16, 6), '2001:db8::54');
  const search = findNdOption(u8, record, NdOption.DNS_SEARCH);
  assert.deepEqual(ndDomainSearch(u8, search), ['example.org', 'a.example']);
});
