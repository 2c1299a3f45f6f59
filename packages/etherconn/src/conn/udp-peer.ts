import { OptionError } from '../errors.ts';
import type { CallOptions } from '../pending.ts';
import type { FrameSender } from '../relay/transmit.ts';
import { writeU16 } from '../wire/bytes.ts';
import {
  checksumOf,
  foldSum,
  internetSum,
  internetSumWords,
  pseudoSum,
  udpChecksumOf,
} from '../wire/checksum.ts';
import { ETHERNET_HEADER_LENGTH, emitEthernet } from '../wire/ethernet.ts';
import { EtherType } from '../wire/ethertype.ts';
import { emitIpv4, IPV4_CHECKSUM, IPV4_HEADER_LENGTH, IPV4_ID, IPV4_TOTAL_LENGTH } from '../wire/ipv4.ts';
import { emitIpv6, IPV6_HEADER_LENGTH, IPV6_PAYLOAD_LENGTH } from '../wire/ipv6.ts';
import { macHigh, macLow } from '../wire/mac.ts';
import { IpProtocol } from '../wire/protocol.ts';
import { emitUdp, UDP_CHECKSUM, UDP_HEADER_LENGTH, UDP_LENGTH } from '../wire/udp.ts';
import { VLAN_TAG_LENGTH } from '../wire/vlan.ts';
import type { UdpEndpointAddress } from './udp-address.ts';
import { checkPayload, maxUdpPayload, type UdpSource } from './udp-source.ts';

/**
 * One destination of a UDP endpoint, as a header template: Ethernet, VLAN tags, IP and UDP prebuilt. Sending
 * copies the template and the payload and patches lengths, id and checksums.
 */
export class UdpPeer {
  readonly #source: UdpSource;
  readonly #destination: UdpEndpointAddress;
  /** Bytes of all headers. */
  readonly #headerLength: number;
  readonly #ip: number;
  readonly #udp: number;
  /** Header as 32-bit words, behind two bytes of filling: slots begin 2 bytes past a word (see LinkTx). */
  readonly #words: Uint32Array;
  readonly #bytes: Uint8Array;
  /** Sum of the IPv4 header without total length, id and checksum. */
  #ipSum = 0;
  /** Sum of pseudo-header and UDP header without the lengths. */
  #udpSum = 0;
  #mac: Uint8Array | null = null;
  #pending: Promise<void> | null = null;
  #failure: Error | null = null;
  /** Chosen when the MAC address is known, and anew when the carrier's epoch changes. */
  #sender: FrameSender | null = null;
  #epoch = -1;
  // Begins anywhere, so that ids of endpoints that start together differ (RFC 6864 asks no more of DF packets).
  #id = (Math.random() * 0x10000) | 0;

  constructor(source: UdpSource, destination: UdpEndpointAddress) {
    if (destination.version !== source.local.version) {
      throw new OptionError('address', `must be of IPv${source.local.version}, as the local address is`);
    }
    this.#source = source;
    this.#destination = destination;
    this.#ip = ETHERNET_HEADER_LENGTH + VLAN_TAG_LENGTH * source.vlans.length;
    this.#udp = this.#ip + (destination.version === 4 ? IPV4_HEADER_LENGTH : IPV6_HEADER_LENGTH);
    this.#headerLength = this.#udp + UDP_HEADER_LENGTH;
    this.#words = new Uint32Array((this.#headerLength + 2) / 4);
    this.#bytes = new Uint8Array(this.#words.buffer, 2);
  }

