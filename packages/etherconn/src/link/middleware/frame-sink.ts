/**
 * Gets each frame that passes, at `[offset, offset + length)` of `u8`, which is valid only during the call. `queue`
 * is the receive queue, 0 for sent frames. `timestamp` is in milliseconds since the Unix epoch, with a fraction;
 * `nanoseconds` is the same time for captures. For a received frame it is the time at which the kernel received it,
 * if the link knows that (AF_PACKET), otherwise the delivery of its batch. For a sent frame it is the time of its
 * commit.
 */
export type FrameSink = (
  u8: Uint8Array,
  offset: number,
  length: number,
  direction: 'in' | 'out',
  timestamp: number,
  queue: number,
  nanoseconds: bigint,
) => void;

/** The number that a {@link FrameSink} gets beside `nanoseconds`. */
export function toMilliseconds(nanoseconds: bigint): number {
  return Number(nanoseconds) / 1e6;
}
