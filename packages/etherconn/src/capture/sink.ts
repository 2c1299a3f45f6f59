import { OptionError } from '../errors.ts';
import { show } from '../options.ts';

/**
 * The target of a writer: a function, or an object with `write`, such as a Node Writable. The writer never changes
 * the bytes after the call. The result `false` asks the caller to wait ('drain').
 */
export type CaptureSink =
  | ((bytes: Uint8Array) => unknown)
  | {
      write(bytes: Uint8Array): unknown;
    };

/** A sink as a function that says whether more may be written at once. */
export function sinkFunction(sink: CaptureSink): (bytes: Uint8Array) => boolean {
  if (typeof sink === 'function') return (bytes) => sink(bytes) !== false;
  if (typeof sink?.write !== 'function') {
    throw new OptionError('sink', `must be a function or have a write method, got ${show(sink)}`);
  }
  return (bytes) => sink.write(bytes) !== false;
}
