import type { BatchStore } from '../../relay/batch-store.ts';
import { rethrowLater } from '../../rethrow.ts';
import { isUnspecifiedIp } from '../../wire/ip.ts';
import type { FrameRecord } from '../../wire/record.ts';
import { TcpFlag, tcpDestinationPort, tcpSequence, tcpSourcePort } from '../../wire/tcp.ts';
import { isBefore, sequenceAdd } from '../../wire/tcp-sequence.ts';
import type { Output } from '../egress/output.ts';
import { hostError } from '../host-error.ts';
import { AddressKind } from '../ip/addresses.ts';
import { RateLimit } from '../ip/rate-limit.ts';
import type { HostState } from '../state.ts';
import { TcpCounters, type TcpStats } from '../tcp-stats.ts';
import { Answers, endsOf } from './answers.ts';
import { type Connection, News, type TcpRoom } from './connection.ts';
import { CONNECTIONS_MAX as CONNECTIONS_OF_RELAY_MAX, Connections, type Station } from './connections.ts';
import { HostTcpSocket } from './host-tcp-socket.ts';
import type { Listener } from './listeners.ts';
import { freePort } from './local-port.ts';
import { beginAgain } from './loss.ts';
import { Opening } from './opening.ts';
import { arrive, Reply } from './receive.ts';
import { Segment } from './segment.ts';
import { SegmentSender } from './segment-sender.ts';
import { sendReset, sendSyn, transmit } from './send.ts';
import { TcpState } from './tcp-state.ts';
import type { TcpListenerUser, TcpListening, TcpSocket, TcpUser } from './tcp-user.ts';
import { tupleOf } from './tuple-table.ts';

/** Connections of one host. */
const CONNECTIONS_MAX = 65_536;
/** As `node:net`: connections of a listening port that are established and not yet accepted. */
const BACKLOG = 511;
/** Challenges of a connection (RFC 5961 §7) per second and at once. */
const RATE = 200;
const BURST = 100;
/** Bytes of a segment that an ICMP error quotes at least: the ports and the number. */
const QUOTED_MIN = 8;

const segment = new Segment();

/** Where to connect to, and from. */
export interface TcpConnectOptions {
  /** 4 or 16 bytes. */
  readonly address: Uint8Array;
  readonly port: number;
  readonly localAddress?: Uint8Array;
  /** Default a free one. */
  readonly localPort?: number;
}

/** The TCP of a host: its connections and listening ports. Its parts are made when the first segment comes, or goes. */
export class HostTcp implements TcpRoom, Station {
  readonly #state: HostState;
  readonly #output: Output;
  #counters: TcpCounters | null = null;
  #connections: Connections | null = null;
  #number = 0;
  #sender: SegmentSender | null = null;
  #answers: Answers | null = null;
  #opening: Opening | null = null;
  /** The connection that was made last; the others hang on it. */
  #newest: HostTcpSocket | null = null;
  /** Connections now, without those that wait. */
  size = 0;
  /** Connections in TIME-WAIT. */
  waiting = 0;

  constructor(state: HostState, output: Output) {
    this.#state = state;
    this.#output = output;
  }

  get counters(): TcpCounters {
    this.#counters ??= new TcpCounters();
    return this.#counters;
  }

  get stats(): TcpStats {
    return { ...this.counters, connections: this.size, waiting: this.waiting };
  }

  // --- For users ----------------------------------------------------------------------------------------

