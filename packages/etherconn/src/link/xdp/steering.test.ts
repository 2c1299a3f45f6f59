import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Station } from '../link.ts';
import { ENDPOINT_KEY_SIZE, ENDPOINT_SIZE } from './steer-maps.ts';
import { Steering } from './steering.ts';

function station(macLow: number, etherTypes: number[], vlanKey = 0): Station {
  return { macHigh: 0x02000000, macLow, vlanKey, etherTypes };
}

/** Plays the kernel's part: what the map holds after all changes, as text. */
class KernelMap {
  readonly entries = new Map<string, string>();

  apply(steering: Steering): void {
    const { keys, wishes } = steering.takeChanges(1n);
    assert.equal(keys.length / ENDPOINT_KEY_SIZE, wishes.length / ENDPOINT_SIZE);
    const seen = new Set<string>();
    for (let i = 0; i * ENDPOINT_KEY_SIZE < keys.length; i++) {
      const key = Buffer.from(keys.subarray(i * ENDPOINT_KEY_SIZE, (i + 1) * ENDPOINT_KEY_SIZE)).toString(
        'hex',
      );
      const wish = Buffer.from(wishes.subarray(i * ENDPOINT_SIZE, (i + 1) * ENDPOINT_SIZE));
      assert.ok(!seen.has(key), 'one change per key');
      seen.add(key);
      if (wish.every((byte) => byte === 0)) this.entries.delete(key);
      else this.entries.set(key, typesOf(wish).join());
    }
  }
}

function typesOf(wish: Buffer): number[] {
  if (wish.readBigUInt64LE(0) !== 0n) return [-1];
  const types: number[] = [];
  for (let slot = 0; slot < 6; slot++) {
    if (wish.readBigUInt64LE(8 + 8 * slot) !== 0n) types.push(wish.readUInt16LE(56 + 2 * slot));
  }
  return types.sort((a, b) => a - b);
}

test('an EtherType stays as long as somebody wants it', () => {
  const steering = new Steering();
  const map = new KernelMap();
  const key = '020000000001000000000000';
  steering.add([station(1, [0x0800, 0x0806]), station(1, [0x0800])]);
  map.apply(steering);
  assert.deepEqual([...map.entries], [[key, '2048,2054']]);
  steering.remove([station(1, [0x0800, 0x0806])]);
  map.apply(steering);
  assert.deepEqual([...map.entries], [[key, '2048']]);
  assert.equal(steering.size, 1);
  steering.remove([station(1, [0x0800])]);
  map.apply(steering);
  assert.deepEqual([map.entries.size, steering.size], [0, 0]);
  assert.equal(steering.takeChanges(1n).keys.length, 0);
});

test('more than 6 EtherTypes are all', () => {
  const steering = new Steering();
  const map = new KernelMap();
  steering.add([station(1, [1, 2, 3, 4, 5, 6])]);
  map.apply(steering);
  assert.deepEqual([...map.entries.values()], ['1,2,3,4,5,6']);
  steering.add([station(1, [7])]);
  map.apply(steering);
  assert.deepEqual([...map.entries.values()], ['-1']);
  steering.remove([station(1, [7])]);
  map.apply(steering);
  assert.deepEqual([...map.entries.values()], ['1,2,3,4,5,6']);
});

test('unknown stations, and stations without EtherTypes, are nothing', () => {
  const steering = new Steering();
  steering.add([station(1, [])]);
  steering.remove([station(2, [0x0800])]);
  steering.add([station(3, [0x0800])]);
  steering.remove([station(3, [0x0806])]);
  assert.equal(steering.size, 1);
});

test('what was admitted is counted once, and given up when it is not added', () => {
  const steering = new Steering();
  const map = new KernelMap();
  const [a, b, c] = [1, 2, 3].map((low) => station(low, [0x0800]));
  steering.admit([a, b]);
  steering.admit([a]);
  assert.equal(steering.size, 2);
  steering.add([a, c]);
  steering.forgetAdmitted();
  map.apply(steering);
  assert.deepEqual([steering.size, map.entries.size], [2, 2]);
  // Added again without being admitted, it counts again.
  steering.add([a]);
  steering.remove([a]);
  assert.equal(steering.size, 2);
  steering.remove([a]);
  assert.equal(steering.size, 1);
  steering.admit([a, b]);
  steering.refuse([a, b]);
  steering.add([c]);
  steering.remove([c, c]);
  map.apply(steering);
  assert.deepEqual([steering.size, map.entries.size], [0, 0]);
});

