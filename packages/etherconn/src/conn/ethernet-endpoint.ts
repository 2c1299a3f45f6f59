import { ClosedError, MessageTooLongError, OptionError } from '../errors.ts';
import type { Station } from '../link/link.ts';
import { checkBoolean, checkInteger, checkKnown, checkOneOf, show } from '../options.ts';
import type { CallOptions, DeadlineTime } from '../pending.ts';
import { nextTick } from '../real-time.ts';
import type { BatchStore } from '../relay/batch-store.ts';
import type { FrameReceiver } from '../relay/frame-receiver.ts';
import {
  checkEtherType,
  L2Endpoint,
  type L2EndpointKey,
  type MacAddress,
  toMac,
} from '../relay/l2-endpoint.ts';
import type { PacketRelay } from '../relay/packet-relay.ts';
import type { RegistrationRole, RelayRegistration } from '../relay/registration.ts';
import { RelayCore } from '../relay/relay-core.ts';
import type { UdpEntry } from '../relay/udp-entries.ts';
import type { UdpEntryOptions } from '../relay/udp-front.ts';
import { ETHERNET_HEADER_LENGTH } from '../wire/ethernet.ts';
import { EtherType } from '../wire/ethertype.ts';
import { formatMac, isGroupMac, macHigh, macLow } from '../wire/mac.ts';
import type { FrameRecord } from '../wire/record.ts';
import { emitVlan, VLAN_TAG_LENGTH, type Vlan, vlanKey } from '../wire/vlan.ts';
import type { Carrier } from './carrier.ts';
import { EthernetHeader } from './ethernet-header.ts';
import { MessageEmitter } from './message-emitter.ts';
import type { ReplySource } from './reply.ts';
import { outerType, toVlans } from './vlans-option.ts';
import { Writer } from './writer.ts';

/** The default EtherTypes of a conn, as in the Go package. */
export const DEFAULT_ETHER_TYPES: readonly number[] = Object.freeze([
  EtherType.ARP,
  EtherType.IPV4,
  EtherType.IPV6,
]);

/** Options of an EtherConn or SharedEtherConn. */
export interface EthernetOptions {
  /** Also receives broadcast and multicast frames (Go: WithReceiveMulticast). Default false. */
  receiveMulticast?: boolean;
  /**
   * At most two VLAN tags, outermost first: ids (0 to 4094) or { id, pcp, dei, tpid }. The conn sends frames with
   * these tags and receives frames with their ids. Default none.
   */
  vlans?: readonly (number | Vlan)[];
  /**
   * Number of packets queued for readers. When the queue is full, the oldest packet is dropped. 1 to 1,048,576;
   * default that of the relay (1024).
   */
  receiveDepth?: number;
  /** Throws InUseError if the endpoint is already registered, instead of overriding the registration. Default false. */
  exclusive?: boolean;
  /**
   * 'endpoint' (the default): frames for the own MAC address. 'default': frames that no other conn of the relay
   * receives, whatever their MAC address and VLANs. 'mirror': a copy of every received frame. The latter two
   * receive group frames if `receiveMulticast` is true.
   */
  role?: RegistrationRole;
}

/** Events of conns on the Ethernet layer. */
export interface EthernetEvents {
  /** Another owner has registered a key of this conn and now receives its frames. */
  replaced: [L2EndpointKey];
  close: [];
  /** An Ethernet payload (a copy), its sender, and whether its end is missing. */
  message: [Buffer, L2Endpoint, boolean];
}

const NO_ETHER_TYPES: readonly number[] = Object.freeze([]);
const NO_OPTIONS: CallOptions = Object.freeze({});

/**
 * The common part of EtherConn and SharedEtherConn: one MAC address with its VLANs and EtherTypes, registered with
 * a relay, and the sending side.
 */
export abstract class EthernetEndpoint extends MessageEmitter<EthernetEvents> implements AsyncDisposable {
  /** @internal */
  readonly relay: RelayCore;
  /** @internal Own address as numbers, see Station. */
  readonly macHigh: number;
  /** @internal */
  readonly macLow: number;
  readonly vlans: readonly Vlan[];
  /** @internal */
  readonly vlanKey: number;
  readonly etherTypes: readonly number[];
  protected readonly receiveDepth: number;
  #registration: RelayRegistration;
  /** Made when the first packet is sent. */
  #header: EthernetHeader | null = null;
  #tagBytes: Uint8Array | undefined;
  /** Made when it first sends. */
  #writer: Writer | null = null;
  /** What it, or its relay, was closed with. */
  #closed: Error | null = null;

