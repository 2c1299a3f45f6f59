import { EventEmitter } from 'node:events';
import type { Clock } from '../clock.ts';
import { ClosedError, OptionError, RelayStoppedError } from '../errors.ts';
import { checkLink } from '../link/check-link.ts';
import type { Link, LinkInfo, Station } from '../link/link.ts';
import { checkBoolean, checkKnown, show } from '../options.ts';
import { nextTick } from '../real-time.ts';
import { rethrowLater } from '../rethrow.ts';
import { Announcements } from './announcements.ts';
import type { BatchTaker } from './batch-store.ts';
import { batchBegins, batchDone } from './batches.ts';
import { Demultiplexer } from './demultiplexer.ts';
import { Hairpin } from './hairpin.ts';
import type { L2EndpointKey } from './l2-endpoint.ts';
import type { PacketRelay, RegisterOptions, Registration, RelayStats } from './packet-relay.ts';
import { PublicRegistration } from './public-registration.ts';
import type { RelayRegistration } from './registration.ts';
import { Registry, stationsOf } from './registry.ts';
import { checkRelayOptions, RELAY_OPTIONS, type RelayOptions } from './relay-options.ts';
import { RoomQueue } from './room-queue.ts';
import { StationSteering } from './station-steering.ts';
import { TakerLists } from './taker-lists.ts';
import { type Tap, Taps } from './taps.ts';
import type { FrameSender } from './transmit.ts';
import { Transmitter } from './transmitter.ts';
import type { UdpEntry } from './udp-entries.ts';
import type { UdpEntryOptions } from './udp-front.ts';

/**
 * Events: 'error' (the link died; the relay has closed itself), 'down', 'up', 'close', 'refused' (the interface will not
 * send so many frames that had been taken, for they are longer than its MTU allows by now, say).
 */
interface RelayEvents {
  refused: [error: Error, frames: number];
  error: [Error];
  down: [];
  up: [];
  close: [];
}

/**
 * The implementation of {@link PacketRelay} over any link. This file is the life cycle of a relay; its registry
 * knows the registrations, its demultiplexer receives, and its transmitter sends. Programs see it as {@link Relay},
 * which opens relays of every kind and is therefore above all of them.
 */
export class RelayCore extends EventEmitter<RelayEvents> implements PacketRelay {
  readonly clock: Clock;
  readonly receiveDepth: number;
  readonly ethernetTypes: readonly number[];
  /** Counts up whenever what is local changes, if hairpin is on: peers then choose their sender anew. */
  epoch = 0;
  /** @internal What conns are given in the batch under way. */
  readonly lists: TakerLists<BatchTaker> = new TakerLists();
  /** @internal Writers that wait for room, of all conns. */
  readonly waiting: RoomQueue;
  protected readonly link: Link;
  readonly #registry: Registry;
  readonly #demultiplexer: Demultiplexer;
  readonly #steering: StationSteering;
  readonly #announcements: Announcements;
  readonly #hairpin: Hairpin | null;
  readonly #transmitter: Transmitter;
  readonly #taps: Taps;
  #stopError: RelayStoppedError | null = null;
  #stopController: AbortController | null = null;
  #closing: Promise<void> | null = null;
  #warnedOfRefusal = false;

