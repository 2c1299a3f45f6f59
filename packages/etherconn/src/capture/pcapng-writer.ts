import { OptionError } from '../errors.ts';
import {
  checkInteger,
  checkKnown,
  checkObject,
  checkOneOf,
  requireBytes,
  requireInteger,
  show,
} from '../options.ts';
import { type CaptureDirection, LinkType, maxPacketLength, VerdictType } from './packet.ts';
import { BLOCK_OVERHEAD, BlockType, BYTE_ORDER_MAGIC, OptionCode, padded } from './pcapng.ts';
import { type CaptureSink, sinkFunction } from './sink.ts';

/** Options of a {@link PcapngWriter}: what the section header says about the capturing system. */
export interface PcapngWriterOptions {
  hardware?: string;
  os?: string;
  application?: string;
  /** Default 'little'. */
  byteOrder?: 'little' | 'big';
}

/** Options of {@link PcapngWriter.addInterface}. */
export interface PcapngInterfaceOptions {
  name?: string;
  description?: string;
  /** The filter expression that selected the packets. */
  filter?: string;
  /** Default {@link LinkType.ETHERNET}. */
  linkType?: number;
  /**
   * Maximum number of bytes kept of a packet. The default, and upper limit, is 262144 for Ethernet and 16 MiB for
   * other link types.
   */
  snapLength?: number;
}

/** A packet for a {@link PcapngWriter}. CapturePacket describes the optional fields. */
export interface PcapngPacket {
  /** Nanoseconds since the Unix epoch, below 2^64. */
  timestamp: bigint;
  data: Uint8Array;
  /** Length on the wire. Default: that of `data`. */
  originalLength?: number;
  /** The number returned by {@link PcapngWriter.addInterface}. Default 0. */
  interfaceId?: number;
  direction?: CaptureDirection;
  /** Whole epb_flags word; `direction` replaces its two lowest bits. */
  flags?: number;
  queue?: number;
  dropCount?: number;
  packetId?: bigint;
  verdict?: Uint8Array;
  comment?: string;
}

/** Counters of an interface for a {@link PcapngWriter}, since the capture began. Those that are not known are left out. */
export interface PcapngStatistics {
  /** When they were read: nanoseconds since the Unix epoch, below 2^64. */
  timestamp: bigint;
  /** The number returned by {@link PcapngWriter.addInterface}. Default 0. */
  interfaceId?: number;
  /** When the capture began and ended, as `timestamp`. */
  startTime?: bigint;
  endTime?: bigint;
  /** Packets that the interface received. */
  received?: number;
  /** Packets that the interface dropped. */
  dropped?: number;
  /** Packets that passed the filter. */
  filterAccepted?: number;
  /** Packets that passed the filter, and that the system dropped. */
  osDropped?: number;
  /** Packets delivered to who captures. */
  delivered?: number;
}

/** if_tsresol: nanoseconds. */
const RESOLUTION = 9;
/** Type, lengths, interface, time and the two lengths of the packet. */
const ENHANCED_PACKET_LENGTH = 32;
const MAX_OPTION_LENGTH = 0xffff;
const encoder = new TextEncoder();

/**
 * The value of epb_verdict for the return code of an XDP program (XDP_DROP 1, XDP_PASS 2, XDP_TX 3, XDP_REDIRECT
 * 4), in the byte order of its writer.
 */
export function xdpVerdict(action: number, byteOrder: 'little' | 'big' = 'little'): Uint8Array {
  requireInteger('action', action, 0, Number.MAX_SAFE_INTEGER);
  const order = checkOneOf('byteOrder', byteOrder, ['little', 'big'], 'little');
  const value = new DataView(new ArrayBuffer(9));
  value.setUint8(0, VerdictType.EBPF_XDP);
  value.setBigUint64(1, BigInt(action), order === 'little');
  return new Uint8Array(value.buffer);
}

