import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsed } from '../../test-support/frames.ts';
import { framed, igmpFrame, mldFrame } from '../../test-support/group-frames.ts';
import { VirtualClock } from '../../virtual-clock.ts';
import { ChecksumState } from '../../wire/checksum.ts';
import { emitIgmp, emitIgmpQuery, IgmpType, printIgmp } from '../../wire/igmp.ts';
import { formatIp, parseIp } from '../../wire/ip.ts';
import { ipv4TotalLength, verifyIpv4Header } from '../../wire/ipv4.ts';
import { emitMld, emitMldQuery, isValidMld, MldType, printMld } from '../../wire/mld.ts';
import { transportChecksumState } from '../../wire/transport-checksum.ts';
import { type GroupCarrier, Groups } from './groups.ts';

/** Groups whose packets are noted, with their time. `random` is always a half, unless a test says otherwise. */
class Bench implements GroupCarrier {
  readonly clock: VirtualClock = new VirtualClock();
  readonly groups: Groups = new Groups(this);
  fraction = 0.5;
  address4: Uint8Array | null = parseIp('10.0.0.5');
  address6: Uint8Array | null = parseIp('fe80::5');
  /** `time destination message`. */
  log: string[] = [];

  random(): number {
    return this.fraction;
  }

  sourceIpv4(): Uint8Array | null {
    return this.address4;
  }

  linkLocalIpv6(): Uint8Array | null {
    return this.address6;
  }

  sendGroupPacket(packet: Uint8Array): void {
    const frame = framed(packet);
    const record = parsed(frame);
    assert.equal(record.error, 0);
    const is4 = record.ipVersion === 4;
    if (is4) {
      assert.ok(verifyIpv4Header(frame, 14));
      assert.equal(ipv4TotalLength(frame, 14), packet.length);
      assert.deepEqual([frame[14], frame[22], ...frame.slice(34, 38)], [0x46, 1, 0x94, 4, 0, 0]);
      assert.equal(formatIp(frame, record.ipSource, 4), formatIp(this.address4 ?? new Uint8Array(4)));
    } else {
      assert.ok(isValidMld(frame, record));
      assert.equal(transportChecksumState(frame, record), ChecksumState.GOOD);
      assert.equal(formatIp(frame, record.ipSource, 6), formatIp(this.address6 ?? new Uint8Array(16)));
    }
    const text = is4 ? printIgmp(frame, record) : printMld(frame, record);
    const destination = formatIp(frame, record.ipDestination, record.ipVersion);
    this.log.push(`${Math.round(this.clock.now())} ${destination} ${text}`);
  }

  join(group: string, source?: string): void {
    this.groups.join(parseIp(group), source === undefined ? null : parseIp(source));
  }

  leave(group: string, source?: string): void {
    this.groups.leave(parseIp(group), source === undefined ? null : parseIp(source));
  }

  isMember(group: string): boolean {
    const bytes = parseIp(group);
    return this.groups.isMember(bytes, 0, bytes.length === 4 ? 4 : 6);
  }

  receive(frame: Uint8Array): boolean {
    return this.groups.receive(frame, parsed(frame));
  }

  /** What was sent since the last call, after `ms` more milliseconds. */
  async after(ms: number): Promise<string[]> {
    await this.clock.advance(ms);
    return this.log.splice(0);
  }
}

const query4 = (fields: Parameters<typeof emitIgmpQuery>[2] = {}) =>
  igmpFrame((u8, at) => emitIgmpQuery(u8, at, fields));
const query6 = (fields: Parameters<typeof emitMldQuery>[2] = {}) =>
  mldFrame((u8, at) => emitMldQuery(u8, at, fields));

test('joins and leaves are told at once and once more', async () => {
  const bench = new Bench();
  bench.join('239.1.1.1');
  bench.join('239.1.1.1');
  assert.ok(bench.isMember('239.1.1.1'));
  assert.deepEqual(await bench.after(5000), [
    '0 224.0.0.22 IGMPv3 report, to_ex 239.1.1.1 {}',
    '500 224.0.0.22 IGMPv3 report, to_ex 239.1.1.1 {}',
  ]);
  bench.leave('239.1.1.1');
  assert.deepEqual(await bench.after(0), [], 'another socket is still in');
  bench.leave('239.1.1.1');
  assert.ok(!bench.isMember('239.1.1.1'));
  bench.leave('239.1.1.1');
  assert.deepEqual(await bench.after(5000), [
    '5000 224.0.0.22 IGMPv3 report, to_in 239.1.1.1 {}',
    '5500 224.0.0.22 IGMPv3 report, to_in 239.1.1.1 {}',
  ]);
  assert.equal(bench.clock.pendingTimers, 0);
  assert.equal(bench.groups.size, 0);
});

