import { LITTLE_ENDIAN, networkOrder16 } from './byte-order.ts';
import { writeU16 } from './bytes.ts';
import { foldSum, internetSum, pseudoSum } from './checksum.ts';
import { ETHERNET_HEADER_LENGTH, emitEthernet } from './ethernet.ts';
import { EtherType } from './ethertype.ts';
import { emitIpv4, IPV4_CHECKSUM, IPV4_HEADER_LENGTH, IPV4_ID, IPV4_TOTAL_LENGTH } from './ipv4.ts';
import { emitIpv6, IPV6_HEADER_LENGTH } from './ipv6.ts';
import { copyAndSum, type SummableMemory } from './memory-sum.ts';
import { IpProtocol } from './protocol.ts';
import { emitUdp, UDP_HEADER_LENGTH, UDP_LENGTH } from './udp.ts';
import { VLAN_TAG_LENGTH, type Vlan } from './vlan.ts';

/** All that the headers of one destination's datagrams say. */
export interface UdpTemplateFields {
  readonly destinationMac: Uint8Array;
  readonly sourceMac: Uint8Array;
  readonly vlans: readonly Vlan[];
  /** 4 or 16 bytes, both. */
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** TTL or hop limit. */
  readonly ttl: number;
  /** TOS or traffic class; default 0. */
  readonly tos?: number;
  /** Default true. */
  readonly dontFragment?: boolean;
  /** Default true; false only over IPv4. */
  readonly checksum?: boolean;
}

// A constant of its own, see byte-order.ts.
const order = networkOrder16;
/** How far the halves of a word in memory are shifted in its number. */
const FIRST_HALF = LITTLE_ENDIAN ? 0 : 16;
const SECOND_HALF = LITTLE_ENDIAN ? 16 : 0;

/**
 * The headers of the datagrams to one destination, prebuilt: Ethernet, VLAN tags, IP and UDP. Writing a frame copies
 * them as 32-bit words, and the payload, and patches lengths, id and checksums.
 */
export class UdpTemplate {
  /** Bytes of all headers. */
  readonly headerLength: number;
  /** Offset of the IP header. */
  readonly ip: number;
  readonly #isV4: boolean;
  readonly #checksum: boolean;
  /** Behind two bytes of filling: slots begin 2 bytes past a word (see LinkTx). */
  readonly #words: Uint32Array;
  /** Sum of the IPv4 header without total length, id and checksum. */
  readonly #ipSum: number;
  /** Sum of pseudo-header and UDP header without the lengths. */
  readonly #udpSum: number;

  constructor(fields: UdpTemplateFields) {
    const { source, destination, sourcePort, destinationPort, ttl, tos = 0, dontFragment = true } = fields;
    const isV4 = destination.length === 4;
    const ip = ETHERNET_HEADER_LENGTH + VLAN_TAG_LENGTH * fields.vlans.length;
    const udp = ip + (isV4 ? IPV4_HEADER_LENGTH : IPV6_HEADER_LENGTH);
    const length = udp + UDP_HEADER_LENGTH;
    const words = new Uint32Array((length + 2) / 4);
    const bytes = new Uint8Array(words.buffer, 2);
    const etherType = isV4 ? EtherType.IPV4 : EtherType.IPV6;
    emitEthernet(bytes, 0, {
      destination: fields.destinationMac,
      source: fields.sourceMac,
      vlans: fields.vlans,
      etherType,
    });
    const ends = { source, destination, payloadLength: 0 };
    if (isV4) emitIpv4(bytes, ip, { ...ends, protocol: IpProtocol.UDP, ttl, tos, dontFragment });
    else emitIpv6(bytes, ip, { ...ends, nextHeader: IpProtocol.UDP, hopLimit: ttl, trafficClass: tos });
    emitUdp(bytes, udp, { sourcePort, destinationPort, payloadLength: 0 });
    // What is patched per datagram is zero while the rest is summed up.
    writeU16(bytes, udp + UDP_LENGTH, 0);
    let ipSum = 0;
    if (isV4) {
      for (const field of [IPV4_TOTAL_LENGTH, IPV4_ID, IPV4_CHECKSUM]) writeU16(bytes, ip + field, 0);
      ipSum = foldSum(internetSum(bytes, ip, udp));
    }
    const addresses = udp - 2 * source.length;
    const pseudo = pseudoSum(bytes, isV4 ? 4 : 6, addresses, addresses + source.length, IpProtocol.UDP, 0);
    this.headerLength = length;
    this.ip = ip;
    this.#isV4 = isV4;
    this.#checksum = fields.checksum ?? true;
    this.#words = words;
    this.#ipSum = ipSum;
    this.#udpSum = foldSum(pseudo + internetSum(bytes, udp, length));
  }

  /**
   * Writes the frame of `payload[start, end)` at `at`, which is 2 bytes past a word as slots are; `id` is IPv4's
   * identification. Numbers and byte order are written out here, against the rule: this is done for every packet.
   */
  write(
    memory: SummableMemory,
    at: number,
    payload: Uint8Array,
    start: number,
    end: number,
    id: number,
  ): void {
    const { u32 } = memory;
    const words = this.#words;
    const word = (at - 2) >> 2;
    // The shortest header that there is, written out: a loop looks at everything again for each word.
    u32[word] = words[0];
    u32[word + 1] = words[1];
    u32[word + 2] = words[2];
    u32[word + 3] = words[3];
    u32[word + 4] = words[4];
    u32[word + 5] = words[5];
    u32[word + 6] = words[6];
    u32[word + 7] = words[7];
    u32[word + 8] = words[8];
    u32[word + 9] = words[9];
    for (let i = 10; i < words.length - 1; i++) u32[word + i] = words[i];
    const body = at + this.headerLength;
    const length = end - start;
    const udpLength = 8 + length;
    const ip = (this.ip + 2) >> 2;
    if (this.#isV4) {
      const total = 20 + udpLength;
      let ipSum = this.#ipSum + total + id;
      ipSum = (ipSum & 0xffff) + (ipSum >>> 16);
      ipSum = ~((ipSum & 0xffff) + (ipSum >>> 16)) & 0xffff;
      u32[word + ip] = words[ip] | (order(total) << SECOND_HALF);
      u32[word + ip + 1] = words[ip + 1] | (order(id) << FIRST_HALF);
      u32[word + ip + 2] = words[ip + 2] | (order(ipSum) << SECOND_HALF);
    } else {
      u32[word + ip + 1] = words[ip + 1] | (order(udpLength) << FIRST_HALF);
    }
    let checksum = 0;
    if (this.#checksum) {
      // The length stands in the pseudo-header and in the header.
      let sum = this.#udpSum + 2 * udpLength + copyAndSum(memory, body, payload, start, end);
      sum = (sum & 0xffff) + (sum >>> 16);
      sum = ~((sum & 0xffff) + (sum >>> 16)) & 0xffff;
      checksum = sum === 0 ? 0xffff : order(sum);
    } else {
      memory.u8.set(length === payload.length ? payload : payload.subarray(start, end), body);
    }
    // The last word of all headers.
    u32[(body >> 2) - 1] = (order(udpLength) << FIRST_HALF) | (checksum << SECOND_HALF);
  }
}
