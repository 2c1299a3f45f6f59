import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Delta } from '@etherconn/cli/parts';
import { VirtualClock } from 'etherconn';
import type { Hub } from '../hub/hub.ts';
import type { ResultMessage } from '../protocol/records.ts';
import { Journal } from '../results/journal.ts';
import { ResultMerger } from '../results/merger.ts';
import { Outbox } from '../results/outbox.ts';
import { MemoryServer } from '../test-support/memory-hub.ts';
import { Publisher } from './publisher.ts';

function message(seq: number): ResultMessage {
  const delta = new Delta();
  delta.add('sent', seq);
  delta.histogram('latency').record(10 * seq);
  return {
    ...{ run: 'c1', agent: 'a1', incarnation: 'x', seq, from: seq, at: seq * 1000, length: 1000, spans: [] },
    ...{ delta: delta.toJSON(), finished: [], failures: [], last: false },
  };
}

interface Scene {
  readonly clock: VirtualClock;
  readonly server: MemoryServer;
  readonly outbox: Outbox;
  readonly publisher: Publisher;
  readonly path: string;
  readonly log: string[];
  /** Runs `work` in virtual time. */
  play(work: () => Promise<void>): Promise<void>;
  stream(): ResultMessage[];
}

/** An outbox that is published to a server, where nobody acknowledges anything. */
async function sceneOf(t: TestContext, bound: number): Promise<Scene> {
  const folder = mkdtempSync(join(tmpdir(), 'etherconn-publisher-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const clock = new VirtualClock();
  clock.addActivity(() => Journal.syncs > 0);
  const server = new MemoryServer(clock);
  const hub: Hub = server.client();
  const path = join(folder, 'x.journal');
  const outbox = new Outbox(path, bound);
  const log: string[] = [];
  const publisher = new Publisher(hub, clock, 'a1', ({ message: text }) => log.push(text));
  publisher.add('x', outbox);
  publisher.use('g1');
  const play = async (work: () => Promise<void>): Promise<void> => {
    let done = false;
    const working = work().finally(() => {
      done = true;
    });
    assert.ok(await clock.runUntil(() => done, clock.now() + 600_000));
    await working;
  };
  await play(() => hub.createGeneration('g1'));
  const stream = (): ResultMessage[] => server.streams.get('g1')!.map(({ value }) => value as ResultMessage);
  return { clock, server, outbox, publisher, path, log, play, stream };
}

test('without acknowledgments only the oldest messages are sent again, and acknowledgments bring the others their turn', async (t) => {
  const { clock, outbox, publisher, play, stream } = await sceneOf(t, 2 ** 20);
  await play(async () => {
    for (let seq = 1; seq <= 250; seq++) await outbox.add(message(seq));
    await publisher.send();
  });
  assert.equal(stream().length, 250);
  await clock.advance(20_000);
  await play(() => publisher.send());
  assert.equal(publisher.resent, 100);
  assert.deepEqual(
    stream()
      .slice(250)
      .map(({ seq }) => seq),
    Array.from({ length: 100 }, (_, i) => i + 1),
  );
  publisher.acknowledge('x', 'g1', 200);
  await clock.advance(20_000);
  await play(() => publisher.send());
  assert.equal(publisher.resent, 150);
  publisher.acknowledge('x', 'g1', 250);
  assert.equal(publisher.settled, true);
  await publisher.close();
});

test('a coordinator that is gone for long: the journal is bounded, a line says so, and nothing is lost or counted twice', async (t) => {
  const { clock, server, outbox, publisher, path, log, play, stream } = await sceneOf(t, 20_000);
  const merger = new ResultMerger();
  for (let seq = 1; seq <= 400; seq++) {
    await play(async () => {
      await outbox.add(message(seq));
      await publisher.send();
    });
    // It has counted some, but its acknowledgments do not arrive.
    if (seq === 30) for (const each of stream()) merger.add(each);
    if (seq === 100) for (const hub of server.clients) hub.cutOut = true;
    if (seq === 300) for (const hub of server.clients) hub.cutOut = false;
    assert.ok(statSync(path).size < 21_000);
  }
  assert.ok(publisher.merged > 300, `${publisher.merged}`);
  assert.match(log[0], /^nobody has acknowledged \d+ messages; they have become one/);
  await clock.advance(20_000);
  await play(() => publisher.send());
  for (const each of stream()) merger.add(each);
  assert.equal(merger.get('x')!.upTo, 400);
  assert.equal(merger.total().get('sent'), (400 * 401) / 2);
  assert.equal(merger.total().histograms.get('latency')!.count, 400);
  await publisher.close();
});