test('property: the map is what the stations that are there want', () => {
  const arbitraryStation = fc.record({
    macHigh: fc.constant(0x02000000),
    macLow: fc.nat(3),
    vlanKey: fc.constantFrom(0, 0x01000005),
    etherTypes: fc.uniqueArray(fc.integer({ min: 1, max: 8 }), { maxLength: 4 }),
  });
  const batches = fc.array(
    fc.tuple(fc.array(arbitraryStation, { maxLength: 5 }), fc.array(fc.nat(), { maxLength: 5 })),
  );
  fc.assert(
    fc.property(batches, fc.boolean(), fc.integer({ min: 1, max: 4 }), (steps, clear, nth) => {
      const steering = new Steering();
      const map = new KernelMap();
      let present: Station[] = [];
      for (const [added, picks] of steps) {
        present.push(...added);
        const removed: Station[] = [];
        for (const pick of picks)
          if (present.length > 0) removed.push(...present.splice(pick % present.length, 1));
        // Admitting some of them beforehand, and others that do not come, changes nothing.
        const stranger = station(99, [1]);
        steering.admit([...added.filter((_, index) => index % nth === 0), stranger]);
        steering.add(added);
        steering.remove(removed);
        steering.forgetAdmitted();
        map.apply(steering);
        assert.deepEqual(Object.fromEntries(map.entries), wanted(present));
        assert.equal(steering.size, map.entries.size);
      }
      if (clear) {
        present = [];
        steering.clear();
        map.apply(steering);
        assert.equal(map.entries.size, 0);
      }
    }),
    { numRuns: 500 },
  );
});

function wanted(stations: readonly Station[]): Record<string, string> {
  const types = new Map<string, Set<number>>();
  for (const { macLow, vlanKey, etherTypes } of stations) {
    if (etherTypes.length === 0) continue;
    const key = `0200000000${macLow.toString(16).padStart(2, '0')}0000${vlanKey === 0 ? '00000000' : '05000001'}`;
    const set = types.get(key) ?? new Set();
    for (const etherType of etherTypes) set.add(etherType);
    types.set(key, set);
  }
  const sorted = (set: Set<number>) => (set.size > 6 ? '-1' : [...set].sort((a, b) => a - b).join());
  return Object.fromEntries([...types].map(([key, set]) => [key, sorted(set)]));
}

test('a withheld MAC address is in the map in no VLAN, until another one is withheld', () => {
  const steering = new Steering();
  const map = new KernelMap();
  const keys = () => [...map.entries.keys()].map((key) => key.slice(8, 12)).sort();
  steering.withhold(0x02000000, 1);
  steering.add([1, 2, 3].flatMap((low) => [station(low, [0x0800]), station(low, [0x0800], 0x01000005)]));
  map.apply(steering);
  assert.deepEqual(keys(), ['0002', '0002', '0003', '0003']);
  steering.withhold(0x02000000, 2);
  map.apply(steering);
  assert.deepEqual(keys(), ['0001', '0001', '0003', '0003']);
  // It is still counted, and comes back as what it is by then.
  steering.remove([station(2, [0x0800], 0x01000005)]);
  steering.withhold(0x03000000, 2);
  map.apply(steering);
  assert.deepEqual(keys(), ['0001', '0001', '0002', '0003', '0003']);
  assert.equal(steering.size, 5);
});

test('more stations than there are places at first, gone and come again', () => {
  const steering = new Steering();
  const map = new KernelMap();
  const stations = Array.from({ length: 1000 }, (_, low) => station(low, [0x0800, 0x86dd]));
  for (let round = 0; round < 3; round++) {
    steering.add(stations);
    map.apply(steering);
    assert.deepEqual([map.entries.size, steering.size], [1000, 1000]);
    assert.ok([...map.entries.values()].every((types) => types === '2048,34525'));
    steering.remove(stations.slice(500 * (round % 2)));
    map.apply(steering);
    assert.equal(map.entries.size, 500 * (round % 2));
    steering.remove(stations);
    map.apply(steering);
    assert.equal(map.entries.size, 0);
  }
});
