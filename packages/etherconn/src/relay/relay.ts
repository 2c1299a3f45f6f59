import { channel } from 'node:diagnostics_channel';
import { EventEmitter } from 'node:events';
import type { Clock } from '../clock.ts';
import { InUseError, MessageTooLongError, OptionError, RelayStoppedError } from '../errors.ts';
import type { FrameMemory, Link, LinkInfo, LinkReceiver, Station } from '../link/link.ts';
import { checkBoolean, checkInteger, checkKnown, checkOneOf, show } from '../options.ts';
import { rethrowLater } from '../rethrow.ts';
import { ETHERNET_HEADER_LENGTH } from '../wire/ethernet.ts';
import { parseFrame } from '../wire/parse.ts';
import { FrameRecord } from '../wire/record.ts';
import { BatchStore } from './batch-store.ts';
import { EndpointTable } from './endpoint-table.ts';
import { DEFAULT_PAYLOAD_ETHER_TYPES } from './ethernet-response.ts';
import { GroupListeners } from './group-listeners.ts';
import { Hairpin, WireAndHairpin } from './hairpin.ts';
import { checkEtherType, L2EndpointKey } from './l2-endpoint.ts';
import type { PacketRelay, RegisterOptions, Registration, RelayStats } from './packet-relay.ts';
import { PublicRegistration } from './public-registration.ts';
import { type RegistrationRole, RelayRegistration } from './registration.ts';
import { RoomQueue } from './room-queue.ts';
import type { FrameSender } from './transmit.ts';

/** Any logger with these methods (pino, console …). */
export interface Logger {
  debug(object: object, message: string): void;
  info(object: object, message: string): void;
  warn(object: object, message: string): void;
  error(object: object, message: string): void;
}

/** Options of every relay. */
export interface RelayOptions {
  /**
   * 'single' hands each frame to the interface when it is written; 'batch' lets frames gather until a batch
   * is full or the current turn of the event loop ends: more throughput under load. Default 'single'.
   */
  sendingMode?: 'single' | 'batch';
  /** Writers that may wait for room to send; 0 fails them at once with NoRoomError. 0 to 1,048,576, default 1024. */
  sendDepth?: number;
  /** Packets that each conn queues for a reader, unless the conn says otherwise. 1 to 1,048,576, default 1024. */
  receiveDepth?: number;
  /** Deliver frames between the conns of this relay too; no switch reflects them. Default false. */
  hairpin?: boolean;
  /** EtherTypes whose payload an EthernetResponse carries. Default IPv4 and IPv6. */
  ethernetTypes?: readonly number[];
  /** Told of lifecycle events, never of single frames. */
  logger?: Logger;
}

const RELAY_OPTIONS: readonly string[] = [
  'sendingMode',
  'sendDepth',
  'receiveDepth',
  'hairpin',
  'ethernetTypes',
  'logger',
];

/** Frames that gather in 'batch' mode before they are flushed: the kernel's own transmit budget is 32. */
const BATCH = 32;

/** Ids are generation × 2^24 + place, so an id of the past never names a registration of today. */
const ID_PLACES = 2 ** 24;

const opened = channel('etherconn:relay:open');
const closedChannel = channel('etherconn:relay:close');
const replacedChannel = channel('etherconn:registration:replaced');

/** Events: 'error' (the link died; the relay has closed itself), 'down', 'up', 'close'. */
interface RelayEvents {
  error: [Error];
  down: [];
  up: [];
  close: [];
}

/**
 * The one implementation of {@link PacketRelay}, over any link: registrations, demultiplexing, counters,
 * and the queue of writers that wait for room.
 */
export class Relay extends EventEmitter<RelayEvents> implements PacketRelay, FrameSender {
  readonly clock: Clock;
  /** Memory in which frames to be sent are written. */
  readonly memory: FrameMemory;
  readonly receiveDepth: number;
  readonly ethernetTypes: readonly number[];
  /** Counts up whenever what is local changes, if hairpin is on: peers then choose their sender anew. */
  epoch = 0;
  protected readonly link: Link;
  readonly #logger: Logger | undefined;
  readonly #batching: boolean;
  readonly #table = new EndpointTable();
  readonly #listeners = new GroupListeners();
  #registrations: (RelayRegistration | null)[] = [];
  #freePlaces: number[] = [];
  #generation = 0;
  #defaults: RelayRegistration[] = [];
  #mirrors: RelayRegistration[] = [];
  readonly #waiting: RoomQueue;
  readonly #hairpin: Hairpin | null;
  readonly #wireAndHairpin: WireAndHairpin | null;
  #stopError: RelayStoppedError | null = null;
  #stopController: AbortController | null = null;
  #closing: Promise<void> | null = null;

