import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Delta } from '@etherconn/cli/parts';
import type { Clock } from 'etherconn';
import { systemClock } from 'etherconn/link';
import { requireCommand } from 'etherconn/testing';
import { Publisher } from '../agent/publisher.ts';
import { Signal } from '../protocol/names.ts';
import type { Acknowledged, ResultMessage } from '../protocol/records.ts';
import { ResultMerger } from '../results/merger.ts';
import { Outbox } from '../results/outbox.ts';
import type { Hub } from './hub.ts';
import { connectNats } from './nats-hub.ts';
import { EmbeddedServer } from './nats-server.ts';
import { COORDINATOR } from './server-config.ts';

const MESSAGES = 20;
/** Milliseconds after which a publisher sends again. */
const RESEND = 10_000;

function message(seq: number): ResultMessage {
  const delta = new Delta();
  delta.add('sent', seq);
  for (let i = 0; i < seq; i++) delta.histogram('latency').record(50 * seq + 7 * i);
  return {
    ...{ run: 'c1', agent: 'a1', incarnation: 'x', seq, from: seq, at: seq * 1000, length: 1000, spans: [] },
    ...{ delta: delta.toJSON(), finished: [], failures: [], last: seq === MESSAGES },
  };
}

test('results that are sent again over a server are counted once, bucket for bucket', {
  skip: requireCommand('nats-server'),
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'etherconn-resends-'));
  const server = await EmbeddedServer.start(join(folder, 'nats'), ['a1']);
  t.after(async () => {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const connectTo = async (name: string): Promise<Hub> => {
    const hub = await connectNats({
      ...{ url: server.url, creds: server.creds[name], name, timeout: 3000, pingInterval: 1000 },
    });
    t.after(() => hub.close());
    return hub;
  };
  const [coordinator, agent] = await Promise.all([connectTo(COORDINATOR), connectTo('a1')]);
  await coordinator.createGeneration('g1');

  let now = 1000;
  const clock: Clock = { ...systemClock, now: () => now };
  const outbox = new Outbox(join(folder, 'x.journal'));
  const publisher = new Publisher(agent, clock, 'a1', (error) => assert.fail(error));
  publisher.add('x', outbox);
  publisher.use('g1');
  for (let seq = 1; seq <= MESSAGES; seq++) await outbox.add(message(seq));
  t.after(() => publisher.close());

  // No acknowledgment comes, so all is sent again, and once more.
  await publisher.send();
  for (let again = 0; again < 2; again++) {
    await publisher.send();
    now += RESEND;
    await publisher.send();
  }
  assert.equal(publisher.resent, 2 * MESSAGES);
  // An answer of the server is lost, and the client sends the same once more: the server itself drops that.
  for (const each of outbox.messages) await agent.publishResult('g1', 'a1', nameOfFirst(each), each);
  await agent.publishResult('g1', 'a1', 'end', null);

  const merger = new ResultMerger();
  let delivered = 0;
  await new Promise<void>((resolve) => {
    void coordinator.results('g1', (value) => {
      if (value === null) resolve();
      else {
        delivered++;
        merger.add(value as ResultMessage);
      }
    });
  });
  assert.equal(delivered, 3 * MESSAGES);
  assert.equal(merger.duplicates, 2 * MESSAGES);
  const expected = new Delta();
  for (const { delta } of outbox.messages) expected.merge(Delta.fromJSON(delta));
  const total = merger.total();
  assert.deepEqual(total.counters, expected.counters);
  assert.equal(total.get('sent'), (MESSAGES * (MESSAGES + 1)) / 2);
  assert.deepEqual(total.histograms.get('latency')!.counts, expected.histograms.get('latency')!.counts);

  // Once it is acknowledged, nothing is sent any more.
  const heard = new Promise<void>((resolve) =>
    agent.on(Signal.acknowledged('a1'), (value) => {
      const { incarnation, generation, upTo } = value as Acknowledged;
      publisher.acknowledge(incarnation, generation, upTo);
      resolve();
    }),
  );
  // The server knows of the subscription once it has answered what came behind it.
  await agent.publishResult('g1', 'a1', 'end', null);
  coordinator.send(Signal.acknowledged('a1'), { incarnation: 'x', generation: 'g1', upTo: MESSAGES });
  await heard;
  assert.equal(publisher.settled, true);
  now += RESEND;
  await publisher.send();
  assert.equal(publisher.resent, 2 * MESSAGES);
});

/** What a message is called at the server when it is sent for the first time. */
function nameOfFirst({ incarnation, from, seq }: ResultMessage): string {
  return `${incarnation}.${from}-${seq}.0`;
}
