import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryNetwork, VirtualClock } from 'etherconn';
import type { Engine } from '../runner/engine.ts';
import { parseMacRange } from '../scenario/range.ts';
import { fleetWork } from './fleet-work.ts';

test('what the link drops is counted', async () => {
  const clock = new VirtualClock({ autoAdvance: true });
  const network = new MemoryNetwork({ clock });
  const engine: Engine = {
    ...{ description: '', notes: [], clock, close: () => network.close() },
    relay: network.relay().ref(),
    // Most of the first burst finds no room here.
    farRelay: network.relay({ rxFrames: 4 }),
  };
  const plan = {
    ...{ clients: 50, rate: Number.POSITIVE_INFINITY, inFlight: Number.POSITIVE_INFINITY },
    ...{ mac: parseMacRange('', '02:00:00:00:01:00+50'), options: [], broadcast: false, renew: false },
    ...{ release: false, decline: 0, timeout: 1000, retries: 20, seed: 1 },
  };
  const work = await fleetWork(engine, plan, 3600, undefined);
  const { total } = await work.run(() => {}, new AbortController().signal);
  assert.equal(total.get('leases'), 50);
  assert.ok(total.get('linkDropped') > 0);
  assert.equal(total.get('linkDropped'), engine.farRelay!.stats().link.rxDropped);
  await work.close();
  await engine.close();
});
