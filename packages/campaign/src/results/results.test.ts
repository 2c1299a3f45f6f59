import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Delta } from '@etherconn/cli/parts';
import type { ResultMessage } from '../protocol/records.ts';
import { Journal } from './journal.ts';
import { ResultMerger } from './merger.ts';
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
  assert.equal(merger.total((incarnation) => incarnation !== 'x').get('bound'), 1);
});

test('nobody adds to another agent’s incarnation', () => {
  const merger = new ResultMerger();
  merger.add(message(1));
  assert.equal(merger.add({ ...message(2), agent: 'a2' }).length, 0);
  assert.equal(merger.get('x')!.upTo, 1);
});
