import type { ClockTimer } from '../../clock.ts';
import { allocateFrameMemory } from '../../link/frame-memory.ts';
import type { BatchSequel, BatchStore } from '../../relay/batch-store.ts';
import { rethrowLater } from '../../rethrow.ts';
import { isUnspecifiedIp } from '../../wire/ip.ts';
import type { FrameRecord } from '../../wire/record.ts';
import { TcpFlag, tcpSequence } from '../../wire/tcp.ts';
import {
  emitTcpMss,
  emitTcpSack,
  emitTcpSackPermitted,
  emitTcpTimestamps,
  emitTcpWindowScale,
} from '../../wire/tcp-options.ts';
import { isBefore, laterOf, sequenceAdd } from '../../wire/tcp-sequence.ts';
import { TcpTemplate } from '../../wire/tcp-template.ts';
import type { Output } from '../egress/output.ts';
import { hostError } from '../host-error.ts';
import { AddressKind } from '../ip/addresses.ts';
import { RateLimit } from '../ip/rate-limit.ts';
import type { HostState } from '../state.ts';
import { type Connection, News, OWN_WINDOW_SHIFT, type TcpRoom } from './connection.ts';
import { HalfOpen } from './half-open.ts';
import { HostTcpSocket } from './host-tcp-socket.ts';
import { SequenceSecrets } from './isn.ts';
import { Listeners } from './listeners.ts';
import { beginAgain } from './loss.ts';
import { arrive, establish, Reply, settle, takeOptions, windowToTell } from './receive.ts';
import { Segment } from './segment.ts';
import { sendReset, sendSyn, transmit } from './send.ts';
import { TcpCounters } from './tcp-counters.ts';
import { TcpState } from './tcp-state.ts';
import type { TcpListenerUser, TcpListening, TcpSocket, TcpUser } from './tcp-user.ts';
import { TimeWait } from './time-wait.ts';
import { deadlinePassed, earliestDeadline } from './timers.ts';
import { TupleTable, tupleOf } from './tuple-table.ts';

const TTL = 64;
const OPTIONS_MAX = 40;
/** Connections of one host. */
const CONNECTIONS_MAX = 65_536;
/** Resets, and challenges (RFC 5961 §7), per second and at once. */
const RATE = 200;
const BURST = 100;
const EPHEMERAL_FIRST = 32768;
const EPHEMERAL_COUNT = 28_232;
/** The low bits of a timestamp that answers a SYN: window shift and whether SACK is permitted. */
const SYN_BITS = 5;
const SYN_SACK = 16;
const SHIFT_MASK = 15;
const NO_SHIFT = 15;

const segment = new Segment();
const blocks = new Int32Array(8);

/** Where to connect to, and from. */
export interface TcpConnectOptions {
  /** 4 or 16 bytes. */
  readonly address: Uint8Array;
  readonly port: number;
  readonly localAddress?: Uint8Array;
  /** Default a free one. */
  readonly localPort?: number;
}

/** The TCP of a host: its connections and listening ports. Made when the first segment comes, or goes. */
export class HostTcp implements TcpRoom, BatchSequel {
  #counters: TcpCounters | null = null;
  readonly #state: HostState;
  readonly #output: Output;
  #table4: TupleTable | null = null;
  #table6: TupleTable | null = null;
  #sockets: (HostTcpSocket | null)[] | null = null;
  #freeSlots: number[] | null = null;
  #listeners: Listeners | null = null;
  #halfOpen: HalfOpen | null = null;
  #timeWait: TimeWait | null = null;
  #timeWaitTimer: ClockTimer | null = null;
  #secrets: SequenceSecrets | null = null;
  #resets: RateLimit | null = null;
  #challenges: RateLimit | null = null;
  #touched: HostTcpSocket[] | null = null;
  /** Connections now, without those that wait. */
  size = 0;

  constructor(state: HostState, output: Output) {
    this.#state = state;
    this.#output = output;
  }

  get counters(): TcpCounters {
    this.#counters ??= new TcpCounters();
    return this.#counters;
  }

  /** Connections in TIME-WAIT. */
  get waiting(): number {
    return this.#timeWait?.size ?? 0;
  }

