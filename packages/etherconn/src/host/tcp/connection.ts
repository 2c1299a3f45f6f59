import type { FrameSender } from '../../relay/transmit.ts';
import { sequenceAdd } from '../../wire/tcp-sequence.ts';
import type { Path } from '../ip/path.ts';
import type { RateLimit } from '../ip/rate-limit.ts';
import type { Neighbor } from '../neighbor/neighbor.ts';
import type { TcpCounters } from '../tcp-stats.ts';
import { Congestion } from './congestion.ts';
import type { Listener } from './listeners.ts';
import { ReceiveQueue } from './receive-queue.ts';
import { Rto } from './rto.ts';
import { Scoreboard } from './sack.ts';
import { SendQueue } from './send-queue.ts';
import { TcpState } from './tcp-state.ts';
import type { TcpUser } from './tcp-user.ts';

/** Most bytes of each direction that a connection holds. */
const QUEUE_LIMIT = 256 * 1024;
/** RFC 7323 §2.2: the window in units of 8 bytes. */
export const OWN_WINDOW_SHIFT = 3;

/** How a connection deals with loss. */
export const LossMode = {
  /** Nothing is known to be lost. */
  NONE: 0,
  /** Fast recovery: RFC 6675. */
  RECOVERY: 1,
  /** After a timeout: everything from the first unacknowledged byte on is sent again. */
  TIMEOUT: 2,
} as const;

/** News for the user: bits of {@link Connection.news}. */
export const News = { CONNECTED: 1, READABLE: 2, WRITABLE: 4, ENDED: 8 } as const;

/** What connections need of their host. */
export interface TcpRoom {
  readonly counters: TcpCounters;
  /** Milliseconds. */
  now(): number;
  /** Longest segment with its TCP header that fits, now. */
  segmentRoom(connection: Connection): number;
  /** Sends a segment: options as the state wants them, and `length` bytes from `offset` of the send queue on. */
  send(connection: Connection, sequence: number, flags: number, offset: number, length: number): boolean;
  /** Has a timer call at the earliest of the connection's deadlines. */
  armTimer(connection: Connection): void;
  /** May a challenge acknowledgment be sent on it (RFC 5961 §7)? */
  mayChallenge(connection: Connection): boolean;
  /** The connection has ended: with a failure, or in peace, then perhaps with a time to wait. */
  ended(connection: Connection, failure: Error | null, waits: boolean): void;
}

/** The plain state of a connection. Names are those of RFC 9293 §3.3.1 in words; sequence numbers are signed integers. */
export class Connection {
  readonly room: TcpRoom;
  readonly local: Uint8Array;
  readonly remote: Uint8Array;
  readonly localPort: number;
  readonly remotePort: number;
  user: TcpUser | null = null;
  /** The listening port that is yet to be told of it. */
  accepting: Listener | null = null;
  /** Place in the relay's list, and neighbors in the host's. */
  slot = -1;
  after: this | null = null;
  before: this | null = null;
  state: number = TcpState.CLOSED;

  // The way to the other side, as SegmentSender keeps it.
  path: Path | null = null;
  /** {@link HostState.epoch} that `path` was found in. */
  pathEpoch = -1;
  /** Longest segment with its TCP header that fits into a packet. */
  pathRoom = 0;
  neighbor: Neighbor | null = null;
  neighborVersion = -1;
  mac: Uint8Array | null = null;
  sender: FrameSender | null = null;
  senderEpoch = -1;
  /** Whether it stands in line for room. */
  waitsForRoom = false;
  /** A SYN has found no room. */
  synDue = false;

  /** Bits of {@link News}. */
  news = 0;
  failure: Error | null = null;
  /** Whether it waits for the end of the batch. */
  isTouched = false;
  /** Whether the user wants nothing more of it. */
  isOrphan = false;