test('MLD: the same in other packets', async () => {
  const bench = new Bench();
  bench.join('ff05::1:3');
  assert.deepEqual(await bench.after(5000), [
    '0 ff02::16 MLDv2 report, to_ex ff05::1:3 {}',
    '500 ff02::16 MLDv2 report, to_ex ff05::1:3 {}',
  ]);
  bench.leave('ff05::1:3');
  assert.deepEqual(await bench.after(0), ['5000 ff02::16 MLDv2 report, to_in ff05::1:3 {}']);
});

test('without an address, reports come from nobody', async () => {
  const bench = new Bench();
  bench.address4 = null;
  bench.address6 = null;
  bench.join('239.1.1.1');
  bench.join('ff02::1:ff00:5');
  assert.equal((await bench.after(0)).length, 2);
});

test('sources are allowed and blocked', async () => {
  const bench = new Bench();
  bench.join('232.1.1.1', '10.0.0.1');
  bench.join('232.1.1.1', '10.0.0.2');
  bench.join('232.1.1.1', '10.0.0.2');
  assert.deepEqual(await bench.after(3000), [
    '0 224.0.0.22 IGMPv3 report, allow 232.1.1.1 {10.0.0.1}',
    '0 224.0.0.22 IGMPv3 report, allow 232.1.1.1 {10.0.0.1 10.0.0.2}',
    '500 224.0.0.22 IGMPv3 report, allow 232.1.1.1 {10.0.0.2}',
  ]);
  bench.leave('232.1.1.1', '10.0.0.1');
  bench.leave('232.1.1.1', '10.0.0.2');
  bench.leave('232.1.1.1', '10.0.0.9');
  assert.deepEqual(await bench.after(3000), [
    '3000 224.0.0.22 IGMPv3 report, block 232.1.1.1 {10.0.0.1}',
    '3500 224.0.0.22 IGMPv3 report, block 232.1.1.1 {10.0.0.1}',
  ]);
  bench.leave('232.1.1.1', '10.0.0.2');
  assert.deepEqual(await bench.after(0), ['6000 224.0.0.22 IGMPv3 report, block 232.1.1.1 {10.0.0.2}']);
  assert.ok(!bench.isMember('232.1.1.1'));
});

test('any source and some sources of one group', async () => {
  const bench = new Bench();
  bench.join('239.1.1.1', '10.0.0.1');
  bench.join('239.1.1.1');
  bench.join('239.1.1.1', '10.0.0.2');
  bench.leave('239.1.1.1');
  assert.deepEqual(await bench.after(0), [
    '0 224.0.0.22 IGMPv3 report, allow 239.1.1.1 {10.0.0.1}',
    '0 224.0.0.22 IGMPv3 report, to_ex 239.1.1.1 {}',
    '0 224.0.0.22 IGMPv3 report, to_in 239.1.1.1 {10.0.0.1 10.0.0.2}',
  ]);
});

test('groups of the link alone are not reported, yet heard', async () => {
  const bench = new Bench();
  assert.ok(bench.isMember('224.0.0.1'));
  assert.ok(bench.isMember('ff02::1'));
  assert.ok(!bench.isMember('224.0.0.2'));
  for (const group of ['224.0.0.1', 'ff02::1', 'ff01::fb', 'ff00::1']) bench.join(group);
  bench.receive(query4());
  bench.receive(query6());
  assert.deepEqual(await bench.after(20_000), []);
  assert.ok(bench.isMember('ff01::fb'));
  bench.leave('ff01::fb');
  assert.deepEqual(await bench.after(20_000), []);
  assert.equal(bench.clock.pendingTimers, 0);
});

test('a general query is answered once, within its time', async () => {
  const bench = new Bench();
  bench.join('239.1.1.1');
  bench.join('232.1.1.1', '10.0.0.1');
  await bench.after(5000);
  bench.receive(query4({ maxResponseTime: 4000 }));
  bench.fraction = 0.9;
  bench.receive(query4({ maxResponseTime: 4000 }));
  assert.deepEqual(await bench.after(10_000), [
    '7000 224.0.0.22 IGMPv3 report, is_ex 239.1.1.1 {}, is_in 232.1.1.1 {10.0.0.1}',
  ]);
  assert.equal(bench.clock.pendingTimers, 0);
});

test('a host in no group keeps silent', async () => {
  const bench = new Bench();
  bench.receive(query4());
  bench.receive(query4({ version: 2 }));
  assert.deepEqual(await bench.after(20_000), []);
});

