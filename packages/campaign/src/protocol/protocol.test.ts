import assert from 'node:assert/strict';
import { test } from 'node:test';
import { estimateOffset } from './clock-offset.ts';
import { HeldLease, WatchedLease } from './lease.ts';
import { agentSchema, resultSchema } from './messages.ts';
import { asName, NAME_PATTERN } from './names.ts';
import { clientsOf, rangeCount, toSpans } from './spans.ts';

test('the offset of a clock is never wrong by more than its error, however the two ways differ', () => {
  let random = 1;
  const next = (): number => {
    random = (random * 16_807) % 2_147_483_647;
    return random / 2_147_483_647;
  };
  for (let round = 0; round < 200; round++) {
    const truth = 2000 * (next() - 0.5);
    const exchanges = Array.from({ length: 8 }, (_, i) => {
      const asked = 1000 * i + truth;
      const received = 1000 * i + 20 * next() ** 4;
      const sent = received + next();
      const answered = sent + 20 * next() ** 4 + truth;
      return { asked, received, sent, answered };
    });
    const { offset, error } = estimateOffset(exchanges)!;
    assert.ok(Math.abs(offset - truth) <= error + 1e-9, `${offset} is not ${truth} ± ${error}`);
    const delays = exchanges.map(
      ({ asked, received, sent, answered }) => answered - asked - (sent - received),
    );
    assert.ok(Math.abs(error - Math.min(...delays) / 2) < 1e-9);
  }
});

test('a clock that was set in the middle of an exchange is not believed', () => {
  assert.equal(estimateOffset([{ asked: 1000, received: 5, sent: 6, answered: 900 }]), null);
  assert.equal(estimateOffset([]), null);
});

test('whatever the delays, an agent has stopped two margins before its successor may start', () => {
  const terms = { lease: 3000, margin: 200 };
  for (const delay of [0, 1, 50, 900]) {
    const held = new HeldLease(terms);
    const watched = new WatchedLease(terms, 0);
    held.renewed(10_000);
    watched.seen(10_000 + delay);
    assert.equal(watched.takeoverAt - held.fenceAt, 400 + delay);
    assert.ok(held.holds(held.fenceAt - 1) && !held.holds(held.fenceAt));
    assert.ok(!watched.isOver(watched.takeoverAt - 1) && watched.isOver(watched.takeoverAt));
  }
});

test('an older renewal that is heard of late shortens no lease', () => {
  const held = new HeldLease({ lease: 3000, margin: 200 });
  held.renewed(5000);
  held.renewed(4000);
  assert.equal(held.fenceAt, 7800);
});

test('every client is in one range, and ranges in a row are one span', () => {
  const division = { clients: 1050, clientsPerRange: 100 };
  assert.equal(rangeCount(division), 11);
  assert.deepEqual(clientsOf(division, { first: 0, count: 1 }), { first: 0, count: 100 });
  assert.deepEqual(clientsOf(division, { first: 9, count: 2 }), { first: 900, count: 150 });
  assert.deepEqual(toSpans([4, 1, 2, 7, 3].map((number) => ({ number, epoch: number === 3 ? 2 : 1 }))), [
    { first: 1, count: 2, epoch: 1 },
    { first: 3, count: 1, epoch: 2 },
    { first: 4, count: 1, epoch: 1 },
    { first: 7, count: 1, epoch: 1 },
  ]);
});

test('what does not fit is refused: other fields, other types, names that are subjects', () => {
  const record = {
    agent: 'a1',
    incarnation: 'x',
    renewal: 1,
    state: 'idle',
    reason: null,
    interfaces: [],
    clock: null,
    grant: 0,
    fenced: false,
  };
  assert.ok(agentSchema.safeParse(record).success);
  for (const wrong of [
    { ...record, agent: 'a.>' },
    { ...record, code: 'process.exit()' },
    { ...record, clock: { offset: 0, error: -1 } },
    { ...record, renewal: 1.5 },
  ])
    assert.ok(!agentSchema.safeParse(wrong).success);
  assert.ok(!resultSchema.safeParse({}).success);
  assert.match(asName('host.example eth0'), NAME_PATTERN);
});
