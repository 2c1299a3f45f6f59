import type { ByteQueue } from './byte-queue.ts';
import { CaptureError } from './error.ts';
import { type CapturePacket, MAX_PACKET_LENGTH, maxPacketLength } from './packet.ts';

/**
 * The pcapng format (draft-ietf-opsawg-pcapng): blocks of a type, a length, a body and the length again.
 * A Section Header Block sets the byte order and forgets the interfaces described before it, so files
 * can be concatenated.
 */

/** Block types, section 4 of the draft (Packet Block: appendix A). */
export const BlockType = {
  SECTION_HEADER: 0x0a0d0d0a,
  INTERFACE_DESCRIPTION: 1,
  /** Obsolete, but there are files with it. */
  PACKET: 2,
  SIMPLE_PACKET: 3,
  INTERFACE_STATISTICS: 5,
  ENHANCED_PACKET: 6,
} as const;

/** Byte-order magic of the Section Header Block. */
export const BYTE_ORDER_MAGIC = 0x1a2b3c4d;

/** Option codes, sections 3.5, 4.1, 4.2, 4.3 and 4.6. */
export const OptionCode = {
  END: 0,
  COMMENT: 1,
  SHB_HARDWARE: 2,
  SHB_OS: 3,
  SHB_USERAPPL: 4,
  IF_NAME: 2,
  IF_DESCRIPTION: 3,
  IF_TSRESOL: 9,
  IF_FILTER: 11,
  IF_TSOFFSET: 14,
  EPB_FLAGS: 2,
  EPB_DROPCOUNT: 4,
  EPB_PACKETID: 5,
  EPB_QUEUE: 6,
  EPB_VERDICT: 7,
  ISB_STARTTIME: 2,
  ISB_ENDTIME: 3,
  ISB_IFRECV: 4,
  ISB_IFDROP: 5,
  ISB_FILTERACCEPT: 6,
  ISB_OSDROP: 7,
  ISB_USRDELIV: 8,
} as const;

/** Type, total length and the trailing total length. */
export const BLOCK_OVERHEAD = 12;
/** if_tsresol when there is none: microseconds. */
const DEFAULT_RESOLUTION = 6;
/** More interfaces than this in one section are taken for damage: they would fill the memory. */
const MAX_INTERFACES = 65_536;
/** Longest block that is kept in memory, bytes: the longest packet and a mebibyte of options. */
const MAX_BLOCK_LENGTH = MAX_PACKET_LENGTH + 1024 * 1024;
const decoder = new TextDecoder();
const NANOS_PER_SECOND = 1_000_000_000n;

interface Interface {
  readonly linkType: number;
  readonly snapLength: number;
  /** Ticks per second. */
  readonly resolution: bigint;
  /** Added to all timestamps, nanoseconds. */
  readonly offset: bigint;
  readonly name: string | undefined;
}

/** Reads a pcapng file from a queue that is filled meanwhile. */
export class PcapngParser {
  readonly #queue: ByteQueue;
  #littleEndian = true;
  #interfaces: Interface[] = [];
  /** Total length of a block whose body is being skipped; its trailer is still to come. */
  #skipped = 0;
  #skippedAt = 0;

  constructor(queue: ByteQueue) {
    this.#queue = queue;
  }

