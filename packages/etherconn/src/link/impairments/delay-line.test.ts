import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { allocateFrameMemory } from '../frame-memory.ts';
import { DelayLine } from './delay-line.ts';

test('frames come out by time, then by arrival, with their bytes (against a model)', () => {
  const step = fc.oneof(
    fc.record({
      add: fc.constant(true),
      due: fc.nat(20),
      length: fc.integer({ min: 14, max: 9000 }),
      windowed: fc.boolean(),
    }),
    fc.record({ add: fc.constant(false), now: fc.nat(25), release: fc.boolean() }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 250 }), (steps) => {
      const line = new DelayLine<string>(100);
      const source = allocateFrameMemory(16384);
      let model: { due: number; order: number; length: number; fill: number }[] = [];
      const taken: { id: number; length: number; fill: number }[] = [];
      let order = 0;
      for (const action of steps) {
        if ('due' in action) {
          const fill = order & 255;
          source.u8.fill(fill, 2, 2 + action.length);
          const window = action.windowed ? source.u8.subarray(2, 2 + action.length + 500) : null;
          const added = line.add(action.due, `owner ${order}`, order, source, 2, action.length, window);
          assert.equal(added, model.length + taken.length < 100);
          if (added) model.push({ due: action.due, order, length: action.length, fill });
          order++;
        } else {
          model.sort((x, y) => x.due - y.due || x.order - y.order);
          assert.equal(line.next, model[0]?.due ?? Infinity);
          const id = line.take(action.now);
          const expected = model[0] !== undefined && model[0].due <= action.now ? model[0] : undefined;
          assert.equal(id >= 0, expected !== undefined);
          if (expected !== undefined) {
            model = model.slice(1);
            assert.equal(line.owner(id), `owner ${expected.order}`);
            assert.equal(line.kind(id), expected.order);
            taken.push({ id, length: expected.length, fill: expected.fill });
          }
          // What is taken stays intact until it is released.
          for (const frame of taken) {
            assert.equal(line.length(frame.id), frame.length);
            assert.equal(line.offset(frame.id) % 4, 2);
            const bytes = line.memory(frame.id).u8;
            const start = line.offset(frame.id);
            assert.equal(bytes[start], frame.fill);
            assert.equal(bytes[start + frame.length - 1], frame.fill);
          }
          if (action.release) for (const frame of taken.splice(0)) line.release(frame.id);
        }
        assert.equal(line.size, model.length + taken.length);
      }
      line.clear();
      assert.equal(line.size, taken.length);
      assert.equal(line.next, Infinity);
    }),
    { numRuns: 300 },
  );
});

test('the longest frames fit', () => {
  const line = new DelayLine<null>(10);
  const source = allocateFrameMemory(65560);
  source.u8.fill(9);
  for (let index = 0; index < 5; index++) assert.ok(line.add(index, null, 0, source, 2, 65557, null));
  for (let index = 0; index < 5; index++) {
    const id = line.take(10);
    const start = line.offset(id);
    assert.ok(
      line
        .memory(id)
        .u8.subarray(start, start + 65557)
        .every((byte) => byte === 9),
    );
    line.release(id);
  }
});
