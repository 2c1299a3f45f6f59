import assert from 'node:assert/strict';
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Delta } from '@etherconn/cli/parts';
import type { ResultMessage } from '../protocol/records.ts';
import { Journal } from './journal.ts';
import { type Counted, ResultMerger } from './merger.ts';
import { deleteOldJournals } from './old-journals.ts';
import { Outbox } from './outbox.ts';

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'etherconn-results-'));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

function read(path: string): string[] {
  const records: string[] = [];
  void Journal.open(path, (record) => records.push(record)).close();
  return records;
}

function message(seq: number, incarnation = 'x', last = false): ResultMessage {
  const delta = new Delta();
  delta.add('sent', seq);
  delta.add('bound', 1);
  delta.add('leases/bound', 1);
  delta.histogram('latency').record(seq * 10);
  return {
    run: 'c1',
    agent: 'a1',
    incarnation,
    seq,
    from: seq,
    at: seq * 1000,
    length: 1000,
    spans: [{ first: 0, count: 2, epoch: 1 }],
    delta: delta.toJSON(),
    finished: [],
    failures: [],
    last,
  };
}

test('a journal has what was appended, and goes on where it ended', async (t) => {
  const path = join(folder(t), 'j');
  const journal = Journal.open(path);
  journal.append('one');
  journal.append('zwölf');
  await Promise.all([journal.sync(), journal.sync()]);
  await journal.close();
  assert.deepEqual(read(path), ['one', 'zwölf']);
  const again = Journal.open(path);
  again.append('x'.repeat(200_000));
  await again.close();
  assert.equal(read(path).length, 3);
});

test('a torn tail is cut off at every length, and what follows is whole', async (t) => {
  const path = join(folder(t), 'j');
  for (let cut = 1; cut <= 8 + 5; cut++) {
    rmSync(path, { force: true });
    const journal = Journal.open(path);
    journal.append('whole');
    journal.append('broken'.slice(0, 5));
    await journal.close();
    truncateSync(path, statSync(path).size - cut);
    const torn = Journal.open(path);
    assert.equal(torn.torn, cut === 13 ? 0 : 13 - cut);
    torn.append('after');
    await torn.close();
    assert.deepEqual(read(path), ['whole', 'after']);
  }
});

test('a record with another byte is not believed, nor what comes behind it', async (t) => {
  const path = join(folder(t), 'j');
  const journal = Journal.open(path);
  for (const record of ['aa', 'bb', 'cc']) journal.append(record);
  await journal.close();
  const bytes = Buffer.alloc(30);
  const { readFileSync } = await import('node:fs');
  readFileSync(path).copy(bytes);
  bytes[10 + 9] ^= 1;
  writeFileSync(path, bytes);
  assert.deepEqual(read(path), ['aa']);
  appendFileSync(path, Buffer.alloc(100, 0xff));
  assert.deepEqual(read(path), ['aa']);
});

test('an outbox gives back what is not acknowledged, also after a restart, and all for a new store', async (t) => {
  const path = join(folder(t), 'o');
  const outbox = new Outbox(path);
  for (let seq = 1; seq <= 5; seq++) await outbox.add(message(seq));
  outbox.acknowledge(3);
  assert.deepEqual(
    outbox.pending.map(({ seq }) => seq),
    [4, 5],
  );
  outbox.forget();
  assert.equal(outbox.pending.length, 5);
  await outbox.close();
  const again = new Outbox(path);
  assert.equal(again.nextSeq, 6);
  assert.equal(again.pending.length, 5);
  await again.close();
});

test('a journal that is full keeps the sum of what is acknowledged', async (t) => {
  const path = join(folder(t), 'o');
  const outbox = new Outbox(path, 2000);
  const merger = new ResultMerger();
  for (let seq = 1; seq <= 40; seq++) {
    await outbox.add(message(seq));
    outbox.acknowledge(seq - 1);
    await outbox.compact();
  }
  assert.ok(outbox.messages.length < 20, `${outbox.messages.length} messages`);
  assert.ok(statSync(path).size < 8000);
  await outbox.close();
  const again = new Outbox(path);
  for (const each of again.messages) merger.add(each);
  assert.equal(merger.total().get('sent'), 820);
  assert.equal(merger.total().histograms.get('latency')!.count, 40);
  assert.equal(merger.get('x')!.upTo, 40);
  // A coordinator that has a part already takes the sum for all of it.
  const other = new ResultMerger();
  for (let seq = 1; seq <= 3; seq++) other.add(message(seq));
  for (const each of again.messages) other.add(each);
  assert.equal(other.total().get('sent'), 820);
  await again.close();
});