  /** Opens a connection. Throws a SystemError: ENETUNREACH, EADDRNOTAVAIL, EADDRINUSE, ENOBUFS. */
  connect(user: TcpUser, options: TcpConnectOptions): TcpSocket {
    const { address, port, localAddress, localPort = 0 } = options;
    this.#state.checkOpen('connect');
    const path = this.#output.path(address, 'connect');
    if (path.kind !== AddressKind.OTHER && path.kind !== AddressKind.OWN) {
      throw hostError('ENETUNREACH', 'connect', 'this is not the address of one host');
    }
    const local = localAddress ?? path.source;
    const remote = path.destination;
    if (local.length !== remote.length || !this.#isOwn(local))
      throw hostError('EADDRNOTAVAIL', 'connect', 'the host does not have this address');
    if (this.#isFull()) throw hostError('ENOBUFS', 'connect', 'there are too many connections');
    const number = this.#choosePort(local, localPort, remote, port);
    const version = remote.length === 4 ? 4 : 6;
    const tuple = tupleOf(this.#number, local, 0, number, remote, 0, port, version);
    const c = new HostTcpSocket(this, local, number, remote, port);
    this.#add(c, tuple);
    c.user = user;
    const { secrets } = this.#openingNow();
    c.begin(secrets.initial(tuple, this.now()));
    c.timestampOffset = secrets.timestampOffset(tuple);
    c.sackPermitted = true;
    c.timestamps = true;
    c.state = TcpState.SYN_SENT;
    sendSyn(c);
    return c;
  }

  /** Listens on a port: 0 for a free one; of an address, or of all (all zero, or null for both versions). */
  listen(
    user: TcpListenerUser,
    address: Uint8Array | null,
    port: number,
    backlog: number = BACKLOG,
  ): TcpListening {
    this.#state.checkOpen('listen');
    const isAny = address === null || isUnspecifiedIp(address, 0, address.length === 4 ? 4 : 6);
    if (!isAny && !this.#isOwn(address))
      throw hostError('EADDRNOTAVAIL', 'listen', 'the host does not have this address');
    return this.#openingNow().listeners.add(user, address, isAny, port, Math.max(1, backlog));
  }

  // --- Segments that come --------------------------------------------------------------------------------

  /** Takes a segment whose checksum is good, for an own unicast address. */
  input(store: BatchStore, record: FrameRecord): void {
    const u8 = store.memory!.u8;
    const { ipVersion: version, ipSource, ipDestination, sourcePort, destinationPort } = record;
    const connections = this.#connectionsNow();
    connections.begin(store);
    segment.read(u8, record);
    const number = this.#number;
    const tuple = tupleOf(number, u8, ipDestination, destinationPort, u8, ipSource, sourcePort, version);
    const found = connections.find(tuple);
    if (found >= 0 && (found & 1) === 0) this.#deliver(store, connections.at(found >> 1), record);
    else if (found < 0 || !this.#arriveLate(u8, record, tuple, found >> 1))
      this.#arriveNew(store, record, tuple);
  }

  #deliver(store: BatchStore, c: HostTcpSocket, record: FrameRecord): void {
    const memory = store.memory!;
    if (arrive(c, memory, segment) === Reply.RESET) this.#answersNow().refuse(memory.u8, record, segment);
    this.#connections!.touch(c);
  }

  /** A segment for no connection: perhaps it begins one. */
  #arriveNew(store: BatchStore, record: FrameRecord, tuple: Int32Array): void {
    const { counters } = this;
    const u8 = store.memory!.u8;
    const opening = this.#openingNow();
    const listener = opening.listenerOf(u8, record);
    if (segment.has(TcpFlag.RST)) {
      counters.badResets++;
      opening.reset(tuple, segment);
    } else if (listener === null) {
      counters.noPort++;
      this.#answersNow().refuse(u8, record, segment);
    } else if (segment.has(TcpFlag.ACK)) {
      const mss = segment.has(TcpFlag.SYN) ? 0 : opening.checkCookie(tuple, segment);
      if (mss === 0) {
        counters.badCookies++;
        this.#answersNow().refuse(u8, record, segment);
      } else if (this.#isFull() || listener.pending >= listener.backlog) {
        counters.full++;
      } else {
        this.#accept(store, record, tuple, mss, listener);
      }
    } else if (segment.has(TcpFlag.SYN) && !segment.has(TcpFlag.FIN)) {
      counters.syns++;
      opening.answer(endsOf(u8, record), tuple, segment);
    } else {
      counters.ignored++;
    }
  }

  /** The acknowledgment of an answer to a SYN has come: there is a connection. */
  #accept(store: BatchStore, record: FrameRecord, tuple: Int32Array, mss: number, listener: Listener): void {
    const u8 = store.memory!.u8;
    const { remote, remotePort, local, localPort } = endsOf(u8, record);
    const own = this.#state.addresses.find(u8, record.ipDestination, record.ipVersion)?.address ?? local;
    const c = new HostTcpSocket(this, own, localPort, remote, remotePort);
    this.#add(c, tuple);
    c.accepting = listener;
    listener.pending++;
    this.#openingNow().open(c, tuple, segment, mss);
    this.#deliver(store, c, record);
  }

  /** A segment for a connection that has ended: RFC 9293 §3.10.7.4. False if a new one may begin. */
  #arriveLate(u8: Uint8Array, record: FrameRecord, tuple: Int32Array, row: number): boolean {
    const connections = this.#connections!;
    const rows = connections.timeWait;
    const hasStamps = segment.options.hasTimestamps && rows.hasTimestamps(row);
    // RFC 6191: a newer timestamp tells a new connection, too.
    const isNew =
      isBefore(rows.receiveNext(row), segment.sequence) ||
      (hasStamps && isBefore(rows.timestamp(row), segment.options.timestamp));
    if (segment.has(TcpFlag.SYN) && !segment.has(TcpFlag.ACK) && isNew) {
      connections.endWait(tuple, row);
      return false;
    }
    this.counters.timeWait++;
    // RFC 1337: a reset does not end the wait.
    if (segment.has(TcpFlag.RST)) return true;
    const isEndAgain =
      segment.has(TcpFlag.FIN) && sequenceAdd(segment.sequence, segment.length) === rows.receiveNext(row);
    if (isEndAgain) rows.renew(row, this.now());
    if (segment.length > 0) {
      const echo = rows.timestamp(row);
      const now = (this.now() | 0) + rows.timestampOffset(row);
      const stamp = rows.hasTimestamps(row) ? { now, echo } : null;
      const ends = endsOf(u8, record);
      this.#answersNow().send(ends, rows.sendNext(row), rows.receiveNext(row), TcpFlag.ACK, stamp);
    }
    return true;
  }

  // --- Errors that come ----------------------------------------------------------------------------------

  /** The connection that has sent the segment that an ICMP error quotes (RFC 5927 §4: its number is under way), or null. */
  senderOf(u8: Uint8Array, quoted: FrameRecord): HostTcpSocket | null {
    const { ipVersion: version, ipSource, ipDestination, l4, l3End } = quoted;
    // Routers need not quote more of a segment than this (RFC 792).
    if (l4 === 0 || l3End - l4 < QUOTED_MIN || this.#connections === null) return null;
    const sourcePort = tcpSourcePort(u8, l4);
    const destinationPort = tcpDestinationPort(u8, l4);
    const number = this.#number;
    const tuple = tupleOf(number, u8, ipSource, sourcePort, u8, ipDestination, destinationPort, version);
    const found = this.#connections.find(tuple);
    if (found < 0 || (found & 1) === 1) return null;
    const c = this.#connections.at(found >> 1);
    const sequence = tcpSequence(u8, l4) | 0;
    const isOurs = !isBefore(sequence, c.unacknowledged) && isBefore(sequence, c.sentEnd);
    return isOurs ? c : null;
  }

  /** The path of a connection has become narrower: what was too long goes again, in shorter segments. */
  pathNarrowed(u8: Uint8Array, quoted: FrameRecord): void {
    const c = this.senderOf(u8, quoted);
    if (c === null || c.state < TcpState.ESTABLISHED) return;
    const room = c.pathRoom;
    // Each segment under way brings such a message. They go again for the first of them only.
    if (this.segmentRoom(c) >= room) return;
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
    return this.#connectionsNow().now();
  }

  segmentRoom(c: Connection): number {
    return this.#senderNow().room(c as HostTcpSocket);
  }

  send(c: Connection, sequence: number, flags: number, offset: number, length: number): boolean {
    return this.#senderNow().send(c as HostTcpSocket, sequence, flags, offset, length);
  }

  mayChallenge(c: Connection): boolean {
    c.challenges ??= new RateLimit(this.#state.clock, RATE, BURST);
    return c.challenges.take();
  }

  armTimer(c: Connection): void {
    this.#connections!.armTimer(c as HostTcpSocket);
  }

  ended(c: Connection, failure: Error | null, waits: boolean): void {
    if (c.state === TcpState.CLOSED) return;
    const socket = c as HostTcpSocket;
    c.state = TcpState.CLOSED;
    c.retransmitAt = Infinity;
    c.acknowledgeAt = Infinity;
    c.keepAliveAt = Infinity;
    c.lingerAt = Infinity;
    c.failure = failure;
    c.news |= News.ENDED;
    c.sending.clear();
    const version = c.remote.length === 4 ? 4 : 6;
    const tuple = tupleOf(this.#number, c.local, 0, c.localPort, c.remote, 0, c.remotePort, version);
    const connections = this.#connections!;
    connections.remove(tuple, socket);
    this.#unlink(socket);
    if (waits) connections.wait(tuple, socket);
    if (!c.isOrphan) connections.tellSoon(socket);
  }

  /** The host has been closed: ends all connections, with resets if it can still send, and tells their users. */
  closeAll(error: Error, canSend: boolean): void {
    for (let c = this.#newest; c !== null; c = this.#newest) {
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
    this.#opening?.close(error);
    if (this.#number !== 0 && !canSend) this.#connections!.leave(this.#number);
  }

  #isOwn(address: Uint8Array): boolean {
    const kind = this.#state.addresses.kindOf(address, 0, address.length === 4 ? 4 : 6);
    return kind === AddressKind.OWN || kind === AddressKind.LOOPBACK;
  }

  #isFull(): boolean {
    return this.size >= CONNECTIONS_MAX || this.#connectionsNow().size >= CONNECTIONS_OF_RELAY_MAX;
  }

  #add(c: HostTcpSocket, tuple: Int32Array): void {
    this.#connectionsNow().add(tuple, c);
    c.before = this.#newest;
    if (this.#newest !== null) this.#newest.after = c;
    this.#newest = c;
    this.size++;
  }

  #unlink(c: HostTcpSocket): void {
    if (c.before !== null) c.before.after = c.after;
    if (c.after !== null) c.after.before = c.before;
    else this.#newest = c.before;
    c.before = null;
    c.after = null;
    this.size--;
  }

  #connectionsNow(): Connections {
    if (this.#connections === null) {
      this.#connections = Connections.of(this.#state.relay);
      this.#number = this.#connections.enter(this);
    }
    return this.#connections;
  }

  #senderNow(): SegmentSender {
    const connections = this.#connectionsNow();
    this.#sender ??= new SegmentSender(this.#state, this.#output, connections, this.counters);
    return this.#sender;
  }

  #answersNow(): Answers {
    this.#answers ??= new Answers(this.#state.clock, this.#output, this.counters);
    return this.#answers;
  }

  #openingNow(): Opening {
    const connections = this.#connectionsNow();
    this.#opening ??= new Opening(this.#state.clock, connections, this.#answersNow());
    return this.#opening;
  }

  /** A local port that makes a new connection to this destination. */
  #choosePort(local: Uint8Array, wanted: number, remote: Uint8Array, remotePort: number): number {
    const connections = this.#connectionsNow();
    const { listeners } = this.#openingNow();
    const version = remote.length === 4 ? 4 : 6;
    const isFree = (port: number): boolean => {
      if (listeners.hasPort(port)) return false;
      const tuple = tupleOf(this.#number, local, 0, port, remote, 0, remotePort, version);
      return connections.find(tuple) < 0 || connections.endTold(tuple);
    };
    if (wanted !== 0) {
      if (isFree(wanted)) return wanted;
      throw hostError('EADDRINUSE', 'connect', 'there is such a connection already');
    }
    const port = freePort(isFree, () => this.#state.random());
    if (port !== 0) return port;
    throw hostError('EADDRNOTAVAIL', 'connect', 'no port is free');
  }
}