/**
 * Writes one section of pcapng (draft-ietf-opsawg-pcapng) with times in nanoseconds. It writes the section header
 * at once. Interfaces may be added at any time before their first packet. It buffers nothing and needs no close;
 * the caller ends the sink.
 */
export class PcapngWriter {
  readonly #put: (bytes: Uint8Array) => boolean;
  readonly #littleEndian: boolean;
  readonly #snapLengths: number[] = [];

  /** Throws an OptionError for an invalid option, before it writes anything. */
  constructor(sink: CaptureSink, options: PcapngWriterOptions = {}) {
    checkKnown(options, ['hardware', 'os', 'application', 'byteOrder']);
    this.#littleEndian = checkOneOf('byteOrder', options.byteOrder, ['little', 'big'], 'little') === 'little';
    const hardware = encodeText('hardware', options.hardware);
    const os = encodeText('os', options.os);
    const application = encodeText('application', options.application);
    this.#put = sinkFunction(sink);

    const block = new Block(
      BlockType.SECTION_HEADER,
      this.#littleEndian,
      16 + optionsLength(hardware, os, application),
    );
    block.u32(BYTE_ORDER_MAGIC);
    block.u16(1);
    block.u16(0);
    // The section's length is not known beforehand: -1.
    block.u64(0xffff_ffff_ffff_ffffn);
    if (hardware !== undefined) block.option(OptionCode.SHB_HARDWARE, hardware);
    if (os !== undefined) block.option(OptionCode.SHB_OS, os);
    if (application !== undefined) block.option(OptionCode.SHB_USERAPPL, application);
    this.#put(block.finish());
  }

  /** Adds an interface and returns its number. Throws an OptionError for an invalid option. */
  addInterface(options: PcapngInterfaceOptions = {}): number {
    checkKnown(options, ['name', 'description', 'filter', 'linkType', 'snapLength']);
    const linkType = checkInteger('linkType', options.linkType, 0, 0xffff, LinkType.ETHERNET);
    const limit = maxPacketLength(linkType);
    const snapLength = checkInteger('snapLength', options.snapLength, 1, limit, limit);
    const name = encodeText('name', options.name);
    const description = encodeText('description', options.description);
    // The first byte says that the rest is an expression of libpcap.
    const filter = options.filter === undefined ? undefined : encodeText('filter', `\0${options.filter}`);

    const resolution = new Uint8Array([RESOLUTION]);
    const block = new Block(
      BlockType.INTERFACE_DESCRIPTION,
      this.#littleEndian,
      8 + optionsLength(name, description, resolution, filter),
    );
    block.u16(linkType);
    block.u16(0);
    block.u32(snapLength);
    if (name !== undefined) block.option(OptionCode.IF_NAME, name);
    if (description !== undefined) block.option(OptionCode.IF_DESCRIPTION, description);
    block.option(OptionCode.IF_TSRESOL, resolution);
    if (filter !== undefined) block.option(OptionCode.IF_FILTER, filter);
    this.#put(block.finish());
    return this.#snapLengths.push(snapLength) - 1;
  }