test('whatever comes twice or out of order is counted once, bucket for bucket', () => {
  const all = ['x', 'y', 'z'].flatMap((incarnation) =>
    Array.from({ length: 30 }, (_, i) => message(i + 1, incarnation, i === 29)),
  );
  const expected = new Delta();
  for (const { delta } of all) expected.merge(Delta.fromJSON(delta));
  let random = 7;
  for (let round = 0; round < 20; round++) {
    const shuffled = [...all, ...all, ...all.slice(0, 40)]
      .map((each) => {
        random = (random * 48_271) % 2_147_483_647;
        return { each, key: random };
      })
      .sort((a, b) => a.key - b.key)
      .map(({ each }) => each);
    const merger = new ResultMerger();
    let counted = 0;
    for (const each of shuffled) counted += merger.add(each).length;
    assert.equal(counted, all.length);
    assert.equal(merger.duplicates, shuffled.length - all.length);
    const total = merger.total();
    assert.deepEqual(total.toJSON().counters, expected.toJSON().counters);
    assert.deepEqual(total.histograms.get('latency')!.counts, expected.histograms.get('latency')!.counts);
    assert.ok(merger.incarnations.every(({ complete, waiting }) => complete && waiting === 0));
  }
});

test('what is missing is known, and what a lost agent held counts no more', () => {
  const merger = new ResultMerger();
  for (const seq of [1, 2, 4]) merger.add(message(seq));
  merger.add(message(1, 'y'));
  assert.deepEqual(
    merger.incarnations.map(({ upTo, waiting }) => [upTo, waiting]),
    [
      [2, 1],
      [1, 0],
    ],
  );
  assert.equal(merger.total().get('sent'), 4);
  assert.equal(merger.total().get('bound'), 3);
  for (const name of ['bound', 'leases/bound'])
    assert.equal(merger.total((incarnation) => incarnation !== 'x').get(name), 1, name);
});

test('nobody adds to another agent’s incarnation', () => {
  const merger = new ResultMerger();
  merger.add(message(1));
  assert.equal(merger.add({ ...message(2), agent: 'a2' }).length, 0);
  assert.equal(merger.get('x')!.upTo, 1);
});

/** Numbers from 0 to 1, the same for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed * 2 + 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

test('whatever is lost, restarted or put together, each result is counted once', async (t) => {
  const root = folder(t);
  let mergedInAll = 0;
  for (let seed = 1; seed <= 60; seed++) {
    const random = randomFrom(seed);
    const path = join(root, `${seed}`);
    const bound = 3000;
    let outbox = new Outbox(path, bound);
    let stream: ResultMessage[] = [];
    let read = 0;
    let merger = new ResultMerger();
    /** The coordinator's own journal. */
    const kept: Counted[] = [];
    const expected = new Delta();
    const take = (message: ResultMessage): void => void kept.push(...merger.add(message));
    /** Some seeds hardly ever acknowledge. */
    const patience = seed % 3 === 0 ? 0.01 : 0.2;
    let largest = 0;
    for (let step = 0; step < 150; step++) {
      const dice = random();
      if (dice < 0.5) {
        const next = message(outbox.nextSeq);
        expected.merge(Delta.fromJSON(next.delta));
        await outbox.add(next);
      }
      // Sent in part, and some of it again.
      if (random() < 0.5)
        for (const entry of outbox.pending) if (random() < 0.3) stream.push(outbox.read(entry));
      if (random() < 0.5) for (; read < stream.length; read++) take(stream[read]);
      if (random() < patience) outbox.acknowledge(merger.get('x')?.upTo ?? 0);
      await outbox.compact();
      if (random() < 0.02) {
        mergedInAll += outbox.merged;
        await outbox.close();
        outbox = new Outbox(path, bound);
      }
      if (random() < 0.02) {
        merger = new ResultMerger();
        for (const { message: each } of kept.splice(0)) take(each);
        read = 0;
      }
      if (random() < 0.02) {
        stream = [];
        read = 0;
        outbox.forget();
      }
      largest = Math.max(largest, statSync(path).size);
    }
    mergedInAll += outbox.merged;
    // At last nothing is in the way.
    while (!outbox.settled) {
      for (const entry of outbox.pending) take(outbox.read(entry));
      outbox.acknowledge(merger.get('x')?.upTo ?? 0);
    }
    const total = merger.total();
    assert.deepEqual(total.counters, expected.counters, `seed ${seed}`);
    assert.deepEqual(
      total.histograms.get('latency')!.counts,
      expected.histograms.get('latency')!.counts,
      `seed ${seed}`,
    );
    // What views were told is the same in sum.
    const told = new Delta();
    for (const { delta } of kept) told.merge(delta);
    assert.deepEqual(told.counters, expected.counters);
    assert.deepEqual(told.histograms.get('latency')!.counts, expected.histograms.get('latency')!.counts);
    assert.deepEqual([merger.get('x')!.upTo, merger.get('x')!.waiting], [outbox.nextSeq - 1, 0]);
    assert.ok(largest < bound + 2000, `${largest} bytes`);
    await outbox.close();
  }
  assert.ok(mergedInAll > 100, `${mergedInAll}`);
});

