import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clock, percent, scaled, sparkline, time, whole } from '../figures/format.ts';
import { SecondSeries } from '../figures/series.ts';
import { Delta } from '../metrics/delta.ts';
import { fleetSecond, runWithParts, udpRun, udpSecond } from '../test-support/runs.ts';
import { junitXml } from './junit.ts';
import { parseMetricsAddress } from './metrics-address.ts';

test('numbers as people read them', () => {
  assert.deepEqual(
    [0, 5, 1234, 12_345, 1.5e6, 2e9].map((value) => scaled(value, 'pps')),
    ['0 pps', '5 pps', '1234 pps', '12.3 kpps', '1.50 Mpps', '2.00 Gpps'],
  );
  assert.deepEqual([0, 0.5, 1, 12.345, 1500].map(time), ['0 µs', '500 µs', '1.00 ms', '12.3 ms', '1.50 s']);
  assert.deepEqual([0, 7, 61, 3723].map(clock), ['0:00', '0:07', '1:01', '1:02:03']);
  assert.equal(percent(0.00012345), '0.0123 %');
  assert.equal(whole(1_234_567), '1 234 567');
  assert.equal(sparkline([0, 1, 2, 4], 3), '▂▄█');
  assert.equal(sparkline([0, 0], 5), '▁▁');
});

test('a long run is a series of bounded length', () => {
  const series = new SecondSeries();
  for (let n = 0; n < 20_000; n++) series.add({ second: n, length: 1000, delta: udpSecond() });
  assert.ok(series.points.length >= 2000 && series.points.length < 4000);
  assert.equal(series.points[1]!.second - series.points[0]!.second, 8);
  assert.equal(series.points[0]!.lost, 80);
  assert.equal(series.points[0]!.sent, 1000);
});

test('a part has its seconds from the first to the last, rests between them, too', () => {
  const parts = {
    voice: { type: 'udp-send', second: (n: number) => (n < 2 || n === 5 ? udpSecond() : new Delta()) },
    leases: { type: 'dhcp', second: (n: number) => (n >= 1 ? fleetSecond() : new Delta()) },
  } as const;
  const { series } = runWithParts(parts, { length: 8 });
  const sent = series.parts.get('voice')!.points.map((point) => [point.second, point.sent]);
  assert.deepEqual(sent, [
    [0, 1000],
    [1, 1000],
    [2, 0],
    [3, 0],
    [4, 0],
    [5, 1000],
  ]);
  const leases = series.parts.get('leases')!.points;
  assert.equal(leases.length, 7);
  assert.equal(leases[0]!.leases, 8);
  assert.equal(leases[0]!.failed, 2);
  assert.ok(leases[0]!.offerP99! > 0.5 && leases[0]!.ackP99! > 1);
  assert.equal(series.total.points.length, 8);
});

test('a long run of a fleet: its leases a second stay what they were', () => {
  const series = new SecondSeries();
  for (let n = 0; n < 8000; n++) series.add({ second: n, length: 1000, delta: fleetSecond() });
  const [, point] = series.points;
  assert.deepEqual([point!.leases, point!.bound, point!.failed], [8, 32, 8]);
  assert.ok(point!.offerP99! < point!.ackP99!);
});

test('JUnit and addresses of metrics', () => {
  const { result } = udpRun();
  const xml = junitXml(result);
  assert.match(xml, /tests="3" failures="1"/);
  assert.match(xml, /<testcase name="not p99&gt;5ms"\/>/);
  assert.deepEqual(parseMetricsAddress('-', ':9464'), { host: '127.0.0.1', port: 9464 });
  assert.deepEqual(parseMetricsAddress('-', '[::1]:1'), { host: '::1', port: 1 });
  assert.throws(() => parseMetricsAddress('--metrics', 'x'), {
    message: /^--metrics: must be a port like :9464/,
  });
});
