import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hex, parsed } from '../test-support/frames.ts';
import { mldFrame } from '../test-support/group-frames.ts';
import { pcapOf } from '../test-support/pcap-of.ts';
import { tsharkFields, tsharkMissing } from '../test-support/tshark.ts';
import { GroupRecordType } from './group-record.ts';
import { fillIcmpv6Checksum } from './icmpv6.ts';
import { parseIp } from './ip.ts';
import {
  emitMld,
  emitMldQuery,
  emitMldV2Report,
  isMld,
  isValidMld,
  MldType,
  mldMaxResponseTime,
  mldQueryInterval,
  mldQueryVersion,
  mldRecords,
  mldRobustness,
  mldSourceCount,
  mldSuppress,
  printMld,
} from './mld.ts';

const GROUP = parseIp('ff05::1:3');
const A = parseIp('2001:db8::1');
const B = parseIp('2001:db8::2');

test('queries of both versions', () => {
  const one = mldFrame((u8, at) => emitMldQuery(u8, at, { version: 1, maxResponseTime: 2500 }));
  assert.ok(isValidMld(one, parsed(one)));
  assert.equal(mldQueryVersion(parsed(one)), 1);
  assert.equal(mldMaxResponseTime(one, parsed(one)), 2500);
  const two = mldFrame((u8, at) =>
    emitMldQuery(u8, at, {
      group: GROUP,
      sources: [A, B],
      suppress: true,
      robustness: 3,
      queryInterval: 60,
      maxResponseTime: 40_000,
    }),
  );
  const record = parsed(two);
  assert.ok(isValidMld(two, record));
  assert.deepEqual(
    [
      mldQueryVersion(record),
      mldMaxResponseTime(two, record),
      mldSuppress(two, record.l4),
      mldRobustness(two, record.l4),
      mldQueryInterval(two, record.l4),
      mldSourceCount(two, record.l4),
    ],
    [2, 40_000, true, 3, 60, 2],
  );
  assert.equal(
    printMld(two, record),
    'MLDv2 query ff05::1:3 {2001:db8::1 2001:db8::2}, max resp time 40000 ms',
  );
});

test('a report made by scapy, byte for byte', () => {
  const u8 = hex(`
    333300000016 020000000009 86dd
    60000000 0024 00 01 fe800000000000000000000000000009 ff020000000000000000000000000016
    3a00 05020000 0100
    8f006f07 00000001 04000000 ff0200000000000000000000000000fb
  `);
  assert.ok(isValidMld(u8, parsed(u8)));
  const records = [{ type: GroupRecordType.CHANGE_TO_EXCLUDE, group: parseIp('ff02::fb'), sources: [] }];
  assert.deepEqual(mldRecords(u8, parsed(u8)), records);
  const made = u8.slice();
  assert.equal(emitMldV2Report(made.fill(0, 62), 62, records), made.length);
  fillIcmpv6Checksum(made, 62, made.length, 22, 38);
  assert.deepEqual(made, u8);
});

test('reports', () => {
  const records = [
    { type: GroupRecordType.CHANGE_TO_EXCLUDE, group: GROUP, sources: [] },
    { type: GroupRecordType.BLOCK_OLD_SOURCES, group: parseIp('ff3e::1'), sources: [A, B] },
  ];
  const two = mldFrame((u8, at) => emitMldV2Report(u8, at, records));
  assert.ok(isValidMld(two, parsed(two)));
  assert.deepEqual(mldRecords(two, parsed(two)), records);
  assert.equal(
    printMld(two, parsed(two)),
    'MLDv2 report, to_ex ff05::1:3 {}, block ff3e::1 {2001:db8::1 2001:db8::2}',
  );
  const old = [MldType.V1_REPORT, MldType.V1_DONE].map((type) =>
    mldFrame((u8, at) => emitMld(u8, at, type, GROUP)),
  );
  assert.deepEqual(
    old.map((u8) => printMld(u8, parsed(u8))),
    ['MLDv1 report ff05::1:3', 'MLDv1 done ff05::1:3'],
  );
});

test('what a receiver must not go by', () => {
  const emit = (u8: Uint8Array, at: number) => emitMldQuery(u8, at, {});
  const good = mldFrame(emit);
  assert.ok(isValidMld(good, parsed(good)));
  const hops = mldFrame(emit, 64);
  assert.ok(!isValidMld(hops, parsed(hops)));
  const far = mldFrame(emit, 1, A);
  assert.ok(!isValidMld(far, parsed(far)));
  const nobody = mldFrame(emit, 1, new Uint8Array(16));
  assert.ok(!isValidMld(nobody, parsed(nobody)), 'a query from nobody');
  const report = mldFrame((u8, at) => emitMldV2Report(u8, at, []), 1, new Uint8Array(16));
  assert.ok(isValidMld(report, parsed(report)), 'a report from one that has no address yet');
  const alert = good.slice();
  alert[14 + 42] = 0x3e;
  assert.ok(!isValidMld(alert, parsed(alert)), 'no router alert');
  const code = good.slice();
  code[14 + 49] = 1;
  assert.ok(!isValidMld(code, parsed(code)));
});

test('property: any message at all: nothing is read outside of it', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 4, maxLength: 90 }),
      fc.constantFrom(130, 131, 143),
      (bytes, type) => {
        const frame = mldFrame((u8, at) => {
          u8.set(bytes, at);
          u8[at] = type;
          return at + bytes.length;
        });
        const record = parsed(frame);
        printMld(frame, record);
        if (!isMld(frame, record) || type !== MldType.V2_REPORT) return;
        for (const { group, sources } of mldRecords(frame, record))
          for (const address of [group, ...sources]) assert.equal(address.length, 16);
      },
    ),
    { numRuns: 500 },
  );
});

test('tshark reads the same', { skip: tsharkMissing }, () => {
  const frames = [
    mldFrame((u8, at) => emitMldQuery(u8, at, { group: GROUP, sources: [A], maxResponseTime: 3000 })),
    mldFrame((u8, at) => emitMldV2Report(u8, at, [{ type: 3, group: GROUP, sources: [A, B] }])),
    mldFrame((u8, at) => emitMld(u8, at, MldType.V1_DONE, GROUP)),
  ];
  const names = [
    'icmpv6.type',
    'icmpv6.checksum.status',
    'icmpv6.mld.multicast_address',
    'icmpv6.mld.source_address',
    'icmpv6.mldr.mar.record_type',
    'icmpv6.mldr.mar.multicast_address',
    'icmpv6.mldr.mar.source_address',
    'ipv6.opt.router_alert',
  ] as const;
  const rows = tsharkFields(pcapOf(frames), names, { preferences: [] });
  assert.deepEqual(
    rows.map((row) => names.map((name) => row[name].join(' '))),
    [
      ['130', '1', 'ff05::1:3', '2001:db8::1', '', '', '', '0'],
      ['143', '1', '', '', '3', 'ff05::1:3', '2001:db8::1 2001:db8::2', '0'],
      ['132', '1', 'ff05::1:3', '', '', '', '', '0'],
    ],
  );
});