test('what is added while a journal is put together is kept', async (t) => {
  const path = join(folder(t), 'o');
  const outbox = new Outbox(path, 20_000);
  for (let seq = 1; seq <= 200; seq++) await outbox.add(message(seq));
  const compacting = outbox.compact();
  for (let seq = 201; seq <= 210; seq++) {
    await outbox.add(message(seq));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await compacting;
  assert.ok(outbox.messages.length <= 11 && outbox.merged >= 200, `${outbox.messages.length}`);
  await outbox.close();
  const again = new Outbox(path);
  const merger = new ResultMerger();
  for (const each of again.messages) merger.add(each);
  assert.equal(merger.total().get('sent'), (210 * 211) / 2);
  assert.equal(merger.get('x')!.upTo, 210);
  await again.close();
});

test('what the disk does not take is kept and sent, and written with the next message', async (t) => {
  const path = join(folder(t), 'o');
  const outbox = new Outbox(path);
  await outbox.add(message(1));
  const append = t.mock.method(Journal.prototype, 'append', () => {
    throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
  });
  for (const seq of [2, 3]) await assert.rejects(outbox.add(message(seq)), { code: 'ENOSPC' });
  assert.deepEqual(
    outbox.messages.map(({ seq, delta }) => [seq, delta.counters.sent]),
    [1, 2, 3].map((seq) => [seq, seq]),
  );
  append.mock.restore();
  await outbox.add(message(4));
  await outbox.close();
  const again = new Outbox(path);
  assert.deepEqual(
    again.messages,
    [1, 2, 3, 4].map((seq) => message(seq)),
  );
  await again.close();
});

test('journals of other campaigns are deleted when nobody has written them for a week', (t) => {
  const path = folder(t);
  const days = (count: number): Date => new Date(Date.now() - count * 86_400_000);
  for (const [name, age] of [
    ['now.a.journal', 30],
    ['old.b.journal', 8],
    ['old.b.journal.new', 8],
    ['recent.c.journal', 6],
    ['notes.txt', 30],
  ] as const) {
    writeFileSync(join(path, name), '');
    utimesSync(join(path, name), days(age), days(age));
  }
  const lines: string[] = [];
  deleteOldJournals(path, 'now', (text) => lines.push(text));
  deleteOldJournals(path, 'now', (text) => lines.push(text));
  const left = ['now.a.journal', 'recent.c.journal', 'notes.txt'];
  assert.deepEqual(
    left.filter((name) => !existsSync(join(path, name))),
    [],
  );
  assert.ok(!existsSync(join(path, 'old.b.journal')) && !existsSync(join(path, 'old.b.journal.new')));
  assert.deepEqual(lines, ['deleted 2 journals of earlier campaigns, not written for a week']);
});
