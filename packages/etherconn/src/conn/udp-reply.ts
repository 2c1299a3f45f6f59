import { readU16, readU32, writeU16 } from '../wire/bytes.ts';
import { checksumOf, internetSum, internetSumWords, pseudoSum, udpChecksumOf } from '../wire/checksum.ts';
import { isMulticastIp } from '../wire/ip.ts';
import {
  IPV4_CHECKSUM,
  IPV4_DESTINATION,
  IPV4_DF,
  IPV4_FLAGS_OFFSET,
  IPV4_HEADER_LENGTH,
  IPV4_ID,
  IPV4_PROTOCOL,
  IPV4_SOURCE,
  IPV4_TOS,
  IPV4_TOTAL_LENGTH,
  IPV4_TTL,
} from '../wire/ipv4.ts';
import {
  IPV6_DESTINATION,
  IPV6_HEADER_LENGTH,
  IPV6_HOP_LIMIT,
  IPV6_NEXT_HEADER,
  IPV6_PAYLOAD_LENGTH,
  IPV6_SOURCE,
} from '../wire/ipv6.ts';
import { IpProtocol } from '../wire/protocol.ts';
import {
  UDP_CHECKSUM,
  UDP_DESTINATION_PORT,
  UDP_HEADER_LENGTH,
  UDP_LENGTH,
  UDP_SOURCE_PORT,
} from '../wire/udp.ts';
import type { Batch } from './batch.ts';
import { emitReplyEthernet, type ReplySource, replyHeaderLength } from './reply.ts';
import { checkPayload, maxUdpPayload, type UdpSource } from './udp-source.ts';

/**
 * Answers datagrams from inside of `onBatch`, without a next hop and without a template: all that is needed stands
 * in the frame. Nothing is allocated per answer.
 */
export class UdpReplier {
  readonly #source: UdpSource & ReplySource;
  /** Bound to no address, or taking everything: the answer comes from the address that was asked. */
  readonly #answersForAny: boolean;
  #id = (Math.random() * 0x10000) | 0;

  constructor(source: UdpSource & ReplySource, answersForAny: boolean) {
    this.#source = source;
    this.#answersForAny = answersForAny;
  }

  /** Sends `payload` to where the packet came from: 1, or 0 when there is no room now. */
  reply(batch: Batch, payload: Uint8Array): number {
    const source = this.#source;
    source.writer.checkOpen('reply');
    const isV4 = batch.ipVersion === 4;
    const ethernetLength = replyHeaderLength(source, batch);
    const headerLength =
      ethernetLength + (isV4 ? IPV4_HEADER_LENGTH : IPV6_HEADER_LENGTH) + UDP_HEADER_LENGTH;
    checkPayload(payload, maxUdpPayload(source.carrier, ethernetLength, isV4));
    const from = batch.u8;
    const mac = batch.frameOffset + 6;
    const vlanKey = source.tagBytes === null ? batch.vlanKey : source.vlanKey;
    const sender = source.carrier.senderFor(
      readU32(from, mac),
      readU16(from, mac + 4),
      vlanKey,
      batch.etherType,
    );
    const at = sender.reserve(headerLength + payload.length);
    if (at < 0) return source.writer.count(0, 0);
    const { u8, u32 } = sender.memory;
    const ip = emitReplyEthernet(source, batch, u8, at);
    const udpLength = UDP_HEADER_LENGTH + payload.length;
    const udp = isV4 ? this.#emitIpv4(batch, u8, ip, udpLength) : this.#emitIpv6(batch, u8, ip, udpLength);
    u8.set(payload, udp + UDP_HEADER_LENGTH);
    writeU16(u8, udp + UDP_SOURCE_PORT, batch.localPort);
    writeU16(u8, udp + UDP_DESTINATION_PORT, batch.remotePort);
    writeU16(u8, udp + UDP_LENGTH, udpLength);
    writeU16(u8, udp + UDP_CHECKSUM, 0);
    if (source.checksum || !isV4)
      writeU16(u8, udp + UDP_CHECKSUM, checksum(u8, u32, ip, udp, udpLength, isV4));
    sender.commit(at, headerLength + payload.length);
    return source.writer.count(1, payload.length);
  }