test('queries for a group, and for sources', async () => {
  const bench = new Bench();
  bench.join('239.1.1.1');
  bench.join('232.1.1.1', '10.0.0.1');
  bench.join('232.1.1.1', '10.0.0.2');
  await bench.after(5000);
  const group = parseIp('239.1.1.1');
  bench.receive(query4({ group: parseIp('239.9.9.9') }));
  assert.deepEqual(await bench.after(10_000), []);
  bench.receive(query4({ group, maxResponseTime: 1000 }));
  assert.deepEqual(await bench.after(5000), ['15500 224.0.0.22 IGMPv3 report, is_ex 239.1.1.1 {}']);
  // Two queries for sources are answered together.
  bench.receive(query4({ group, sources: [parseIp('10.0.0.7')], maxResponseTime: 1000 }));
  bench.receive(query4({ group, sources: [parseIp('10.0.0.8')], maxResponseTime: 2000 }));
  assert.deepEqual(await bench.after(5000), [
    '20500 224.0.0.22 IGMPv3 report, is_in 239.1.1.1 {10.0.0.7 10.0.0.8}',
  ]);
  const some = { group: parseIp('232.1.1.1'), maxResponseTime: 1000 };
  bench.receive(query4({ ...some, sources: [parseIp('10.0.0.2'), parseIp('10.0.0.3')] }));
  assert.deepEqual(await bench.after(5000), ['25500 224.0.0.22 IGMPv3 report, is_in 232.1.1.1 {10.0.0.2}']);
  // Of a source that nobody wants nothing is said.
  bench.receive(query4({ ...some, sources: [parseIp('10.0.0.3')] }));
  assert.deepEqual(await bench.after(5000), []);
  // A query for the group covers one for sources that waits.
  bench.receive(query4({ ...some, sources: [parseIp('10.0.0.2')] }));
  bench.receive(query4(some));
  assert.deepEqual(await bench.after(5000), [
    '35500 224.0.0.22 IGMPv3 report, is_in 232.1.1.1 {10.0.0.1 10.0.0.2}',
  ]);
  // An answer about everything that comes sooner covers both.
  bench.fraction = 0.1;
  bench.receive(query4({ maxResponseTime: 1000 }));
  bench.fraction = 0.5;
  bench.receive(query4(some));
  assert.equal((await bench.after(5000)).length, 1);
});

test('very many sources in queries do not add up', async () => {
  const bench = new Bench();
  bench.join('239.1.1.1');
  await bench.after(5000);
  const group = parseIp('239.1.1.1');
  for (let i = 0; i < 30; i++) {
    const sources = Array.from({ length: 100 }, (_, k) => Uint8Array.of(10, 1, i, k));
    bench.receive(query4({ group, sources, maxResponseTime: 1000 }));
  }
  assert.deepEqual(await bench.after(5000), ['5500 224.0.0.22 IGMPv3 report, is_ex 239.1.1.1 {}']);
});

test('an IGMPv2 querier is spoken to in IGMPv2, for as long as it is there', async () => {
  const bench = new Bench();
  bench.join('239.1.1.1');
  bench.receive(query4({ version: 2, maxResponseTime: 1000 }));
  bench.log.length = 0;
  bench.join('239.2.2.2');
  bench.join('232.1.1.1', '10.0.0.1');
  bench.join('232.1.1.1', '10.0.0.2');
  assert.deepEqual(await bench.after(20_000), [
    '0 239.2.2.2 IGMPv2 report 239.2.2.2',
    '0 232.1.1.1 IGMPv2 report 232.1.1.1',
    '500 239.1.1.1 IGMPv2 report 239.1.1.1',
    '5000 239.2.2.2 IGMPv2 report 239.2.2.2',
    '5000 232.1.1.1 IGMPv2 report 232.1.1.1',
  ]);
  bench.leave('232.1.1.1', '10.0.0.1');
  bench.leave('239.2.2.2');
  assert.deepEqual(await bench.after(0), ['20000 224.0.0.2 IGMPv2 leave 239.2.2.2']);
  // Version 3 queries are answered in version 2 as long as the other querier counts as present: 2 x 125 s + 1 s.
  bench.receive(query4({ maxResponseTime: 1000 }));
  assert.equal((await bench.after(5000)).length, 2);
  await bench.after(251_000 - 25_000);
  bench.join('239.3.3.3');
  assert.deepEqual(await bench.after(0), ['251000 224.0.0.22 IGMPv3 report, to_ex 239.3.3.3 {}']);
});

test('an IGMPv1 querier hears no leaves', async () => {
  const bench = new Bench();
  bench.receive(query4({ version: 1 }));
  bench.join('239.1.1.1');
  bench.leave('239.1.1.1');
  assert.deepEqual(await bench.after(20_000), ['0 239.1.1.1 IGMPv1 report 239.1.1.1']);
});