  /**
   * Writes one packet, truncated to the snap length of its interface. Returns false if the sink asks for a pause
   * ('drain'). Throws an OptionError if the format cannot represent a field or the interface was not added.
   */
  write(packet: PcapngPacket): boolean {
    checkObject(packet, 'packet');
    const { timestamp, data, verdict, packetId } = packet;
    requireBytes('data', data);
    if (verdict !== undefined) requireBytes('verdict', verdict, 0, MAX_OPTION_LENGTH);
    if (packetId !== undefined && typeof packetId !== 'bigint')
      throw new OptionError('packetId', `must be a bigint, got ${show(packetId)}`);
    const interfaceId = checkInteger('interfaceId', packet.interfaceId, 0, 0xffffffff, 0);
    const snapLength = this.#snapLengthOf(interfaceId);
    requireTime('timestamp', timestamp);
    const original = checkInteger(
      'originalLength',
      packet.originalLength,
      data.length,
      0xffffffff,
      data.length,
    );
    const queue = optionalInteger('queue', packet.queue, 0xffffffff);
    const dropCount = optionalInteger('dropCount', packet.dropCount, Number.MAX_SAFE_INTEGER);
    const flags = flagsOf(packet);
    const comment = encodeText('comment', packet.comment);

    const size =
      (flags === undefined ? 0 : 8) +
      (dropCount === undefined ? 0 : 12) +
      (packet.packetId === undefined ? 0 : 12) +
      (queue === undefined ? 0 : 8) +
      optionLength(verdict) +
      optionLength(comment);
    const captured = Math.min(data.length, snapLength);
    const block = new Block(
      BlockType.ENHANCED_PACKET,
      this.#littleEndian,
      ENHANCED_PACKET_LENGTH - BLOCK_OVERHEAD + padded(captured) + (size === 0 ? 0 : size + 4),
    );
    block.u32(interfaceId);
    block.time(timestamp);
    block.u32(captured);
    block.u32(original);
    block.bytes(captured === data.length ? data : data.subarray(0, captured));
    if (comment !== undefined) block.option(OptionCode.COMMENT, comment);
    if (flags !== undefined) block.option32(OptionCode.EPB_FLAGS, flags);
    if (dropCount !== undefined) block.option64(OptionCode.EPB_DROPCOUNT, BigInt(dropCount));
    if (packet.packetId !== undefined) block.option64(OptionCode.EPB_PACKETID, packet.packetId);
    if (queue !== undefined) block.option32(OptionCode.EPB_QUEUE, queue);
    if (verdict !== undefined) block.option(OptionCode.EPB_VERDICT, verdict);
    return this.#put(block.finish());
  }

  /**
   * Writes counters of an interface. Returns false if the sink asks for a pause ('drain'). Throws an OptionError if the
   * format cannot represent a field or the interface was not added.
   */
  writeStatistics(statistics: PcapngStatistics): boolean {
    checkKnown(statistics, STATISTICS);
    const { timestamp, startTime, endTime } = statistics;
    const interfaceId = checkInteger('interfaceId', statistics.interfaceId, 0, 0xffffffff, 0);
    this.#snapLengthOf(interfaceId);
    requireTime('timestamp', timestamp);
    const options: [code: number, value: bigint, isTime: boolean][] = [];
    for (const [name, code, time] of [
      ['startTime', OptionCode.ISB_STARTTIME, startTime],
      ['endTime', OptionCode.ISB_ENDTIME, endTime],
    ] as const) {
      if (time === undefined) continue;
      requireTime(name, time);
      options.push([code, time, true]);
    }
    for (const [name, code] of [
      ['received', OptionCode.ISB_IFRECV],
      ['dropped', OptionCode.ISB_IFDROP],
      ['filterAccepted', OptionCode.ISB_FILTERACCEPT],
      ['osDropped', OptionCode.ISB_OSDROP],
      ['delivered', OptionCode.ISB_USRDELIV],
    ] as const) {
      const count = optionalInteger(name, statistics[name], Number.MAX_SAFE_INTEGER);
      if (count !== undefined) options.push([code, BigInt(count), false]);
    }
    const length = 12 + (options.length === 0 ? 0 : 12 * options.length + 4);
    const block = new Block(BlockType.INTERFACE_STATISTICS, this.#littleEndian, length);
    block.u32(interfaceId);
    block.time(timestamp);
    for (const [code, value, isTime] of options) {
      if (isTime) block.optionTime(code, value);
      else block.option64(code, value);
    }
    return this.#put(block.finish());
  }

  #snapLengthOf(interfaceId: number): number {
    const snapLength = this.#snapLengths[interfaceId];
    if (snapLength !== undefined) return snapLength;
    throw new OptionError('interfaceId', `interface ${interfaceId} was not added to this capture`);
  }
}

