import { test } from 'node:test';
import fc from 'fast-check';
import { assertSame, CORPUS } from '../test-support/frame-corpus.ts';

import { lay } from './build.ts';
import type { Frame } from './frame.ts';
import { definitionOf, LAYER_NAMES } from './layers.ts';

/** Any bytes build the same again, and nothing is thrown. */

/** Frames as objects cost a hundred times as much as those in records. */
const RUNS = Math.ceil(Number(process.env.ETHERCONN_FUZZ_RUNS ?? 300_000) / 100);

test('property: frames with some bytes changed', () => {
  const change = fc.record({
    at: fc.nat(139),
    byte: fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 6, 17, 58, 255)),
  });
  const frame = fc.constantFrom(...CORPUS.filter(({ length }) => length < 400));
  fc.assert(
    fc.property(frame, fc.array(change, { minLength: 1, maxLength: 4 }), (bytes, changes) => {
      const changed = bytes.slice();
      for (const { at, byte } of changes) changed[at % bytes.length] = byte;
      assertSame(changed);
    }),
    { numRuns: RUNS },
  );
});

test('property: any bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => assertSame(bytes)),
    { numRuns: RUNS },
  );
});

test('property: any layers in any order, with any values', () => {
  const bytes = fc.uint8Array({ minLength: 300, maxLength: 300 });
  const layer = fc.tuple(fc.constantFrom(...LAYER_NAMES), bytes, fc.integer()).map(([name, from, chosen]) => {
    const fields = Object.entries(definitionOf(name)!.fields).filter((_, index) => (chosen >> index) & 1);
    return { layer: name, ...Object.fromEntries(fields.map(([key, field]) => [key, field.read(from, 0)])) };
  });
  fc.assert(
    fc.property(fc.array(layer, { maxLength: 6 }), (layers) => {
      const parts = layers.map((one) =>
        /^pa/.test(one.layer) ? { ...one, bytes: Uint8Array.of(1, 2) } : one,
      );
      const whole = lay(parts as unknown as Frame).u8;
      assertSame(whole);
    }),
    { numRuns: Math.ceil(RUNS / 3) },
  );
});