  constructor(
    mac: MacAddress,
    relay: PacketRelay,
    third: readonly number[] | EthernetOptions | undefined,
    fourth: EthernetOptions | undefined,
    defaultEtherTypes?: readonly number[],
    selecting = false,
  ) {
    super();
    const given = splitThird(third, fourth);
    const { options } = given;
    const etherTypes = given.etherTypes.length === 0 ? defaultEtherTypes : given.etherTypes;
    const bytes = toMac('mac', mac);
    if (isGroupMac(bytes)) throw new OptionError('mac', `must be a unicast address, got ${formatMac(bytes)}`);
    if (!(relay instanceof RelayCore))
      throw new OptionError('relay', `must be a relay of etherconn, got ${show(relay)}`);
    checkKnown(options, ['receiveMulticast', 'vlans', 'receiveDepth', 'exclusive', 'role']);
    for (const etherType of etherTypes ?? []) checkEtherType(etherType);
    const multicast = checkBoolean('receiveMulticast', options.receiveMulticast, false);
    const exclusive = checkBoolean('exclusive', options.exclusive, false);
    const role = checkOneOf('role', options.role, ['endpoint', 'default', 'mirror'], 'endpoint');
    this.receiveDepth = checkInteger('receiveDepth', options.receiveDepth, 1, 1_048_576, relay.receiveDepth);
    this.vlans = toVlans(options.vlans);
    this.vlanKey = this.vlans.length === 0 ? 0 : vlanKey(this.vlans.map((vlan) => vlan.id));
    this.macHigh = macHigh(bytes);
    this.macLow = macLow(bytes);
    this.relay = relay;
    const own =
      etherTypes === undefined || etherTypes.length === 0
        ? NO_ETHER_TYPES
        : Object.freeze([...new Set(etherTypes)]);
    this.etherTypes = role === 'endpoint' && own.length === 0 ? DEFAULT_ETHER_TYPES : own;
    const station: Station = {
      macHigh: this.macHigh,
      macLow: this.macLow,
      vlanKey: this.vlanKey,
      etherTypes: this.etherTypes,
    };
    this.#registration =
      role === 'endpoint'
        ? relay.addEndpoint([station], multicast, exclusive, selecting)
        : relay.addCatchAll(role, multicast, own.length === 0 ? null : own, station);
    this.#registration.receiver = this;
  }

  /** Whether this conn, or its relay, has been closed. */
  get closed(): boolean {
    return this.#closed !== null;
  }

