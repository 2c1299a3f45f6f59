import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Delta, type Second } from '../metrics/delta.ts';
import type { RunInfo } from '../metrics/result.ts';
import { fleetSecond, INFO, type PartOfRun, runWithParts, udpRun, udpSecond } from '../test-support/runs.ts';
import { Screen } from '../test-support/screen.ts';
import { coloured, plain } from './summary.ts';
import { LineView, LiveView, paintFor } from './terminal.ts';

const info: RunInfo = { ...INFO, command: 'udp send' };

/** A view of these seconds; `check` looks at the screen after each. */
function watch(
  screen: Screen,
  own: RunInfo,
  { seconds, total }: { readonly seconds: readonly Second[]; readonly total: Delta },
  check: (lines: readonly string[]) => void,
): LiveView {
  const view = new LiveView(screen, plain);
  view.begin(own);
  for (const each of seconds) {
    view.second(each, total);
    check(screen.lines);
  }
  return view;
}

const titles = (lines: readonly string[]): number => lines.filter((line) => line.startsWith('et')).length;

test('the live view stays in its place, also on a narrow terminal and after a resize', () => {
  for (const columns of [120, 80, 30, 8]) {
    const screen = new Screen(columns);
    const run = udpRun();
    const view = watch(screen, info, run, (lines) => {
      assert.ok(lines.length <= 8, lines.join('\n'));
      for (const line of lines) assert.ok(line.length < columns);
    });
    if (columns === 120) {
      assert.match(screen.lines.join('\n'), /^sent +1000 pps +512 kbit\/s +[▁-█]+$/m);
      assert.match(screen.lines.join('\n'), /^lost +200 \(1 %\)/m);
      assert.match(screen.lines.join('\n'), /^latency +p50 \d+ µs +p99/m);
    }
    // The terminal has wrapped our lines; they are gone all the same.
    screen.resize(Math.ceil(columns / 2));
    assert.ok(screen.lines.length <= 8, screen.lines.join('\n'));
    assert.equal(titles(screen.lines), 1);
    view.end({ ...run, flows: [] });
    view.close();
    assert.ok(screen.text.endsWith('\x1b[?25h'), 'the cursor is back');
  }
});

const PARTS: Readonly<Record<string, PartOfRun>> = {
  leases: { type: 'dhcp', second: () => fleetSecond() },
  'calls-of-many': { type: 'udp-send', second: () => udpSecond() },
};

test('parts have a line each, on 120 columns with a sparkline, on 40 without', () => {
  const run = runWithParts(PARTS);
  for (const columns of [120, 40]) {
    const screen = new Screen(columns);
    const view = watch(screen, { ...INFO, clients: 200 }, run, (lines) => {
      assert.ok(lines.length <= 11, lines.join('\n'));
      for (const line of lines) assert.ok(line.length < columns);
    });
    const text = screen.lines.join('\n');
    assert.match(
      text,
      columns === 120
        ? /^leases +bound 160 {2}8 leases\/s {2}failed 2 +[▁-█]{20}$/m
        : /^leases +bound 160 {2}8 leases\/s/m,
    );
    assert.match(text, /^calls-of… sent 1000 pps {2}received/m);
    assert.match(text, /^phase p99 offer 5\d\d µs {2}ack 1\.0\d ms$/m);
    screen.resize(columns === 120 ? 40 : 120);
    assert.equal(titles(screen.lines), 1);
    assert.ok(screen.lines.length <= 11);
    view.end(run);
    assert.match(screen.lines.join('\n'), /^part +calls-of-many {2}udp-send/m);
  }
});

test('a view is never higher than the terminal, however many parts there are, and after it has become lower', () => {
  const many = Object.fromEntries(
    Array.from({ length: 40 }, (_, n) => [`part-${n}`, PARTS['calls-of-many']!]),
  );
  const run = runWithParts(many, { length: 3 });
  const screen = new Screen(80, 24);
  const view = watch(screen, INFO, run, (lines) => {
    assert.ok(lines.length <= 24);
    assert.equal(titles(lines), 1, lines.join('\n'));
  });
  assert.equal(screen.lines.at(-2), '… 24 more');
  screen.resize(80, 10);
  view.second(run.seconds[0]!, run.total);
  // What has left the screen upwards cannot be erased; there is one whole view below it.
  assert.equal(screen.lines.at(-2), '… 38 more');
  assert.equal(titles(screen.lines.slice(-10)), 1);
});

test('lines of who runs it stand below those of the run, and are cut at the edge', () => {
  for (const columns of [120, 40]) {
    const screen = new Screen(columns);
    let more = ['north: running, 25 clients, clock 0.02 ± 0.10 ms, seen 0.4 s ago'];
    const view = new LiveView(screen, plain, () => more);
    const run = udpRun();
    view.begin(info);
    assert.match(screen.lines.at(-2)!, /^north: running, 25 clients/);
    for (const second of run.seconds) view.second(second, run.total);
    more = ['south: lost', 'takeover'];
    // Nothing was sent in this one; what is below is new all the same.
    view.second({ second: 20, length: 10, delta: new Delta() }, run.total);
    assert.deepEqual(screen.lines.slice(-3), ['south: lost', 'takeover', '']);
    for (const line of screen.lines) assert.ok(line.length < columns, line);
    assert.equal(titles(screen.lines), 1);
    view.end({ ...run, flows: [] });
    assert.doesNotMatch(screen.lines.join('\n'), /takeover/);
    view.close();
  }
});

test('plain lines, colours only where they are wanted', () => {
  let text = '';
  const write = (part: string): void => {
    text += part;
  };
  const view = new LineView({ write }, plain);
  const { seconds, total, result } = udpRun();
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
