import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { SecondRates } from '../figures/rates.ts';
import type { LineOutput } from '../line-output.ts';
import { Delta } from '../metrics/delta.ts';
import { SeededRandom } from '../seeded-random.ts';
import { fleetSecond, runWithParts, udpSecond } from '../test-support/runs.ts';
import { ndjsonView } from '../views/json.ts';
import { reportHtml } from '../views/report/report.ts';
import { blocksOf } from './blocks.ts';
import { compare } from './compare.ts';
import { changeText, parseChangeLimit } from './limit.ts';
import { holm, mannWhitney } from './mann-whitney.ts';
import { type RunFile, readRun } from './run-file.ts';

function random(seed: number): () => number {
  const numbers = new SeededRandom(seed);
  return () => numbers.next();
}

test('Mann–Whitney: values of a table, ties, and no difference', () => {
  // By the normal approximation with continuity correction: U = 0, z = (32 - 0.5) / sqrt(8 * 8 * 17 / 12).
  const p = mannWhitney([1, 2, 3, 4, 5, 6, 7, 8], [11, 12, 13, 14, 15, 16, 17, 18]);
  assert.ok(Math.abs(p - 0.000939) < 1e-5, `${p}`);
  assert.equal(mannWhitney([5, 5, 5, 5, 5, 5, 5, 5], [5, 5, 5, 5, 5, 5, 5, 5]), 1);
  assert.ok(mannWhitney([1, 3, 5, 7, 9, 11, 13, 15], [2, 4, 6, 8, 10, 12, 14, 16]) > 0.5);
});

test('equal runs are rarely said to differ, also when their seconds are correlated', () => {
  let differs = 0;
  const RUNS = 400;
  for (let seed = 0; seed < RUNS; seed++) {
    const next = random(seed * 7919);
    const walk = (): number[] => {
      let last = 0;
      return Array.from({ length: 120 }, () => {
        last = 0.7 * last + next() - 0.5;
        return 10 + last;
      });
    };
    const blocks = blocksOf(walk(), walk());
    if (blocks !== null && mannWhitney(blocks.a, blocks.b, blocks.correlation) < 0.01) differs++;
  }
  // Seconds by themselves would say so of one in four.
  assert.ok(differs <= 0.03 * RUNS, `${differs} of ${RUNS}`);
});

test('several questions need more certainty, and short series cannot tell', () => {
  assert.deepEqual(holm([0.01, Number.NaN, 0.04, 0.03]), [0.03, Number.NaN, 0.06, 0.06]);
  assert.equal(blocksOf([1, 2, 1, 2, 1, 2, 1], [1, 2, 1, 2, 1, 2, 1, 2]), null);
  assert.equal(blocksOf([1, 2, 1, 2, 1, 2, 1, 2], [1, 2, 1, 2, 1, 2, 1, 2])!.length, 1);
});

function runOf(length: number, p99: (second: number) => number, seed: number): RunFile {
  const next = random(seed);
  const seconds = Array.from(
    { length },
    (_, second) =>
      ({
        second,
        sent: 1000,
        received: 1000 - next(),
        lost: 0,
        duplicates: 0,
        reordered: 0,
        p50: 1 + next(),
        p90: 2,
        p99: p99(second) + next(),
        max: 9 + next(),
      }) as SecondRates,
  );
  const latency = { count: 1000, min: 1, mean: 1, p50: 1.5, p90: 2, p99: p99(0), p999: 9, max: 10, hdr: '' };
  const found = {
    sent: { pps: 1000 },
    received: { pps: 999, loss: 0, duplicates: 0, reordered: 0 },
    latency,
    jitter: 0.1,
    seconds,
  };
  return { file: 'x', result: {}, whole: found, parts: {} } as unknown as RunFile;
}

test('a difference that is there is found, one that is not is noise, and limits heed that', () => {
  const rows = compare(
    runOf(30, () => 5, 1),
    runOf(30, () => 8, 2),
  );
  const of = (metric: string, list = rows) => list.find((row) => row.metric === metric)!;
  assert.equal(of('p99').significance, 'differs');
  assert.ok(Math.abs(of('p99').change! - 0.6) < 1e-9);
  assert.equal(of('p50').significance, 'noise');
  assert.equal(of('jitter').significance, null);
  assert.deepEqual(
    ['p99>+10%', 'p99>+70%', 'p99<-1%', 'p50>+1%', 'nosuch>+1%'].map(
      (text) => parseChangeLimit('-', text).judge(rows).state,
    ),
    ['missed', 'met', 'met', 'met', 'not measured'],
  );
  const short = compare(
    runOf(5, () => 5, 1),
    runOf(5, () => 8, 2),
  );
  assert.equal(of('p99', short).significance, 'cannot tell');
  assert.equal(parseChangeLimit('-', 'p99>+10%').judge(short).state, 'missed');
  assert.equal(changeText(0.1234), '+12.3 %');
  assert.throws(() => parseChangeLimit('--fail-if', 'p99>10%'), {
    message: /^--fail-if: must be how much B/,
  });
});

test("a fleet's leases, failures, retries and phases have verdicts, from reports and from lines", async () => {
  const folder = mkdtempSync(join(tmpdir(), 'etherconn-'));
  try {
    const run = (latency: number) =>
      runWithParts({
        quick: { type: 'dhcp', second: (n) => (n % 2 === 0 ? fleetSecond(latency) : new Delta()) },
        calls: { type: 'udp-send', second: () => udpSecond() },
      });
    const [before, after] = [run(2000), run(5000)];
    writeFileSync(join(folder, 'a'), reportHtml(before));
    const lines: string[] = [];
    const output = { line: (line: string) => lines.push(line), flush: async () => {} };
    const view = ndjsonView(output as unknown as LineOutput, false);
    for (const second of after.seconds) view.second?.(second, after.total);
    await view.end?.(after);
    writeFileSync(join(folder, 'b'), lines.join('\n'));
    const [a, b] = [await readRun(join(folder, 'a')), await readRun(join(folder, 'b'))];
    // Seconds of a report and of lines are the same, those in which a part rests included.
    assert.equal(a.parts.quick!.seconds.length, 19);
    assert.deepEqual(a.parts.quick!.seconds[1], b.parts.quick!.seconds[1]);
    const rows = new Map(compare(a, b).map((row) => [row.metric, row]));
    for (const metric of ['leases', 'failed', 'retries', 'naks', 'received', 'p99.9'])
      assert.notEqual(
        rows.get(`${metric === 'p99.9' ? 'calls' : 'quick'}.${metric}`)!.significance,
        null,
        metric,
      );
    assert.equal(rows.get('quick.leases')!.significance, 'noise');
    assert.equal(rows.get('quick.offer-p99')!.significance, 'differs');
    assert.equal(rows.get('quick.ack-p99')!.significance, 'differs');
    assert.equal(rows.get('calls.jitter')!.significance, null);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