  /** The next packet, or null when more bytes are needed. Throws a {@link CaptureError}. */
  next(): CapturePacket | null {
    const queue = this.#queue;
    for (;;) {
      if (this.#skipped !== 0) {
        if (queue.skipping > 0 || queue.length < 4) return null;
        this.#checkTrailer(this.#skippedAt, this.#skipped, queue.u32(0, this.#littleEndian));
        queue.drop(4);
        this.#skipped = 0;
      }
      if (queue.length < BLOCK_OVERHEAD) return null;
      // The section header's type reads the same in both orders, and its magic is needed to read its length.
      if (queue.u32(0, true) === BlockType.SECTION_HEADER) this.#readByteOrder();
      const le = this.#littleEndian;
      const type = queue.u32(0, le);
      const length = queue.u32(4, le);
      if (length < BLOCK_OVERHEAD || length % 4 !== 0) {
        this.#fail(
          `length ${length} of block type ${hex(type)} is not a multiple of 4 from ${BLOCK_OVERHEAD} up`,
        );
      }
      if (!isKnown(type)) {
        this.#skippedAt = queue.offset;
        this.#skipped = length;
        queue.skip(length - 4);
        continue;
      }
      if (length > MAX_BLOCK_LENGTH) {
        this.#fail(`length ${length} of block type ${hex(type)} is over the limit of ${MAX_BLOCK_LENGTH}`);
      }
      if (queue.length < length) return null;
      this.#checkTrailer(queue.offset, length, queue.u32(length - 4, le));
      const packet = this.#readBlock(type, length);
      queue.drop(length);
      if (packet !== null) return packet;
    }
  }

  /** The file has ended. Throws a {@link CaptureError} when that was inside a block. */
  end(): void {
    const queue = this.#queue;
    if (this.#skipped !== 0) {
      throw new CaptureError(this.#skippedAt, `pcapng: cut off in a block of ${this.#skipped} bytes`);
    }
    if (queue.length === 0) return;
    this.#fail(
      queue.length < BLOCK_OVERHEAD
        ? `cut off in a block header, ${queue.length} bytes of it are there`
        : `cut off in a block, ${queue.length} of ${queue.u32(4, this.#littleEndian)} bytes are there`,
    );
  }

  #fail(message: string): never {
    throw new CaptureError(this.#queue.offset, `pcapng: ${message}`);
  }

  #checkTrailer(offset: number, leading: number, trailing: number): void {
    if (leading === trailing) return;
    throw new CaptureError(
      offset,
      `pcapng: the block's leading length is ${leading}, its trailing length ${trailing}`,
    );
  }

  #readByteOrder(): void {
    const magic = this.#queue.u32(8, true);
    if (magic === BYTE_ORDER_MAGIC) this.#littleEndian = true;
    else if (this.#queue.u32(8, false) === BYTE_ORDER_MAGIC) this.#littleEndian = false;
    else this.#fail(`byte-order magic of the section header is ${hex(magic)}`);
  }

  #readBlock(type: number, length: number): CapturePacket | null {
    switch (type) {
      case BlockType.SECTION_HEADER:
        this.#readSectionHeader(length);
        return null;
      case BlockType.INTERFACE_DESCRIPTION:
        this.#readInterface(length);
        return null;
      case BlockType.ENHANCED_PACKET:
        return this.#readEnhancedPacket(length);
      case BlockType.SIMPLE_PACKET:
        return this.#readSimplePacket(length);
      default:
        return this.#readObsoletePacket(length);
    }
  }

  #readSectionHeader(length: number): void {
    if (length < 28) this.#fail(`section header of ${length} bytes, 28 at least are needed`);
    const major = this.#queue.u16(12, this.#littleEndian);
    if (major !== 1) this.#fail(`version ${major} is not supported, only 1`);
    this.#interfaces = [];
  }

  #readInterface(length: number): void {
    const queue = this.#queue;
    const le = this.#littleEndian;
    if (length < 20) this.#fail(`interface description of ${length} bytes, 20 at least are needed`);
    if (this.#interfaces.length === MAX_INTERFACES) this.#fail(`more than ${MAX_INTERFACES} interfaces`);
    let resolution = DEFAULT_RESOLUTION;
    let offset = 0n;
    let name: string | undefined;
    this.#options(16, length, (code, at, size) => {
      if (code === OptionCode.IF_NAME) name ??= this.#text(at, size);
      else if (code === OptionCode.IF_TSRESOL && size >= 1) resolution = queue.u8(at);
      else if (code === OptionCode.IF_TSOFFSET && size >= 8) offset = queue.i64(at, le) * NANOS_PER_SECOND;
    });
    this.#interfaces.push({
      linkType: queue.u16(8, le),
      snapLength: queue.u32(12, le),
      // The top bit says: a power of two, else of ten.
      resolution: (resolution & 0x80 ? 2n : 10n) ** BigInt(resolution & 0x7f),
      offset,
      name,
    });
  }

  #readEnhancedPacket(length: number): CapturePacket {
    const queue = this.#queue;
    const le = this.#littleEndian;
    if (length < 32) this.#fail(`enhanced packet block of ${length} bytes, 32 at least are needed`);
    const captured = queue.u32(20, le);
    const packet = this.#packet(queue.u32(8, le), 28, captured, queue.u32(24, le), length);
    packet.timestamp = this.#time(packet.interfaceId, 12);
    this.#options(28 + padded(captured), length, (code, at, size) => {
      if (code === OptionCode.EPB_FLAGS && size >= 4) this.#setFlags(packet, queue.u32(at, le));
      else if (code === OptionCode.EPB_DROPCOUNT && size >= 8) packet.dropCount = Number(queue.u64(at, le));
      else if (code === OptionCode.EPB_PACKETID && size >= 8) packet.packetId = queue.u64(at, le);
      else if (code === OptionCode.EPB_QUEUE && size >= 4) packet.queue = queue.u32(at, le);
      else if (code === OptionCode.EPB_VERDICT) packet.verdict ??= queue.copy(at, size);
      else if (code === OptionCode.COMMENT) packet.comment ??= this.#text(at, size);
    });
    return packet;
  }

  #readSimplePacket(length: number): CapturePacket {
    if (length < 16) this.#fail(`simple packet block of ${length} bytes, 16 at least are needed`);
    const original = this.#queue.u32(8, this.#littleEndian);
    const snapLength = this.#interfaces[0]?.snapLength || Number.POSITIVE_INFINITY;
    // The block does not say how much was captured: all, or what the first interface's snap length left.
    return this.#packet(0, 12, Math.min(original, snapLength), original, length);
  }

  #readObsoletePacket(length: number): CapturePacket {
    const queue = this.#queue;
    const le = this.#littleEndian;
    if (length < 32) this.#fail(`packet block of ${length} bytes, 32 at least are needed`);
    const captured = queue.u32(20, le);
    const packet = this.#packet(queue.u16(8, le), 28, captured, queue.u32(24, le), length);
    packet.timestamp = this.#time(packet.interfaceId, 12);
    const drops = queue.u16(10, le);
    // 65535 stands for "not known".
    if (drops !== 0xffff) packet.dropCount = drops;
    this.#options(28 + padded(captured), length, (code, at, size) => {
      // pack_flags has the code and the form of epb_flags.
      if (code === OptionCode.EPB_FLAGS && size >= 4) this.#setFlags(packet, queue.u32(at, le));
      else if (code === OptionCode.COMMENT) packet.comment ??= this.#text(at, size);
    });
    return packet;
  }

  #packet(id: number, at: number, captured: number, original: number, length: number): CapturePacket {
    const source = this.#interfaces[id];
    if (source === undefined) {
      this.#fail(`packet of interface ${id}, but ${this.#interfaces.length} interfaces are described`);
    }
    if (captured > length - 4 - at) {
      this.#fail(`packet says ${captured} captured bytes, its block has room for ${length - 4 - at}`);
    }
    const limit = maxPacketLength(source.linkType);
    if (captured > limit) this.#fail(`packet says ${captured} captured bytes, over the limit of ${limit}`);
    const packet: CapturePacket = {
      timestamp: undefined,
      data: this.#queue.copy(at, captured),
      originalLength: original,
      interfaceId: id,
      linkType: source.linkType,
    };
    if (source.name !== undefined) packet.interfaceName = source.name;
    return packet;
  }

  #time(id: number, at: number): bigint {
    const source = this.#interfaces[id]!;
    const high = BigInt(this.#queue.u32(at, this.#littleEndian));
    const ticks = (high << 32n) | BigInt(this.#queue.u32(at + 4, this.#littleEndian));
    return (ticks * NANOS_PER_SECOND) / source.resolution + source.offset;
  }

  #setFlags(packet: CapturePacket, flags: number): void {
    packet.flags = flags;
    if ((flags & 3) === 1) packet.direction = 'in';
    else if ((flags & 3) === 2) packet.direction = 'out';
  }

  #text(at: number, size: number): string {
    return decoder.decode(this.#queue.copy(at, size));
  }

  /** Calls `option` with code, position and size of each option in `[at, length - 4)` of the block. */
  #options(at: number, length: number, option: (code: number, at: number, size: number) => void): void {
    const end = length - 4;
    while (end - at >= 4) {
      const code = this.#queue.u16(at, this.#littleEndian);
      const size = this.#queue.u16(at + 2, this.#littleEndian);
      if (code === OptionCode.END) return;
      at += 4;
      if (padded(size) > end - at) {
        this.#fail(`option ${code} of ${size} bytes, but ${end - at} are left in its block`);
      }
      option(code, at, size);
      at += padded(size);
    }
  }
}

/** Length with the padding to 32 bits that follows packet data and option values. */
export function padded(length: number): number {
  return (length + 3) & ~3;
}

function isKnown(type: number): boolean {
  return (
    type === BlockType.SECTION_HEADER ||
    type === BlockType.INTERFACE_DESCRIPTION ||
    type === BlockType.PACKET ||
    type === BlockType.SIMPLE_PACKET ||
    type === BlockType.ENHANCED_PACKET
  );
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}
