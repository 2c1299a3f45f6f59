import assert from 'node:assert/strict';
import { build, parse } from '../frames/index.ts';
import { builtFrames } from './built-frames.ts';
import { frames } from './frames.ts';
import { sampleFrames } from './sample-frames.ts';

/** Every kind of frame that tests know. */
export const CORPUS: readonly Uint8Array[] = [
  ...sampleFrames().map(({ bytes }) => bytes),
  ...Object.values(frames),
  ...Object.values(builtFrames).map((parts) => build(parts)),
];

/** What is parsed builds the same bytes. */
export function assertSame(bytes: Uint8Array): void {
  const again = build(parse(bytes));
  // Quicker than to compare arrays of numbers.
  if (Buffer.compare(bytes, again) === 0) return;
  assert.equal(Buffer.from(again).toString('hex'), Buffer.from(bytes).toString('hex'));
}
