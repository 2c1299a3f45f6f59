import { createGunzip } from 'node:zlib';
import { CaptureError } from './error.ts';

/**
 * Decompression of captures (gzip, RFC 1952) that saves what can be saved: everything that was inflated
 * before the place where the data ends or is damaged comes out before the error does.
 */

/** Size of the trailer: checksum and length of the decompressed data (RFC 1952 section 2.3.1). */
const TRAILER_LENGTH = 8;
const MIN_PIECE = 32;
const MAX_PIECE = 4096;

/** Whether data begins with the gzip magic. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes.length >= 2 && bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/** The decompressed bytes of `source`. Throws a {@link CaptureError} when the data is cut off or damaged. */
export async function* gunzip(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  const stream = createGunzip();
  const output: Uint8Array[] = [];
  let read = 0;
  let inflated = 0;
  stream.on('data', (chunk: Uint8Array) => {
    output.push(chunk);
    inflated += chunk.length;
  });
  // A failed write never calls back: the step under way ends by either.
  let settle: (failure: Error | null) => void = () => {};
  stream.on('error', (error: Error) => settle(error));
  const step = (start: (done: () => void) => void): Promise<Error | null> =>
    new Promise((resolve) => {
      settle = resolve;
      start(() => resolve(null));
    });
  // The last bytes are always held back, so that a wrong checksum is found in a write of its own.
  let held = new Uint8Array(0);
  try {
    for await (const chunk of source) {
      const bytes = held.length === 0 ? chunk : concat(held, chunk);
      let at = 0;
      while (bytes.length - at > TRAILER_LENGTH) {
        // What the failing write had inflated is lost, so small files are fed in small pieces.
        const size = Math.min(Math.max(MIN_PIECE, read >> 4), MAX_PIECE, bytes.length - at - TRAILER_LENGTH);
        const piece = bytes.subarray(at, at + size);
        const failure = await step((done) => stream.write(piece, done));
        yield* output.splice(0);
        if (failure !== null) throw fault(failure, inflated);
        at += size;
        read += size;
      }
      held = bytes.slice(at);
    }
    const failure =
      (await step((done) => stream.write(held, done))) ??
      (await step((done) => stream.once('end', done).end()));
    yield* output.splice(0);
    if (failure !== null) throw fault(failure, inflated);
  } finally {
    stream.destroy();
  }
}

function fault(cause: Error, inflated: number): CaptureError {
  const what =
    (cause as NodeJS.ErrnoException).code === 'Z_BUF_ERROR' ? 'cut off' : `damaged, ${cause.message}`;
  return new CaptureError(inflated, `gzip: ${what}`, { cause });
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
