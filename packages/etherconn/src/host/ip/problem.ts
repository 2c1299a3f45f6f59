/**
 * A fault in the options or headers of an IP packet, as an integer: code and pointer of the Parameter Problem that
 * reports it to the sender (RFC 792, RFC 4443 §3.4), or one of the values below 0.
 */
export const Problem = {
  NONE: -1,
  /** The packet is dropped without a report. */
  SILENT: -2,
} as const;

/** A problem that is reported to the sender. `pointer` is the offset of the fault in the packet, at most 16 bits. */
export function problem(code: number, pointer: number): number {
  return (code << 16) | pointer;
}

export function problemCode(one: number): number {
  return one >>> 16;
}

export function problemPointer(one: number): number {
  return one & 0xffff;
}
