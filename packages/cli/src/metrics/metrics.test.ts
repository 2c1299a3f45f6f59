import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeFromCompressedBase64 } from 'hdr-histogram-js';
import { Delta } from './delta.ts';
import { FLOW_BYTES, FlowTable } from './flow-table.ts';
import { LatencyHistogram } from './latency-histogram.ts';
import { bucketCount, bucketFloor, bucketMiddle, bucketOf, HIGHEST, quantileOf } from './log-linear.ts';
import { type Measured, parseThreshold } from './threshold.ts';

test('every value is in the bucket whose floor is the last one at or below it', () => {
  for (const bits of [2, 7]) {
    let last = -1;
    for (const value of [0, 1, 2, 3, 4, 5, 7, 8, 100, 127, 128, 129, 255, 256, 1000, 65_535, 1e6, HIGHEST]) {
      const bucket = bucketOf(value, bits);
      assert.ok(bucket >= last && bucket < bucketCount(bits));
      assert.ok(bucketFloor(bucket, bits) <= value && value < bucketFloor(bucket + 1, bits), `${value}`);
      assert.equal(bucketOf(bucketMiddle(bucket, bits), bits), bucket);
      last = bucket;
    }
    assert.equal(bucketOf(HIGHEST, bits), bucketCount(bits) - 1);
  }
});

test('quantiles are right to the width of a bucket', () => {
  const histogram = new LatencyHistogram();
  for (let value = 1; value <= 10_000; value++) histogram.record(value);
  for (const part of [0.01, 0.5, 0.9, 0.99, 0.999]) {
    const error = Math.abs(histogram.quantile(part) / (part * 10_000) - 1);
    assert.ok(error < 0.009, `${part}: ${error}`);
  }
  assert.equal(histogram.quantile(1), 10_000);
  assert.equal(histogram.mean, 5000.5);
  assert.equal(quantileOf(new Int32Array(bucketCount(2)), 0, 2, 0, 0.5), 0);
});

test('deltas cross a process boundary unchanged, as HDR histograms, and add up', () => {
  const [a, b] = [new Delta(), new Delta()];
  for (let value = 1; value < 3e6; value = Math.ceil(value * 1.01)) {
    a.histogram('latency').record(value);
    b.histogram('latency').record(value + 17);
  }
  a.add('sent', 5);
  b.add('sent', 7);
  b.add('lost', -1);
  const copy = Delta.fromJSON(JSON.parse(JSON.stringify(a)));
  assert.deepEqual(copy.histogram('latency'), a.histogram('latency'));
  const { hdr, count } = a.toJSON().histograms.latency!;
  assert.equal(decodeFromCompressedBase64(hdr).totalCount, count);
  copy.merge(b);
  assert.equal(copy.get('sent'), 12);
  assert.equal(copy.get('lost'), -1);
  assert.equal(copy.histogram('latency').count, a.histogram('latency').count + b.histogram('latency').count);
  assert.equal(copy.histogram('latency').max, b.histogram('latency').max);
});

test('loss, duplicates and reordering of a flow', () => {
  const table = new FlowTable();
  for (const sequence of [0, 1, 3, 2, 2, 6, 5]) table.packet(1, 42, sequence, 100, 10);
  assert.deepEqual(
    { ...table.totals },
    { expected: 7, received: 6, bytes: 600, duplicates: 1, reordered: 2, late: 0, overLimit: 0 },
  );
  const flow = table.summary(0);
  assert.equal(flow.flow, 42);
  assert.equal(flow.lost, 1);
  table.announce(1, 42, 10);
  table.announce(1, 42, 10);
  assert.equal(table.summary(0).lost, 4);
  assert.equal(table.totals.expected, 10);
  table.packet(1, 42, 8, 100, 10);
  assert.equal(table.summary(0).lost, 3);
  assert.equal(table.totals.expected, 10);
});

test('what comes too late to be known is counted, and stays lost', () => {
  const table = new FlowTable();
  table.packet(1, 0, 0, 1, 0);
  table.packet(1, 0, 1000, 1, 0);
  assert.equal(table.packet(1, 0, 500, 1, 0), false);
  assert.equal(table.packet(1, 0, 900, 1, 0), true);
  assert.equal(table.packet(1, 0, 900, 1, 0), false);
  const { late, lost, duplicates } = table.summary(0);
  assert.deepEqual({ late, lost, duplicates }, { late: 1, lost: 998, duplicates: 1 });
});