  /**
   * Takes ownership of the link: starts it, and closes it with the relay. Throws an OptionError for invalid
   * options.
   */
  constructor(link: Link, options: RelayOptions = {}) {
    super();
    checkLink(link);
    checkKnown(options, RELAY_OPTIONS);
    const checked = checkRelayOptions(options);
    this.link = link;
    this.clock = link.clock;
    this.receiveDepth = checked.receiveDepth;
    this.ethernetTypes = checked.ethernetTypes;
    this.waiting = new RoomQueue(checked.sendDepth);
    this.#announcements = new Announcements(this, options.logger);
    this.#registry = new Registry(this, this.lists);
    this.#demultiplexer = new Demultiplexer(this.#registry, this.lists, {
      // Answers written from callbacks leave together.
      batchBegins: () => {
        batchBegins();
        this.#transmitter.hold();
      },
      batchDone: () => {
        this.#transmitter.release();
        batchDone();
      },
      linkFailed: (error) => this.#linkFailed(error),
      linkState: (up) => this.#linkState(up),
      linkRefused: (error, frames) => this.#linkRefused(error, frames),
    });
    this.#steering = new StationSteering(link, this.#registry, (error) => this.#linkFailed(error));
    this.#hairpin = checked.hairpin ? new Hairpin(this.#demultiplexer, link.maxFrameLength) : null;
    const batching = checked.sendingMode === 'batch';
    const { table } = this.#registry;
    this.#transmitter = new Transmitter(link, batching, table, this.#hairpin);
    this.#taps = new Taps(link, this.#demultiplexer, this.#transmitter);
    link.tx.onRoom = () => this.waiting.retry();
    if (this.#hairpin !== null) {
      this.#hairpin.onRoom = link.tx.onRoom;
      this.#demultiplexer.hairpinMemory = this.#hairpin.memory;
    }
    link.start(this.#demultiplexer);
    this.#announcements.opened(link.kind);
  }

  get closed(): boolean {
    return this.#stopError !== null;
  }

  /** The MTU of the interface, in bytes. With VLAN tags, less may fit into a frame: see `mtu` of conns and hosts. */
  get mtu(): number {
    return this.link.mtu;
  }

  /** Longest frame, in bytes. A frame without an 802.1Q tag may have to be shorter. */
  get maxFrameLength(): number {
    return this.link.maxFrameLength;
  }

  /** @internal See `Carrier.mtuBehind`. */
  mtuBehind(headerLength: number, type: number): number {
    return Math.min(this.link.mtu, this.#transmitter.longestOf(type) - headerLength);
  }

  /** See `Link.partialChecksums`. */
  get partialChecksums(): boolean {
    return this.link.partialChecksums;
  }

  /** @internal Whether frames can come from outside of this process. */
  get reachable(): boolean {
    return this.link.kind !== 'memory';
  }

  /** The interface's own MAC address, 6 bytes. */
  get hardwareAddress(): Uint8Array {
    return this.link.hardwareAddress;
  }

  interfaceName(): string {
    return this.link.interfaceName;
  }

  /** Text for people: 'RawSocketRelay eth0 (packet)'. */
  override toString(): string {
    const state = this.closed ? 'closed' : this.link.kind;
    return `${this.constructor.name} ${this.link.interfaceName} (${state})`;
  }

  register(keys: readonly L2EndpointKey[], options: RegisterOptions = {}): Registration {
    checkKnown(options, ['multicast', 'exclusive']);
    const multicast = checkBoolean('multicast', options.multicast, false);
    const exclusive = checkBoolean('exclusive', options.exclusive, false);
    return new PublicRegistration(this, this.addEndpoint(stationsOf(keys), multicast, exclusive));
  }

  unregister(registrationId: number): void {
    // A number that is no registration's is one of the past, for all we know.
    if (typeof registrationId !== 'number') {
      throw new OptionError('registrationId', `must be a number, got ${show(registrationId)}`);
    }
    const registration = this.#registry.find(registrationId);
    if (registration !== undefined) this.closeRegistration(registration);
  }

  /**
   * @internal The registration of a conn: unicast frames of its stations. Throws, with nothing changed, InUseError or
   * what the link will not admit. `selecting`: it hears only group frames that it selects, see {@link selectGroups}.
   */
  addEndpoint(
    stations: readonly Station[],
    multicast: boolean,
    exclusive: boolean,
    selecting = false,
  ): RelayRegistration {
    this.checkOpen('register');
    if (exclusive) this.#registry.checkFree(stations);
    this.#steering.admit(stations);
    const registration = this.#registry.add('endpoint', multicast, null, stations);
    const replaced = this.#registry.claim(registration, selecting);
    this.#steering.add(stations);
    this.#localChanged();
    if (replaced.length > 0) this.#announcements.replaced(registration, replaced);
    // The link may have failed, or who was told may have closed the relay, before the conn could be told so.
    this.checkOpen('register');
    return registration;
  }

  /** @internal A catch-all or mirror registration that sends from `station`; `etherTypes` null for all. */
  addCatchAll(
    role: 'default' | 'mirror',
    multicast: boolean,
    etherTypes: readonly number[] | null,
    station: Station,
  ): RelayRegistration {
    this.checkOpen('register');
    const registration = this.#registry.add(role, multicast, etherTypes, [station]);
    this.#steering.add([]);
    this.checkOpen('register');
    return registration;
  }

  /**
   * @internal Spares an endpoint group frames that are about somebody else (see `groupSelector`): of ARP requests and
   * IP multicast frames of this EtherType it gets those with one of `selectors` only; of others, all. null for all again.
   */
  selectGroups(
    registration: RelayRegistration,
    etherType: number,
    selectors: readonly number[] | null,
  ): void {
    this.#registry.selectGroups(registration, etherType, selectors);
  }

  /** @internal See `Registry.openUdp`: until the entry or the registration is closed, or somebody else has the station. */
  openUdp(
    registration: RelayRegistration,
    address: Uint8Array,
    port: number,
    options: UdpEntryOptions,
  ): UdpEntry | null {
    return this.#registry.openUdp(registration, address, port, options);
  }

  /** @internal One selector more, or less, of an endpoint that has selected by {@link selectGroups}. */
  selectGroup(registration: RelayRegistration, etherType: number, selector: number, isWanted: boolean): void {
    this.#registry.selectGroup(registration, etherType, selector, isWanted);
  }

  /**
   * @internal Of UDP broadcasts an endpoint that has selected by {@link selectGroups} gets those to ports that it has named
   * here. It takes them back before it is closed.
   */
  listenToPort(registration: RelayRegistration, port: number, listens: boolean): void {
    this.#registry.listenToPort(registration, port, listens);
  }

  /** @internal */
  closeRegistration(registration: RelayRegistration): void {
    if (registration.closed) return;
    registration.closed = true;
    registration.receiver = null;
    registration.owner = null;
    this.#registry.remove(registration);
    this.#steering.remove(registration.role === 'endpoint' ? registration.stations : []);
    this.#localChanged();
  }

  /** @internal See `captureTo`. */
  addTap(tap: Tap): void {
    this.checkOpen('captureTo');
    this.#taps.add(tap);
  }

  /** @internal */
  removeTap(tap: Tap): void {
    this.#taps.remove(tap);
  }

  #localChanged(): void {
    if (this.#hairpin !== null) this.epoch++;
  }

  /** Throws RelayStoppedError once the relay has stopped. */
  checkOpen(operation: string): void {
    if (this.#stopError !== null) throw new RelayStoppedError(operation, this.#stopError.cause);
  }

  /** Aborted when the relay stops. */
  get stopped(): AbortSignal {
    this.#stopController ??= new AbortController();
    if (this.#stopError !== null && !this.#stopController.signal.aborted)
      this.#stopController.abort(this.#stopError);
    return this.#stopController.signal;
  }

  /**
   * @internal Which way frames to this destination go. Ask again when `epoch` has changed. `gathering`: whether frames may wait
   * for others until the turn of the event loop ends, whatever the sending mode.
   */
  senderFor(
    macHigh: number,
    macLow: number,
    vlanKey: number,
    etherType: number,
    gathering = false,
  ): FrameSender {
    return this.#transmitter.senderFor(macHigh, macLow, vlanKey, etherType, gathering);
  }

  /** Passes gathered frames to the interface. Returns how many it accepted. */
  flush(): number {
    return this.#transmitter.flush();
  }

  /**
   * Sends a complete frame unchanged. Returns 1, or 0 if there is no room now. Throws RelayStoppedError or
   * MessageTooLongError.
   */
  trySendFrame(frame: Uint8Array): number {
    this.checkOpen('send');
    return this.#transmitter.trySendFrame(frame);
  }

  #linkState(up: boolean): void {
    this.#announcements.state(up);
    nextTick(() => this.emit(up ? 'up' : 'down'));
  }

  #linkRefused(error: Error, frames: number): void {
    this.#announcements.refused(error, frames);
    if (this.listenerCount('refused') > 0) this.emit('refused', error, frames);
    // Who has sent was told that it was done. Once is enough for a program that does not listen.
    else if (!this.#warnedOfRefusal) process.emitWarning(error);
    this.#warnedOfRefusal = true;
  }

  #linkFailed(error: Error): void {
    if (this.#stopError !== null) return;
    void this.#stop(error);
    this.#announcements.failed(error);
    nextTick(() => {
      // A dead interface is no reason to kill a program that learns of it from its conns, but it is never silent. A network
      // that the program has closed itself is no news.
      if (this.listenerCount('error') > 0) this.emit('error', error);
      else if (!(error instanceof ClosedError)) process.emitWarning(error);
    });
  }

  close(): Promise<void> {
    return this.#stop(undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #stop(cause: Error | undefined): Promise<void> {
    if (this.#closing !== null) return this.#closing;
    // What has been committed was promised to be sent.
    if (cause === undefined) this.flush();
    // That may have shown that the link has failed.
    if (this.#closing !== null) return this.#closing;
    const error = new RelayStoppedError('relay', cause);
    this.#stopError = error;
    this.#closing = this.link.close().then(() => this.#announceClose());
    this.#taps.relayStopped();
    this.#hairpin?.close();
    this.#demultiplexer.stopped = true;
    this.#transmitter.stopped = true;
    this.waiting.rejectAll(error);
    for (const registration of this.#registry.places)
      (registration?.owner ?? registration?.receiver)?.relayStopped(error);
    this.#stopController?.abort(error);
    this.#announcements.closed(cause);
    return this.#closing;
  }

  #announceClose(): void {
    try {
      this.emit('close');
    } catch (error) {
      // Who awaits close() has not thrown it.
      rethrowLater(error);
    }
  }

  /**
   * Makes the relay keep the process alive, which is the default over interfaces. In a {@link MemoryNetwork} only
   * frames under way do.
   */
  ref(): this {
    this.link.ref();
    return this;
  }

  /** Stops the relay from keeping the process alive. */
  unref(): this {
    this.link.unref();
    return this;
  }

  info(): LinkInfo {
    return this.link.info();
  }

  stats(): RelayStats {
    return {
      ...this.#demultiplexer.ledger(),
      sent: this.#transmitter.sent + (this.#hairpin?.sent ?? 0),
      hairpinned: this.#hairpin?.delivered ?? 0,
      hairpinDropped: this.#hairpin?.dropped ?? 0,
      registrations: this.#registry.size,
      waitingWriters: this.waiting.size,
      link: this.link.stats(),
    };
  }
}
