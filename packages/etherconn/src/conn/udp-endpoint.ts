import { EventEmitter } from 'node:events';
import { NoNextHopError, OptionError } from '../errors.ts';
import { FrameFlag } from '../link/link.ts';
import { checkBoolean, checkInteger, checkOneOf, show } from '../options.ts';
import type { CallOptions, DeadlineTime } from '../pending.ts';
import { type BatchStore, Field } from '../relay/batch-store.ts';
import type { FrameReceiver } from '../relay/frame-receiver.ts';
import { frameVlans, type MacAddress, toMac } from '../relay/l2-endpoint.ts';
import { readU16 } from '../wire/bytes.ts';
import { ChecksumState } from '../wire/checksum.ts';
import { formatIp } from '../wire/ip.ts';
import { ipv4ChecksumState } from '../wire/ipv4.ts';
import { formatMac } from '../wire/mac.ts';
import { IpProtocol } from '../wire/protocol.ts';
import { Fragment, type FrameRecord } from '../wire/record.ts';
import { transportChecksumState } from '../wire/transport-checksum.ts';
import type { Vlan } from '../wire/vlan.ts';
import type { Batch } from './batch.ts';
import type { Carrier } from './carrier.ts';
import { type ConnStats, type ReadInto, readInto, readUntilClosed } from './ether-conn.ts';
import { Inbox, type InboxOwner } from './inbox.ts';
import type { Listener } from './listener.ts';
import { type NextHopResolver, resolveNextHopMACWithBroadcast } from './next-hop.ts';
import type { ReplySource } from './reply.ts';
import { isWildcard, toUdpAddress, type UdpAddress, type UdpEndpointAddress } from './udp-address.ts';
import { UdpPeer } from './udp-peer.ts';
import { UdpReplier } from './udp-reply.ts';
import type { UdpSource } from './udp-source.ts';
import type { Writer } from './writer.ts';

/** Options of RUDPConn and SharedRUDPConn. */
export interface UdpConnOptions {
  /** Where packets for an address go (the seed's WithResolveNextHopMacFunc). Default: the broadcast MAC address. */
  resolveNextHop?: NextHopResolver;
  /** IPv4 TTL or IPv6 hop limit of what is sent, 1 to 255, default 64. */
  ttl?: number;
  /** IPv4 TOS or IPv6 traffic class, 0 to 255, default 0. */
  tos?: number;
  /** IPv4 DF flag; default true, as Linux sets it on UDP. */
  dontFragment?: boolean;
  /** Compute UDP checksums of what is sent; default true. IPv6 allows no other. */
  checksum?: boolean;
  /**
   * 'auto' (default): accept right checksums, and partial ones where the kernel says so or the interface is of
   * the kind that leaves them (veth …). 'strict': right ones only. 'off': all.
   */
  verifyChecksum?: 'auto' | 'strict' | 'off';
  /** Datagrams queued for readers; when full the oldest is dropped. 1 to 1,048,576, default the relay's (1024). */
  receiveDepth?: number;
}

export const UDP_CONN_OPTIONS: readonly string[] = [
  'resolveNextHop',
  'ttl',
  'tos',
  'dontFragment',
  'checksum',
  'verifyChecksum',
  'receiveDepth',
];

/** Who sent a datagram: Node's `rinfo` and more. */
export class UdpRemote {
  readonly address: string;
  readonly family: 'IPv4' | 'IPv6';
  readonly port: number;
  /** Bytes of the payload. */
  readonly size: number;
  /** The address that the datagram was sent to. */
  readonly localAddress: string;
  readonly localPort: number;
  readonly #macHigh: number;
  readonly #macLow: number;
  /** VLAN ids, outermost first. */
  readonly vlans: readonly number[];

  /** @internal */
  constructor(store: BatchStore, at: number) {
    const { words } = store;
    const u8 = store.memory!.u8;
    const version = words[at + Field.KINDS] & 0xf;
    const ports = words[at + Field.PORTS];
    this.address = formatIp(u8, words[at + Field.IP_SOURCE], version);
    this.family = version === 4 ? 'IPv4' : 'IPv6';
    this.port = ports >>> 16;
    this.size = words[at + Field.PAYLOAD_END] - words[at + Field.PAYLOAD];
    this.localAddress = formatIp(u8, words[at + Field.IP_DESTINATION], version);
    this.localPort = ports & 0xffff;
    const start = words[at + Field.START];
    const mac = start + 6;
    this.#macHigh = (readU16(u8, mac) << 16) | readU16(u8, mac + 2);
    this.#macLow = readU16(u8, mac + 4);
    this.vlans = frameVlans(u8, start, words[at + Field.VLAN_COUNT]);
  }

