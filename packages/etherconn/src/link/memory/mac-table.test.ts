import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MacTable } from './mac-table.ts';

const AGEING = 100;

test('it knows what a map would know', () => {
  const step = fc.record({
    high: fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer()),
    low: fc.nat(3),
    port: fc.nat(9),
    pause: fc.nat(5),
    learn: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 500 }), (steps) => {
      const table = new MacTable(10_000, AGEING, () => true);
      const model = new Map<string, { port: number; seen: number }>();
      let now = 0;
      for (const { high, low, port, pause, learn } of steps) {
        now += pause;
        const key = `${high} ${low}`;
        if (learn) {
          assert.equal(table.learn(high, low, port, port + 1, now), true);
          model.set(key, { port, seen: now });
        } else {
          const known = model.get(key);
          const entry = table.lookup(high, low, now);
          if (known === undefined || now - known.seen > AGEING) {
            assert.equal(entry, -1);
          } else {
            assert.equal(table.ports[entry], known.port);
            assert.equal(table.generations[entry], known.port + 1);
          }
        }
      }
    }),
    { numRuns: 300 },
  );
});

test('a full table learns nobody until entries are old or their ports gone', () => {
  const dead = new Set<number>();
  const table = new MacTable(3, AGEING, (port) => !dead.has(port));
  for (let station = 0; station < 3; station++) assert.ok(table.learn(station, 0, station, 1, 0));
  assert.equal(table.learn(9, 0, 9, 1, 10), false);
  assert.ok(table.learn(2, 0, 7, 1, 10), 'one that is known may move');
  assert.equal(table.ports[table.lookup(2, 0, 10)], 7);
  dead.add(0);
  assert.equal(table.learn(9, 0, 9, 1, 11), false, 'it has just looked');
  assert.ok(table.learn(9, 0, 9, 1, 1500));
  assert.ok(table.size <= 3);
  assert.equal(table.ports[table.lookup(9, 0, 1500)], 9);
});
