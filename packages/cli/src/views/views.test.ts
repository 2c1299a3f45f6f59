import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Delta, type Second } from '../metrics/delta.ts';
import { type RunInfo, type RunResult, resultOf } from '../metrics/result.ts';
import { parseThreshold } from '../metrics/threshold.ts';
import { fleetSecond, runWithParts, udpSecond } from '../test-support/runs.ts';
import { clock, percent, scaled, sparkline, time, whole } from './format.ts';
import { junitXml } from './junit.ts';
import { parseMetricsAddress } from './metrics-address.ts';
import { SecondSeries } from './series.ts';
import { coloured, plain } from './summary.ts';
import { LineView, LiveView, paintFor } from './terminal.ts';

const info: RunInfo = {
  command: 'udp send',
  commandLine: "etherconn udp send eth0 --fail-if 'loss>1%' </script><b>",
  version: '0.1.0',
  engine: 'AF_XDP native on eth0',
  interface: 'eth0',
  started: '2026-01-01T00:00:00.000Z',
  seed: 1,
  flows: 300,
  environment: 'test',
  notes: ['a note'],
};

function second(number: number, length = 1000): Second {
  const delta = new Delta();
  delta.add('sent', 1000);
  delta.add('sentBytes', 64_000);
  delta.add('expected', 1000);
  delta.add('received', 990);
  delta.add('receivedBytes', 990 * 64);
  for (let i = 0; i < 990; i++) delta.histogram('latency').record(100 + i);
  return { second: number, length, delta };
}

function run(): { seconds: Second[]; total: Delta; result: RunResult } {
  const seconds = Array.from({ length: 20 }, (_, n) => second(n));
  const total = new Delta();
  for (const { delta } of seconds) total.merge(delta);
  const tally = { total, length: 20_000, interrupted: false, sends: true, receives: true, jitter: 20 };
  return {
    seconds,
    total,
    result: resultOf(info, tally, [parseThreshold('-', 'loss>0.1%'), parseThreshold('-', 'p99>5ms')]),
  };
}

const ESCAPE = String.fromCharCode(27);
/** What a terminal reads: an escape sequence, an end of a line, text. */
const PARTS = new RegExp(`${ESCAPE}\\[[?\\d;]*[A-Za-z]|\\n|\\r|[^${ESCAPE}\\n\\r]+`, 'g');
const UP = new RegExp(`^${ESCAPE}\\[(\\d+)A$`);

/** A terminal that keeps what is on its screen. */
class Screen {
  isTTY = true;
  columns: number;
  rows: string[] = [''];
  text = '';
  resize: () => void = () => {};

  constructor(columns: number) {
    this.columns = columns;
  }

  on(_event: 'resize', listener: () => void): void {
    this.resize = listener;
  }

  off(): void {
    this.resize = () => {};
  }

  write(text: string): void {
    this.text += text;
    for (const [part] of text.matchAll(PARTS)) {
      const up = UP.exec(part);
      // The view clears what is below, too.
      if (up !== null) this.rows = [...this.rows.slice(0, -1 - Number(up[1])), ''];
      else if (part === '\n') this.rows.push('');
      else if (!part.startsWith('\x1b') && part !== '\r') {
        let line = this.rows.pop()! + part;
        // It wraps what is too long.
        for (; line.length > this.columns; line = line.slice(this.columns))
          this.rows.push(line.slice(0, this.columns));
        this.rows.push(line);
      }
    }
  }
}

test('the live view stays in its place, also on a narrow terminal and after a resize', () => {
  for (const columns of [120, 80, 30, 8]) {
    const screen = new Screen(columns);
    const view = new LiveView(screen, plain);
    const { seconds, total, result } = run();
    view.begin(info);
    for (const each of seconds) {
      view.second(each, total);
      assert.ok(screen.rows.length <= 8, screen.rows.join('\n'));
      for (const row of screen.rows) assert.ok(row.length < columns);
    }
    if (columns === 120) {
      assert.match(screen.rows.join('\n'), /^sent +1000 pps +512 kbit\/s +[▁-█]+$/m);
      assert.match(screen.rows.join('\n'), /^lost +200 \(1 %\)/m);
      assert.match(screen.rows.join('\n'), /^latency +p50 \d+ µs +p99/m);
    }
    // The terminal has wrapped our lines; they are gone all the same.
    screen.columns = Math.ceil(columns / 2);
    const wrapped = screen.rows.flatMap(
      (row) => row.match(new RegExp(`.{1,${screen.columns}}`, 'g')) ?? [''],
    );
    screen.rows = wrapped;
    screen.resize();
    assert.ok(screen.rows.length <= 8, screen.rows.join('\n'));
    assert.equal(screen.rows.filter((row) => row.startsWith('et')).length, 1);
    view.end({ result, total, flows: [] });
    view.close();
    assert.ok(screen.text.endsWith('\x1b[?25h'), 'the cursor is back');
  }
});

test('plain lines, colours only where they are wanted', () => {
  let text = '';
  const write = (part: string): void => {
    text += part;
  };
  const view = new LineView({ write }, plain);
  const { seconds, total, result } = run();
  view.begin(info);
  view.second(seconds[0]!);
  view.end({ result, total, flows: [] });
  assert.match(
    text,
    /^etherconn udp send: AF_XDP native on eth0, 300 flows\n0:01 {2}sent 1000 pps {2}received 990 pps/,
  );
  assert.match(text, /^threshold +FAIL loss>0\.1% +1%$/m);
  assert.match(text, /^threshold +ok +p99>5ms/m);
  assert.ok(!text.includes('\x1b'));
  const stream = { write: () => {}, isTTY: true };
  assert.equal(paintFor(stream, {}), coloured);
  for (const env of [{ NO_COLOR: '1' }, { TERM: 'dumb' }]) assert.equal(paintFor(stream, env), plain);
  assert.equal(paintFor({ write: () => {} }, {}), plain);
});

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
  for (let n = 0; n < 20_000; n++) series.add(second(n));
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
  const { result } = run();
  const xml = junitXml(result);
  assert.match(xml, /tests="3" failures="1"/);
  assert.match(xml, /<testcase name="not p99&gt;5ms"\/>/);
  assert.deepEqual(parseMetricsAddress('-', ':9464'), { host: '127.0.0.1', port: 9464 });
  assert.deepEqual(parseMetricsAddress('-', '[::1]:1'), { host: '::1', port: 1 });
  assert.throws(() => parseMetricsAddress('--metrics', 'x'), {
    message: /^--metrics: must be a port like :9464/,
  });
});
