import { isAnyArrayBuffer } from 'node:util/types';
import { OptionError } from '../errors.ts';
import { checkBoolean, checkInteger, checkOneOf } from '../options.ts';
import type { CallOptions, DeadlineTime } from '../pending.ts';
import { nextTick } from '../real-time.ts';
import { type BatchStore, Field } from '../relay/batch-store.ts';
import type { UdpEntry } from '../relay/udp-entries.ts';
import type { UdpEntryOptions } from '../relay/udp-front.ts';
import { formatIp } from '../wire/ip.ts';
import type { FrameRecord } from '../wire/record.ts';
import type { Vlan } from '../wire/vlan.ts';
import type { Batch } from './batch.ts';
import type { Carrier } from './carrier.ts';
import type { ConnStats } from './ether-conn.ts';
import { Inbox } from './inbox.ts';
import { MessageEmitter } from './message-emitter.ts';
import { messages } from './message-slab.ts';
import type { NextHopResolver } from './next-hop.ts';
import { checkBuffer, type ReadInto, readInto } from './read-into.ts';
import { ReadIterator } from './read-iterator.ts';
import type { ReplySource } from './reply.ts';
import { isWildcard, type UdpAddress, type UdpEndpointAddress } from './udp-address.ts';
import { type Datagram, UdpRemote } from './udp-datagram.ts';
import { UdpFilter, type UdpFilterCounters } from './udp-filter.ts';
import type { UdpConnOptions } from './udp-options.ts';
import type { UdpPeer } from './udp-peer.ts';
import { checkResolver, UdpPeers } from './udp-peers.ts';
import { UdpReplier } from './udp-reply.ts';
import type { Writer } from './writer.ts';

export { type Datagram, UdpRemote } from './udp-datagram.ts';
export { UDP_CONN_OPTIONS, type UdpConnOptions } from './udp-options.ts';

/** Counters of a UDP conn. */
export interface UdpConnStats extends ConnStats, UdpFilterCounters {}

/** What lies under an endpoint: an EtherConn, a SharedEtherConn, or what stands in for a foreign one. */
export interface UdpLower extends ReplySource {
  readonly carrier: Carrier;
  readonly macBytes: Uint8Array;
  readonly vlans: readonly Vlan[];
  readonly vlanKey: number;
  /** How next hops are found unless the conn has a resolver of its own; without either, by broadcast. */
  resolveNextHop?(address: string): ReturnType<NextHopResolver>;
}

/** What may have an entry in the front for UDP, see `Relay.openUdp`. */
export interface UdpEntryOpener {
  openUdp(address: Uint8Array, port: number, options: UdpEntryOptions): UdpEntry | null;
}

/** Events of UDP conns. */
export interface UdpEvents {
  message: [Buffer, UdpRemote];
  close: [];
}

const NO_OPTIONS: CallOptions = Object.freeze({});

/**
 * One UDP endpoint: the common part of RUDPConn and SharedRUDPConn. Datagrams go to the {@link UdpEndpoint.onBatch}
 * callback if there is one, otherwise to the listeners of 'message' (`(data: Buffer, remote: UdpRemote)`),
 * otherwise to readers. Also emits 'close' (the conn or its relay was closed).
 */
export abstract class UdpEndpoint extends MessageEmitter<UdpEvents> implements AsyncDisposable {
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
  readonly #lower: UdpLower;
  readonly #filter: UdpFilter;
  readonly #resolve: NextHopResolver;
  readonly #answersForAny: boolean;
  // Both are made on first use, so that an idle conn costs little.
  #peers: UdpPeers | null = null;
  #replier: UdpReplier | null = null;
  #entry: UdpEntry | null = null;