  /** Longest payload that fits one packet here, in bytes; there is no fragmentation at this layer. */
  get maxPayload(): number {
    return maxUdpPayload(this.#source.carrier, this.#ip, this.#destination.version === 4);
  }

  /** @internal Whether the next hop is being asked for. */
  get resolving(): boolean {
    return this.#pending !== null;
  }

  /** @internal */
  setMac(mac: Uint8Array): void {
    const old = this.#mac;
    this.#failure = null;
    if (old?.every((byte, i) => byte === mac[i])) return;
    this.#mac = mac;
    this.#build(mac);
  }

  /** @internal A resolution under way: waiting writes go by its outcome. When it fails, sends throw why. */
  setPending(mac: Promise<Uint8Array>): void {
    const done = (): void => {
      this.#pending = null;
    };
    this.#pending = mac
      .then(
        (bytes) => this.setMac(bytes),
        (error) => {
          this.#mac = null;
          this.#failure = error;
        },
      )
      .finally(done);
  }

  /** Sends one datagram: 1, or 0 when there is no room now (or the next hop is still being resolved). */
  trySend(payload: Uint8Array): number {
    const source = this.#source;
    source.writer.checkOpen('send');
    checkPayload(payload, this.maxPayload);
    const length = payload.length;
    if (this.#mac === null) {
      if (this.#failure !== null) throw this.#failure;
      return source.writer.count(0, 0);
    }
    if (this.#epoch !== source.carrier.epoch) this.#chooseSender(this.#mac);
    const sender = this.#sender!;
    const header = this.#headerLength;
    const at = sender.reserve(header + length);
    if (at < 0) return source.writer.count(0, 0);
    const { u8, u32 } = sender.memory;
    const words = this.#words;
    for (let i = 0, w = (at - 2) >> 2; i < words.length; i++) u32[w + i] = words[i];
    u8.set(payload, at + header);
    this.#patch(u8, u32, at, length);
    sender.commit(at, header + length);
    return source.writer.count(1, length);
  }

  /** Sends datagrams in order until there is no room; returns how many were taken. */
  trySendMany(payloads: readonly Uint8Array[]): number {
    let sent = 0;
    while (sent < payloads.length && this.trySend(payloads[sent]) === 1) sent++;
    return sent;
  }

  /** As {@link trySend}, waiting for room and for the next hop; resolves with the bytes of the payload. */
  async send(payload: Uint8Array, options: CallOptions = {}): Promise<number> {
    // What is wrong must not wait its turn to be told so.
    checkPayload(payload, this.maxPayload);
    const attempt = () => this.trySend(payload) === 1;
    const { writer } = this.#source;
    if (this.#pending !== null) return writer.writeAfter(this.#pending, payload.length, attempt, options);
    return writer.write(payload.length, attempt, options);
  }

  #patch(u8: Uint8Array, u32: Uint32Array, at: number, length: number): void {
    const ip = at + this.#ip;
    const udp = at + this.#udp;
    const udpLength = UDP_HEADER_LENGTH + length;
    if (this.#destination.version === 4) {
      const total = IPV4_HEADER_LENGTH + udpLength;
      const id = this.#id;
      this.#id = (id + 1) & 0xffff;
      writeU16(u8, ip + IPV4_TOTAL_LENGTH, total);
      writeU16(u8, ip + IPV4_ID, id);
      writeU16(u8, ip + IPV4_CHECKSUM, checksumOf(this.#ipSum + total + id));
    } else {
      writeU16(u8, ip + IPV6_PAYLOAD_LENGTH, udpLength);
    }
    writeU16(u8, udp + UDP_LENGTH, udpLength);
    if (!this.#source.checksum) return;
    const payload = udp + UDP_HEADER_LENGTH;
    // The length stands in the pseudo-header and in the header.
    const sum = this.#udpSum + 2 * udpLength + internetSumWords(u8, u32, payload, payload + length);
    writeU16(u8, udp + UDP_CHECKSUM, udpChecksumOf(sum));
  }

  #build(mac: Uint8Array): void {
    const { macBytes, vlans, local, ttl, tos, dontFragment } = this.#source;
    const { bytes: destination, port } = this.#destination;
    const bytes = this.#bytes;
    const isV4 = this.#destination.version === 4;
    const etherType = isV4 ? EtherType.IPV4 : EtherType.IPV6;
    emitEthernet(bytes, 0, { destination: mac, source: macBytes, vlans, etherType });
    const fields = { source: local.bytes, destination, payloadLength: 0 };
    if (isV4) emitIpv4(bytes, this.#ip, { ...fields, protocol: IpProtocol.UDP, ttl, tos, dontFragment });
    else
      emitIpv6(bytes, this.#ip, { ...fields, nextHeader: IpProtocol.UDP, hopLimit: ttl, trafficClass: tos });
    emitUdp(bytes, this.#udp, { sourcePort: local.port, destinationPort: port, payloadLength: 0 });
    // What is patched per datagram is zero while the rest is summed up.
    writeU16(bytes, this.#udp + UDP_LENGTH, 0);
    if (isV4) {
      for (const field of [IPV4_TOTAL_LENGTH, IPV4_ID, IPV4_CHECKSUM]) writeU16(bytes, this.#ip + field, 0);
      this.#ipSum = foldSum(internetSum(bytes, this.#ip, this.#udp));
    }
    const addressLength = local.bytes.length;
    const source = this.#udp - 2 * addressLength;
    const pseudo = pseudoSum(bytes, local.version, source, source + addressLength, IpProtocol.UDP, 0);
    this.#udpSum = foldSum(pseudo + internetSum(bytes, this.#udp, this.#headerLength));
    this.#chooseSender(mac);
  }

  #chooseSender(mac: Uint8Array): void {
    const { carrier, vlanKey } = this.#source;
    const etherType = this.#destination.version === 4 ? EtherType.IPV4 : EtherType.IPV6;
    this.#sender = carrier.senderFor(macHigh(mac), macLow(mac), vlanKey, etherType);
    this.#epoch = carrier.epoch;
  }
}
