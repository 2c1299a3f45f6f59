import { test } from 'node:test';
import fc from 'fast-check';
import { assertSame, CORPUS } from '../test-support/frame-corpus.ts';

/** Any bytes build the same again, and nothing is thrown. */

const RUNS = Number(process.env.ETHERCONN_FUZZ_RUNS ?? 10_000);

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