  // --- For users ----------------------------------------------------------------------------------------

  /** Opens a connection. Throws a SystemError: ENETUNREACH, EADDRNOTAVAIL, EADDRINUSE. */
  connect(user: TcpUser, options: TcpConnectOptions): TcpSocket {
    const { address, port, localAddress, localPort = 0 } = options;
    this.#state.checkOpen('connect');
    const path = this.#output.path(address, 'connect');
    if (path.kind !== AddressKind.OTHER && path.kind !== AddressKind.OWN) {
      throw hostError('ENETUNREACH', 'connect', 'this is not the address of one host');
    }
    const local = localAddress ?? path.source;
    const remote = path.destination;
    if (this.size >= CONNECTIONS_MAX)
      throw hostError('ENOBUFS', 'connect', 'the host has too many connections');
    const number = this.#choosePort(local, localPort, remote, port);
    const tuple = tupleOf(local, 0, number, remote, 0, port, remote.length === 4 ? 4 : 6);
    const c = this.#create(tuple, local, number, remote, port);
    c.user = user;
    const secrets = this.#secretsNow();
    c.begin(secrets.initial(tuple, this.now()));
    c.timestampOffset = secrets.timestampOffset(tuple);
    c.sackPermitted = true;
    c.timestamps = true;
    c.state = TcpState.SYN_SENT;
    sendSyn(c);
    return c;
  }

  /** Listens on a port: 0 for a free one; of an address, or of all (all zero, or null for both versions). */
  listen(user: TcpListenerUser, address: Uint8Array | null, port: number): TcpListening {
    this.#state.checkOpen('listen');
    this.#listeners ??= new Listeners();
    const isAny = address === null || isUnspecifiedIp(address, 0, address.length === 4 ? 4 : 6);
    if (!isAny) {
      const kind = this.#state.addresses.kindOf(address, 0, address.length === 4 ? 4 : 6);
      if (kind !== AddressKind.OWN && kind !== AddressKind.LOOPBACK)
        throw hostError('EADDRNOTAVAIL', 'listen', 'the host does not have this address');
    }
    return this.#listeners.add(user, address, isAny, port);
  }

  // --- Segments that come --------------------------------------------------------------------------------

  /** Takes a segment whose checksum is good, for an own unicast address. */
  input(store: BatchStore, record: FrameRecord): void {
    const u8 = store.memory!.u8;
    const { ipVersion: version, ipSource, ipDestination, sourcePort, destinationPort } = record;
    segment.read(u8, record);
    const tuple = tupleOf(u8, ipDestination, destinationPort, u8, ipSource, sourcePort, version);
    const found = this.#table(version)?.get(tuple) ?? -1;
    if (found >= 0 && (found & 1) === 0) {
      const c = this.#sockets![found >> 1]!;
      this.#deliver(store, c, u8, record);
    } else if (found < 0 || !this.#arriveLate(u8, record, tuple, found >> 1)) {
      this.#arriveNew(store, u8, record, tuple);
    }
  }

