import { LITTLE_ENDIAN } from './byte-order.ts';
import { checkRange, readU16, writeU16 } from './bytes.ts';

/**
 * The Internet checksum: RFC 1071; incremental update: RFC 1624; pseudo-headers: RFC 768, RFC 8200 §8.1.
 *
 * A *sum* here is a plain number, not folded and not complemented, so parts can be added up in any order as
 * long as each begins at an even distance from the start of the data. A *checksum* is what stands in the field.
 * Sums of up to 128 KiB fit in 32 bits.
 */

/** What the checksum of a header turned out to be. */
export const ChecksumState = {
  /** There is no such field: no such header, or a fragment that does not have it. */
  ABSENT: 0,
  GOOD: 1,
  BAD: 2,
  /** The field is 0: the sender computed none (allowed over IPv4, RFC 768; over IPv6 only as of RFC 6935). */
  ZERO: 3,
  /** It cannot be computed: a fragment, or bytes are missing. */
  UNVERIFIED: 4,
  /**
   * The field is exactly the folded, not complemented sum of the pseudo-header: the sender left the rest to
   * hardware that never saw the frame, as local senders do on veth and other software interfaces.
   */
  PARTIAL: 5,
} as const;

const STATE_NAMES: readonly string[] = ['absent', 'good', 'bad', 'zero', 'unverified', 'partial'];

/** The name of a value of {@link ChecksumState}. */
export function checksumStateName(state: number): string {
  return STATE_NAMES[state] ?? `unknown checksum state ${state}`;
}

/** The sum of the bytes `[start, end)` as big-endian 16-bit words, an odd last byte padded with zero. */
export function internetSum(u8: Uint8Array, start: number, end: number): number {
  checkRange(start, end);
  // High and low bytes are added up apart: one multiplication at the end instead of a shift per word.
  let high = 0;
  let low = 0;
  let i = start;
  for (const last = end - 8; i <= last; i += 8) {
    high += u8[i] + u8[i + 2] + u8[i + 4] + u8[i + 6];
    low += u8[i + 1] + u8[i + 3] + u8[i + 5] + u8[i + 7];
  }
  for (const last = end - 2; i <= last; i += 2) {
    high += u8[i];
    low += u8[i + 1];
  }
  if (i < end) high += u8[i];
  return high * 256 + low;
}

/** From here on it is quicker by words. */
const WORDS_FROM = 24;

/**
 * As {@link internetSum} (the same after {@link foldSum}), by whole 32-bit words. `u32` must be over the same
 * buffer from the same first byte as `u8`, as in a FrameMemory. Odd starts go by bytes altogether.
 */
export function internetSumWords(u8: Uint8Array, u32: Uint32Array, start: number, end: number): number {
  if ((start & 1) !== 0 || end - start < WORDS_FROM) return internetSum(u8, start, end);
  checkRange(start, end);
  // What sticks out of the whole words.
  let edges = 0;
  let from = start;
  if ((start & 2) !== 0) {
    edges = readU16(u8, start);
    from += 2;
  }
  if ((end & 2) !== 0) edges += readU16(u8, (end & ~1) - 2);
  if ((end & 1) !== 0) edges += u8[end - 1] << 8;
  // Added up as doubles, which are exact below 2^53: quicker than taking the halves of each word apart.
  let words = 0;
  const last = end >> 2;
  let i = from >> 2;
  for (const stop = last - 4; i <= stop; i += 4) words += u32[i] + u32[i + 1] + u32[i + 2] + u32[i + 3];
  for (; i < last; i++) words += u32[i];
  const carries = Math.floor(words / 0x1_0000_0000);
  const low = words >>> 0;
  // The sum does not care for byte order until the end (RFC 1071 §2 B).
  let sum = foldSum((low & 0xffff) + (low >>> 16) + carries);
  if (LITTLE_ENDIAN) sum = ((sum & 0xff) << 8) | (sum >> 8);
  return sum + edges;
}

/** Folds a sum to 16 bits: the end-around carries added. */
export function foldSum(sum: number): number {
  sum = (sum & 0xffff) + (sum >>> 16);
  return (sum & 0xffff) + (sum >>> 16);
}

/** The checksum of a sum: folded and complemented. */
export function checksumOf(sum: number): number {
  return ~foldSum(sum) & 0xffff;
}

/** As {@link checksumOf} for UDP, where 0 means "none" and is sent as 0xffff (RFC 768). */
export function udpChecksumOf(sum: number): number {
  return checksumOf(sum) || 0xffff;
}

/** A checksum after one 16-bit word of the data changed: RFC 1624 §3, equation 3. */
export function updateChecksum(checksum: number, oldWord: number, newWord: number): number {
  return checksumOf((~checksum & 0xffff) + (~oldWord & 0xffff) + newWord);
}

/** The sum of the IPv4 pseudo-header; addresses of 4 bytes at the offsets, `length` of the transport segment. */
export function pseudoSumIpv4(
  u8: Uint8Array,
  source: number,
  destination: number,
  protocol: number,
  length: number,
): number {
  return (
    readU16(u8, source) +
    readU16(u8, source + 2) +
    readU16(u8, destination) +
    readU16(u8, destination + 2) +
    protocol +
    length
  );
}

/** The sum of the IPv6 pseudo-header; addresses of 16 bytes at the offsets, `length` of the upper-layer packet. */
export function pseudoSumIpv6(
  u8: Uint8Array,
  source: number,
  destination: number,
  protocol: number,
  length: number,
): number {
  let sum = protocol + (length & 0xffff) + (length >>> 16);
  for (let i = 0; i < 16; i += 2) sum += readU16(u8, source + i) + readU16(u8, destination + i);
  return sum;
}

/** {@link pseudoSumIpv4} or {@link pseudoSumIpv6}, by `version`. */
export function pseudoSum(
  u8: Uint8Array,
  version: number,
  source: number,
  destination: number,
  protocol: number,
  length: number,
): number {
  return version === 4
    ? pseudoSumIpv4(u8, source, destination, protocol, length)
    : pseudoSumIpv6(u8, source, destination, protocol, length);
}

/**
 * Fills the checksum field at `field` over `[start, end)` and `initial` (the pseudo-header's sum, default 0).
 * `isUdp` maps a computed 0 to 0xffff.
 */
export function fillChecksum(
  u8: Uint8Array,
  field: number,
  start: number,
  end: number,
  initial = 0,
  isUdp = false,
): void {
  writeU16(u8, field, 0);
  const sum = initial + internetSum(u8, start, end);
  writeU16(u8, field, isUdp ? udpChecksumOf(sum) : checksumOf(sum));
}