  // Receiving.
  readonly #record = new FrameRecord();
  readonly #store = new BatchStore();
  #batch = 0;
  #dirty: RelayRegistration[] = [];

  // Sending.
  #unflushed = 0;
  #flushScheduled = false;
  readonly #flushTick: () => void;
  #stationsAdded: Station[] = [];
  #stationsRemoved: Station[] = [];
  #steerScheduled = false;

  #received = 0;
  #delivered = 0;
  #deliveredGroup = 0;
  #deliveredDefault = 0;
  #noEndpoint = 0;
  #noListener = 0;
  #noReceiver = 0;
  #malformed = 0;
  #stoppedFrames = 0;
  #groupCopies = 0;
  #mirrored = 0;
  #sent = 0;

  /** Takes the link over: it is started here and closed with the relay. Wrong options throw an OptionError. */
  constructor(link: Link, options: RelayOptions = {}) {
    super();
    checkKnown(options, RELAY_OPTIONS);
    const checked = checkRelayOptions(options);
    this.link = link;
    this.clock = link.clock;
    this.memory = link.tx.memory;
    this.receiveDepth = checked.receiveDepth;
    this.ethernetTypes = checked.ethernetTypes;
    this.#logger = options.logger;
    this.#batching = checked.sendingMode === 'batch';
    this.#waiting = new RoomQueue(checked.sendDepth);
    const receiver: LinkReceiver = {
      begin: (memory) => this.#begin(memory),
      frame: (offset, length, flags) => this.#frame(offset, length, flags),
      end: () => this.#end(),
      error: (error) => this.#linkFailed(error),
      state: (up) => this.#linkState(up),
    };
    this.#hairpin = checked.hairpin ? new Hairpin(receiver, link.maxFrameLength) : null;
    this.#wireAndHairpin = this.#hairpin === null ? null : new WireAndHairpin(this, this.#hairpin);
    this.#flushTick = () => {
      this.#flushScheduled = false;
      this.flush();
    };
    link.tx.onRoom = () => this.#waiting.retry();
    if (this.#hairpin !== null) this.#hairpin.onRoom = link.tx.onRoom;
    link.start(receiver);
    if (opened.hasSubscribers) opened.publish({ relay: this });
    this.#logger?.info({ interface: link.interfaceName, kind: link.kind }, 'relay open');
  }

  get closed(): boolean {
    return this.#stopError !== null;
  }

  /** Longest IP packet that fits a frame here, in bytes. */
  get mtu(): number {
    return this.link.mtu;
  }

  get maxFrameLength(): number {
    return this.link.maxFrameLength;
  }

  /** See `Link.partialChecksums`. */
  get partialChecksums(): boolean {
    return this.link.partialChecksums;
  }

  /** The interface's own MAC address, 6 bytes. */
  get hardwareAddress(): Uint8Array {
    return this.link.hardwareAddress;
  }

  interfaceName(): string {
    return this.link.interfaceName;
  }

  register(keys: readonly L2EndpointKey[], options: RegisterOptions = {}): Registration {
    checkKnown(options, ['multicast', 'exclusive']);
    if (!Array.isArray(keys) || keys.length === 0) {
      throw new OptionError('keys', 'must be an array of at least one L2EndpointKey');
    }
    const multicast = checkBoolean('multicast', options.multicast, false);
    const exclusive = checkBoolean('exclusive', options.exclusive, false);
    return new PublicRegistration(this, this.addEndpoint(stationsOf(keys), multicast, exclusive));
  }

  unregister(registrationId: number): void {
    const registration = this.#registrations[registrationId % ID_PLACES];
    if (registration != null && registration.id === registrationId) this.closeRegistration(registration);
  }

