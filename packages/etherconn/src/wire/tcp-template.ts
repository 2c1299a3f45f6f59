import { writeU16, writeU32 } from './bytes.ts';
import { checksumOf, foldSum, internetSum, pseudoSum } from './checksum.ts';
import { emitIpv4, IPV4_CHECKSUM, IPV4_HEADER_LENGTH, IPV4_ID, IPV4_TOTAL_LENGTH } from './ipv4.ts';
import { emitIpv6, IPV6_HEADER_LENGTH, IPV6_PAYLOAD_LENGTH } from './ipv6.ts';
import { internetSumIn, type SummableMemory } from './memory-sum.ts';
import { IpProtocol } from './protocol.ts';
import {
  emitTcp,
  TCP_ACKNOWLEDGMENT,
  TCP_CHECKSUM,
  TCP_DATA_OFFSET,
  TCP_FLAGS,
  TCP_HEADER_LENGTH,
  TCP_SEQUENCE,
  TCP_WINDOW,
} from './tcp.ts';

/** All that the headers of one connection's segments say. */
export interface TcpTemplateFields {
  /** 4 or 16 bytes, both. */
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** TTL or hop limit. */
  readonly ttl: number;
}

/**
 * The headers of the segments of one connection, prebuilt: IP and TCP. Writing a packet copies them and patches what
 * changes. "Don't fragment" is set.
 */
export class TcpTemplate {
  /** Bytes of the IP header and of the TCP header without options: options, then the payload, go behind them. */
  readonly headerLength: number;
  readonly #bytes: Uint8Array;
  readonly #isV4: boolean;
  /** Sum of the IPv4 header without total length, id and checksum. */
  readonly #ipSum: number;
  /** Sum of the pseudo-header without the length, and of the ports. */
  readonly #tcpSum: number;

  constructor({ source, destination, sourcePort, destinationPort, ttl }: TcpTemplateFields) {
    const isV4 = destination.length === 4;
    const tcp = isV4 ? IPV4_HEADER_LENGTH : IPV6_HEADER_LENGTH;
    const bytes = new Uint8Array(tcp + TCP_HEADER_LENGTH);
    const ends = { source, destination, payloadLength: 0 };
    if (isV4) emitIpv4(bytes, 0, { ...ends, protocol: IpProtocol.TCP, ttl, dontFragment: true });
    else emitIpv6(bytes, 0, { ...ends, nextHeader: IpProtocol.TCP, hopLimit: ttl });
    emitTcp(bytes, tcp, { sourcePort, destinationPort, window: 0 });
    let ipSum = 0;
    if (isV4) {
      for (const field of [IPV4_TOTAL_LENGTH, IPV4_ID, IPV4_CHECKSUM]) writeU16(bytes, field, 0);
      ipSum = foldSum(internetSum(bytes, 0, tcp));
    }
    const addresses = tcp - 2 * source.length;
    const pseudo = pseudoSum(bytes, isV4 ? 4 : 6, addresses, addresses + source.length, IpProtocol.TCP, 0);
    this.headerLength = bytes.length;
    this.#bytes = bytes;
    this.#isV4 = isV4;
    this.#ipSum = ipSum;
    this.#tcpSum = foldSum(pseudo + sourcePort + destinationPort);
  }

  /**
   * Writes the headers of a packet that begins at `at`, an even offset, around `optionsLength` bytes of options (a
   * multiple of 4) and `payloadLength` bytes of payload, which stand there already. `id` is IPv4's identification.
   */
  write(
    memory: SummableMemory,
    at: number,
    sequence: number,
    acknowledgment: number,
    flags: number,
    window: number,
    optionsLength: number,
    payloadLength: number,
    id: number,
  ): void {
    const { u8 } = memory;
    const body = at + this.headerLength;
    const tcp = body - TCP_HEADER_LENGTH;
    const end = body + optionsLength + payloadLength;
    u8.set(this.#bytes, at);
    if (this.#isV4) {
      writeU16(u8, at + IPV4_TOTAL_LENGTH, end - at);
      writeU16(u8, at + IPV4_ID, id);
      writeU16(u8, at + IPV4_CHECKSUM, checksumOf(this.#ipSum + (end - at) + id));
    } else {
      writeU16(u8, at + IPV6_PAYLOAD_LENGTH, end - tcp);
    }
    const offset = ((TCP_HEADER_LENGTH + optionsLength) >> 2) << 4;
    writeU32(u8, tcp + TCP_SEQUENCE, sequence);
    writeU32(u8, tcp + TCP_ACKNOWLEDGMENT, acknowledgment);
    u8[tcp + TCP_DATA_OFFSET] = offset;
    u8[tcp + TCP_FLAGS] = flags;
    writeU16(u8, tcp + TCP_WINDOW, window);
    const sum =
      this.#tcpSum +
      (end - tcp) +
      halves(sequence) +
      halves(acknowledgment) +
      ((offset << 8) | flags) +
      window +
      internetSumIn(memory, body, end);
    writeU16(u8, tcp + TCP_CHECKSUM, checksumOf(sum));
  }
}

function halves(word: number): number {
  return (word >>> 16) + (word & 0xffff);
}