  /** MAC address that the frame came from, text. */
  get mac(): string {
    const high = this.#macHigh;
    return formatMac(
      Uint8Array.of(high >>> 24, high >>> 16, high >>> 8, high, this.#macLow >>> 8, this.#macLow),
    );
  }
}

/** A received datagram. */
export interface Datagram {
  /** The payload, a copy. */
  data: Buffer;
  remote: UdpRemote;
}

/** Counters of a UDP conn. */
export interface UdpConnStats extends ConnStats {
  /** Frames that are not UDP. */
  notUdp: number;
  /** Datagrams for another address or port. */
  notOurs: number;
  /** Broken headers, and packets that are not whole. */
  malformed: number;
  /** Fragments: this layer does not reassemble. */
  fragments: number;
  /** Wrong checksums. */
  badChecksum: number;
  /** Partial checksums that were accepted. */
  partialChecksum: number;
}

/** What lies under an endpoint: an EtherConn, a SharedEtherConn, or what stands in for a foreign one. */
export interface UdpLower extends ReplySource {
  readonly carrier: Carrier;
  readonly macBytes: Uint8Array;
  readonly vlans: readonly Vlan[];
  readonly vlanKey: number;
}

/** Events of UDP conns. */
export interface UdpEvents {
  message: [Buffer, UdpRemote];
  close: [];
}

/** Peers that are kept; beyond, the one made first goes. A peer that is still in use is made anew. */
const PEERS_MAX = 4096;

const NO_OPTIONS: CallOptions = Object.freeze({});

/**
 * One UDP endpoint: the machinery under RUDPConn and SharedRUDPConn. Datagrams go to the
 * {@link UdpEndpoint.onBatch} callback if there is one, else to the listeners of 'message'
 * (`(data: Buffer, remote: UdpRemote)`), else to who reads. Also emits 'close' (the conn or its relay was closed).

 */
export abstract class UdpEndpoint
  extends EventEmitter<UdpEvents>
  implements FrameReceiver, InboxOwner<Datagram>, UdpSource, ReplySource, AsyncDisposable
{
  /** @internal */
  readonly carrier: Carrier;
  /** @internal */
  readonly local: UdpEndpointAddress;
  /** @internal */
  readonly writer: Writer;
  /** @internal */
  readonly macHigh: number;
  /** @internal */
  readonly macLow: number;
  readonly vlans: readonly Vlan[];
  /** @internal */
  readonly vlanKey: number;
  readonly ttl: number;
  readonly tos: number;
  readonly dontFragment: boolean;
  readonly checksum: boolean;
  protected readonly inbox: Inbox<Datagram>;
  readonly #resolve: NextHopResolver;
  readonly #lower: UdpLower;
  readonly #acceptAny: boolean;
  readonly #wildcard: boolean;
  #replier: UdpReplier | null = null;
  readonly #verify: 'auto' | 'strict' | 'off';
  /** By address and port; made when the first is. */
  #peers: Map<string, UdpPeer> | null = null;
  #notUdp = 0;
  #notOurs = 0;
  #malformed = 0;
  #fragments = 0;
  #badChecksum = 0;
  #partialChecksum = 0;

  constructor(
    local: UdpEndpointAddress,
    lower: UdpLower,
    writer: Writer,
    options: UdpConnOptions,
    acceptAny: boolean,
  ) {
    super();
    this.local = local;
    this.#lower = lower;
    this.carrier = lower.carrier;
    this.writer = writer;
    this.macHigh = lower.macHigh;
    this.macLow = lower.macLow;
    this.vlans = lower.vlans;
    this.vlanKey = lower.vlanKey;
    this.ttl = checkInteger('ttl', options.ttl, 1, 255, 64);
    this.tos = checkInteger('tos', options.tos, 0, 255, 0);
    this.dontFragment = checkBoolean('dontFragment', options.dontFragment, true);
    this.checksum = checkBoolean('checksum', options.checksum, true);
    if (!this.checksum && local.version === 6)
      throw new OptionError('checksum', 'cannot be false over IPv6 (RFC 8200 §8.1)');
    this.#verify = checkOneOf('verifyChecksum', options.verifyChecksum, ['auto', 'strict', 'off'], 'auto');
    this.#resolve = checkResolver(options.resolveNextHop);
    this.#acceptAny = acceptAny;
    this.#wildcard = isWildcard(local);
    const depth = checkInteger('receiveDepth', options.receiveDepth, 1, 1_048_576, this.carrier.receiveDepth);
    this.inbox = new Inbox<Datagram>(this.carrier.clock, depth, this);
  }

  /** Whether this conn, or what is below it, has been closed. */
  get closed(): boolean {
    return this.inbox.closed;
  }

  /** @internal Own MAC address, 6 bytes, made anew. */
  get macBytes(): Uint8Array {
    return this.#lower.macBytes;
  }

  /** @internal */
  get tagBytes(): Uint8Array | null {
    return this.#lower.tagBytes;
  }

  /** Own address and port; Node's shape. */
  localAddr(): { address: string; port: number; family: 'IPv4' | 'IPv6' } {
    const { bytes, version, port } = this.local;
    return { address: formatIp(bytes, 0, version), port, family: version === 4 ? 'IPv4' : 'IPv6' };
  }

  // --- Sending -----------------------------------------------------------------------------------------

  /**
   * Sends a datagram. Waits for room (and an asynchronous next hop); resolves with the bytes of `payload`, which must
   * not change until then. Rejects with MessageTooLongError over the MTU, TimeoutError, NoRoomError, ClosedError,
   * RelayStoppedError, or what the resolver fails with.
   */
  async writeTo(
    payload: Uint8Array,
    destination: UdpAddress,
    options: CallOptions = NO_OPTIONS,
  ): Promise<number> {
    return this.#peer(destination).send(payload, options);
  }

  /** As {@link writeTo} without waiting: 1, or 0 when there is no room now (or no next hop yet). */
  trySendTo(payload: Uint8Array, destination: UdpAddress): number {
    return this.#peer(destination).trySend(payload);
  }

  /** Sends datagrams to one destination, in order; returns how many were taken before the room ended. */
  trySendMany(payloads: readonly Uint8Array[], destination: UdpAddress): number {
    return this.#peer(destination).trySendMany(payloads);
  }

  /**
   * A destination to keep: sending to it again and again costs no look-up. The next hop is asked for now and not
   * again; if that fails, make another.
   */
  peer(destination: UdpAddress): UdpPeer {
    const address = toUdpAddress('destination', destination);
    return this.#resolved(new UdpPeer(this, address), formatIp(address.bytes, 0, address.version));
  }

  setWriteDeadline(time: DeadlineTime): void {
    this.writer.setDeadline(time);
  }

  #peer(destination: UdpAddress): UdpPeer {
    const { address, port } = destination ?? {};
    if (typeof address === 'string') {
      const known = this.#peers?.get(`${address}|${port}`);
      if (known !== undefined)
        return this.#resolve === resolveNextHopMACWithBroadcast ? known : this.#resolved(known, address);
    }
    const checked = toUdpAddress('destination', destination);
    const text = formatIp(checked.bytes, 0, checked.version);
    const key = `${text}|${port}`;
    this.#peers ??= new Map();
    let peer = this.#peers.get(key);
    if (peer === undefined) {
      peer = new UdpPeer(this, checked);
      if (this.#peers.size >= PEERS_MAX) this.#peers.delete(this.#peers.keys().next().value!);
      this.#peers.set(key, peer);
    }
    return this.#resolved(peer, text);
  }

  /** Asks for the next hop, as the seed does for every packet: caching is the resolver's business. */
  #resolved(peer: UdpPeer, address: string): UdpPeer {
    // Whoever comes while an answer is awaited goes by that answer.
    if (peer.resolving) return peer;
    const answer = this.#resolve(address);
    if (isPromise(answer)) peer.setPending(Promise.resolve(answer).then((mac) => nextHopMac(mac, address)));
    else peer.setMac(nextHopMac(answer, address));
    return peer;
  }

