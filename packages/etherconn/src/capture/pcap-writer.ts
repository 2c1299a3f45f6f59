import { OptionError } from '../errors.ts';
import { checkInteger, checkKnown, checkObject, checkOneOf, requireBytes } from '../options.ts';
import { LinkType, maxPacketLength } from './packet.ts';
import {
  PCAP_FILE_HEADER_LENGTH,
  PCAP_MAGIC_MICROSECONDS,
  PCAP_MAGIC_NANOSECONDS,
  PCAP_PACKET_HEADER_LENGTH,
} from './pcap.ts';
import { type CaptureSink, sinkFunction } from './sink.ts';

/** Options of a {@link PcapWriter}. */
export interface PcapWriterOptions {
  /** Unit of the timestamps in the file. Default 'microsecond', which every reader knows. */
  resolution?: 'microsecond' | 'nanosecond';
  /**
   * Maximum number of bytes kept of a packet. The default, and upper limit, is 262144 for Ethernet and 16 MiB for
   * other link types.
   */
  snapLength?: number;
  /** Default {@link LinkType.ETHERNET}. */
  linkType?: number;
  /** Default 'little'. */
  byteOrder?: 'little' | 'big';
}

/** A packet for a {@link PcapWriter}. */
export interface PcapPacket {
  /** Nanoseconds since the Unix epoch, before the year 2106 (2^32 s). */
  timestamp: bigint;
  data: Uint8Array;
  /** Length on the wire. Default: that of `data`. */
  originalLength?: number;
}

const NANOS_PER_SECOND = 1_000_000_000n;

/**
 * Writes a pcap file (draft-ietf-opsawg-pcap). It writes the file header at once, so a capture without packets is
 * valid. It buffers nothing and needs no close; the caller ends the sink.
 */
export class PcapWriter {
  readonly #put: (bytes: Uint8Array) => boolean;
  readonly #littleEndian: boolean;
  readonly #nanosPerFraction: bigint;
  readonly #snapLength: number;

  /** Throws an OptionError for an invalid option, before it writes anything. */
  constructor(sink: CaptureSink, options: PcapWriterOptions = {}) {
    checkKnown(options, ['resolution', 'snapLength', 'linkType', 'byteOrder']);
    const resolution = checkOneOf(
      'resolution',
      options.resolution,
      ['microsecond', 'nanosecond'],
      'microsecond',
    );
    const linkType = checkInteger('linkType', options.linkType, 0, 0xffff, LinkType.ETHERNET);
    const limit = maxPacketLength(linkType);
    this.#snapLength = checkInteger('snapLength', options.snapLength, 1, limit, limit);
    this.#littleEndian = checkOneOf('byteOrder', options.byteOrder, ['little', 'big'], 'little') === 'little';
    this.#nanosPerFraction = resolution === 'nanosecond' ? 1n : 1000n;
    this.#put = sinkFunction(sink);

    const header = new DataView(new ArrayBuffer(PCAP_FILE_HEADER_LENGTH));
    const le = this.#littleEndian;
    header.setUint32(0, resolution === 'nanosecond' ? PCAP_MAGIC_NANOSECONDS : PCAP_MAGIC_MICROSECONDS, le);
    header.setUint16(4, 2, le);
    header.setUint16(6, 4, le);
    header.setUint32(16, this.#snapLength, le);
    header.setUint32(20, linkType, le);
    this.#put(new Uint8Array(header.buffer));
  }

  /**
   * Writes one packet, truncated to the snap length. Returns false if the sink asks for a pause ('drain'). Throws
   * an OptionError if the format cannot represent the time.
   */
  write(packet: PcapPacket): boolean {
    checkObject(packet, 'packet');
    const { timestamp, data } = packet;
    requireBytes('data', data);
    if (typeof timestamp !== 'bigint' || timestamp < 0n || timestamp >= NANOS_PER_SECOND << 32n) {
      throw new OptionError('timestamp', 'must be a bigint of nanoseconds from 0 to below 2^32 seconds');
    }
    const original = checkInteger(
      'originalLength',
      packet.originalLength,
      data.length,
      0xffffffff,
      data.length,
    );
    const captured = Math.min(data.length, this.#snapLength);
    const bytes = new Uint8Array(PCAP_PACKET_HEADER_LENGTH + captured);
    const header = new DataView(bytes.buffer);
    const le = this.#littleEndian;
    header.setUint32(0, Number(timestamp / NANOS_PER_SECOND), le);
    header.setUint32(4, Number((timestamp % NANOS_PER_SECOND) / this.#nanosPerFraction), le);
    header.setUint32(8, captured, le);
    header.setUint32(12, original, le);
    bytes.set(captured === data.length ? data : data.subarray(0, captured), PCAP_PACKET_HEADER_LENGTH);
    return this.#put(bytes);
  }
}