test('sequence numbers wrap', () => {
  const table = new FlowTable();
  let sequence = 0;
  for (let i = 0; i < 6; i++) {
    table.packet(7, 1, sequence, 1, 0);
    sequence = (sequence + 0x4000_0000) >>> 0;
  }
  assert.equal(table.totals.expected, 5 * 0x4000_0000 + 1);
  assert.equal(table.totals.received, 6);
});

test('any order of packets gives the counts that a set would', () => {
  let random = 1;
  const next = (below: number): number => {
    random = (Math.imul(random, 1_103_515_245) + 12_345) >>> 0;
    return (random >>> 8) % below;
  };
  const table = new FlowTable();
  const seen = new Map<number, Set<number>>();
  let [duplicates, highest] = [0, new Map<number, number>()];
  for (let i = 0; i < 50_000; i++) {
    const flow = next(50);
    const base = highest.get(flow) ?? 0;
    const sequence = Math.max(0, base + next(40) - 30);
    highest = highest.set(flow, Math.max(base, sequence));
    const set = seen.get(flow) ?? new Set();
    seen.set(flow, set);
    if (set.has(sequence)) duplicates++;
    set.add(sequence);
    table.packet(3, flow, sequence, 1, 5);
  }
  const received = [...seen.values()].reduce((sum, set) => sum + set.size, 0);
  assert.equal(table.totals.received, received);
  assert.equal(table.totals.duplicates, duplicates);
  for (let row = 0; row < table.size; row++) {
    const flow = table.summary(row);
    assert.equal(flow.received, seen.get(flow.flow)!.size);
    assert.equal(flow.expected, highest.get(flow.flow)! + 1);
  }
});

test('ten thousand flows: a few hundred bytes each, a limit, latency of each', () => {
  assert.ok(FLOW_BYTES <= 512, `${FLOW_BYTES}`);
  const table = new FlowTable(10_000);
  for (let flow = 0; flow < 10_001; flow++)
    for (let i = 0; i < 3; i++) table.packet(9, flow, i, 64, 1000 * (flow % 10) + 1000);
  assert.equal(table.size, 10_000);
  assert.equal(table.totals.overLimit, 3);
  assert.equal(table.totals.received, 30_000);
  for (const row of [0, 1, 9_999]) {
    const { p50, max, jitter, flow } = table.summary(row);
    const latency = (flow % 10) + 1;
    assert.ok(Math.abs(p50! / latency - 1) < 0.13, `${p50} of ${latency}`);
    assert.equal(max, latency);
    assert.equal(jitter, 0);
  }
});

test('jitter is that of RFC 3550', () => {
  const table = new FlowTable();
  let [expected, before] = [0, 0];
  for (const [i, latency] of [100, 120, 90, 500, 100].entries()) {
    table.packet(1, 1, i, 1, latency);
    if (i > 0) expected += (Math.abs(latency - before) - expected) / 16;
    before = latency;
  }
  assert.equal(table.summary(0).jitter, expected / 1000);
});

const measured: Measured = {
  loss: 0.002,
  duplicates: 0,
  reordered: null,
  min: 1,
  mean: 2,
  max: 9,
  jitter: 0.5,
  quantile: (part) => 10 * part,
  sent: 1000,
  received: 998,
};

test('thresholds', () => {
  for (const [text, state, actual] of [
    ['loss>0.1%', 'missed', '0.2%'],
    ['loss > 0.2%', 'met', '0.2%'],
    ['loss>=0.2%', 'missed', '0.2%'],
    ['duplicates>0', 'met', '0%'],
    ['reordered>0', 'not measured', 'not measured'],
    ['p99>5ms', 'missed', '9.9ms'],
    ['p99.9>10ms', 'met', '9.99ms'],
    ['max>9000us', 'met', '9ms'],
    ['jitter<1ms', 'missed', '0.5ms'],
    ['received<1kpps', 'missed', '998pps'],
    ['sent<=0.5kpps', 'met', '1000pps'],
  ]) {
    assert.deepEqual(parseThreshold('--fail-if', text).judge(measured), { text, state, actual });
  }
  for (const [text, message] of [
    ['loss', /^--fail-if: must be a metric, an operator and a value/],
    ['weather>1%', /^--fail-if: 'weather' is not measured; there are loss,/],
    ['loss>1', /^--fail-if: needs a percentage/],
    ['loss>1ms', /^--fail-if: needs a value like 0.1%/],
    ['p99>5', /^--fail-if: needs a unit of time/],
    ['p99>5%', /^--fail-if: needs a unit of time/],
    ['received<5%', /^--fail-if: needs a value like 10kpps/],
  ] as const) {
    assert.throws(() => parseThreshold('--fail-if', text), { message });
  }
});
