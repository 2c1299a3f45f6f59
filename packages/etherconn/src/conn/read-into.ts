import { OptionError } from '../errors.ts';
import { show } from '../options.ts';

/** What a read into the caller's buffer says. */
export interface ReadInto<Remote> {
  /** The part of the caller's buffer that was filled. */
  data: Uint8Array;
  /** Bytes of the whole packet (of what came of it), more than `data.length` when the buffer was too small. */
  length: number;
  /** The end of the packet is lost: the buffer was too small for it, or it came without. */
  truncated: boolean;
  remote: Remote;
}

/** Throws an OptionError for what cannot be read into: before a packet is taken for it. */
export function checkBuffer(buffer: unknown): void {
  if (!(buffer instanceof Uint8Array))
    throw new OptionError('buffer', `must be a Uint8Array, got ${show(buffer)}`);
}

/** Copies a packet into the caller's buffer and says what became of it. */
export function readInto<Remote>(
  packet: { data: Buffer; remote: Remote; truncated?: boolean },
  buffer: Uint8Array,
): ReadInto<Remote> {
  const { data, remote } = packet;
  const taken = Math.min(data.length, buffer.length);
  // A buffer that was transferred away meanwhile is empty, and set() would throw.
  if (taken > 0) buffer.set(data.subarray(0, taken));
  const truncated = taken < data.length || packet.truncated === true;
  return { data: buffer.subarray(0, taken), length: data.length, truncated, remote };
}