  // --- Receiving ---------------------------------------------------------------------------------------

  /** The next datagram; with a `buffer`, copied there and said whether it was truncated. */
  readFrom(options?: CallOptions): Promise<Datagram>;
  readFrom(buffer: Uint8Array, options?: CallOptions): Promise<ReadInto<UdpRemote>>;
  async readFrom(
    first: Uint8Array | CallOptions = NO_OPTIONS,
    options: CallOptions = NO_OPTIONS,
  ): Promise<Datagram | ReadInto<UdpRemote>> {
    if (!(first instanceof Uint8Array)) return this.inbox.queue.shift(first);
    return readInto(await this.inbox.queue.shift(options), first);
  }

  /** A datagram that is queued already, or undefined. */
  tryRead(): Datagram | undefined {
    return this.inbox.queue.tryShift();
  }

  /** Datagrams until the conn is closed. */
  [Symbol.asyncIterator](): AsyncGenerator<Datagram, void, undefined> {
    return readUntilClosed(
      () => this.readFrom(),
      () => this.inbox.closed,
    );
  }

  /** Calls back with all datagrams of a wake-up at once, by a cursor that is valid only inside; null to stop. */
  onBatch(callback: ((batch: Batch) => void) | null): void {
    this.inbox.onBatch(callback);
  }

  setReadDeadline(time: DeadlineTime): void {
    this.inbox.queue.setDeadline(time);
  }

  /** Both deadlines. A time in the past fails waiting and later calls at once; null clears. */
  setDeadline(time: DeadlineTime): void {
    this.setReadDeadline(time);
    this.setWriteDeadline(time);
  }

