/**
 * What is wrong with the options or headers of an IP packet, as an integer: code and pointer of the Parameter Problem
 * that says so to its sender (RFC 792, RFC 4443 §3.4), or one of the values below 0.
 */
export const Problem = {
  NONE: -1,
  /** The packet is dropped, and nobody told. */
  SILENT: -2,
} as const;

/** A problem that the sender is told: `pointer` is the offset in the packet of what it is about, at most 16 bits. */
export function problem(code: number, pointer: number): number {
  return (code << 16) | pointer;
}

export function problemCode(one: number): number {
  return one >>> 16;
}

export function problemPointer(one: number): number {
  return one & 0xffff;
}