  /** @internal The registration of a conn: unicast frames of its stations. */
  addEndpoint(stations: Station[], multicast: boolean, exclusive: boolean): RelayRegistration {
    this.checkOpen('register');
    if (exclusive) this.#checkFree(stations);
    const registration = this.#add('endpoint', multicast, null, stations);
    for (const station of stations) {
      for (const etherType of station.etherTypes) this.#claim(registration, station, etherType);
      if (this.link.steer !== undefined) this.#stationsAdded.push(station);
    }
    this.#changed();
    return registration;
  }

  /** @internal A catch-all or mirror registration; `etherTypes` null for all. */
  addCatchAll(
    role: 'default' | 'mirror',
    multicast: boolean,
    etherTypes: readonly number[] | null,
  ): RelayRegistration {
    this.checkOpen('register');
    const registration = this.#add(role, multicast, etherTypes, []);
    // New lists instead of changed ones: a batch under way goes on with the list it has.
    if (role === 'default') this.#defaults = [...this.#defaults, registration];
    else this.#mirrors = [...this.#mirrors, registration];
    this.#changed();
    return registration;
  }

  /** @internal */
  closeRegistration(registration: RelayRegistration): void {
    if (registration.closed) return;
    registration.closed = true;
    registration.receiver = null;
    this.#registrations[registration.index] = null;
    this.#freePlaces.push(registration.index);
    this.#defaults = without(this.#defaults, registration);
    this.#mirrors = without(this.#mirrors, registration);
    for (const station of registration.stations) {
      for (const etherType of station.etherTypes) {
        const { macHigh, macLow, vlanKey } = station;
        // A key that somebody else has taken over is his now.
        if (this.#table.get(macHigh, macLow, vlanKey, etherType) === registration.index) {
          this.#table.delete(macHigh, macLow, vlanKey, etherType);
        }
        if (registration.multicast) this.#listeners.delete(registration, vlanKey, etherType);
      }
      if (this.link.steer !== undefined) this.#stationsRemoved.push(station);
    }
    this.#changed();
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

  // --- Sending -----------------------------------------------------------------------------------------

  /** Which way frames to this destination go. Ask again when `epoch` has changed. */
  senderFor(macHigh: number, macLow: number, vlanKey: number, etherType: number): FrameSender {
    if (this.#hairpin === null) return this;
    if (((macHigh >>> 24) & 1) === 1) return this.#wireAndHairpin!;
    return this.#table.get(macHigh, macLow, vlanKey, etherType) >= 0 ? this.#hairpin : this;
  }

  /** Slot for a frame on its way to the wire; see {@link FrameSender}. */
  reserve(length: number): number {
    const offset = this.link.tx.reserve(length);
    if (offset >= 0 || this.#unflushed === 0) return offset;
    // The room may be taken by frames that only gather.
    this.flush();
    return this.link.tx.reserve(length);
  }

  commit(offset: number, length: number): void {
    this.#sent++;
    this.link.tx.commit(offset, length);
    if (!this.#batching || ++this.#unflushed >= BATCH) {
      this.flush();
    } else if (!this.#flushScheduled) {
      this.#flushScheduled = true;
      process.nextTick(this.#flushTick);
    }
  }

  cancel(offset: number): void {
    this.link.tx.cancel(offset);
  }

  /** Hands over what has gathered; returns how many frames the interface took. */
  flush(): number {
    this.#unflushed = 0;
    if (this.#stopError !== null) return 0;
    // An answer must not come before the filter knows who asked.
    if (this.#steerScheduled) this.#steer();
    return this.link.tx.flush();
  }

  /**
   * Sends a whole frame as it is, the way its destination says. 1, or 0 when there is no room now.
   * Throws RelayStoppedError, or MessageTooLongError.
   */
  trySendFrame(frame: Uint8Array): number {
    this.checkOpen('send');
    if (!(frame instanceof Uint8Array) || frame.length < ETHERNET_HEADER_LENGTH) {
      throw new OptionError(
        'frame',
        `must be a Uint8Array of at least ${ETHERNET_HEADER_LENGTH} bytes, got ${show(frame)}`,
      );
    }
    const length = frame.length;
    if (length > this.link.maxFrameLength)
      throw new MessageTooLongError('send', length, this.link.maxFrameLength);
    const sender = this.#hairpin === null ? this : this.#senderOfFrame(frame);
    const offset = sender.reserve(length);
    if (offset < 0) return 0;
    sender.memory.u8.set(frame, offset);
    sender.commit(offset, length);
    return 1;
  }

  /** @internal Writers that wait for room, of all conns. */
  get waiting(): RoomQueue {
    return this.#waiting;
  }

  #senderOfFrame(frame: Uint8Array): FrameSender {
    const record = new FrameRecord();
    parseFrame(frame, 0, frame.length, record);
    const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
    return this.senderFor(view.getUint32(0), view.getUint16(4), record.vlanKey, record.etherType);
  }

  // --- Receiving ---------------------------------------------------------------------------------------

  #begin(memory: FrameMemory): void {
    this.#batch++;
    this.#store.begin(memory);
  }

  #frame(offset: number, length: number, flags: number): void {
    this.#received++;
    if (this.#stopError !== null) {
      this.#stoppedFrames++;
      return;
    }
    const record = this.#record;
    const u8 = this.#store.memory!.u8;
    parseFrame(u8, offset, length, record);
    if (this.#mirrors.length > 0) this.#mirrored += this.#offer(this.#mirrors, record, flags);
    if (record.l3 === 0) {
      this.#malformed++;
      return;
    }
    const macHigh = (u8[offset] << 24) | (u8[offset + 1] << 16) | (u8[offset + 2] << 8) | u8[offset + 3];
    const macLow = (u8[offset + 4] << 8) | u8[offset + 5];
    if ((u8[offset] & 1) === 1) {
      this.#group(record, flags);
      return;
    }
    const place = this.#table.get(macHigh, macLow, record.vlanKey, record.etherType);
    if (place >= 0) {
      if (this.#deliver(this.#registrations[place]!, record, flags)) this.#delivered++;
      else this.#noReceiver++;
    } else if (this.#offer(this.#defaults, record, flags) > 0) {
      this.#deliveredDefault++;
    } else {
      this.#noEndpoint++;
    }
  }

  #group(record: FrameRecord, flags: number): void {
    const listeners = this.#listeners.get(record.vlanKey, record.etherType);
    let copies = 0;
    if (listeners !== null) {
      for (const listener of listeners) {
        if (this.#store.memory === this.#hairpin?.memory && isOwn(listener, this.#store.memory!.u8, record))
          continue;
        if (this.#deliver(listener, record, flags)) copies++;
      }
    }
    this.#groupCopies += copies;
    if (copies > 0) this.#deliveredGroup++;
    else if (this.#offer(this.#defaults, record, flags) > 0) this.#deliveredDefault++;
    else this.#noListener++;
  }

  /** Offers a frame to catch-all receivers; returns how many took it. */
  #offer(receivers: readonly RelayRegistration[], record: FrameRecord, flags: number): number {
    let taken = 0;
    const group = (this.#store.memory!.u8[record.start] & 1) === 1;
    for (const registration of receivers) {
      if (group && !registration.multicast) continue;
      if (registration.etherTypes !== null && !registration.etherTypes.includes(record.etherType)) continue;
      if (this.#deliver(registration, record, flags)) taken++;
    }
    return taken;
  }

  #deliver(registration: RelayRegistration, record: FrameRecord, flags: number): boolean {
    const receiver = registration.receiver;
    if (receiver === null) return false;
    if (registration.lastBatch !== this.#batch) {
      registration.lastBatch = this.#batch;
      this.#dirty.push(registration);
    }
    receiver.frame(this.#store, record, flags);
    return true;
  }

  /** Programs run here: they may send, register, close conns and the relay itself. */
  #end(): void {
    const dirty = this.#dirty;
    for (let i = 0; i < dirty.length; i++) {
      try {
        dirty[i].receiver?.batchEnd(this.#store);
      } catch (error) {
        // The other conns' frames are only here now.
        rethrowLater(error);
      }
    }
    dirty.length = 0;
    this.#store.end();
    if (this.#unflushed > 0) this.flush();
  }

  // --- Life --------------------------------------------------------------------------------------------

  #linkState(up: boolean): void {
    this.#logger?.info({ interface: this.link.interfaceName, up }, up ? 'interface up' : 'interface down');
    process.nextTick(() => this.emit(up ? 'up' : 'down'));
  }

  #linkFailed(error: Error): void {
    this.#logger?.error({ interface: this.link.interfaceName, err: error }, 'relay failed');
    void this.#stop(error);
    process.nextTick(() => {
      // A dead interface is no reason to kill a program that learns of it from its conns, but it is never silent.
      if (this.listenerCount('error') > 0) this.emit('error', error);
      else process.emitWarning(error);
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
    const error = new RelayStoppedError('relay', cause);
    this.#stopError = error;
    this.#closing = this.link.close().then(() => this.#announceClose());
    this.#hairpin?.close();
    this.#waiting.rejectAll(error);
    for (const registration of this.#registrations) registration?.receiver?.relayStopped(error);
    this.#stopController?.abort(error);
    if (closedChannel.hasSubscribers) closedChannel.publish({ relay: this, error: cause });
    this.#logger?.info({ interface: this.link.interfaceName }, 'relay closed');
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

  ref(): this {
    this.link.ref();
    return this;
  }

  unref(): this {
    this.link.unref();
    return this;
  }

  info(): LinkInfo {
    return this.link.info();
  }

  stats(): RelayStats {
    return {
      received: this.#received,
      delivered: this.#delivered,
      deliveredGroup: this.#deliveredGroup,
      deliveredDefault: this.#deliveredDefault,
      noEndpoint: this.#noEndpoint,
      noListener: this.#noListener,
      noReceiver: this.#noReceiver,
      malformed: this.#malformed,
      stopped: this.#stoppedFrames,
      groupCopies: this.#groupCopies,
      mirrored: this.#mirrored,
      sent: this.#sent + (this.#hairpin?.sent ?? 0),
      hairpinned: this.#hairpin?.delivered ?? 0,
      hairpinDropped: this.#hairpin?.dropped ?? 0,
      registrations: this.#registrations.length - this.#freePlaces.length,
      waitingWriters: this.#waiting.size,
      link: this.link.stats(),
    };
  }

  // --- Registrations -----------------------------------------------------------------------------------

  #add(
    role: RegistrationRole,
    multicast: boolean,
    etherTypes: readonly number[] | null,
    stations: Station[],
  ): RelayRegistration {
    const index = this.#freePlaces.pop() ?? this.#registrations.length;
    const id = ++this.#generation * ID_PLACES + index;
    const registration = new RelayRegistration(this, id, index, role, multicast, etherTypes, stations);
    this.#registrations[index] = registration;
    return registration;
  }

  #claim(registration: RelayRegistration, station: Station, etherType: number): void {
    const { macHigh, macLow, vlanKey } = station;
    const previous = this.#table.set(macHigh, macLow, vlanKey, etherType, registration.index);
    if (registration.multicast) this.#listeners.add(registration, vlanKey, etherType);
    if (previous < 0 || previous === registration.index) return;
    const old = this.#registrations[previous]!;
    const key = new L2EndpointKey(macHigh, macLow, etherType, vlanKey);
    old.lost = [...(old.lost ?? []), key];
    if (old.multicast && !this.#stillListens(old, vlanKey, etherType))
      this.#listeners.delete(old, vlanKey, etherType);
    this.#logger?.warn({ key: key.toString() }, 'registered key overridden');
    if (replacedChannel.hasSubscribers)
      replacedChannel.publish({ relay: this, key, oldId: old.id, newId: registration.id });
    old.receiver?.keyReplaced(key);
  }

  /** Whether a registration keeps another key of the same VLANs and EtherType. */
  #stillListens(registration: RelayRegistration, vlanKey: number, etherType: number): boolean {
    return registration.stations.some(
      (station) =>
        station.vlanKey === vlanKey &&
        station.etherTypes.includes(etherType) &&
        this.#table.get(station.macHigh, station.macLow, vlanKey, etherType) === registration.index,
    );
  }

  #checkFree(stations: readonly Station[]): void {
    for (const { macHigh, macLow, vlanKey, etherTypes } of stations) {
      for (const etherType of etherTypes) {
        if (this.#table.get(macHigh, macLow, vlanKey, etherType) >= 0) {
          throw new InUseError(new L2EndpointKey(macHigh, macLow, etherType, vlanKey).toString());
        }
      }
    }
  }

  /** Filters and hairpin decisions are brought up to date once for many registrations in one go. */
  #changed(): void {
    if (this.#hairpin !== null) this.epoch++;
    if (this.link.steer === undefined || this.#steerScheduled || this.#stopError !== null) return;
    this.#steerScheduled = true;
    process.nextTick(() => {
      if (this.#steerScheduled) this.#steer();
    });
  }

  #steer(): void {
    this.#steerScheduled = false;
    const added = this.#stationsAdded;
    const removed = this.#stationsRemoved;
    this.#stationsAdded = [];
    this.#stationsRemoved = [];
    if (this.#stopError !== null) return;
    const all = this.#defaults.length > 0 || this.#mirrors.length > 0;
    this.link.steer!(added, removed, { all, group: all || this.#listeners.size > 0 });
  }
}

/** Parts the options of a relay that opens its own link: the relay's, and the rest, which the link checks. */
export function splitOptions(options: object): [RelayOptions, Record<string, unknown>] {
  const relay: Record<string, unknown> = {};
  const link: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(options))
    (RELAY_OPTIONS.includes(name) ? relay : link)[name] = value;
  checkRelayOptions(relay);
  return [relay, link];
}

/** Checks the options that all relays have; other names are the business of who opens the link. */
function checkRelayOptions(options: RelayOptions): Required<Omit<RelayOptions, 'logger'>> {
  const etherTypes: unknown = options.ethernetTypes ?? [];
  if (!Array.isArray(etherTypes))
    throw new OptionError('ethernetTypes', `must be an array, got ${show(etherTypes)}`);
  for (const etherType of etherTypes) checkEtherType(etherType);
  const logger: unknown = options.logger;
  if (logger !== undefined && typeof (logger as Logger | null)?.info !== 'function') {
    throw new OptionError('logger', 'must have the methods debug, info, warn and error');
  }
  return {
    sendingMode: checkOneOf('sendingMode', options.sendingMode, ['single', 'batch'], 'single'),
    sendDepth: checkInteger('sendDepth', options.sendDepth, 0, 1_048_576, 1024),
    receiveDepth: checkInteger('receiveDepth', options.receiveDepth, 1, 1_048_576, 1024),
    hairpin: checkBoolean('hairpin', options.hairpin, false),
    ethernetTypes: options.ethernetTypes ?? DEFAULT_PAYLOAD_ETHER_TYPES,
  };
}

/** Keys of one MAC address and VLANs make one station. */
function stationsOf(keys: readonly L2EndpointKey[]): Station[] {
  const stations: { macHigh: number; macLow: number; vlanKey: number; etherTypes: number[] }[] = [];
  for (const key of keys) {
    if (!(key instanceof L2EndpointKey)) throw new OptionError('keys', 'must be L2EndpointKeys');
    const { macHigh, macLow, vlanKey } = key;
    const station = stations.find(
      (s) => s.macHigh === macHigh && s.macLow === macLow && s.vlanKey === vlanKey,
    );
    if (station === undefined) stations.push({ macHigh, macLow, vlanKey, etherTypes: [key.etherType] });
    else if (!station.etherTypes.includes(key.etherType)) station.etherTypes.push(key.etherType);
  }
  return stations;
}

/** Whether a frame was sent by this very registration: a group frame is not given back to its sender. */
function isOwn(listener: RelayRegistration, u8: Uint8Array, record: FrameRecord): boolean {
  const at = record.start + 6;
  const high = ((u8[at] << 24) | (u8[at + 1] << 16) | (u8[at + 2] << 8) | u8[at + 3]) >>> 0;
  const low = (u8[at + 4] << 8) | u8[at + 5];
  const stations = listener.stations;
  for (let i = 0; i < stations.length; i++) {
    const station = stations[i];
    if (station.macHigh === high && station.macLow === low && station.vlanKey === record.vlanKey) return true;
  }
  return false;
}

function without<T>(list: T[], item: T): T[] {
  return list.includes(item) ? list.filter((other) => other !== item) : list;
}
