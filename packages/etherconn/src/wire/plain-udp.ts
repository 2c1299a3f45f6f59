import { LITTLE_ENDIAN, networkOrder16 } from './byte-order.ts';
import { foldSum } from './checksum.ts';
import { internetSumIn, type SummableMemory } from './memory-sum.ts';
import type { FrameRecord } from './record.ts';

// Constants of its own, see byte-order.ts.
const littleEndian = LITTLE_ENDIAN;
const order = networkOrder16;

/** The checksum's half of the second word of a UDP header. */
const CHECKSUM_FIELD = littleEndian ? 0xffff0000 : 0xffff;

/** What counts of the word in which a payload ends, by the number of bytes there. */
const TAILS = littleEndian ? [0, 0xff, 0xffff, 0xffffff] : [0, -1 << 24, -1 << 16, -1 << 8];

/** UDP's number, as it is in the sum of a pseudo-header. */
const PROTOCOL = order(17);

/** Payloads up to this long are summed up on the spot; beyond, the memory may have a quicker way. */
const SHORT = 64;

/**
 * Whether both checksums are right of what nearly all datagrams are: a whole one in IPv4 without options, which the
 * record says was parsed without fault, and whose IP header begins on a word of the memory. False says nothing:
 * {@link ipv4ChecksumState} and {@link transportChecksumState} do.
 */
export function plainUdpIsGood(memory: SummableMemory, record: FrameRecord): boolean {
  const { l3, l4 } = record;
  if (record.ipVersion !== 4 || l4 - l3 !== 20 || (l3 & 3) !== 0) return false;
  return plainUdpSumsAreRight(memory, l3, record.payloadEnd);
}

/**
 * Whether both checksums are right of the datagram whose IPv4 header of 20 bytes is at `l3`, a multiple of 4, and whose
 * UDP header and payload, up to `payloadEnd`, are behind it.
 */
function plainUdpSumsAreRight(memory: SummableMemory, l3: number, payloadEnd: number): boolean {
  const { u32 } = memory;
  const word = l3 >> 2;
  const addresses = addHalves(u32[word + 3]) + addHalves(u32[word + 4]);
  // Signed, since an unsigned one may become a heap object when it is handed on.
  return (
    plainIpSumIsRight(addresses, u32[word] | 0, u32[word + 1] | 0, u32[word + 2] | 0) &&
    plainUdpSumIsRight(memory, addresses, u32[word + 5] | 0, u32[word + 6] | 0, l3 + 28, payloadEnd)
  );
}

/**
 * Whether the checksum of an IPv4 header of 20 bytes is right: the sum of the halves of its two addresses, and its first
 * three words. All in the byte order of the machine: a sum that is all ones is so in either (RFC 1071 §2 B).
 */
export function plainIpSumIsRight(addresses: number, a: number, b: number, c: number): boolean {
  const sum = addresses + addHalves(a) + addHalves(b) + addHalves(c);
  return addHalves(addHalves(sum)) === 0xffff;
}

/**
 * Whether the checksum of a UDP datagram behind such a header is right, or absent (RFC 768): the sum of the halves of the
 * addresses, the two words of its header, and where its payload is, which begins on a word and is as long as they say.
 */
export function plainUdpSumIsRight(
  memory: SummableMemory,
  addresses: number,
  ports: number,
  lengthAndChecksum: number,
  payload: number,
  payloadEnd: number,
): boolean {
  if ((lengthAndChecksum & CHECKSUM_FIELD) === 0) return true;
  // The length stands in the pseudo-header, too.
  const length = littleEndian ? lengthAndChecksum & 0xffff : lengthAndChecksum >>> 16;
  let sum = addresses + addHalves(ports) + addHalves(lengthAndChecksum) + length + PROTOCOL;
  sum +=
    payloadEnd - payload > SHORT
      ? longSum(memory, payload, payloadEnd)
      : shortSum(memory.u32, payload, payloadEnd);
  return addHalves(addHalves(sum)) === 0xffff;
}

function longSum(memory: SummableMemory, start: number, end: number): number {
  return order(foldSum(internetSumIn(memory, start, end)));
}

function shortSum(u32: Uint32Array, start: number, end: number): number {
  let sum = 0;
  const last = end >> 2;
  for (let word = start >> 2; word < last; word++) sum += addHalves(u32[word] | 0);
  return sum + addHalves(u32[last] & TAILS[end & 3]);
}

/** The sum of both halves of a word. */
export function addHalves(word: number): number {
  return (word & 0xffff) + (word >>> 16);
}
