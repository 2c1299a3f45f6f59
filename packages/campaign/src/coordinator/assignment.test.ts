import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assign } from './assignment.ts';

const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

function loads(given: ReadonlyMap<string, readonly number[]>, before: Record<string, number>): number[] {
  return Object.entries(before).map(([agent, load]) => load + (given.get(agent)?.length ?? 0));
}

test('ranges are divided evenly, each once, in runs of neighbors', () => {
  for (const count of [1, 2, 3, 4, 7, 12]) {
    const candidates = numbers(count).map((n) => ({ agent: `a${n}`, load: 0 }));
    const given = assign(numbers(100), candidates);
    const sizes = [...given.values()].map((each) => each.length);
    assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1);
    assert.deepEqual([...given.values()].flat(), numbers(100));
    for (const each of given.values()) assert.equal(each.at(-1)! - each[0] + 1, each.length);
  }
});

test('who has less gets more, until all have the same', () => {
  const before = { a: 25, b: 25, c: 0, d: 24 };
  const candidates = Object.entries(before).map(([agent, load]) => ({ agent, load }));
  for (const count of [0, 1, 24, 25, 26, 30, 1000]) {
    const given = assign(numbers(count), candidates);
    assert.equal([...given.values()].flat().length, count);
    const after = loads(given, before);
    assert.equal(
      after.reduce((sum, each) => sum + each, 0),
      74 + count,
    );
    const raised = Object.keys(before)
      .map((agent, i) => ({ got: given.get(agent)?.length ?? 0, load: after[i] }))
      .filter(({ got }) => got > 0);
    if (raised.length > 0) assert.ok(Math.max(...raised.map(({ load }) => load)) - Math.min(...after) <= 1);
  }
});

test('without anybody there is nothing to give', () => {
  assert.equal(assign([1, 2], []).size, 0);
});
