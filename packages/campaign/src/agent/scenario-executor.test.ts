import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from 'etherconn/link';
import type { ClientFailure } from '../protocol/records.ts';
import { ScenarioExecutor } from './scenario-executor.ts';

test('each failure of a client is told, by the number that it has in the campaign', async () => {
  const executor = new ScenarioExecutor({ interfaces: ['mem0'], engine: 'memory', rate: 1 });
  await executor.prepare({
    clients: 20,
    duration: '2s',
    parts: { leases: { type: 'dhcp', decline: '100%' } },
  });
  const prepared = await executor.open({ first: 10, count: 5 }, 1);
  const failures: ClientFailure[] = [];
  await prepared.run({
    startAt: systemClock.now(),
    signal: new AbortController().signal,
    onDelta() {},
    onFailure: (failure) => failures.push(failure),
  });
  await executor.release();
  assert.deepEqual(
    failures.sort((a, b) => a.client - b.client),
    [10, 11, 12, 13, 14].map((client) => ({ client, part: 'leases', reason: 'declined' })),
  );
});
