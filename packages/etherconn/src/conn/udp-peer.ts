import { OptionError } from '../errors.ts';
import { requireArray } from '../options.ts';
import type { CallOptions } from '../pending.ts';
import type { FrameSender } from '../relay/transmit.ts';
import { ETHERNET_HEADER_LENGTH } from '../wire/ethernet.ts';
import { EtherType } from '../wire/ethertype.ts';
import { macHigh, macLow } from '../wire/mac.ts';
import { UdpTemplate } from '../wire/udp-template.ts';
import { VLAN_TAG_LENGTH } from '../wire/vlan.ts';
import { sendGroup } from './send-group.ts';
import type { UdpEndpointAddress } from './udp-address.ts';
import { checkPayload, maxUdpPayload, type UdpSource } from './udp-source.ts';
import { outerType } from './vlans-option.ts';

/**
 * One destination of a UDP endpoint, as a header template that is built once. {@link UdpTemplate} describes what a
 * send then does.
 */
export class UdpPeer {
  readonly #source: UdpSource;
  readonly #destination: UdpEndpointAddress;
  /** Longest payload that fits into one packet, in bytes. This layer does not fragment. */
  readonly maxPayload: number;
  #mac: Uint8Array | null = null;
  /** Made when the MAC address is known. */
  #template: UdpTemplate | null = null;
  #pending: Promise<void> | null = null;
  #failure: Error | null = null;
  /** Chosen when the MAC address is known, and anew when the carrier's epoch changes. */
  #sender: FrameSender | null = null;
  #epoch = -1;
  // Begins anywhere, so that ids of endpoints that start together differ (RFC 6864 asks no more of DF packets).
  #id = (Math.random() * 0x10000) | 0;

  /** @internal Use `conn.peer(destination)`. */
  static of(source: UdpSource, destination: UdpEndpointAddress): UdpPeer {
    return new UdpPeer(source, destination);
  }

  private constructor(source: UdpSource, destination: UdpEndpointAddress) {
    if (destination.version !== source.local.version) {
      throw new OptionError('address', `must be of IPv${source.local.version}, as the local address is`);
    }
    this.#source = source;
    this.#destination = destination;
    const ethernetLength = ETHERNET_HEADER_LENGTH + VLAN_TAG_LENGTH * source.vlans.length;
    const isV4 = destination.version === 4;
    this.maxPayload = maxUdpPayload(source.carrier, ethernetLength, outerType(source.vlans), isV4);
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
    this.#failure = null;
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

  /** Sends one datagram. Returns 1, or 0 if there is no room now or the next hop is not resolved yet. */
  trySend(payload: Uint8Array): number {
    const { writer } = this.#source;
    writer.checkOpen('send');
    if (this.#mac === null || this.#epoch !== this.#source.carrier.epoch) {
      checkPayload(payload, this.maxPayload);
      if (!this.#prepare()) return writer.count(0, 0);
    }
    const length = this.#send(payload);
    return length < 0 ? writer.count(0, 0) : writer.count(1, length);
  }

  /** Sends datagrams in order. Returns how many there was room for. */
  trySendMany(payloads: readonly Uint8Array[]): number {
    const { writer, carrier } = this.#source;
    requireArray('payloads', payloads);
    const count = payloads.length;
    if (count === 0) return 0;
    writer.checkOpen('send');
    let sent = 0;
    let bytes = 0;
    try {
      while (sent < count) {
        // Sending has the interface looked at, which may close everything or move the destination here.
        if (this.#mac === null || this.#epoch !== carrier.epoch) {
          checkPayload(payloads[sent], this.maxPayload);
          if (!this.#prepare()) break;
        }
        const group = sendGroup(this.#sender!, this.#template!, payloads, sent, this.maxPayload, this.#id);
        if (group === 0) {
          // Those before a wrong one are sent; it is told when it is the first.
          checkPayload(payloads[sent], this.maxPayload);
          break;
        }
        this.#id = (this.#id + group) & 0xffff;
        for (let i = 0; i < group; i++) bytes += payloads[sent++].length;
      }
    } finally {
      if (sent > 0) writer.count(sent, bytes);
    }
    if (sent < count) writer.count(0, 0);
    return sent;
  }

  /**
   * Same as {@link trySend}, but waits for room and for the next hop. Resolves with the number of bytes of the
   * payload.
   */
  async send(payload: Uint8Array, options: CallOptions = {}): Promise<number> {
    // What is wrong must not wait its turn to be told so.
    checkPayload(payload, this.maxPayload);
    const attempt = () => this.trySend(payload) === 1;
    const { writer } = this.#source;
    if (this.#pending !== null) return writer.writeAfter(this.#pending, payload.length, attempt, options);
    return writer.write(payload.length, attempt, options);
  }

  /** Whether the way is known now. Throws why it cannot be. */
  #prepare(): boolean {
    if (this.#mac === null) {
      if (this.#failure !== null) throw this.#failure;
      return false;
    }
    this.#chooseSender(this.#mac);
    return true;
  }

  /** Returns the bytes of the payload, or -1 when there is no room now. */
  #send(payload: Uint8Array): number {
    checkPayload(payload, this.maxPayload);
    const { length } = payload;
    const sender = this.#sender!;
    const template = this.#template!;
    const frameLength = template.headerLength + length;
    const at = sender.reserve(frameLength);
    if (at < 0) return -1;
    const id = this.#id;
    this.#id = (id + 1) & 0xffff;
    try {
      template.write(sender.memory, at, payload, 0, length, id);
    } catch (error) {
      sender.cancel(at);
      throw error;
    }
    sender.commit(at, frameLength);
    return length;
  }

  #build(mac: Uint8Array): void {
    const { macBytes, vlans, local, ttl, tos, dontFragment, checksum } = this.#source;
    this.#template = new UdpTemplate({
      destinationMac: mac,
      sourceMac: macBytes,
      vlans,
      source: local.bytes,
      destination: this.#destination.bytes,
      sourcePort: local.port,
      destinationPort: this.#destination.port,
      ttl,
      tos,
      dontFragment,
      checksum,
    });
    this.#chooseSender(mac);
  }

  #chooseSender(mac: Uint8Array): void {
    const { carrier, vlanKey } = this.#source;
    const etherType = this.#destination.version === 4 ? EtherType.IPV4 : EtherType.IPV6;
    this.#sender = carrier.senderFor(macHigh(mac), macLow(mac), vlanKey, etherType);
    this.#epoch = carrier.epoch;
  }
}
