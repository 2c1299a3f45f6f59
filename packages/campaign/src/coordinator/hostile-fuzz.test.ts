import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deflateSync } from 'node:zlib';
import { Delta } from '@etherconn/cli/parts';
import * as schemas from '../protocol/messages.ts';
import type { ResultMessage } from '../protocol/records.ts';
import { Dice } from '../test-support/chaos.ts';
import { Intake } from './intake.ts';
import { Ownership } from './ownership.ts';

const RUNS = Math.ceil(Number(process.env.ETHERCONN_FUZZ_RUNS ?? 200_000) / 100);

function made(): { intake: Intake; ownership: Ownership } {
  const ownership = new Ownership({ clients: 1000, clientsPerRange: 10 });
  for (let number = 0; number < 50; number++) ownership.give(number, 'a1', 'i1', null);
  return { intake: new Intake('c1', ownership), ownership };
}

function message(seq = 1): ResultMessage {
  const delta = new Delta();
  delta.add('sent', 5);
  delta.histogram('latency').record(70);
  return {
    ...{ run: 'c1', agent: 'a1', incarnation: 'i1', seq, from: seq, at: 0, length: 1000 },
    ...{ spans: [{ first: 0, count: 50, epoch: 1 }], delta: delta.toJSON(), finished: [] },
    ...{ failures: [{ client: 1, part: 'p', reason: 'r' }], last: false },
  };
}

/** An HDR histogram's envelope around bytes that are none. */
function hdrOf(bytes: Buffer): string {
  const packed = deflateSync(bytes);
  const head = Buffer.alloc(8);
  head.writeInt32BE(0x1c849304 | 0x10);
  head.writeInt32BE(packed.length, 4);
  return Buffer.concat([head, packed]).toString('base64');
}

function withLatency(latency: object): object {
  const { delta } = message();
  return { counters: delta.counters, histograms: { latency: { ...delta.histograms.latency, ...latency } } };
}

const huge = Buffer.alloc(40);
huge.writeInt32BE(0x1c849303 | 0x10);
huge.writeInt32BE(5, 12);
huge.writeBigInt64BE(1n, 16);
huge.writeBigInt64BE(2n ** 62n, 24);

/** What an agent's key allows to send, and what is said of it. */
const LIES: Readonly<Record<string, [change: object, counted: 'malformed' | 'rejected']>> = {
  'of another campaign': [{ run: 'c2' }, 'rejected'],
  'of another incarnation': [{ incarnation: 'i2' }, 'rejected'],
  'of a range that it never had': [{ finished: [{ first: 50, count: 1, epoch: 1 }] }, 'rejected'],
  'of an epoch that never was': [{ finished: [{ first: 0, count: 1, epoch: 2 }] }, 'rejected'],
  'of a span without end': [{ spans: [{ first: 0, count: 1e15, epoch: 1 }] }, 'rejected'],
  'of a span beyond all numbers': [
    { spans: [{ first: Number.MAX_SAFE_INTEGER, count: Number.MAX_SAFE_INTEGER, epoch: 1 }] },
    'rejected',
  ],
  'of one span ten thousand times': [
    { spans: Array.from({ length: 10_000 }, () => ({ first: 0, count: 50, epoch: 1 })) },
    'rejected',
  ],
  'of messages that overlap': [{ seq: 9, from: 4 }, 'malformed'],
  'at a time that is no number': [{ at: Number.NaN }, 'malformed'],
  'at a time that never comes': [{ at: 1e300 }, 'malformed'],
  'of a length below nothing': [{ length: -1 }, 'malformed'],
  'with a counter beyond all numbers': [
    { delta: { counters: { sent: 1e300 }, histograms: {} } },
    'malformed',
  ],
  'with ten thousand counters': [
    {
      delta: {
        counters: Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`c${i}`, 1])),
        histograms: {},
      },
    },
    'malformed',
  ],
  'with a histogram that counts more than it has': [{ delta: withLatency({ count: 1e9 }) }, 'malformed'],
  'with a histogram whose sum is another one': [{ delta: withLatency({ sum: 1e9 }) }, 'malformed'],
  'with a histogram of gigabytes': [{ delta: withLatency({ hdr: hdrOf(huge) }) }, 'malformed'],
  'with a histogram that grows when unpacked': [
    { delta: withLatency({ hdr: hdrOf(Buffer.alloc(100 * 2 ** 20)) }) },
    'malformed',
  ],
};