  /** @internal */
  get writer(): Writer {
    if (this.#writer === null) {
      this.#writer = new Writer(this.relay);
      if (this.#closed !== null) this.#writer.close(this.#closed);
    }
    return this.#writer;
  }

  /** @internal Own MAC address, 6 bytes, made anew. */
  get macBytes(): Uint8Array {
    const high = this.macHigh;
    return Uint8Array.of(high >>> 24, high >>> 16, high >>> 8, high, this.macLow >>> 8, this.macLow);
  }

  /** Text for people: 'EtherConn l2ep&02:00:00:00:00:01#0x0806 on eth0'. */
  override toString(): string {
    return `${this.constructor.name} ${this.localAddr()} on ${this.relay.interfaceName()}`;
  }

  /** The own endpoint: MAC address, VLAN ids and the first EtherType. */
  localAddr(): L2Endpoint {
    return new L2Endpoint(
      this.macBytes,
      this.etherTypes[0] ?? 0,
      this.vlans.map((vlan) => vlan.id),
    );
  }

  /**
   * Longest Ethernet payload in bytes: the MTU of the interface, or less if its frames have no room for all tags of
   * this conn.
   */
  get mtu(): number {
    return this.relay.mtuBehind(this.headerLength, outerType(this.vlans));
  }

  /** @internal What UDP conns on this one send through. */
  get carrier(): Carrier {
    return this.relay;
  }

  /** @internal See {@link ReplySource}. Made on first use, as only answers need it. */
  get tagBytes(): Uint8Array | null {
    if (this.#registration.role !== 'endpoint') return null;
    if (this.#tagBytes === undefined) {
      this.#tagBytes = new Uint8Array(VLAN_TAG_LENGTH * this.vlans.length);
      for (const [i, vlan] of this.vlans.entries()) emitVlan(this.#tagBytes, VLAN_TAG_LENGTH * i, vlan);
    }
    return this.#tagBytes;
  }

  /**
   * Sends an Ethernet payload of `etherType` to `destMac`. Waits for room if necessary, and resolves with the
   * number of bytes sent. `packet` must not change until then.
   */
  async writePacketTo(
    packet: Uint8Array,
    etherType: number,
    destMac: MacAddress,
    options: CallOptions = NO_OPTIONS,
  ): Promise<number> {
    // What is wrong must not wait its turn to be told so.
    this.#check(packet, etherType);
    const destination = toMac('destMac', destMac);
    const attempt = () => this.trySendPacketTo(packet, etherType, destination) === 1;
    return this.writer.write(packet.length, attempt, options);
  }

  /** Same as {@link writePacketTo} without waiting. Returns 1, or 0 if there is no room now. */
  trySendPacketTo(packet: Uint8Array, etherType: number, destMac: MacAddress): number {
    this.writer.checkOpen('write');
    this.#check(packet, etherType);
    this.#header ??= new EthernetHeader(this.macBytes, this.vlans);
    const header = this.#header;
    header.set(destMac, etherType);
    const sender = this.relay.senderFor(header.macHigh, header.macLow, this.vlanKey, etherType);
    const length = header.length + packet.length;
    const offset = sender.reserve(length);
    if (offset < 0) return this.writer.count(0, 0);
    try {
      header.emit(sender.memory, offset);
      sender.memory.u8.set(packet, offset + header.length);
    } catch (error) {
      sender.cancel(offset);
      throw error;
    }
    sender.commit(offset, length);
    return this.writer.count(1, packet.length);
  }

  /** Sends a complete IPv4 or IPv6 packet to `destMac`. Its version determines the EtherType. */
  async writeIPData(
    packet: Uint8Array,
    destMac: MacAddress,
    options: CallOptions = NO_OPTIONS,
  ): Promise<number> {
    return this.writePacketTo(packet, ipEtherType(packet), destMac, options);
  }

  /** Same as {@link writeIPData} without waiting. */
  trySendIPData(packet: Uint8Array, destMac: MacAddress): number {
    return this.trySendPacketTo(packet, ipEtherType(packet), destMac);
  }

  /** @internal Bytes of the Ethernet header with this conn's tags. */
  get headerLength(): number {
    return ETHERNET_HEADER_LENGTH + VLAN_TAG_LENGTH * this.vlans.length;
  }

  /** At this time, waiting and later writes fail with TimeoutError. null clears the deadline. */
  setWriteDeadline(time: DeadlineTime): void {
    this.writer.setDeadline(time);
  }

  /** Closes the registration. Waiting readers and writers fail at once with ClosedError. */
  async close(): Promise<void> {
    if (this.#closed !== null) return;
    this.#registration.close();
    this.#finish(new ClosedError('conn'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** @internal See `Relay.selectGroups`. */
  selectGroups(etherType: number, selectors: readonly number[] | null): void {
    this.relay.selectGroups(this.#registration, etherType, selectors);
  }

  /** @internal See `Relay.selectGroup`. */
  selectGroup(etherType: number, selector: number, isWanted: boolean): void {
    this.relay.selectGroup(this.#registration, etherType, selector, isWanted);
  }

  /** @internal See `Relay.listenToPort`. */
  listenToPort(port: number, listens: boolean): void {
    this.relay.listenToPort(this.#registration, port, listens);
  }

  /** @internal */
  relayStopped(error: Error): void {
    if (this.#closed === null) this.#finish(error);
  }

  /** @internal */
  keyReplaced(key: L2EndpointKey): void {
    nextTick(() => this.emit('replaced', key));
  }

  /** Keys of this conn that another owner has registered since. */
  get replaced(): readonly L2EndpointKey[] {
    return this.#registration.lost ?? [];
  }

  /** @internal From now on frames go to `user`, without a detour by us, who are still told of the registration's life. */
  protected handFramesTo(user: FrameReceiver): void {
    this.#registration.owner = this;
    this.#registration.receiver = user;
  }

  /** @internal See `Relay.openUdp`. Null for a catch-all conn, whose frames are not found by their address. */
  openUdp(address: Uint8Array, port: number, options: UdpEntryOptions): UdpEntry | null {
    if (this.#registration.role !== 'endpoint') return null;
    return this.relay.openUdp(this.#registration, address, port, options);
  }

  /** @internal Datagrams that the front for UDP has taken for this conn, where they are counted. */
  get takenByFront(): number {
    return this.#registration.entries?.taken ?? 0;
  }

  /** @internal */
  abstract frame(store: BatchStore, record: FrameRecord, flags: number): void;

  /** Fails whoever waits; called once, when the conn or the relay is closed. */
  protected shutdown(error: Error): void {
    this.#writer?.close(error);
  }

  #finish(error: Error): void {
    this.#closed = error;
    this.shutdown(error);
    nextTick(() => this.emit('close'));
  }

  #check(packet: Uint8Array, etherType: number): void {
    checkEtherType(etherType);
    checkPacket(packet);
    if (packet.length > this.mtu) throw new MessageTooLongError('write', packet.length, this.mtu);
  }
}

/** The EtherTypes and options of a conn, either of which may come third. */
function splitThird(
  third: readonly number[] | EthernetOptions | undefined,
  fourth: EthernetOptions | undefined,
): { etherTypes: readonly number[]; options: EthernetOptions } {
  if (third === undefined || Array.isArray(third)) {
    return { etherTypes: third ?? [], options: fourth === undefined ? {} : fourth };
  }
  const isObject = typeof third === 'object' && third !== null && !ArrayBuffer.isView(third);
  if (isObject && fourth === undefined) return { etherTypes: [], options: third as EthernetOptions };
  throw new OptionError(
    'etherTypes',
    `must be an array of numbers, and options come after it or in its place, got ${show(third)}`,
  );
}

/** Throws an OptionError when a packet is none. */
export function checkPacket(packet: unknown): void {
  if (!(packet instanceof Uint8Array))
    throw new OptionError('packet', `must be a Uint8Array, got ${show(packet)}`);
}

function ipEtherType(packet: Uint8Array): number {
  checkPacket(packet);
  const version = packet.length > 0 ? packet[0] >> 4 : 0;
  if (version === 4) return EtherType.IPV4;
  if (version === 6) return EtherType.IPV6;
  throw new OptionError('packet', `must begin with an IPv4 or IPv6 header, its version is ${version}`);
}