  #emitIpv4(batch: Batch, u8: Uint8Array, ip: number, udpLength: number): number {
    const { tos, ttl, dontFragment } = this.#source;
    u8[ip] = 0x45;
    u8[ip + IPV4_TOS] = tos;
    writeU16(u8, ip + IPV4_TOTAL_LENGTH, IPV4_HEADER_LENGTH + udpLength);
    writeU16(u8, ip + IPV4_ID, this.#id);
    this.#id = (this.#id + 1) & 0xffff;
    writeU16(u8, ip + IPV4_FLAGS_OFFSET, dontFragment ? IPV4_DF : 0);
    u8[ip + IPV4_TTL] = ttl;
    u8[ip + IPV4_PROTOCOL] = IpProtocol.UDP;
    writeU16(u8, ip + IPV4_CHECKSUM, 0);
    this.#emitAddresses(batch, u8, ip + IPV4_SOURCE, ip + IPV4_DESTINATION, 4);
    writeU16(u8, ip + IPV4_CHECKSUM, checksumOf(internetSum(u8, ip, ip + IPV4_HEADER_LENGTH)));
    return ip + IPV4_HEADER_LENGTH;
  }

  #emitIpv6(batch: Batch, u8: Uint8Array, ip: number, udpLength: number): number {
    const { tos, ttl } = this.#source;
    u8[ip] = 0x60 | (tos >> 4);
    u8[ip + 1] = (tos & 0x0f) << 4;
    u8[ip + 2] = 0;
    u8[ip + 3] = 0;
    writeU16(u8, ip + IPV6_PAYLOAD_LENGTH, udpLength);
    u8[ip + IPV6_NEXT_HEADER] = IpProtocol.UDP;
    u8[ip + IPV6_HOP_LIMIT] = ttl;
    this.#emitAddresses(batch, u8, ip + IPV6_SOURCE, ip + IPV6_DESTINATION, 16);
    return ip + IPV6_HEADER_LENGTH;
  }

  #emitAddresses(batch: Batch, u8: Uint8Array, source: number, destination: number, length: number): void {
    const from = batch.u8;
    const remote = batch.remoteAddressOffset;
    for (let i = 0; i < length; i++) u8[destination + i] = from[remote + i];
    const asked = batch.localAddressOffset;
    if (this.#answersForAny && isUnicast(from, batch.frameOffset, asked, length)) {
      for (let i = 0; i < length; i++) u8[source + i] = from[asked + i];
      return;
    }
    // An IPv4 conn that takes anything and is asked by an IPv6 group has no address to answer from.
    const own = this.#source.local.bytes;
    const fits = own.length === length;
    for (let i = 0; i < length; i++) u8[source + i] = fits ? own[i] : 0;
  }
}

/** Whether a frame was meant for one station: by its MAC address, and by its IP address at `ip`. */
function isUnicast(u8: Uint8Array, frame: number, ip: number, length: number): boolean {
  if ((u8[frame] & 1) !== 0) return false;
  const version = length === 4 ? 4 : 6;
  return !isMulticastIp(u8, ip, version) && !(version === 4 && readU32(u8, ip) === 0xffffffff);
}

function checksum(
  u8: Uint8Array,
  u32: Uint32Array,
  ip: number,
  udp: number,
  length: number,
  isV4: boolean,
): number {
  const source = ip + (isV4 ? IPV4_SOURCE : IPV6_SOURCE);
  const destination = ip + (isV4 ? IPV4_DESTINATION : IPV6_DESTINATION);
  const pseudo = pseudoSum(u8, isV4 ? 4 : 6, source, destination, IpProtocol.UDP, length);
  return udpChecksumOf(pseudo + internetSumWords(u8, u32, udp, udp + length));
}
