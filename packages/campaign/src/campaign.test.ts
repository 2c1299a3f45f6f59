import assert from 'node:assert/strict';
import { existsSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import type { Outcome } from './coordinator/coordinator.ts';
import { NoAnswerError } from './hub/hub.ts';
import { Stage, type StagedClients } from './test-support/stage.ts';

let stage: Stage;
beforeEach(() => {
  stage = new Stage();
});
afterEach(() => stage.close());

function addFour(options: Parameters<Stage['addAgent']>[1] = {}): StagedClients[] {
  return ['a1', 'a2', 'a3', 'a4'].map((name) => stage.addAgent(name, options));
}

function isRunning(): boolean {
  return stage.executors.some(({ activities }) => activities.length > 0);
}

/** Every client was run to its end, and what the coordinator has is what the journals have, bucket for bucket. */
function assertWhole({ total, snapshot }: Outcome): void {
  const journals = stage.journals();
  assert.deepEqual(Object.fromEntries(total.counters), Object.fromEntries(journals.counters));
  assert.deepEqual(total.histograms.get('latency')?.counts, journals.histograms.get('latency')?.counts);
  assert.equal(snapshot.ranges.done, snapshot.ranges.total);
  assert.equal(snapshot.results.rejected, 0);
  assert.equal(snapshot.results.malformed, 0);
}

test('four agents start at once, although one of their clocks is wrong, and run every client', async () => {
  for (const [name, clockOffset] of [
    ['a1', 0],
    ['a2', 50],
    ['a3', -50],
    ['a4', 0],
  ] as const)
    stage.addAgent(name, { clockOffset });
  await stage.begin();
  const outcome = await stage.end();
  assertWhole(outcome);
  const first = stage.executors.map(({ activities }) => activities[0].at);
  assert.ok(Math.max(...first) - Math.min(...first) < 1, `${first}`);
  assert.equal(stage.activities.length, 1000 * 100);
  assert.equal(outcome.total.get('sent'), 100_000);
  assert.deepEqual(stage.overlaps(), []);
  assert.deepEqual(outcome.snapshot.gaps, []);
  const row = outcome.snapshot.agents.find(({ agent }) => agent === 'a2')!;
  assert.ok(Math.abs(row.clockOffset! - 50) <= row.clockError!);
});

test('an agent that dies is succeeded within its lease and a second, and never overlaps', async () => {
  const [victim] = addFour();
  await stage.begin();
  await stage.until(() => stage.clock.now() > 4000 && isRunning());
  const killedAt = stage.clock.now();
  stage.kill(victim);
  const { snapshot } = await stage.end();
  assert.equal(snapshot.ranges.done, 100);
  assert.equal(snapshot.takeovers.length, 1);
  assert.equal(snapshot.takeovers[0].ranges, 25);
  assert.deepEqual(stage.overlaps(), []);
  const { activities } = stage;
  for (let client = 0; client < 250; client++) {
    const next = activities.find((each) => each.client === client && each.agent !== 'a1')!;
    assert.ok(next.at - killedAt <= 4000, `client ${client} after ${next.at - killedAt} ms`);
  }
  assert.deepEqual(
    snapshot.gaps.map(({ agent }) => agent),
    ['a1'],
  );
});

for (const [name, cut] of Object.entries({
  'to the server': { cutOut: true },
  'from the server': { cutIn: true },
  'both ways': { cutOut: true, cutIn: true },
})) {
  test(`a partition ${name} that is longer than the lease: the agent stops, and comes back as another`, async () => {
    const [victim] = addFour({ length: 20_000 });
    await stage.begin();
    await stage.until(() => stage.clock.now() > 4000 && isRunning());
    Object.assign(victim.hub, cut);
    await stage.clock.advance(8000);
    Object.assign(victim.hub, { cutOut: false, cutIn: false });
    victim.hub.tellReconnected();
    const outcome = await stage.end();
    assert.deepEqual(stage.overlaps(), []);
    assertWhole(outcome);
    assert.equal(outcome.snapshot.takeovers.length, 1);
    assert.equal(outcome.snapshot.agents.filter(({ agent }) => agent === 'a1').length, 2);
  });

  test(`a partition ${name} that is shorter than the lease changes nothing`, async () => {
    const [victim] = addFour();
    await stage.begin();
    await stage.until(() => stage.clock.now() > 4000 && isRunning());
    Object.assign(victim.hub, cut);
    await stage.clock.advance(1200);
    Object.assign(victim.hub, { cutOut: false, cutIn: false });
    victim.hub.tellReconnected();
    const outcome = await stage.end();
    assertWhole(outcome);
    assert.deepEqual(outcome.snapshot.takeovers, []);
    assert.equal(stage.activities.length, 1000 * 100);
    assert.deepEqual(outcome.snapshot.gaps, []);
  });
}

test('without fencing there are overlaps, and the test finds them', async () => {
  const [victim] = addFour({ length: 20_000, unfenced: true });
  await stage.begin();
  await stage.until(() => stage.clock.now() > 4000 && isRunning());
  Object.assign(victim.hub, { cutOut: true, cutIn: true });
  await stage.end();
  assert.ok(stage.overlaps().length > 100);
});

test('the coordinator dies and is started again: nothing is lost, nothing counted twice', async () => {
  addFour();
  await stage.begin();
  await stage.until(() => stage.clock.now() > 5000 && isRunning());
  stage.killCoordinator();
  await stage.clock.advance(2500);
  await stage.resume();
  const outcome = await stage.end();
  assertWhole(outcome);
  assert.deepEqual(outcome.snapshot.takeovers, []);
  assert.deepEqual(stage.overlaps(), []);
});

test('the store is lost while the coordinator is dead: both come back, and the totals are those of the journals', async () => {
  addFour();
  await stage.begin();
  await stage.until(() => stage.clock.now() > 5000 && isRunning());
  stage.killCoordinator();
  stage.server.lose();
  await stage.clock.advance(1000);
  await stage.resume();
  const outcome = await stage.end();
  assertWhole(outcome);
  assert.deepEqual(stage.overlaps(), []);
  assert.ok(outcome.snapshot.results.duplicates > 0);
});

test('the store is lost under a running coordinator, also for longer than a lease', async () => {
  for (const pause of [500, 5000]) {
    stage.close();
    stage = new Stage();
    addFour({ length: 15_000 });
    await stage.begin();
    await stage.until(() => stage.clock.now() > 5000 && isRunning());
    for (const client of stage.server.clients) Object.assign(client, { cutIn: true, cutOut: true });
    stage.server.lose();
    await stage.clock.advance(pause);
    for (const client of stage.server.clients) Object.assign(client, { cutIn: false, cutOut: false });
    for (const client of stage.server.clients) client.tellReconnected();
    assertWhole(await stage.end());
    assert.deepEqual(stage.overlaps(), []);
  }
});

test('an agent that comes late is told of the start by the store, and takes over', async () => {
  const [victim] = addFour();
  await stage.begin();
  await stage.until(() => stage.clock.now() > 4000 && isRunning());
  for (const other of stage.agents.slice(1)) stage.kill(other);
  const late = stage.addAgent('late');
  stage.kill(victim);
  const { snapshot } = await stage.end();
  assert.equal(snapshot.ranges.done, 100);
  assert.equal(new Set(late.executor.activities.map(({ client }) => client)).size, 1000);
  assert.deepEqual(stage.overlaps(), []);
});

test('a killed agent that is started again tells what its journal has', async () => {
  const [victim] = addFour();
  await stage.begin();
  await stage.until(() => stage.clock.now() > 6000 && isRunning());
  stage.kill(victim);
  await stage.clock.advance(500);
  stage.addAgent('a1');
  const outcome = await stage.end();
  assertWhole(outcome);
  assert.deepEqual(outcome.snapshot.gaps, []);
  assert.deepEqual(stage.overlaps(), []);
});

test('an agent that is ended in order drains, and nobody waits for the end of its lease', async () => {
  const [victim] = addFour();
  await stage.begin();
  await stage.until(() => stage.clock.now() > 4000 && isRunning());
  const closing = victim.agent.close();
  const outcome = await stage.end();
  await closing;
  assertWhole(outcome);
  const [takeover, ...others] = outcome.snapshot.takeovers;
  assert.deepEqual(others, []);
  assert.equal(takeover.agent, 'a1');
  assert.ok(takeover.silent < 1500, `${takeover.silent}`);
  assert.deepEqual(outcome.snapshot.gaps, []);
  assert.deepEqual(stage.overlaps(), []);
  for (let client = 0; client < 250; client++)
    assert.ok(
      stage.executors.slice(1).some(({ activities }) => activities.some((each) => each.client === client)),
    );
});

test('an agent that begins a campaign deletes the journals of those that ended long ago', async () => {
  const [agent] = addFour();
  const path = (name: string): string => join(stage.folder, agent.name, name);
  const longAgo = new Date(Date.now() - 8 * 86_400_000);
  for (const name of ['old.x.journal', 'recent.y.journal']) writeFileSync(path(name), '');
  utimesSync(path('old.x.journal'), longAgo, longAgo);
  await stage.begin();
  assertWhole(await stage.end());
  assert.deepEqual(
    ['old.x.journal', 'recent.y.journal'].map((name) => existsSync(path(name))),
    [false, true],
  );
});

test('policy continue: the ranges of a lost agent are lost, and the others end well', async () => {
  const [victim] = addFour();
  await stage.begin({ policy: 'continue' });
  await stage.until(() => stage.clock.now() > 4000 && isRunning());
  stage.kill(victim);
  const { snapshot, interrupted } = await stage.end();
  assert.equal(interrupted, false);
  assert.deepEqual(snapshot.ranges, { total: 100, given: 0, done: 75, lost: 25 });
});

test('policy abort: a lost agent ends the campaign, and the reason says so', async () => {
  const [victim] = addFour();
  await stage.begin({ policy: 'abort' });
  await stage.until(() => stage.clock.now() > 4000 && isRunning());
  stage.kill(victim);
  const { snapshot, interrupted } = await stage.end();
  assert.equal(interrupted, true);
  assert.match(snapshot.reason!, /a1 is lost/);
});

test('a campaign that is stopped drains, and all is counted', async () => {
  addFour({ length: 60_000 });
  await stage.begin();
  await stage.until(() => stage.clock.now() > 4000 && isRunning());
  stage.coordinator!.stop('stopped by a test');
  const outcome = await stage.end();
  assert.equal(outcome.interrupted, true);
  assertWhole(outcome);
  assert.deepEqual(outcome.snapshot.gaps, []);
});

test('a clock that is not known well enough, a scenario that is refused, and agents that do not come end it early', async () => {
  addFour();
  await stage.begin({ clockLimit: 0.01, wait: 3000 });
  assert.match(
    (await stage.end()).snapshot.reason!,
    /0 of 4 agents .*a1: its clock is known to ±0\.20 ms only, and the limit is 0\.01 ms/,
  );
  stage.close();
  stage = new Stage();
  stage.addAgent('a1');
  await stage.begin({ wait: 3000 });
  assert.match((await stage.end()).snapshot.reason!, /1 of 4 agents/);
});

test('a second campaign is refused while one is under way', async () => {
  addFour();
  await stage.begin();
  const first = stage.coordinator!.run;
  await assert.rejects(stage.begin(), (error: Error) =>
    error.message.includes(`campaign ${first} is under way`),
  );
});

test('an agent that cannot run the scenario is succeeded once, and gets nothing again', async () => {
  const [victim] = addFour();
  victim.executor.broken = true;
  await stage.begin();
  const outcome = await stage.end();
  assertWhole(outcome);
  assert.equal(outcome.snapshot.takeovers.length, 1);
  assert.ok(
    outcome.snapshot.events.some(({ text }) => text === 'agent a1 cannot run this: no interface eth7'),
  );
});

test('an agent whose clients fail while they run stops all of them before others take over', async () => {
  const [victim] = addFour({ length: 20_000 });
  await stage.begin();
  await stage.until(() => stage.clock.now() > 4000 && isRunning());
  victim.executor.failing = true;
  await stage.until(() => stage.log.some((line) => line.endsWith('failed: the link is down')));
  victim.executor.failing = false;
  const outcome = await stage.end();
  assertWhole(outcome);
  assert.equal(outcome.snapshot.takeovers.length, 1);
  assert.deepEqual(stage.overlaps(), []);
});

test('a campaign that is stopped while ranges are taken over ends, and they are not waited for', async () => {
  const [victim] = addFour({ length: 60_000 });
  await stage.begin();
  await stage.until(() => stage.clock.now() > 4000 && isRunning());
  for (const { executor } of stage.agents)
    (executor as StagedClients['executor']).open = async () => {
      await new Promise<void>((resolve) => stage.clock.setTimer(resolve, 2000));
      return { run: async () => {}, close: async () => {} };
    };
  stage.kill(victim);
  await stage.until(() => stage.log.some((line) => line.includes('ranges taken over')));
  await stage.clock.advance(100);
  stage.coordinator!.stop('stopped by a test');
  const { snapshot } = await stage.end();
  assert.equal(snapshot.phase, 'aborted');
  assert.equal(snapshot.ranges.done, 100);
});

test('a scenario that nobody can run ends the campaign, and the reason says why', async () => {
  addFour();
  await stage.begin({ scenario: 'bad', wait: 3000 });
  assert.match(
    (await stage.end()).snapshot.reason!,
    /nobody has taken 100 ranges; a1: scenario: no such thing/,
  );
});

test('a campaign that is stopped before its start ends', async () => {
  stage.addAgent('a1');
  await stage.begin({ wait: 60_000 });
  await stage.clock.advance(2000);
  const [bucket] = [...stage.server.buckets.keys()].filter((name) => name.startsWith('ec-'));
  const { value, revision } = stage.server.buckets.get(bucket)!.get('run')!;
  const stopped = { ...(value as object), phase: 'aborted', reason: 'stopped' };
  void stage.server.client().put(bucket, 'run', stopped, revision);
  const { snapshot } = await stage.end();
  assert.equal(snapshot.reason, 'stopped');
  assert.ok(stage.clock.now() < 10_000);
});

test('an agent that speaks for another, or says what makes no sense, changes nothing', async () => {
  addFour();
  await stage.begin();
  await stage.until(() => stage.clock.now() > 4000 && isRunning());
  const [bucket] = [...stage.server.buckets.keys()].filter((name) => name.startsWith('ec-'));
  const keys = stage.server.buckets.get(bucket)!;
  const a2 = keys.get('agents.a2')!.value as { incarnation: string };
  const rogue = stage.server.client();
  const generation = bucket.slice('ec-'.length);
  const message = {
    ...{ run: stage.coordinator!.run, agent: 'a2', incarnation: a2.incarnation, seq: 1000, from: 1000 },
    ...{ at: 0, length: 0, spans: [], delta: { counters: { sent: 1e6 }, histograms: {} } },
    ...{ finished: [], failures: [], last: true },
  };
  const bad = { count: 1, sum: 1, min: 1, max: 1, hdr: 'no histogram' };
  void rogue.put(bucket, 'agents.rogue', { ...a2, incarnation: 'other' }, 0);
  // Under its own name, but as if it were another's life that ends.
  void rogue.put(bucket, 'agents.rogue2', { ...a2, agent: 'rogue2', fenced: true }, 0);
  void rogue.publishResult(generation, 'rogue', '1', message);
  void rogue.publishResult(generation, 'a2', '2', { ...message, from: 500 });
  void rogue.publishResult(generation, 'a2', '3', {
    ...message,
    delta: { counters: {}, histograms: { latency: bad } },
  });
  const { snapshot, total } = await stage.end();
  assert.deepEqual(snapshot.takeovers, []);
  assert.equal(snapshot.results.rejected, 1);
  assert.equal(snapshot.results.malformed, 4);
  assert.equal(total.get('sent'), 100_000);
});

test('an agent that comes back as another while nobody coordinates is succeeded by whoever is there', async () => {
  const [victim] = addFour({ length: 20_000 });
  await stage.begin();
  await stage.until(() => stage.clock.now() > 4000 && isRunning());
  stage.killCoordinator();
  Object.assign(victim.hub, { cutOut: true, cutIn: true });
  await stage.clock.advance(8000);
  Object.assign(victim.hub, { cutOut: false, cutIn: false });
  await stage.clock.advance(2000);
  await stage.resume();
  const outcome = await stage.end();
  assertWhole(outcome);
  assert.deepEqual(stage.overlaps(), []);
  assert.equal(outcome.snapshot.takeovers.length, 1);
});

test('a lease that nobody has ended holds again when its agent comes late', async () => {
  const [victim] = addFour({ length: 20_000 });
  await stage.begin();
  await stage.until(() => stage.clock.now() > 4000 && isRunning());
  const renewals = (): number => {
    const [bucket] = [...stage.server.buckets.values()].slice(-1);
    return (bucket.get('agents.a1')!.value as { renewal: number }).renewal;
  };
  const before = renewals();
  await stage.until(() => renewals() > before);
  await stage.clock.advance(10);
  stage.killCoordinator();
  Object.assign(victim.hub, { cutOut: true, cutIn: true });
  await stage.clock.advance(3000);
  Object.assign(victim.hub, { cutOut: false, cutIn: false });
  await stage.clock.advance(700);
  await stage.resume();
  const outcome = await stage.end();
  assertWhole(outcome);
  assert.deepEqual(outcome.snapshot.takeovers, []);
  assert.ok(victim.executor.refused > 0);
});

test('answers that are lost while ranges are given are no obstacle', async () => {
  const [victim, ...others] = addFour();
  await stage.begin();
  await stage.until(() => stage.clock.now() > 4000 && isRunning());
  stage.kill(victim);
  await stage.until(
    () => stage.coordinator !== null && stage.log.some((line) => line.includes('a1 is lost')),
  );
  stage.coordinatorHub!.cutIn = true;
  await stage.clock.advance(1500);
  stage.coordinatorHub!.cutIn = false;
  const { snapshot } = await stage.end();
  assert.equal(snapshot.ranges.done, 100);
  assert.equal(others.length, 3);
  assert.deepEqual(stage.overlaps(), []);
});

test('a hundred agents cost the server at most 400 messages a second, answers included', async () => {
  for (let i = 0; i < 100; i++) stage.addAgent(`a${i}`, { length: 60_000 });
  await stage.begin({ agents: 100, lease: 9000, step: 2000 });
  await stage.until(isRunning);
  await stage.clock.advance(10_000);
  const before = new Map(stage.server.counts);
  await stage.clock.advance(30_000);
  const rates = [...stage.server.counts].map(
    ([what, count]) => [what, (count - (before.get(what) ?? 0)) / 30] as const,
  );
  const total = rates.reduce((sum, [, rate]) => sum + rate, 0);
  assert.ok(total > 100 && total <= 400, `${total}: ${rates.join(', ')}`);
});

test('an agent whose first question for the time is lost asks again soon, and starts with the others', async () => {
  const [first] = addFour();
  const { hub } = first;
  const ask = hub.request.bind(hub);
  let lost = 1;
  hub.request = async (subject, value) => {
    if (lost-- > 0) throw new NoAnswerError(subject);
    return ask(subject, value);
  };
  await stage.begin();
  await stage.until(isRunning, 5000);
  assert.ok(isRunning(), 'all wait for it');
  assert.ok(stage.clock.now() < 3000, `${stage.clock.now()}`);
  assertWhole(await stage.end());
});
