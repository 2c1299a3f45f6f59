/**
 * Gets each frame that passes, at `[offset, offset + length)` of `u8`; it is valid during the call only. `queue`
 * is the receive queue, 0 for frames sent. `timestamp` is in milliseconds since the Unix epoch, with a fraction;
 * `nanoseconds` is the same time as captures have it. It is when the kernel received the frame, on links that know
 * (AF_PACKET), else when its batch was delivered; for frames sent, when they were committed.
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
