import type { ByteQueue } from './byte-queue.ts';
import { CaptureError } from './error.ts';
import { type CapturePacket, maxPacketLength } from './packet.ts';

/**
 * The classic pcap format (draft-ietf-opsawg-pcap): a 24-byte file header, then packets behind 16-byte
 * headers, all in the byte order of the machine that wrote it. The magic number tells the byte order and
 * whether the fractions of seconds are micro- or nanoseconds.
 */

/** Magic number of files with microseconds, in the order of the writer. */
export const PCAP_MAGIC_MICROSECONDS = 0xa1b2c3d4;
/** Magic number of files with nanoseconds. */
export const PCAP_MAGIC_NANOSECONDS = 0xa1b23c4d;
/** Magic number of files of Alexey Kuznetzov's libpcap, with microseconds and longer packet headers. */
export const PCAP_MAGIC_KUZNETZOV = 0xa1b2cd34;
export const PCAP_FILE_HEADER_LENGTH = 24;
export const PCAP_PACKET_HEADER_LENGTH = 16;
/** Behind a packet header of Kuznetzov's: interface index (4), protocol (2), sll_pkttype (1), padding (1). */
const KUZNETZOV_LENGTH = 8;
const PACKET_TYPE = PCAP_PACKET_HEADER_LENGTH + 6;
/** sll_pkttype of what the machine sent itself (linux/if_packet.h). */
const PACKET_OUTGOING = 4;

/** Reads a pcap file from a queue that is filled meanwhile. */
export class PcapParser {
  readonly #queue: ByteQueue;
  readonly #littleEndian: boolean;
  readonly #nanosPerFraction: bigint;
  readonly #isKuznetzovs: boolean;
  readonly #headerLength: number;
  #minor = 0;
  #linkType = -1;

  /** `magic` is the file's first word as read in the byte order `littleEndian`. */
  constructor(queue: ByteQueue, magic: number, littleEndian: boolean) {
    this.#queue = queue;
    this.#littleEndian = littleEndian;
    this.#nanosPerFraction = magic === PCAP_MAGIC_NANOSECONDS ? 1n : 1000n;
    this.#isKuznetzovs = magic === PCAP_MAGIC_KUZNETZOV;
    this.#headerLength = PCAP_PACKET_HEADER_LENGTH + (this.#isKuznetzovs ? KUZNETZOV_LENGTH : 0);
  }

  /** The next packet, or null when more bytes are needed. Throws a {@link CaptureError}. */
  next(): CapturePacket | null {
    const queue = this.#queue;
    const le = this.#littleEndian;
    if (this.#linkType < 0 && !this.#readFileHeader()) return null;
    const headerLength = this.#headerLength;
    if (queue.length < headerLength) return null;
    let captured = queue.u32(8, le);
    let original = queue.u32(12, le);
    // Before version 2.3 the lengths stood the other way round; writers of 2.3 did either.
    if (this.#minor < 3 || (this.#minor === 3 && captured > original)) {
      [captured, original] = [original, captured];
    }
    if (captured > maxPacketLength(this.#linkType)) {
      throw new CaptureError(
        queue.offset,
        `pcap: packet header says ${captured} captured bytes, over the limit of ${maxPacketLength(this.#linkType)}`,
      );
    }
    if (queue.length < headerLength + captured) return null;
    const packet: CapturePacket = {
      timestamp:
        BigInt(queue.u32(0, le)) * 1_000_000_000n + BigInt(queue.u32(4, le)) * this.#nanosPerFraction,
      data: queue.copy(headerLength, captured),
      originalLength: original,
      interfaceId: 0,
      linkType: this.#linkType,
    };
    if (this.#isKuznetzovs) packet.direction = queue.u8(PACKET_TYPE) === PACKET_OUTGOING ? 'out' : 'in';
    queue.drop(headerLength + captured);
    return packet;
  }

  #readFileHeader(): boolean {
    const queue = this.#queue;
    const le = this.#littleEndian;
    if (queue.length < PCAP_FILE_HEADER_LENGTH) return false;
    const major = queue.u16(4, le);
    this.#minor = queue.u16(6, le);
    if (major !== 2) {
      throw new CaptureError(queue.offset, `pcap: version ${major}.${this.#minor} is not supported, only 2`);
    }
    // The upper half of the word holds the FCS length and reserved bits.
    this.#linkType = queue.u32(20, le) & 0xffff;
    queue.drop(PCAP_FILE_HEADER_LENGTH);
    return true;
  }

  /** The file has ended. Throws a {@link CaptureError} when that was inside a header or packet. */
  end(): void {
    const queue = this.#queue;
    if (this.#linkType < 0) {
      throw new CaptureError(
        queue.offset,
        `pcap: cut off in the file header, ${queue.length} of ${PCAP_FILE_HEADER_LENGTH} bytes are there`,
      );
    }
    if (queue.length === 0) return;
    throw new CaptureError(
      queue.offset,
      queue.length < this.#headerLength
        ? `pcap: cut off in a packet header, ${queue.length} of ${this.#headerLength} bytes are there`
        : `pcap: cut off in a packet, ${queue.length - this.#headerLength} of its bytes are there`,
    );
  }
}
