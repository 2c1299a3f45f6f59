import type { FrameMemory } from '../link/link.ts';
import { readU16, readU32 } from '../wire/bytes.ts';
import { checksumOf, udpChecksumOf } from '../wire/checksum.ts';
import { ETHERNET_HEADER_LENGTH } from '../wire/ethernet.ts';
import { isMulticastIp } from '../wire/ip.ts';
import { IPV4_HEADER_LENGTH } from '../wire/ipv4.ts';
import { IPV6_HEADER_LENGTH } from '../wire/ipv6.ts';
import { copyAndSum } from '../wire/memory-sum.ts';
import { UDP_HEADER_LENGTH } from '../wire/udp.ts';
import type { Batch } from './batch.ts';
import { emitReplyEthernet, type ReplySource, replyHeaderLength, replyOuterType } from './reply.ts';
import { checkPayload, maxUdpPayload, type UdpSource } from './udp-source.ts';
import { outerType } from './vlans-option.ts';

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
    if (
      !(payload instanceof Uint8Array) ||
      payload.length > maxUdpPayload(source.carrier, ethernetLength, replyOuterType(source, batch), isV4)
    )
      return this.#refuse(batch, payload);
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
    try {
      this.#emit(batch, payload, sender.memory, at);
    } catch (error) {
      sender.cancel(at);
      throw error;
    }
    sender.commit(at, headerLength + payload.length);
    return source.writer.count(1, payload.length);
  }

  /**
   * What fits no answer of this conn, or is longer than what came, is the program's fault and throws. Otherwise it is the
   * request's (VLAN tags that the answer has, too; another IP version): a stranger must not make us throw.
   */
  #refuse(batch: Batch, payload: Uint8Array): number {
    const { carrier, local, tagBytes, vlans, writer } = this.#source;
    const own = ETHERNET_HEADER_LENGTH + (tagBytes?.length ?? 0);
    const limit = maxUdpPayload(carrier, own, outerType(vlans), local.version === 4);
    checkPayload(payload, Math.max(limit, batch.payloadLength));
    return writer.countReplyTooLong();
  }

  // The offsets of header fields are written out below, against the rule: each imported constant costs the engine a load
  // and a check, which with sums made over what has just been written doubled the time of an answer.

  /** Headers and payload; the sums of the checksums are made while the fields are at hand. */
  #emit(batch: Batch, payload: Uint8Array, memory: FrameMemory, at: number): void {
    const source = this.#source;
    const { u8 } = memory;
    const isV4 = batch.ipVersion === 4;
    const ip = emitReplyEthernet(source, batch, u8, at);
    const udpLength = 8 + payload.length;
    const udp = ip + (isV4 ? 20 : 40);
    const addresses = isV4
      ? this.#emitAddresses(batch, u8, ip + 12, ip + 16, 4)
      : this.#emitAddresses(batch, u8, ip + 8, ip + 24, 16);
    if (isV4) this.#emitIpv4(u8, ip, 20 + udpLength, addresses);
    else this.#emitIpv6(u8, ip, udpLength);
    const { localPort, remotePort } = batch;
    u8[udp] = localPort >> 8;
    u8[udp + 1] = localPort;
    u8[udp + 2] = remotePort >> 8;
    u8[udp + 3] = remotePort;
    u8[udp + 4] = udpLength >> 8;
    u8[udp + 5] = udpLength;
    if (isV4 && !source.checksum) {
      u8[udp + 6] = 0;
      u8[udp + 7] = 0;
      u8.set(payload, udp + 8);
      return;
    }
    // Pseudo-header (addresses, protocol 17, length), then the header, in which the length stands again.
    const sum =
      addresses + 17 + 2 * udpLength + localPort + remotePort + copyAndSum(memory, udp + 8, payload);
    const checksum = udpChecksumOf(sum);
    u8[udp + 6] = checksum >> 8;
    u8[udp + 7] = checksum;
  }

  /** RFC 791 §3.1, but for the addresses, whose sum is given. */
  #emitIpv4(u8: Uint8Array, ip: number, total: number, addresses: number): void {
    const { tos, ttl, dontFragment } = this.#source;
    const id = this.#id;
    this.#id = (id + 1) & 0xffff;
    const flags = dontFragment ? 0x40 : 0;
    u8[ip] = 0x45;
    u8[ip + 1] = tos;
    u8[ip + 2] = total >> 8;
    u8[ip + 3] = total;
    u8[ip + 4] = id >> 8;
    u8[ip + 5] = id;
    u8[ip + 6] = flags;
    u8[ip + 7] = 0;
    u8[ip + 8] = ttl;
    u8[ip + 9] = 17;
    const checksum = checksumOf(0x4500 + tos + total + id + (flags << 8) + (ttl << 8) + 17 + addresses);
    u8[ip + 10] = checksum >> 8;
    u8[ip + 11] = checksum;
  }

  /** RFC 8200 §3, but for the addresses. */
  #emitIpv6(u8: Uint8Array, ip: number, payloadLength: number): void {
    const { tos, ttl } = this.#source;
    u8[ip] = 0x60 | (tos >> 4);
    u8[ip + 1] = (tos & 0x0f) << 4;
    u8[ip + 2] = 0;
    u8[ip + 3] = 0;
    u8[ip + 4] = payloadLength >> 8;
    u8[ip + 5] = payloadLength;
    u8[ip + 6] = 17;
    u8[ip + 7] = ttl;
  }

  /** Returns the sum of both addresses. */
  #emitAddresses(batch: Batch, u8: Uint8Array, source: number, destination: number, length: number): number {
    const from = batch.u8;
    const asked = batch.localAddressOffset;
    const sum = copyAddress(u8, destination, from, batch.remoteAddressOffset, length);
    if (this.#answersForAny && isUnicast(from, batch.frameOffset, asked, length))
      return sum + copyAddress(u8, source, from, asked, length);
    const own = this.#source.local.bytes;
    if (own.length === length) return sum + copyAddress(u8, source, own, 0, length);
    // An IPv4 conn that takes anything and is asked by an IPv6 group has no address to answer from.
    for (let i = 0; i < length; i++) u8[source + i] = 0;
    return sum;
  }
}

/** Copies an address; returns its sum. */
function copyAddress(to: Uint8Array, at: number, from: Uint8Array, offset: number, length: number): number {
  let sum = 0;
  for (let i = 0; i < length; i += 2) {
    const high = from[offset + i];
    const low = from[offset + i + 1];
    to[at + i] = high;
    to[at + i + 1] = low;
    sum += (high << 8) | low;
  }
  return sum;
}

/** Whether a frame was meant for one station: by its MAC address, and by its IP address at `ip`. */
function isUnicast(u8: Uint8Array, frame: number, ip: number, length: number): boolean {
  if ((u8[frame] & 1) !== 0) return false;
  const version = length === 4 ? 4 : 6;
  return !isMulticastIp(u8, ip, version) && !(version === 4 && readU32(u8, ip) === 0xffffffff);
}