  override on<K>(eventName: K | keyof UdpEvents, listener: Listener<UdpEvents, K>): this {
    super.on(eventName, listener);
    if (eventName === 'message') process.nextTick(() => this.inbox.drainToListener());
    return this;
  }

  override addListener<K>(eventName: K | keyof UdpEvents, listener: Listener<UdpEvents, K>): this {
    return this.on(eventName, listener);
  }

  abstract close(): Promise<void>;

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  stats(): UdpConnStats {
    const { sent, sentBytes, noRoom } = this.writer;
    return {
      ...this.inbox.queue.counters(),
      sent,
      sentBytes,
      noRoom,
      notUdp: this.#notUdp,
      notOurs: this.#notOurs,
      malformed: this.#malformed,
      fragments: this.#fragments,
      badChecksum: this.#badChecksum,
      partialChecksum: this.#partialChecksum,
    };
  }

  /** @internal */
  frame(store: BatchStore, record: FrameRecord, flags: number): void {
    if (record.error !== 0) {
      this.#malformed++;
    } else if (record.protocol !== IpProtocol.UDP) {
      this.#notUdp++;
    } else if (record.fragment !== Fragment.NONE) {
      this.#fragments++;
    } else if (!this.#acceptAny && !this.#isOurs(store.memory!.u8, record)) {
      this.#notOurs++;
    } else if (this.#verify !== 'off' && !this.#verified(store.memory!.u8, record, flags)) {
      this.#badChecksum++;
    } else {
      this.inbox.accept(store, record, record.payload, record.payloadEnd, flags);
    }
  }

  /** @internal */
  batchEnd(store: BatchStore): void {
    this.inbox.batchEnd(store);
  }

  /** @internal */
  relayStopped(error: Error): void {
    this.shutdown(error);
  }

  /** @internal The conn below says so itself. */
  keyReplaced(): void {}

  /** @internal */
  makeItem(store: BatchStore, at: number): Datagram {
    const from = store.words[at + Field.PAYLOAD];
    const data = Buffer.allocUnsafe(store.words[at + Field.PAYLOAD_END] - from);
    data.set(store.memory!.u8.subarray(from, from + data.length));
    return { data, remote: new UdpRemote(store, at) };
  }

  /** @internal */
  hasListener(): boolean {
    return this.listenerCount('message') > 0;
  }

  /** @internal */
  emitItem(datagram: Datagram): void {
    this.emit('message', datagram.data, datagram.remote);
  }

  /** @internal */
  reply(batch: Batch, payload: Uint8Array): number {
    this.#replier ??= new UdpReplier(this, this.#acceptAny || this.#wildcard);
    return this.#replier.reply(batch, payload);
  }

  protected shutdown(error: Error): void {
    if (this.inbox.closed) return;
    this.writer.close(error);
    this.inbox.close(error);
    this.#peers = null;
    process.nextTick(() => this.emit('close'));
  }

  #isOurs(u8: Uint8Array, record: FrameRecord): boolean {
    const { bytes, version, port } = this.local;
    if (record.destinationPort !== port || record.ipVersion !== version) return false;
    if (this.#wildcard) return true;
    const at = record.ipDestination;
    for (let i = 0; i < bytes.length; i++) if (u8[at + i] !== bytes[i]) return false;
    return true;
  }

  #verified(u8: Uint8Array, record: FrameRecord, flags: number): boolean {
    if (ipv4ChecksumState(u8, record) === ChecksumState.BAD) return false;
    if ((flags & FrameFlag.CHECKSUM_VALID) !== 0) return true;
    const state = transportChecksumState(u8, record);
    if (state === ChecksumState.GOOD) return true;
    if (state === ChecksumState.ZERO) return record.ipVersion === 4;
    if (state !== ChecksumState.PARTIAL || this.#verify === 'strict') return false;
    if ((flags & FrameFlag.CHECKSUM_PARTIAL) === 0 && !this.carrier.partialChecksums) return false;
    this.#partialChecksum++;
    return true;
  }
}

function checkResolver(resolver: NextHopResolver | undefined): NextHopResolver {
  if (resolver === undefined) return resolveNextHopMACWithBroadcast;
  if (typeof resolver !== 'function')
    throw new OptionError('resolveNextHop', `must be a function, got ${show(resolver)}`);
  return resolver;
}

/** A promise of any make. */
function isPromise(answer: ReturnType<NextHopResolver>): answer is Promise<MacAddress | null> {
  return typeof (answer as { then?: unknown } | null)?.then === 'function';
}

function nextHopMac(mac: unknown, address: string): Uint8Array {
  if (mac === null || mac === undefined) throw new NoNextHopError(address);
  return toMac('next hop', mac as string | Uint8Array);
}
