import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LeasePool, LeaseState } from './lease-pool.ts';

test('each client gets an address of its own, and the same again', () => {
  const pool = new LeasePool(3, 0);
  assert.deepEqual(
    ['a', 'b', 'a'].map((key) => pool.offer(key, -1, 10)),
    [0, 1, 0],
  );
  assert.ok(pool.bind('a', 0, 100));
  assert.deepEqual([pool.bound, pool.free], [1, 1]);
  assert.equal(pool.offer('a', 2, 10), 0, 'a lease is kept, whatever is wished');
  assert.equal(pool.state(0), LeaseState.BOUND);
  assert.equal(pool.bind('b', 0, 100), false, "another's");
});

test('a wish is granted if it is free; without free addresses there is no offer', () => {
  const pool = new LeasePool(2, 0);
  assert.equal(pool.offer('a', 1, 10), 1);
  assert.equal(pool.offer('b', 1, 10), 0);
  assert.equal(pool.offer('c', -1, 10), -1);
  assert.equal(pool.free, 0);
});

test('offers and leases expire; the former client gets its address again, until another has got it', () => {
  const pool = new LeasePool(2, 0);
  pool.offer('a', -1, 10);
  pool.offer('b', -1, 20);
  pool.bind('b', 1, 50);
  pool.advance(11);
  assert.deepEqual([pool.state(0), pool.state(1), pool.free], [LeaseState.FREE, LeaseState.BOUND, 1]);
  assert.equal(pool.of('a'), 0);
  assert.equal(pool.offer('c', -1, 60), 0);
  assert.equal(pool.of('a'), -1);
  pool.advance(51);
  assert.equal(pool.bound, 0);
  assert.equal(pool.offer('b', -1, 60), 1, 'it had that');
});

test('what is free the longest is given first', () => {
  const pool = new LeasePool(3, 0);
  for (const [n, key] of ['a', 'b', 'c'].entries()) pool.bind(key, n, 1000);
  for (const key of ['c', 'a', 'b']) assert.ok(pool.release(key));
  assert.deepEqual(
    ['x', 'y', 'z'].map((key) => pool.offer(key, -1, 10)),
    [2, 0, 1],
  );
  assert.equal(pool.release('c'), false, 'it has none any more');
});

test('a declined address is nobody’s until its time is over', () => {
  const pool = new LeasePool(2, 0);
  pool.bind('a', 0, 100);
  assert.equal(pool.decline('b', 0, 50), false, "another's lease cannot be declined");
  assert.ok(pool.decline('a', 0, 50));
  assert.equal(pool.bind('a', 0, 100), false);
  assert.equal(pool.offer('a', 0, 100), 1);
  pool.advance(51);
  assert.equal(pool.offer('c', -1, 100), 0);
});

test('a client that moves to another address frees the first', () => {
  const pool = new LeasePool(2, 0);
  pool.bind('a', 0, 100);
  assert.ok(pool.bind('a', 1, 100));
  assert.deepEqual([pool.bound, pool.free, pool.of('a'), pool.state(0)], [1, 1, 1, LeaseState.FREE]);
});

test('whatever clients do, no address is given twice, and nothing is lost', () => {
  const pool = new LeasePool(16, 0);
  const held = new Map<string, number>();
  let seed = 1;
  const random = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff;
    return (seed >> 8) % below;
  };
  for (let step = 0; step < 20_000; step++) {
    const key = `k${random(40)}`;
    const what = random(5);
    if (what <= 1) {
      const number = pool.offer(key, random(20) - 2, step + 50);
      if (number >= 0 && pool.bind(key, number, Number.POSITIVE_INFINITY)) held.set(key, number);
    } else if (what === 2) {
      const had = held.delete(key);
      if (had) assert.ok(pool.release(key));
      else pool.release(key);
    } else if (what === 3 && random(10) === 0) {
      const number = held.get(key);
      if (number !== undefined && pool.decline(key, number, step + 20)) held.delete(key);
    } else pool.advance(step);
    assert.equal(pool.bound, held.size);
    assert.equal(new Set(held.values()).size, held.size);
  }
  for (const key of held.keys()) assert.ok(pool.release(key));
  pool.advance(100_000);
  assert.equal(pool.free, 16);
});
