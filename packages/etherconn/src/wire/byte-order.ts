// Not the exported one: the engine puts the value of a module's own constant into the code, and looks an exported or
// imported one up in every call. On the hot path that is measured, so what is there takes a constant of its own, too.
const littleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** Whether the machine is little-endian, as all that Node runs on but s390x are. */
export const LITTLE_ENDIAN: boolean = littleEndian;

/**
 * A 16-bit number as it has to be in a 16-bit word of this machine to stand in memory in network byte order; and back:
 * it is its own inverse.
 */
export function networkOrder16(value: number): number {
  return littleEndian ? ((value & 0xff) << 8) | ((value >>> 8) & 0xff) : value & 0xffff;
}

/** The same of a 32-bit number. The result is a signed integer. */
export function networkOrder32(value: number): number {
  if (!littleEndian) return value | 0;
  return (value << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24);
}
