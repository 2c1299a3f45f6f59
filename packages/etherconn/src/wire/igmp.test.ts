import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hex, parsed } from '../test-support/frames.ts';
import { igmpFrame } from '../test-support/group-frames.ts';
import { pcapOf } from '../test-support/pcap-of.ts';
import { tsharkFields, tsharkMissing } from '../test-support/tshark.ts';
import { fromFloatingCode, toFloatingCode } from './floating-code.ts';
import { GroupRecordType } from './group-record.ts';
import {
  emitIgmp,
  emitIgmpQuery,
  emitIgmpV3Report,
  IgmpType,
  igmpMaxResponseTime,
  igmpQueryInterval,
  igmpQueryVersion,
  igmpRecords,
  igmpRobustness,
  igmpSourceCount,
  igmpSuppress,
  isIgmp,
  printIgmp,
} from './igmp.ts';
import { parseIp } from './ip.ts';

const GROUP = parseIp('239.1.2.3');
const A = parseIp('10.0.0.1');
const B = parseIp('10.0.0.2');

test('codes with an exponent', () => {
  // RFC 3376 §4.1.1: (mant | 0x10) << (exp + 3).
  assert.equal(fromFloatingCode(0x7f, 8), 127);
  assert.equal(fromFloatingCode(0x80, 8), 128);
  assert.equal(fromFloatingCode(0xff, 8), 31_744);
  assert.equal(fromFloatingCode(0xffff, 16), 8_387_584);
  for (const bits of [8, 16] as const) {
    for (let code = 0; code < 1 << bits; code++) {
      const value = fromFloatingCode(code, bits);
      assert.equal(toFloatingCode(value, bits), code);
      assert.equal(toFloatingCode(value + 0.5, bits), code);
    }
    assert.equal(toFloatingCode(1e9, bits), (1 << bits) - 1);
  }
});

test('queries of all versions', () => {
  const two = igmpFrame((u8, at) => emitIgmpQuery(u8, at, { version: 2, maxResponseTime: 2500 }));
  assert.ok(isIgmp(two, parsed(two)));
  assert.equal(igmpQueryVersion(two, parsed(two)), 2);
  assert.equal(igmpMaxResponseTime(two, parsed(two)), 2500);
  const one = igmpFrame((u8, at) => emitIgmpQuery(u8, at, { version: 1 }));
  assert.equal(igmpQueryVersion(one, parsed(one)), 1);
  assert.equal(igmpMaxResponseTime(one, parsed(one)), 10_000);
  const three = igmpFrame((u8, at) =>
    emitIgmpQuery(u8, at, {
      group: GROUP,
      sources: [A, B],
      suppress: true,
      robustness: 3,
      queryInterval: 60,
    }),
  );
  const record = parsed(three);
  assert.equal(igmpQueryVersion(three, record), 3);
  assert.deepEqual(
    [
      igmpSuppress(three, record.l4),
      igmpRobustness(three, record.l4),
      igmpQueryInterval(three, record.l4),
      igmpSourceCount(three, record.l4),
    ],
    [true, 3, 60, 2],
  );
  assert.equal(
    printIgmp(three, record),
    'IGMPv3 query 239.1.2.3 {10.0.0.1 10.0.0.2}, max resp time 10000 ms',
  );
});

test('a query made by scapy, byte for byte', () => {
  const u8 = hex(`
    01005e000001 020000000009 0800
    46c00028 00000000 01023a06 0a000009 e0000001 94040000
    1164e916 ef010203 0a7d0001 0a000002
  `);
  assert.ok(isIgmp(u8, parsed(u8)));
  const made = u8.slice();
  emitIgmpQuery(made.fill(0, 38), 38, { group: GROUP, sources: [B], suppress: true });
  assert.deepEqual(made, u8);
});