  // Sending.
  readonly sending: SendQueue = new SendQueue(QUEUE_LIMIT);
  firstSent = 0;
  synAcknowledged = false;
  /** First number that is not acknowledged. */
  unacknowledged = 0;
  /** Next number to send. Behind {@link sentEnd} only after a timeout. */
  next = 0;
  /** The number after the last one that was ever sent. */
  sentEnd = 0;
  sendWindow = 0;
  sendWindowMost = 0;
  sendWindowShift = 0;
  /** Sequence and acknowledgment number of the segment that last set the window. */
  windowSequence = 0;
  windowAcknowledgment = 0;
  peerMss = 536;
  noDelay = false;
  /** Whether what is not acknowledged keeps the process alive, and whether it does so now. */
  holds = true;
  isHolding = false;
  /** This side ends after what is queued. */
  endWanted = false;
  endAcknowledged = false;
  /** `write` has taken less than it was given, and there is little room yet. */
  wantsRoom = false;

  // Receiving.
  readonly received: ReceiveQueue = new ReceiveQueue(QUEUE_LIMIT, 0);
  ownWindowShift = 0;
  /** End of the window that the other side has been told of. */
  windowEnd = 0;
  /** Where the other side's end lies, once it is known, and whether everything before it has come. */
  endKnown = false;
  endSequence = 0;
  endReceived = false;
  /** Bytes received since the last acknowledgment, and whether one is due at once. */
  unconfirmed = 0;
  acknowledgeNow = false;
  /** When a stray without data was last answered. Not an integer, as {@link lastHeard}. */
  strayAnsweredAt: number = Number.NEGATIVE_INFINITY;
  /** Limits challenges: each connection for itself, so that none tells of another (CVE-2016-5696). */
  challenges: RateLimit | null = null;

  // Options.
  sackPermitted = false;
  timestamps = false;
  timestampOffset = 0;
  recentTimestamp = 0;
  /** Start of the piece that came last: its block goes first (RFC 2018 §4). */
  lastPiece = 0;

  // Loss and time.
  readonly rto: Rto = new Rto();
  readonly congestion: Congestion = new Congestion(536);
  lossMode: number = LossMode.NONE;
  /** Recovery is over when this is acknowledged. */
  recoverEnd = 0;
  /** In recovery everything before this has been sent again. */
  resentEnd = 0;
  mustResend = false;
  /** The last segment has been sent again in this recovery. */
  tailResent = false;
  duplicates = 0;
  #scoreboard: Scoreboard | null = null;
  /** Timeouts in a row without an answer. */
  timeouts = 0;
  /** The round trip that is being measured without timestamps: from when, to what acknowledgment; at -1 none. */
  measuredAt = -1;
  measuredEnd = 0;
  keepAliveDelay = 0;
  keepAliveProbes = 0;
  /** When a segment came last. Not an integer, so that the engine keeps it in place. */
  lastHeard: number = Number.NEGATIVE_INFINITY;

  // Deadlines; Infinity without one.
  retransmitAt: number = Infinity;
  acknowledgeAt: number = Infinity;
  keepAliveAt: number = Infinity;
  lingerAt: number = Infinity;

  constructor(room: TcpRoom, local: Uint8Array, localPort: number, remote: Uint8Array, remotePort: number) {
    this.room = room;
    this.local = local;
    this.localPort = localPort;
    this.remote = remote;
    this.remotePort = remotePort;
  }

  /** Next number expected. */
  get receiveNext(): number {
    return this.endReceived ? sequenceAdd(this.received.next, 1) : this.received.next;
  }

  /** The number after the last byte queued: that of this side's end. */
  get dataEnd(): number {
    const syn = this.synAcknowledged ? 0 : 1;
    return sequenceAdd(this.unacknowledged, this.sending.length + syn);
  }

  /** Whether something is sent and not acknowledged. */
  get isWaiting(): boolean {
    return this.unacknowledged !== this.sentEnd;
  }

  /** Whether the other side has data behind a gap. Most connections never need a scoreboard. */
  get hasSacked(): boolean {
    return this.#scoreboard !== null && this.#scoreboard.ranges.count > 0;
  }

  get scoreboard(): Scoreboard {
    this.#scoreboard ??= new Scoreboard();
    return this.#scoreboard;
  }

  /** Longest payload of a segment without SACK blocks. */
  get segmentSize(): number {
    const room = Math.min(this.peerMss + 20, this.room.segmentRoom(this)) - 20;
    return Math.max(1, room - (this.timestamps ? 12 : 0));
  }

  begin(firstSent: number): void {
    this.firstSent = firstSent;
    this.unacknowledged = firstSent;
    this.next = firstSent;
    this.sentEnd = firstSent;
    this.recoverEnd = firstSent;
  }
}