  /** @internal */
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
    const verify = checkOneOf('verifyChecksum', options.verifyChecksum, ['auto', 'strict', 'off'], 'auto');
    this.#filter = new UdpFilter(local, acceptAny, verify, lower.carrier.partialChecksums);
    this.#resolve = checkResolver(options.resolveNextHop ?? lower.resolveNextHop?.bind(lower));
    this.#answersForAny = acceptAny || isWildcard(local);
    const depth = checkInteger('receiveDepth', options.receiveDepth, 1, 1_048_576, this.carrier.receiveDepth);
    this.inbox = new Inbox<Datagram>(this.carrier, depth, this);
  }

  /** Whether this conn, its EtherConn or its relay has been closed. */
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

  /** Text for people: 'RUDPConn 10.0.0.1:53'. */
  override toString(): string {
    const { address, port, family } = this.localAddr();
    return `${this.constructor.name} ${family === 'IPv6' ? `[${address}]` : address}:${port}`;
  }

  /** Own address and port, in Node's shape. */
  localAddr(): { address: string; port: number; family: 'IPv4' | 'IPv6' } {
    const { bytes, version, port } = this.local;
    return { address: formatIp(bytes, 0, version), port, family: version === 4 ? 'IPv4' : 'IPv6' };
  }

  /**
   * Sends a datagram. Waits for room and for an asynchronous next hop. Resolves with the number of bytes of
   * `payload`, which must not change until then. Rejects with MessageTooLongError if the datagram exceeds the MTU,
   * TimeoutError, NoRoomError, ClosedError, RelayStoppedError, or the error of the resolver.
   */
  async writeTo(
    payload: Uint8Array,
    destination: UdpAddress,
    options: CallOptions = NO_OPTIONS,
  ): Promise<number> {
    return this.#openPeers('write').get(destination).send(payload, options);
  }

  /** Same as {@link writeTo} without waiting. Returns 1, or 0 if there is no room now or no next hop yet. */
  trySendTo(payload: Uint8Array, destination: UdpAddress): number {
    return this.#openPeers('send').get(destination).trySend(payload);
  }

  /** Sends datagrams to one destination, in order. Returns how many there was room for. */
  trySendMany(payloads: readonly Uint8Array[], destination: UdpAddress): number {
    return this.#openPeers('send').get(destination).trySendMany(payloads);
  }

  /**
   * Returns a destination for repeated sends without look-ups. Its next hop is resolved now and not again. If that
   * fails, create another one.
   */
  peer(destination: UdpAddress): UdpPeer {
    return this.#openPeers('peer').make(destination);
  }

  setWriteDeadline(time: DeadlineTime): void {
    this.writer.setDeadline(time);
  }

  /** A closed conn asks no resolver. */
  #openPeers(operation: string): UdpPeers {
    this.writer.checkOpen(operation);
    this.#peers ??= new UdpPeers(this, this.#resolve);
    return this.#peers;
  }

  /** Reads the next datagram. With a `buffer`, copies it there and reports whether it was truncated. */
  readFrom(options?: CallOptions): Promise<Datagram>;
  readFrom(buffer: Uint8Array, options?: CallOptions): Promise<ReadInto<UdpRemote>>;
  async readFrom(
    first: Uint8Array | CallOptions = NO_OPTIONS,
    options: CallOptions = NO_OPTIONS,
  ): Promise<Datagram | ReadInto<UdpRemote>> {
    if (first instanceof Uint8Array) return readInto(await this.inbox.queue.shift(options), first);
    if (ArrayBuffer.isView(first) || isAnyArrayBuffer(first)) checkBuffer(first);
    return this.inbox.queue.shift(first);
  }

  /** Returns a datagram that is already queued, or undefined. */
  tryRead(): Datagram | undefined {
    return this.inbox.queue.tryShift();
  }

  /** Yields datagrams until the conn is closed, for `for await`. `options` apply to each read. */
  datagrams(options: CallOptions = NO_OPTIONS): AsyncGenerator<Datagram, void, undefined> {
    return new ReadIterator((each) => this.inbox.queue.shift(each), options);
  }

  /** Same as {@link datagrams}. */
  [Symbol.asyncIterator](): AsyncGenerator<Datagram, void, undefined> {
    return this.datagrams();
  }

  /** Sets a callback for all datagrams of a wake-up. Its cursor is valid only inside the callback. null removes it. */
  onBatch(callback: ((batch: Batch) => void) | null): void {
    this.inbox.onBatch(callback);
  }

  setReadDeadline(time: DeadlineTime): void {
    this.inbox.queue.setDeadline(time);
  }

  /** Sets both deadlines. A time in the past fails waiting and later calls at once. null clears them. */
  setDeadline(time: DeadlineTime): void {
    this.setReadDeadline(time);
    this.setWriteDeadline(time);
  }

  /** @internal */
  messageListened(): void {
    this.inbox.drainToListener();
  }

  abstract close(): Promise<void>;

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  stats(): UdpConnStats {
    return { ...this.inbox.counters(), ...this.writer.counters(), ...this.#filter.counters() };
  }

  /** @internal */
  frame(store: BatchStore, record: FrameRecord, flags: number): void {
    if (this.#filter.accepts(store, record, flags))
      this.inbox.accept(store, record, record.payload, record.payloadEnd, flags);
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
    const data = messages.copy(store.memory!, from, store.words[at + Field.PAYLOAD_END]);
    return { data, remote: UdpRemote.of(store, at) };
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
    this.#replier ??= new UdpReplier(this, this.#answersForAny);
    return this.#replier.reply(batch, payload);
  }

  /**
   * Begins to receive: by `attach`, and where datagrams are for one address, by the front for UDP, which hands over what is
   * faultless without asking {@link frame}. What `attach` throws leaves nothing behind.
   */
  protected openAbove(lower: UdpEntryOpener, attach: () => void): void {
    try {
      attach();
    } catch (error) {
      this.inbox.close(error as Error);
      throw error;
    }
    const { isOneAddress, verify } = this.#filter;
    if (isOneAddress)
      this.#entry = lower.openUdp(this.local.bytes, this.local.port, { list: this.inbox.list, verify });
  }

  /** @internal */
  claimReleased(): void {
    this.#entry?.close();
  }

  protected shutdown(error: Error): void {
    if (this.inbox.closed) return;
    this.writer.close(error);
    this.#entry?.close();
    this.inbox.close(error);
    this.#peers = null;
    nextTick(() => this.emit('close'));
  }
}