const STATISTICS = [
  'timestamp',
  'interfaceId',
  'startTime',
  'endTime',
  'received',
  'dropped',
  'filterAccepted',
  'osDropped',
  'delivered',
] as const;

/** A block under construction. What is not written stays 0, which is the end-of-options mark too. */
class Block {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #littleEndian: boolean;
  #at = 8;

  constructor(type: number, littleEndian: boolean, bodyLength: number) {
    this.#bytes = new Uint8Array(BLOCK_OVERHEAD + bodyLength);
    this.#view = new DataView(this.#bytes.buffer);
    this.#littleEndian = littleEndian;
    this.#view.setUint32(0, type, littleEndian);
    this.#view.setUint32(4, this.#bytes.length, littleEndian);
  }

  u16(value: number): void {
    this.#view.setUint16(this.#at, value, this.#littleEndian);
    this.#at += 2;
  }

  u32(value: number): void {
    this.#view.setUint32(this.#at, value, this.#littleEndian);
    this.#at += 4;
  }

  u64(value: bigint): void {
    this.#view.setBigUint64(this.#at, value, this.#littleEndian);
    this.#at += 8;
  }

  /** Its upper half first, whatever the byte order. */
  time(nanoseconds: bigint): void {
    this.u32(Number(nanoseconds >> 32n));
    this.u32(Number(nanoseconds & 0xffffffffn));
  }

  bytes(value: Uint8Array): void {
    this.#bytes.set(value, this.#at);
    this.#at += padded(value.length);
  }

  option(code: number, value: Uint8Array): void {
    this.u16(code);
    this.u16(value.length);
    this.bytes(value);
  }

  option32(code: number, value: number): void {
    this.u16(code);
    this.u16(4);
    this.u32(value);
  }

  option64(code: number, value: bigint): void {
    this.u16(code);
    this.u16(8);
    this.u64(value);
  }

  optionTime(code: number, nanoseconds: bigint): void {
    this.u16(code);
    this.u16(8);
    this.time(nanoseconds);
  }

  finish(): Uint8Array {
    this.#view.setUint32(this.#bytes.length - 4, this.#bytes.length, this.#littleEndian);
    return this.#bytes;
  }
}

/** Bytes that an option takes, its header included; 0 when it is not there. */
function optionLength(value: Uint8Array | undefined): number {
  return value === undefined ? 0 : 4 + padded(value.length);
}

/** Bytes that the options take together, the end mark included; 0 when there are none. */
function optionsLength(...values: readonly (Uint8Array | undefined)[]): number {
  const size = values.reduce((sum, value) => sum + optionLength(value), 0);
  return size === 0 ? 0 : size + 4;
}

function requireTime(name: string, value: unknown): void {
  if (typeof value !== 'bigint' || value !== BigInt.asUintN(64, value))
    throw new OptionError(name, 'must be a bigint of nanoseconds from 0 to below 2^64');
}

function flagsOf(packet: PcapngPacket): number | undefined {
  const flags = optionalInteger('flags', packet.flags, 0xffffffff);
  if (packet.direction === undefined) return flags;
  const direction = checkOneOf('direction', packet.direction, ['in', 'out'], 'in') === 'in' ? 1 : 2;
  return (((flags ?? 0) & ~3) | direction) >>> 0;
}

function optionalInteger(name: string, value: number | undefined, max: number): number | undefined {
  return value === undefined ? undefined : checkInteger(name, value, 0, max, 0);
}

function encodeText(name: string, value: string | undefined): Uint8Array | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'string') throw new OptionError(name, `must be a string, got ${show(value)}`);
  const bytes = encoder.encode(value);
  if (bytes.length > MAX_OPTION_LENGTH) {
    throw new OptionError(name, `must have ${MAX_OPTION_LENGTH} bytes at most as UTF-8, got ${bytes.length}`);
  }
  return bytes;
}
