/**
 * Arithmetic of TCP sequence numbers, modulo 2^32: RFC 9293 §3.4. A number is kept as a signed 32-bit integer, which
 * engines store without an object; `>>> 0` makes it what the header shows. `a` is before `b` if it takes fewer than 2^31
 * steps forward to get from `a` to `b`.
 */

/** The number `count` after `a`. */
export function sequenceAdd(a: number, count: number): number {
  return (a + count) | 0;
}

/** Steps from `b` to `a`: negative if `a` is before `b`. */
export function sequenceDistance(a: number, b: number): number {
  return (a - b) | 0;
}

/** Whether `a` is before `b`. */
export function isBefore(a: number, b: number): boolean {
  return ((a - b) | 0) < 0;
}

/** Whether `a` is before `b`, or the same. */
export function isAtMost(a: number, b: number): boolean {
  return ((a - b) | 0) <= 0;
}

/** The later of two. */
export function laterOf(a: number, b: number): number {
  return isBefore(a, b) ? b : a;
}

/** Whether `a` lies in the window of `length` numbers from `start` on. */
export function isInWindow(a: number, start: number, length: number): boolean {
  return (a - start) >>> 0 < length;
}
