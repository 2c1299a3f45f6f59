import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InFlight } from './in-flight.ts';
import { OwnerTable } from './owner-table.ts';
import { TurnQueue } from './turn-queue.ts';

test('a table of owners is what a map would be, whatever comes and goes', () => {
  const count = 300;
  const addresses = new Uint32Array(count);
  const vlanOf = Uint32Array.from({ length: count }, (_, n) => n % 3);
  const table = new OwnerTable(addresses, vlanOf);
  const map = new Map<string, number>();
  let seed = 1;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  const key = (n: number): string => `${addresses[n]} ${vlanOf[n]}`;
  for (let i = 0; i < 50_000; i++) {
    const n = random(count);
    if (map.get(key(n)) === n) {
      table.remove(n);
      map.delete(key(n));
    } else {
      // Few addresses, many of them near each other.
      addresses[n] = 0xfffffff0 + random(400);
      // Who does not have it cannot lose it for its owner.
      if (map.has(key(n))) table.remove(n);
      else {
        table.add(n);
        map.set(key(n), n);
      }
    }
    const address = 0xfffffff0 + random(400);
    const vlan = random(3);
    assert.equal(table.find(address >>> 0, vlan), map.get(`${address >>> 0} ${vlan}`) ?? -1);
  }
});

test('so many are in flight at most; who has no answer for long counts no more', () => {
  const inFlight = new InFlight(10, 3);
  for (const n of [0, 1, 2]) {
    assert.ok(inFlight.hasRoom(10));
    inFlight.enter(n, 10);
  }
  assert.equal(inFlight.hasRoom(10), false);
  inFlight.leave(1, 20);
  inFlight.leave(1, 20);
  assert.ok(inFlight.hasRoom(20));
  inFlight.enter(3, 120);
  assert.equal(inFlight.hasRoom(300), false);
  // 0 and 2 are forgotten, 3 is not yet.
  assert.ok(inFlight.hasRoom(420));
  inFlight.enter(4, 420);
  inFlight.enter(5, 420);
  assert.equal(inFlight.hasRoom(420), false);
  // An answer that comes after all frees nothing twice.
  inFlight.leave(0, 430);
  assert.equal(inFlight.hasRoom(430), false);
  inFlight.leave(3, 430);
  assert.ok(inFlight.hasRoom(430));
  // After a long pause nobody is left.
  inFlight.enter(6, 1e6);
  inFlight.enter(7, 1e6);
  assert.ok(inFlight.hasRoom(1e6));
  inFlight.enter(8, 1e6);
  assert.equal(inFlight.hasRoom(1e6), false);
  assert.ok(new InFlight(1, Number.POSITIVE_INFINITY).hasRoom(0));
});

test('whoever has waited longest has the first turn, also past the end of the ring', () => {
  const queue = new TurnQueue(3);
  for (const n of [2, 0, 1]) queue.add(n);
  assert.deepEqual([queue.take(), queue.take()], [2, 0]);
  queue.add(2);
  assert.equal(queue.size, 2);
  assert.deepEqual([queue.take(), queue.take(), queue.size], [1, 2, 0]);
});