for (const [what, [change, counted]] of Object.entries(LIES)) {
  test(`a result ${what} is ${counted}, and nothing of it counts`, () => {
    const { intake } = made();
    assert.deepEqual(intake.came({ ...message(), ...change }, 'a1'), []);
    assert.equal(intake.counts[counted], 1);
    assert.equal(intake.merger.total().counters.size, 0);
    assert.equal(intake.came(message(), 'a1').length, 1);
  });
}

test('names of objects are names like others, and texts command no terminal', () => {
  const { intake } = made();
  const counters = JSON.parse('{"__proto__": 1, "constructor": 2, "toString": 3}');
  const failures = [{ client: 1, part: 'p', reason: '\u001b[2J\u0007gone\n' }];
  intake.came({ ...message(), delta: { counters, histograms: {} }, failures }, 'a1');
  const total = intake.merger.total();
  assert.deepEqual(
    [...total.counters].filter(([name]) => name !== '__proto__'),
    [
      ['constructor', 2],
      ['toString', 3],
    ],
  );
  assert.equal(intake.failures[0].reason, ' [2J gone ');
  assert.equal(({} as { sent?: number }).sent, undefined);
});

test('messages that come before their turn are kept up to a bound', () => {
  const { intake } = made();
  for (let seq = 2; seq < 500; seq++) intake.came(message(seq), 'a1');
  assert.equal(intake.merger.get('i1')!.waiting, 100);
  intake.came(message(1), 'a1');
  assert.equal(intake.merger.get('i1')!.upTo, 101);
  assert.equal(intake.merger.total().get('sent'), 505);
});

const ODD = [
  ...[null, undefined, true, '', 'x'.repeat(5000), '__proto__', '../..', 'a.b', '*', '>', [], {}, -1, 0, 0.5],
  ...[1e15, 2 ** 53, 1e300, Number.NaN, Number.POSITIVE_INFINITY, '\u0000', '\ud800', [[]], { a: { b: 1 } }],
];

/** Replaces, removes or adds something somewhere. */
function mutated(value: unknown, dice: Dice): unknown {
  if (typeof value !== 'object' || value === null || dice.next < 0.15) return dice.one(ODD);
  const copy = (Array.isArray(value) ? [...value] : { ...value }) as Record<string, unknown>;
  const keys = Object.keys(copy);
  const key = keys.length === 0 || dice.next < 0.05 ? 'more' : dice.one(keys);
  if (dice.next < 0.1) delete copy[key];
  else copy[key] = mutated(copy[key], dice);
  return copy;
}

test('whatever comes, it is counted and dropped, or counts', () => {
  const { intake, ownership } = made();
  const dice = new Dice(Number(process.env.SEED ?? 1));
  let counted = 0;
  for (let i = 0; i < RUNS; i++) {
    let value: unknown = message(1 + (i % 300));
    for (let times = 1 + dice.whole(3); times > 0; times--) value = mutated(value, dice);
    const { malformed, rejected, messages } = intake.counts;
    counted += intake.came(value, 'a1').length;
    const after = intake.counts;
    assert.ok(after.malformed - malformed + (after.rejected - rejected) <= 1);
    assert.ok(after.messages >= messages);
    for (const schema of Object.values(schemas)) if (typeof schema === 'object') schema.safeParse(value);
  }
  assert.equal(intake.counts.messages, counted);
  for (const [, amount] of intake.merger.total().counters) assert.ok(Number.isFinite(amount));
  assert.ok(ownership.counts.done <= 50);
});