  #deliver(store: BatchStore | null, c: HostTcpSocket, u8: Uint8Array, record: FrameRecord): void {
    if (arrive(c, u8, segment) === Reply.RESET) this.#refuse(u8, record);
    this.#touch(store, c);
  }

  #touch(store: BatchStore | null, c: HostTcpSocket): void {
    if (c.isTouched) return;
    c.isTouched = true;
    this.#touched ??= [];
    if (this.#touched.push(c) === 1) store?.afterwards(this);
  }

  /** Only now may user code run. */
  batchTold(): void {
    const touched = this.#touched ?? [];
    this.#touched = null;
    for (const c of touched) {
      c.isTouched = false;
      settle(c);
      this.#tell(c);
      settle(c);
    }
  }

  /** A segment for no connection: perhaps it begins one. */
  #arriveNew(store: BatchStore, u8: Uint8Array, record: FrameRecord, tuple: Int32Array): void {
    const { counters } = this;
    const listener = this.#listeners?.find(
      u8,
      record.ipDestination,
      record.ipVersion,
      record.destinationPort,
    );
    if (segment.has(TcpFlag.RST)) {
      counters.badResets++;
      if (this.#halfOpen?.initialOf(tuple) === ((segment.sequence - 1) | 0)) this.#halfOpen.remove(tuple);
    } else if (listener === undefined || listener === null) {
      counters.noPort++;
      this.#refuse(u8, record);
    } else if (segment.has(TcpFlag.ACK)) {
      const initial = this.#halfOpen?.initialOf(tuple) ?? (segment.sequence - 1) | 0;
      const cookie = (segment.acknowledgment - 1) | 0;
      const mss = this.#secretsNow().check(tuple, initial, cookie, this.now());
      if (mss === 0 || segment.has(TcpFlag.SYN)) {
        counters.badCookies++;
        this.#refuse(u8, record);
      } else if (this.size >= CONNECTIONS_MAX) {
        counters.full++;
        counters.ignored++;
      } else {
        this.#accept(store, u8, record, tuple, initial, mss, listener.user);
      }
    } else if (segment.has(TcpFlag.SYN) && !segment.has(TcpFlag.FIN)) {
      counters.syns++;
      this.#answerSyn(u8, record, tuple);
    } else {
      counters.ignored++;
    }
  }

  /** Answers a SYN without keeping anything of it: the answer's numbers tell what the SYN has said. */
  #answerSyn(u8: Uint8Array, record: FrameRecord, tuple: Int32Array): void {
    const { ipVersion: version, ipSource, ipDestination } = record;
    const length = version === 4 ? 4 : 16;
    const { options } = segment;
    const secrets = this.#secretsNow();
    const mss = options.mss === 0 ? (version === 4 ? 536 : 1220) : options.mss;
    const cookie = secrets.cookie(tuple, segment.sequence, mss, this.now());
    const acknowledgment = sequenceAdd(segment.sequence, 1);
    const { hasTimestamps, sackPermitted, windowShift, timestamp } = options;
    const bits = (sackPermitted ? SYN_SACK : 0) | (windowShift < 0 ? NO_SHIFT : windowShift);
    const offset = secrets.timestampOffset(tuple);
    const source = u8.slice(ipDestination, ipDestination + length);
    const destination = u8.slice(ipSource, ipSource + length);
    const ends = { sourcePort: record.destinationPort, destinationPort: record.sourcePort, ttl: TTL };
    const template = new TcpTemplate({ source, destination, ...ends });
    const send = (): void => {
      const path = this.#output.findPath(destination);
      if (typeof path === 'string') return;
      const memory = allocateFrameMemory((template.headerLength + OPTIONS_MAX + 3) & ~3);
      const start = template.headerLength;
      let at = emitTcpMss(memory.u8, start, path.mtu - template.headerLength);
      if (hasTimestamps) {
        if (sackPermitted) at = emitTcpSackPermitted(memory.u8, at);
        at = emitTcpTimestamps(memory.u8, at, markTimestamp(this.now() | 0, bits) + offset, timestamp);
        if (windowShift >= 0) at = emitTcpWindowScale(memory.u8, at, OWN_WINDOW_SHIFT);
      }
      const flags = TcpFlag.SYN | TcpFlag.ACK;
      const id = this.#output.nextIdentification();
      template.write(memory, 0, cookie, acknowledgment, flags, 0xffff, at - start, 0, id);
      this.counters.sent++;
      this.#output.send(memory.u8.subarray(0, at), path, null);
    };
    this.#halfOpen ??= new HalfOpen(this.#state.clock);
    this.#halfOpen.add(tuple, segment.sequence, send);
    send();
  }

  /** The acknowledgment of an answer to a SYN has come: there is a connection. */
  #accept(
    store: BatchStore,
    u8: Uint8Array,
    record: FrameRecord,
    tuple: Int32Array,
    initial: number,
    mss: number,
    user: TcpListenerUser,
  ): void {
    const { ipVersion: version, ipSource, ipDestination } = record;
    const length = version === 4 ? 4 : 16;
    this.#halfOpen?.remove(tuple);
    const local = u8.slice(ipDestination, ipDestination + length);
    const remote = u8.slice(ipSource, ipSource + length);
    const offset = this.#secretsNow().timestampOffset(tuple);
    const c = this.#create(tuple, local, record.destinationPort, remote, record.sourcePort);
    c.begin((segment.acknowledgment - 1) | 0);
    c.next = segment.acknowledgment;
    c.sentEnd = c.next;
    c.received.next = sequenceAdd(initial, 1);
    c.windowEnd = sequenceAdd(initial, 0xffff);
    const { options } = segment;
    const bits = (options.timestampEcho - offset) & ((1 << SYN_BITS) - 1);
    const shift = bits & SHIFT_MASK;
    takeOptions(c, options);
    c.timestampOffset = offset;
    c.peerMss = mss;
    c.sackPermitted = options.hasTimestamps && (bits & SYN_SACK) !== 0;
    const isScaled = options.hasTimestamps && shift !== NO_SHIFT;
    c.sendWindowShift = isScaled ? shift : 0;
    c.ownWindowShift = isScaled ? OWN_WINDOW_SHIFT : 0;
    c.windowSequence = c.received.next;
    c.windowAcknowledgment = segment.acknowledgment;
    c.accepting = user;
    establish(c);
    this.#deliver(store, c, u8, record);
  }

  /** A segment for a connection that has ended: RFC 9293 §3.10.7.4. False if a new one may begin. */
  #arriveLate(u8: Uint8Array, record: FrameRecord, tuple: Int32Array, row: number): boolean {
    const rows = this.#timeWait!;
    const isNew =
      isBefore(rows.receiveNext(row), segment.sequence) ||
      (segment.options.hasTimestamps &&
        rows.hasTimestamps(row) &&
        isBefore(rows.timestamp(row), segment.options.timestamp));
    if (segment.has(TcpFlag.SYN) && !segment.has(TcpFlag.ACK) && isNew) {
      this.#table(record.ipVersion)!.delete(tuple);
      rows.remove(row);
      return false;
    }
    this.counters.timeWait++;
    // RFC 1337: a reset does not end the wait.
    if (segment.has(TcpFlag.RST)) return true;
    if (segment.has(TcpFlag.FIN)) rows.renew(row, this.now());
    if (segment.length > 0) {
      const echo = rows.timestamp(row);
      const stamp = rows.hasTimestamps(row)
        ? { now: (this.now() | 0) + rows.timestampOffset(row), echo }
        : null;
      this.#reply(u8, record, rows.sendNext(row), rows.receiveNext(row), TcpFlag.ACK, stamp);
    }
    return true;
  }

  /** Resets what belongs to no connection: RFC 9293 §3.10.7.1. */
  #refuse(u8: Uint8Array, record: FrameRecord): void {
    if (segment.has(TcpFlag.RST)) return;
    this.#resets ??= new RateLimit(this.#state.clock, RATE, BURST);
    if (!this.#resets.take()) {
      this.counters.resetsLimited++;
      return;
    }
    this.counters.resetsSent++;
    if (segment.has(TcpFlag.ACK)) this.#reply(u8, record, segment.acknowledgment, 0, TcpFlag.RST, null);
    else {
      const acknowledgment = sequenceAdd(segment.sequence, segment.length);
      this.#reply(u8, record, 0, acknowledgment, TcpFlag.RST | TcpFlag.ACK, null);
    }
  }

  /** Answers a segment that has no connection. */
  #reply(
    u8: Uint8Array,
    record: FrameRecord,
    sequence: number,
    acknowledgment: number,
    flags: number,
    stamp: { now: number; echo: number } | null,
  ): void {
    const length = record.ipVersion === 4 ? 4 : 16;
    const source = u8.slice(record.ipDestination, record.ipDestination + length);
    const destination = u8.slice(record.ipSource, record.ipSource + length);
    const path = this.#output.findPath(destination);
    if (typeof path === 'string') return;
    const ends = { sourcePort: record.destinationPort, destinationPort: record.sourcePort, ttl: TTL };
    const template = new TcpTemplate({ source, destination, ...ends });
    const memory = allocateFrameMemory((template.headerLength + OPTIONS_MAX + 3) & ~3);
    const start = template.headerLength;
    const at = stamp === null ? start : emitTcpTimestamps(memory.u8, start, stamp.now, stamp.echo);
    const id = this.#output.nextIdentification();
    template.write(memory, 0, sequence, acknowledgment, flags, 0, at - start, 0, id);
    this.counters.sent++;
    this.#output.send(memory.u8.subarray(0, at), path, null);
  }

  // --- Errors that come ----------------------------------------------------------------------------------

  /** The connection that has sent the segment that an ICMP error quotes (RFC 5927 §4: its number is under way), or null. */
  senderOf(u8: Uint8Array, quoted: FrameRecord): HostTcpSocket | null {
    const { ipVersion: version, ipSource, ipDestination, sourcePort, destinationPort } = quoted;
    if (sourcePort < 0) return null;
    const tuple = tupleOf(u8, ipSource, sourcePort, u8, ipDestination, destinationPort, version);
    const found = this.#table(version)?.get(tuple) ?? -1;
    if (found < 0 || (found & 1) === 1) return null;
    const c = this.#sockets![found >> 1]!;
    const sequence = tcpSequence(u8, quoted.l4) | 0;
    const isOurs = !isBefore(sequence, c.unacknowledged) && isBefore(sequence, c.sentEnd);
    return isOurs ? c : null;
  }

  /** The path of a connection has become narrower: what was too long goes again, in shorter segments. */
  pathNarrowed(u8: Uint8Array, quoted: FrameRecord): void {
    const c = this.senderOf(u8, quoted);
    if (c === null || c.state < TcpState.ESTABLISHED) return;
    c.congestion.mss = c.segmentSize;
    const { window, threshold } = c.congestion;
    beginAgain(c);
    // Nothing was lost for want of capacity.
    c.congestion.window = window;
    c.congestion.threshold = threshold;
    transmit(c);
  }

  // --- What connections ask for --------------------------------------------------------------------------

  now(): number {
    return this.#state.clock.now();
  }

  segmentRoom(c: Connection): number {
    this.#findPath(c);
    const mtu = c.path?.mtu ?? 576;
    return mtu - (c.remote.length === 4 ? 20 : 40);
  }

  send(c: Connection, sequence: number, flags: number, offset: number, length: number): boolean {
    this.#findPath(c);
    const { path, template } = c;
    // Lost, as on the wire: it is sent again.
    if (path === null) return true;
    const memory = allocateFrameMemory((template.headerLength + OPTIONS_MAX + length + 3) & ~3);
    const { u8 } = memory;
    const start = template.headerLength;
    const at = this.#emitOptions(c, u8, start, flags, length);
    c.sending.copyTo(offset, length, u8, at);
    const isSyn = (flags & TcpFlag.SYN) !== 0;
    const shift = isSyn ? 0 : c.ownWindowShift;
    const window = Math.min(0xffff, (isSyn ? c.received.limit : windowToTell(c)) >> shift);
    const isAnswer = (flags & TcpFlag.ACK) !== 0;
    const acknowledgment = isAnswer ? c.receiveNext : 0;
    const id = this.#output.nextIdentification();
    template.write(memory, 0, sequence, acknowledgment, flags, window, at - start, length, id);
    const sender = c instanceof HostTcpSocket ? c : null;
    if (this.#output.send(u8.subarray(0, at + length), path, sender) === 0) return false;
    this.counters.sent++;
    if (isAnswer) {
      c.windowEnd = laterOf(c.windowEnd, sequenceAdd(c.receiveNext, window << shift));
      c.unconfirmed = 0;
      c.acknowledgeNow = false;
      c.acknowledgeAt = Infinity;
    }
    return true;
  }

  #emitOptions(c: Connection, u8: Uint8Array, start: number, flags: number, length: number): number {
    const stamp = (this.now() | 0) + c.timestampOffset;
    const echo = (flags & TcpFlag.ACK) === 0 ? 0 : c.recentTimestamp;
    let at = start;
    if ((flags & TcpFlag.SYN) !== 0) {
      at = emitTcpMss(u8, at, this.segmentRoom(c) - 20);
      if (c.sackPermitted) at = emitTcpSackPermitted(u8, at);
      if (c.timestamps) at = emitTcpTimestamps(u8, at, stamp, echo);
      const isScaled = c.state === TcpState.SYN_SENT || c.ownWindowShift > 0;
      return isScaled ? emitTcpWindowScale(u8, at, OWN_WINDOW_SHIFT) : at;
    }
    if (c.timestamps && (flags & TcpFlag.RST) === 0) at = emitTcpTimestamps(u8, at, stamp, echo);
    // Blocks go with segments that have no data, so data need not make room for them: such a segment follows at once.
    if (length > 0 || !c.sackPermitted || !c.received.hasGaps) return at;
    return emitTcpSack(u8, at, blocks, sackBlocks(c));
  }

  mayChallenge(): boolean {
    this.#challenges ??= new RateLimit(this.#state.clock, RATE, BURST);
    return this.#challenges.take();
  }

  armTimer(c: Connection): void {
    const due = earliestDeadline(c);
    if (due >= c.timerAt) return;
    c.timer?.cancel();
    c.timerAt = due;
    c.timer = this.#state.clock.setTimer(() => this.#timerFired(c), due - this.now(), true);
  }

  #timerFired(c: Connection): void {
    c.timer = null;
    c.timerAt = Infinity;
    deadlinePassed(c, this.now());
    if (c.state !== TcpState.CLOSED) this.armTimer(c);
    this.#tell(c as HostTcpSocket);
  }

  ended(c: Connection, failure: Error | null, waits: boolean): void {
    if (c.state === TcpState.CLOSED) return;
    c.state = TcpState.CLOSED;
    c.timer?.cancel();
    c.timer = null;
    for (const key of ['retransmitAt', 'acknowledgeAt', 'keepAliveAt', 'lingerAt', 'resumeAt'] as const)
      c[key] = Infinity;
    c.failure = failure;
    c.news |= News.ENDED;
    c.sending.clear();
    const version = c.remote.length === 4 ? 4 : 6;
    const tuple = tupleOf(c.local, 0, c.localPort, c.remote, 0, c.remotePort, version);
    this.#sockets![c.slot] = null;
    this.#freeSlots!.push(c.slot);
    this.size--;
    if (waits) this.#wait(c, tuple);
    else this.#table(version)!.delete(tuple);
    // Its user hears of it after the batch, or else in a moment.
    const socket = c as HostTcpSocket;
    if (!c.isTouched && !c.isOrphan) this.#state.clock.setTimer(() => this.#tell(socket), 0, true);
  }

  /** TIME-WAIT: strays of the connection must not meet the next one of the same addresses and ports. */
  #wait(c: Connection, tuple: Int32Array): void {
    this.#timeWait ??= new TimeWait();
    const rows = this.#timeWait;
    if (rows.isFull) this.#endOldestWait();
    const timestamp = c.timestamps ? c.recentTimestamp : null;
    const row = rows.add(tuple, c.sentEnd, c.receiveNext, timestamp, c.timestampOffset, this.now());
    this.#table(c.remote.length === 4 ? 4 : 6)!.set(tuple, 2 * row + 1);
    this.#armTimeWait();
  }

  #endOldestWait(): void {
    const tuple = this.#timeWait!.removeOldest();
    this.#table(tuple.length === 3 ? 4 : 6)!.delete(tuple);
  }

  #armTimeWait(): void {
    if (this.#timeWaitTimer !== null || this.#timeWait!.size === 0) return;
    const delay = this.#timeWait!.nextEnd - this.now();
    this.#timeWaitTimer = this.#state.clock.setTimer(
      () => {
        this.#timeWaitTimer = null;
        while (this.#timeWait!.nextEnd <= this.now()) this.#endOldestWait();
        this.#armTimeWait();
      },
      delay,
      true,
    );
  }

  /** Tells the user what is new. */
  #tell(c: HostTcpSocket): void {
    const { news } = c;
    if (news === 0 || c.isTouched) return;
    c.news = 0;
    try {
      if (c.accepting !== null) {
        const listener = c.accepting;
        c.accepting = null;
        c.user = listener.accept(c);
      }
      if (c.isOrphan || c.user === null) return;
      if ((news & News.CONNECTED) !== 0) c.user.connected();
      if ((news & News.READABLE) !== 0 && !c.isOrphan) c.user.readable();
      if ((news & News.WRITABLE) !== 0 && !c.isOrphan) c.user.writable();
      if ((news & News.ENDED) === 0 || c.isOrphan) return;
      c.isOrphan = true;
      if (c.failure !== null) c.user.failed(c.failure);
      else c.user.closed();
    } catch (error) {
      rethrowLater(error);
    }
  }

  /** The host has been closed: ends all connections, with resets if it can still send, and tells their users. */
  closeAll(error: Error, canSend: boolean): void {
    for (const c of this.#sockets ?? []) {
      if (c === null) continue;
      const wasOrphan = c.isOrphan;
      c.isOrphan = true;
      c.accepting = null;
      if (canSend) sendReset(c);
      this.ended(c, error, false);
      try {
        if (!wasOrphan) c.user?.failed(error);
      } catch (thrown) {
        rethrowLater(thrown);
      }
    }
    this.#halfOpen?.close();
    this.#timeWaitTimer?.cancel();
    this.#listeners?.closeAll(error);
  }

  #findPath(c: Connection): void {
    if (c.pathEpoch === this.#state.epoch && c.path !== null) return;
    c.pathEpoch = this.#state.epoch;
    const path = this.#output.findPath(c.remote);
    c.path = typeof path === 'string' ? null : path;
  }

  #table(version: number): TupleTable | null {
    return version === 4 ? this.#table4 : this.#table6;
  }

  #create(
    tuple: Int32Array,
    local: Uint8Array,
    localPort: number,
    remote: Uint8Array,
    remotePort: number,
  ): HostTcpSocket {
    const ends = { source: local, destination: remote, sourcePort: localPort, destinationPort: remotePort };
    const c = new HostTcpSocket(
      this,
      new TcpTemplate({ ...ends, ttl: TTL }),
      local,
      localPort,
      remote,
      remotePort,
    );
    this.#sockets ??= [];
    this.#freeSlots ??= [];
    c.slot = this.#freeSlots.pop() ?? this.#sockets.length;
    this.#sockets[c.slot] = c;
    this.size++;
    if (remote.length === 4) this.#table4 ??= new TupleTable(4);
    else this.#table6 ??= new TupleTable(6);
    this.#table(remote.length === 4 ? 4 : 6)!.set(tuple, 2 * c.slot);
    return c;
  }

  #secretsNow(): SequenceSecrets {
    this.#secrets ??= new SequenceSecrets();
    return this.#secrets;
  }

  /** A local port that makes a new connection to this destination. */
  #choosePort(local: Uint8Array, wanted: number, remote: Uint8Array, remotePort: number): number {
    const version = remote.length === 4 ? 4 : 6;
    const isFree = (port: number): boolean => {
      const found = this.#table(version)?.get(tupleOf(local, 0, port, remote, 0, remotePort, version)) ?? -1;
      return found < 0 && this.#listeners?.hasPort(port) !== true;
    };
    if (wanted !== 0) {
      if (isFree(wanted)) return wanted;
      throw hostError('EADDRINUSE', 'connect', 'there is such a connection already');
    }
    const start = Math.floor(this.#state.random() * EPHEMERAL_COUNT);
    for (let i = 0; i < EPHEMERAL_COUNT; i++) {
      const port = EPHEMERAL_FIRST + ((start + i) % EPHEMERAL_COUNT);
      if (isFree(port)) return port;
    }
    throw hostError('EADDRNOTAVAIL', 'connect', 'no port is free');
  }
}

/** The latest timestamp not after `now` whose low bits are `bits`. */
function markTimestamp(now: number, bits: number): number {
  const marked = (now & -(1 << SYN_BITS)) | bits;
  return marked > now ? marked - (1 << SYN_BITS) : marked;
}

/** Puts the pieces that have come into `blocks`, the latest first (RFC 2018 §4); returns how many. */
function sackBlocks(c: Connection): number {
  const pieces = c.received.pieces!;
  const most = c.timestamps ? 3 : 4;
  const first = Math.max(0, pieces.find(c.lastPiece));
  let count = 0;
  for (let k = 0; k < pieces.count && count < most; k++) {
    const i = (first + k) % pieces.count;
    blocks[2 * count] = pieces.start(i);
    blocks[2 * count + 1] = pieces.end(i);
    count++;
  }
  return count;
}
