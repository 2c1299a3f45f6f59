/** CRC32c (Castagnoli), the checksum of SCTP: RFC 9260 Appendix A. Bit-reflected, polynomial 0x82f63b78. */

import { checkRange } from './bytes.ts';

const TABLE: Int32Array = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) * 0x82f63b78);
  return crc;
});

/**
 * The CRC32c of the bytes `[start, end)`, with the four bytes at `zeroAt` (the field itself) taken as zero;
 * -1 for none. Unsigned; it stands in the packet with its least significant byte first.
 */
export function crc32c(u8: Uint8Array, start: number, end: number, zeroAt = -1): number {
  checkRange(start, end);
  let crc = -1;
  for (let i = start; i < end; i++) {
    const byte = zeroAt >= 0 && i >= zeroAt && i < zeroAt + 4 ? 0 : u8[i];
    crc = (crc >>> 8) ^ TABLE[(crc ^ byte) & 0xff];
  }
  return ~crc >>> 0;
}
