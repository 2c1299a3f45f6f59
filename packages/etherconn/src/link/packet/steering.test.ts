import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../../test-support/eventually.ts';
import type { Station } from '../link.ts';
import { Steering } from './steering.ts';

const GROUP = { all: false, group: true };

function station(low: number, vlanKey = 0): Station {
  return { macHigh: 0x02000000, macLow: low, vlanKey, etherTypes: [0x0800] };
}

test('passes everything until steered, then narrows a little later', async () => {
  const programs: Uint8Array[] = [];
  const steering = new Steering((program) => programs.push(program));
  assert.equal(programs.length, 1);
  assert.equal(steering.describe(), 'everything');
  steering.update([station(1)], [], GROUP);
  steering.update([station(2)], [], GROUP);
  assert.equal(programs.length, 1);
  await eventually('narrowed', () => programs.length === 2);
  assert.equal(steering.describe(), '2 addresses and group frames');
});

test('widens at once, and only when needed', async () => {
  const programs: Uint8Array[] = [];
  const steering = new Steering((program) => programs.push(program));
  steering.update([station(1)], [], GROUP);
  await eventually('narrowed', () => programs.length === 2);
  steering.update([station(2)], [], GROUP);
  assert.equal(steering.describe(), '2 addresses and group frames');
  // The same address in another VLAN: nothing to change, and it stays when one of the two goes.
  steering.update([station(2, 100)], [], GROUP);
  assert.equal(programs.length, 3);
  steering.update([], [station(1), station(2)], { all: false, group: false });
  assert.equal(steering.describe(), '2 addresses and group frames');
  await eventually('narrowed', () => programs.length === 4);
  assert.equal(steering.describe(), '1 addresses');
  steering.update([], [], { all: true, group: true });
  assert.equal(steering.describe(), 'everything');
});

test('more than 32 stations pass everything, with one change', async () => {
  const programs: Uint8Array[] = [];
  const steering = new Steering((program) => programs.push(program));
  steering.update([station(0)], [], GROUP);
  await eventually('narrowed', () => programs.length === 2);
  const stations = Array.from({ length: 32 }, (_, i) => station(i + 1));
  steering.update(stations, [], GROUP);
  assert.equal(steering.describe(), 'everything');
  assert.equal(programs.length, 3);
  steering.update([], stations.slice(1), GROUP);
  await eventually('narrowed', () => programs.length === 4);
  assert.equal(steering.describe(), '2 addresses and group frames');
  steering.stop();
});

test('a narrower filter that cannot be set leaves the wider one', async () => {
  let attempts = 0;
  const steering = new Steering(() => {
    if (++attempts === 2) throw new Error('no memory');
  });
  steering.update([station(1)], [], GROUP);
  await eventually('tried', () => attempts === 2);
  assert.equal(steering.describe(), 'everything');
  steering.update([station(2)], [], GROUP);
  await eventually('tried again', () => attempts === 3);
  assert.equal(steering.describe(), '2 addresses and group frames');
});

test('many stations one by one pass at once, with two changes', async () => {
  const programs: Uint8Array[] = [];
  const steering = new Steering((program) => programs.push(program));
  steering.update([station(0)], [], GROUP);
  await eventually('narrowed', () => programs.length === 2);
  for (let low = 1; low <= 20; low++) {
    steering.update([station(low)], [], GROUP);
    const passed = steering.describe();
    assert.equal(passed, low === 1 ? '2 addresses and group frames' : 'everything');
  }
  assert.equal(programs.length, 4);
  await eventually('narrowed', () => programs.length === 5);
  assert.equal(steering.describe(), '21 addresses and group frames');
});