test('older versions: what another host reports need not be reported', async () => {
  const bench = new Bench();
  bench.receive(query4({ version: 2 }));
  bench.join('239.1.1.1');
  await bench.after(20_000);
  const other = igmpFrame((u8, at) => emitIgmp(u8, at, IgmpType.V2_REPORT, parseIp('239.1.1.1')));
  bench.receive(query4({ version: 2, maxResponseTime: 1000 }));
  bench.receive(other);
  bench.receive(igmpFrame((u8, at) => emitIgmp(u8, at, IgmpType.V2_REPORT, parseIp('239.9.9.9'))));
  assert.deepEqual(await bench.after(10_000), []);
  bench.leave('239.1.1.1');
  assert.deepEqual(await bench.after(0), [], 'the other one is still there');
});

test('an MLDv1 querier is spoken to in MLDv1', async () => {
  const bench = new Bench();
  bench.join('ff05::1:3');
  bench.receive(query6({ version: 1, maxResponseTime: 1000 }));
  bench.log.length = 0;
  assert.deepEqual(await bench.after(5000), ['500 ff05::1:3 MLDv1 report ff05::1:3']);
  bench.leave('ff05::1:3');
  assert.deepEqual(await bench.after(0), ['5000 ff02::2 MLDv1 done ff05::1:3']);
  bench.join('ff05::1:4');
  bench.receive(mldFrame((u8, at) => emitMld(u8, at, MldType.V1_REPORT, parseIp('ff05::1:4'))));
  assert.deepEqual(await bench.after(20_000), ['5000 ff05::1:4 MLDv1 report ff05::1:4']);
});

test("the querier's robustness is ours", async () => {
  const bench = new Bench();
  bench.receive(query4({ robustness: 4 }));
  bench.join('239.1.1.1');
  assert.equal((await bench.after(5000)).length, 4);
  bench.receive(query4({ robustness: 0 }));
  bench.log.length = 0;
  bench.leave('239.1.1.1');
  assert.equal((await bench.after(5000)).length, 2);
});

test('many groups are divided among reports', async () => {
  const bench = new Bench();
  for (let i = 0; i < 500; i++) bench.groups.join(Uint8Array.of(239, 1, i >> 8, i & 255));
  const sources = Array.from({ length: 700 }, (_, i) => Uint8Array.of(10, 2, i >> 8, i & 255));
  for (const source of sources) bench.groups.join(Uint8Array.of(232, 1, 1, 1), source);
  await bench.after(5000);
  bench.receive(query4());
  const answers = await bench.after(20_000);
  assert.ok(answers.length >= 6 && answers.length <= 8, `${answers.length}`);
  const all = answers.join(' ');
  for (let i = 0; i < 500; i++) assert.ok(all.includes(`is_ex 239.1.${i >> 8}.${i & 255} {}`));
  for (const source of sources) assert.ok(all.includes(`${formatIp(source)}`));
});

test('announcing tells everything again', async () => {
  const bench = new Bench();
  bench.join('ff05::1:3');
  await bench.after(5000);
  bench.groups.announce(6);
  bench.groups.announce(4);
  assert.deepEqual(await bench.after(0), ['5000 ff02::16 MLDv2 report, to_ex ff05::1:3 {}']);
});

test('closing leaves all groups, aloud or not', async () => {
  const bench = new Bench();
  for (const group of ['239.1.1.1', '239.2.2.2', 'ff05::1:3', 'ff01::1:3']) bench.join(group);
  bench.log.length = 0;
  bench.groups.close(true);
  assert.deepEqual(bench.log, [
    '0 224.0.0.22 IGMPv3 report, to_in 239.1.1.1 {}, to_in 239.2.2.2 {}',
    '0 ff02::16 MLDv2 report, to_in ff05::1:3 {}',
  ]);
  assert.equal(bench.clock.pendingTimers, 0);
  const old = new Bench();
  old.receive(query4({ version: 2 }));
  old.join('239.1.1.1');
  old.log.length = 0;
  old.groups.close(true);
  assert.deepEqual(old.log, ['0 224.0.0.2 IGMPv2 leave 239.1.1.1']);
  const silent = new Bench();
  silent.join('239.1.1.1');
  silent.log.length = 0;
  silent.groups.close(false);
  assert.deepEqual(await silent.after(5000), []);
});

test('counters', () => {
  const bench = new Bench();
  bench.join('239.1.1.1');
  assert.ok(bench.receive(query4()));
  assert.ok(bench.receive(query6()));
  assert.ok(bench.receive(igmpFrame((u8, at) => emitIgmp(u8, at, IgmpType.V2_LEAVE, parseIp('239.1.1.1')))));
  const bad = query4();
  bad[bad.length - 1] ^= 1;
  assert.ok(!bench.receive(bad));
  assert.ok(!bench.receive(query4({ group: parseIp('10.0.0.1') })));
  assert.ok(!bench.receive(mldFrame((u8, at) => emitMldQuery(u8, at, {}), 64)));
  assert.deepEqual(bench.groups.stats(), {
    reportsSent: 1,
    queriesReceived: 2,
    reportsReceived: 1,
    malformed: 3,
  });
});