test('reports', () => {
  const records = [
    { type: GroupRecordType.CHANGE_TO_EXCLUDE, group: GROUP, sources: [] },
    { type: GroupRecordType.ALLOW_NEW_SOURCES, group: parseIp('232.1.1.1'), sources: [A, B] },
  ];
  const three = igmpFrame((u8, at) => emitIgmpV3Report(u8, at, records));
  assert.deepEqual(igmpRecords(three, parsed(three)), records);
  assert.equal(
    printIgmp(three, parsed(three)),
    'IGMPv3 report, to_ex 239.1.2.3 {}, allow 232.1.1.1 {10.0.0.1 10.0.0.2}',
  );
  const old = [IgmpType.V1_REPORT, IgmpType.V2_REPORT, IgmpType.V2_LEAVE].map((type) =>
    igmpFrame((u8, at) => emitIgmp(u8, at, type, GROUP)),
  );
  assert.deepEqual(
    old.map((u8) => printIgmp(u8, parsed(u8))),
    ['IGMPv1 report 239.1.2.3', 'IGMPv2 report 239.1.2.3', 'IGMPv2 leave 239.1.2.3'],
  );
});

test('not whole, not right, not known', () => {
  const query = igmpFrame((u8, at) => emitIgmpQuery(u8, at, { sources: [A] }));
  const report = igmpFrame((u8, at) =>
    emitIgmpV3Report(u8, at, [{ type: 1, group: GROUP, sources: [A, B] }]),
  );
  for (const frame of [query, report]) {
    const bad = frame.slice();
    bad[bad.length - 1] ^= 1;
    assert.ok(!isIgmp(bad, parsed(bad)), 'checksum');
    assert.equal(printIgmp(bad, parsed(bad)), 'IGMP');
  }
  const unknown = igmpFrame((u8, at) => emitIgmp(u8, at, 0x30, GROUP));
  assert.ok(!isIgmp(unknown, parsed(unknown)));
});

test('property: any message at all: nothing is read outside of it', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.constantFrom(0x11, 0x22, 0x16), (bytes, type) => {
      const frame = igmpFrame((u8, at) => {
        u8.set(bytes, at);
        u8[at] = type;
        // A good checksum, so that the lengths are looked at.
        u8.set([0, 0], at + 2);
        let sum = 0;
        for (let i = 0; i < bytes.length; i++) sum += i % 2 === 0 ? u8[at + i] << 8 : u8[at + i];
        while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
        u8.set([(~sum >> 8) & 255, ~sum & 255], at + 2);
        return at + bytes.length;
      });
      const record = parsed(frame);
      if (!isIgmp(frame, record) || type !== 0x22) return;
      for (const { group, sources } of igmpRecords(frame, record))
        for (const address of [group, ...sources]) assert.equal(address.length, 4);
    }),
    { numRuns: 500 },
  );
});

test('tshark reads the same', { skip: tsharkMissing }, () => {
  const frames = [
    // 600 tenths of a second are rounded down to what the code can say.
    igmpFrame((u8, at) => emitIgmpQuery(u8, at, { group: GROUP, sources: [A, B], maxResponseTime: 60_000 })),
    igmpFrame((u8, at) => emitIgmpV3Report(u8, at, [{ type: 4, group: GROUP, sources: [A] }])),
    igmpFrame((u8, at) => emitIgmp(u8, at, IgmpType.V2_LEAVE, GROUP)),
  ];
  const names = [
    'igmp.type',
    'igmp.version',
    'igmp.maddr',
    'igmp.saddr',
    'igmp.checksum.status',
    'igmp.max_resp',
    'igmp.record_type',
  ] as const;
  const rows = tsharkFields(pcapOf(frames), names, { preferences: [] });
  assert.deepEqual(
    rows.map((row) => names.map((name) => row[name].join(' '))),
    [
      ['0x11', '3', '239.1.2.3', '10.0.0.1 10.0.0.2', '1', '576', ''],
      ['0x22', '3', '239.1.2.3', '10.0.0.1', '1', '', '4'],
      ['0x17', '2', '239.1.2.3', '', '1', '0', ''],
    ],
  );
});
