import { LITTLE_ENDIAN, networkOrder16, networkOrder32 } from './byte-order.ts';
import { writeU16 } from './bytes.ts';
import { foldSum, internetSum, pseudoSum } from './checksum.ts';
import { ETHERNET_HEADER_LENGTH, emitEthernet } from './ethernet.ts';
import { EtherType } from './ethertype.ts';
import { emitIpv4, IPV4_CHECKSUM, IPV4_HEADER_LENGTH, IPV4_ID, IPV4_TOTAL_LENGTH } from './ipv4.ts';
import { emitIpv6, IPV6_HEADER_LENGTH } from './ipv6.ts';
import { internetSumIn, type SummableMemory } from './memory-sum.ts';
import { IpProtocol } from './protocol.ts';
import { emitTcp, TCP_HEADER_LENGTH } from './tcp.ts';
import { VLAN_TAG_LENGTH, type Vlan } from './vlan.ts';

/**
 * The headers of the segments of one connection, prebuilt: Ethernet, VLAN tags, IP and TCP. A template is a few words of
 * an array, so that those of many connections lie in one. Writing a frame copies them and patches what changes. "Don't
 * fragment" is set.
 */

/** All that the headers of one connection's segments say. */
export interface TcpTemplateFields {
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
}

/** Words of one template. */
export const TCP_TEMPLATE_WORDS = 24;

// Behind the headers, which take 21 words at most: two tags, IPv6. They stand behind two bytes of filling, for slots
// begin 2 bytes past a word (see LinkTx).
const HEADERS_MAX = 84;
/** Bytes of all headers in the low half, offset of the IP header in the high one. */
const LENGTHS = 21;
/** Sum of the IPv4 header without total length, id and checksum; 0 for IPv6. */
const IP_SUM = 22;
/** Sum of the pseudo-header without the length, and of the ports. */
const TCP_SUM = 23;

// Constants of its own, see byte-order.ts.
const order16 = networkOrder16;
const order32 = networkOrder32;
/** How far the halves of a word in memory are shifted in its number. */
const FIRST_HALF = LITTLE_ENDIAN ? 0 : 16;
const SECOND_HALF = LITTLE_ENDIAN ? 16 : 0;

/** A template is built here: a view of its place would cost more than all the rest. */
const built = new Uint32Array(TCP_TEMPLATE_WORDS);
const bytes = new Uint8Array(built.buffer, 2, HEADERS_MAX - 2);

/** Builds a template at `base` of `words`. */
export function makeTcpTemplate(words: Uint32Array, base: number, fields: TcpTemplateFields): void {
  const { source, destination, sourcePort, destinationPort, ttl, vlans } = fields;
  const isV4 = destination.length === 4;
  const ip = ETHERNET_HEADER_LENGTH + VLAN_TAG_LENGTH * vlans.length;
  const tcp = ip + (isV4 ? IPV4_HEADER_LENGTH : IPV6_HEADER_LENGTH);
  const length = tcp + TCP_HEADER_LENGTH;
  built.fill(0);
  emitEthernet(bytes, 0, {
    destination: fields.destinationMac,
    source: fields.sourceMac,
    vlans,
    etherType: isV4 ? EtherType.IPV4 : EtherType.IPV6,
  });
  const payloadLength = 0;
  if (isV4)
    emitIpv4(bytes, ip, {
      source,
      destination,
      payloadLength,
      protocol: IpProtocol.TCP,
      ttl,
      dontFragment: true,
    });
  else emitIpv6(bytes, ip, { source, destination, payloadLength, nextHeader: IpProtocol.TCP, hopLimit: ttl });
  emitTcp(bytes, tcp, { sourcePort, destinationPort, window: 0 });
  let ipSum = 0;
  // What is patched per segment is zero in the template.
  if (isV4) {
    writeU16(bytes, ip + IPV4_TOTAL_LENGTH, 0);
    writeU16(bytes, ip + IPV4_ID, 0);
    writeU16(bytes, ip + IPV4_CHECKSUM, 0);
    ipSum = foldSum(internetSum(bytes, ip, tcp));
  }
  const addresses = tcp - 2 * source.length;
  const pseudo = pseudoSum(bytes, isV4 ? 4 : 6, addresses, addresses + source.length, IpProtocol.TCP, 0);
  built[LENGTHS] = length | (ip << 16);
  built[IP_SUM] = ipSum;
  built[TCP_SUM] = foldSum(pseudo + sourcePort + destinationPort);
  for (let i = 0; i < TCP_TEMPLATE_WORDS; i++) words[base + i] = built[i];
}

/** Bytes of all headers without options: options, then the payload, go behind them. */
export function tcpTemplateLength(words: Uint32Array, base: number): number {
  return words[base + LENGTHS] & 0xffff;
}

/** Offset of the IP header. */
export function tcpTemplateIp(words: Uint32Array, base: number): number {
  return words[base + LENGTHS] >>> 16;
}

/**
 * Writes the headers of a frame that begins at `at`, which is 2 bytes past a word as slots are, around `optionsLength`
 * bytes of options (a multiple of 4) and `payloadLength` bytes of payload, which stand there already. Sequence numbers
 * are signed integers; `id` is IPv4's identification. Byte order is written out here, against the rule: this is done for
 * every packet.
 */
export function writeTcpHeaders(
  words: Uint32Array,
  base: number,
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
  const { u32 } = memory;
  const lengths = words[base + LENGTHS] | 0;
  const body = at + (lengths & 0xffff);
  const ip = ((lengths >>> 16) + 2) >> 2;
  const tcp = ((lengths & 0xffff) + 2 - TCP_HEADER_LENGTH) >> 2;
  const word = (at - 2) >> 2;
  const end = body + optionsLength + payloadLength;
  // The first two bytes belong to nobody: slots have room before them.
  for (let i = 0; i <= tcp; i++) u32[word + i] = words[base + i];
  const segmentLength = TCP_HEADER_LENGTH + optionsLength + payloadLength;
  const ipSum = words[base + IP_SUM] | 0;
  if (ipSum !== 0) {
    const total = IPV4_HEADER_LENGTH + segmentLength;
    let sum = ipSum + total + id;
    sum = (sum & 0xffff) + (sum >>> 16);
    sum = ~((sum & 0xffff) + (sum >>> 16)) & 0xffff;
    u32[word + ip] = words[base + ip] | (order16(total) << SECOND_HALF);
    u32[word + ip + 1] = words[base + ip + 1] | (order16(id) << FIRST_HALF);
    u32[word + ip + 2] = words[base + ip + 2] | (order16(sum) << SECOND_HALF);
  } else {
    u32[word + ip + 1] = words[base + ip + 1] | (order16(segmentLength) << FIRST_HALF);
  }
  const offset = ((TCP_HEADER_LENGTH + optionsLength) >> 2) << 4;
  u32[word + tcp + 1] = order32(sequence);
  u32[word + tcp + 2] = order32(acknowledgment);
  u32[word + tcp + 3] = order32((offset << 24) | (flags << 16) | window);
  let sum =
    (words[base + TCP_SUM] | 0) +
    segmentLength +
    (sequence >>> 16) +
    (sequence & 0xffff) +
    (acknowledgment >>> 16) +
    (acknowledgment & 0xffff) +
    ((offset << 8) | flags) +
    window +
    foldSum(internetSumIn(memory, body, end));
  sum = (sum & 0xffff) + (sum >>> 16);
  sum = ~((sum & 0xffff) + (sum >>> 16)) & 0xffff;
  // The last word of all headers; there is no urgent data.
  u32[word + tcp + 4] = order16(sum) << FIRST_HALF;
}
