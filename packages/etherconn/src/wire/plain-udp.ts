import { foldSum } from './checksum.ts';
import { internetSumIn, type SummableMemory } from './memory-sum.ts';
import type { FrameRecord } from './record.ts';

const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** Payloads up to this long are summed up on the spot; beyond, the memory may have a quicker way. */
const SHORT = 64;

/**
 * Whether both checksums are right of what nearly all datagrams are: a whole one in IPv4 without options, which the
 * record says was parsed without fault, and whose IP header begins on a word of the memory. The UDP checksum may be
 * absent (RFC 768). False says nothing: {@link ipv4ChecksumState} and {@link transportChecksumState} do.
 *
 * The header is read as words and summed up once for both, in the byte order of the machine: a sum that is all ones is
 * so in either (RFC 1071 §2 B).
 */
export function plainUdpIsGood(memory: SummableMemory, record: FrameRecord): boolean {
  const { l3, l4, payloadEnd } = record;
  if (record.ipVersion !== 4 || l4 - l3 !== 20 || (l3 & 3) !== 0) return false;
  const { u8, u32 } = memory;
  let word = l3 >> 2;
  const a = u32[word];
  const b = u32[word + 1];
  const c = u32[word + 2];
  const source = u32[word + 3];
  const destination = u32[word + 4];
  const ports = u32[word + 5];
  const lengthAndChecksum = u32[word + 6];
  const addresses = (source & 0xffff) + (source >>> 16) + (destination & 0xffff) + (destination >>> 16);
  let ip = addresses + (a & 0xffff) + (a >>> 16) + (b & 0xffff) + (b >>> 16) + (c & 0xffff) + (c >>> 16);
  ip = (ip & 0xffff) + (ip >>> 16);
  if ((ip & 0xffff) + (ip >>> 16) !== 0xffff) return false;
  if (u8[l4 + 6] === 0 && u8[l4 + 7] === 0) return true;
  let sum = addresses + (ports & 0xffff) + (ports >>> 16);
  sum += (lengthAndChecksum & 0xffff) + (lengthAndChecksum >>> 16) + inOrder(17) + inOrder(payloadEnd - l4);
  const payload = l4 + 8;
  if (payloadEnd - payload > SHORT) {
    sum += inOrder(foldSum(internetSumIn(memory, payload, payloadEnd)));
  } else {
    const last = payloadEnd >> 2;
    for (word += 7; word < last; word++) {
      const bytes = u32[word];
      sum += (bytes & 0xffff) + (bytes >>> 16);
    }
    for (let i = last << 2; i < payloadEnd; i += 2) {
      sum += inOrder((u8[i] << 8) | (i + 1 < payloadEnd ? u8[i + 1] : 0));
    }
  }
  sum = (sum & 0xffff) + (sum >>> 16);
  return (sum & 0xffff) + (sum >>> 16) === 0xffff;
}

/** A 16-bit number of the network as it is in a word of this machine. */
function inOrder(value: number): number {
  return LITTLE_ENDIAN ? ((value & 0xff) << 8) | (value >>> 8) : value;
}
