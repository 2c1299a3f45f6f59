import type { Clock } from '../../clock.ts';
import type { FrameRecord } from '../../wire/record.ts';
import { sequenceAdd } from '../../wire/tcp-sequence.ts';
import type { Answers, Ends } from './answers.ts';
import { type Connection, OWN_WINDOW_SHIFT } from './connection.ts';
import type { Connections } from './connections.ts';
import { HalfOpen } from './half-open.ts';
import { SequenceSecrets } from './isn.ts';
import { type Listener, Listeners } from './listeners.ts';
import { establish, takeOptions } from './receive.ts';
import type { Segment } from './segment.ts';

/** The low bits of a timestamp that answers a SYN: window shift and whether SACK is permitted. */
const SYN_BITS = 5;
const SYN_SACK = 16;
const SHIFT_MASK = 15;
const NO_SHIFT = 15;
/** Milliseconds after which an answer that was not remembered is not waited for: those of a cookie. */
const FORGOTTEN = 128_000;

/**
 * How connections begin that others open. A SYN is answered without keeping anything of it: the answer's own numbers tell
 * what the SYN has said, and come back with the acknowledgment. So a flood of SYNs takes no memory.
 */
export class Opening {
  readonly listeners: Listeners = new Listeners();
  readonly secrets: SequenceSecrets = new SequenceSecrets();
  readonly #connections: Connections;
  readonly #answers: Answers;
  readonly #halfOpen: HalfOpen;

  constructor(clock: Clock, connections: Connections, answers: Answers) {
    this.#connections = connections;
    this.#answers = answers;
    this.#halfOpen = new HalfOpen(clock);
  }

  /** Who listens where a segment wants to go, or null. */
  listenerOf(u8: Uint8Array, record: FrameRecord): Listener | null {
    return this.listeners.find(u8, record.ipDestination, record.ipVersion, record.destinationPort);
  }

  /** Who has sent a SYN does not want the connection any more. */
  reset(tuple: Int32Array, segment: Segment): void {
    if (this.#halfOpen.initialOf(tuple) === ((segment.sequence - 1) | 0)) this.#halfOpen.remove(tuple);
  }

  answer(ends: Ends, tuple: Int32Array, segment: Segment): void {
    const isV4 = ends.remote.length === 4;
    const { options, sequence } = segment;
    const { secrets } = this;
    const mss = options.mss === 0 ? (isV4 ? 536 : 1220) : options.mss;
    const cookie = secrets.cookie(tuple, sequence, mss, this.#connections.now());
    const acknowledgment = sequenceAdd(sequence, 1);
    const { hasTimestamps, windowShift, timestamp } = options;
    // Without timestamps nothing can tell the acknowledgment of these.
    const sackPermitted = hasTimestamps && options.sackPermitted;
    const isScaled = hasTimestamps && windowShift >= 0;
    const bits = (sackPermitted ? SYN_SACK : 0) | (windowShift < 0 ? NO_SHIFT : windowShift);
    const offset = secrets.timestampOffset(tuple);
    const send = (): void => {
      const now = markTimestamp(this.#connections.stamp(), bits) + offset;
      const stamp = hasTimestamps ? { now, echo: timestamp } : null;
      this.#answers.sendSynAnswer(ends, { sequence: cookie, acknowledgment, sackPermitted, stamp, isScaled });
    };
    this.#halfOpen.add(tuple, sequence, send);
    send();
  }

  /** The maximum segment size that the SYN told, if a segment acknowledges the answer to it; else 0. */
  checkCookie(tuple: Int32Array, segment: Segment): number {
    const cookie = (segment.acknowledgment - 1) | 0;
    // Else a repeated acknowledgment, which the network has delayed, would open an ended connection again.
    const isForgotten = this.#connections.now() - this.#halfOpen.overflowedAt < FORGOTTEN;
    if (!isForgotten && this.#halfOpen.initialOf(tuple) === null) return 0;
    return this.secrets.check(tuple, this.#initialOf(tuple, segment), cookie, this.#connections.now());
  }

  /** Makes what a connection is from the acknowledgment of an answer to a SYN. */
  open(c: Connection, tuple: Int32Array, segment: Segment, mss: number): void {
    const initial = this.#initialOf(tuple, segment);
    const { acknowledgment, options } = segment;
    const offset = this.secrets.timestampOffset(tuple);
    this.#halfOpen.remove(tuple);
    c.begin((acknowledgment - 1) | 0);
    c.next = acknowledgment;
    c.sentEnd = c.next;
    c.received.next = sequenceAdd(initial, 1);
    c.windowEnd = sequenceAdd(initial, 0xffff);
    takeOptions(c, options);
    const bits = (options.timestampEcho - offset) & ((1 << SYN_BITS) - 1);
    const shift = bits & SHIFT_MASK;
    c.timestampOffset = offset;
    c.peerMss = mss;
    c.sackPermitted = options.hasTimestamps && (bits & SYN_SACK) !== 0;
    const isScaled = options.hasTimestamps && shift !== NO_SHIFT;
    c.sendWindowShift = isScaled ? shift : 0;
    c.ownWindowShift = isScaled ? OWN_WINDOW_SHIFT : 0;
    c.windowSequence = c.received.next;
    c.windowAcknowledgment = acknowledgment;
    establish(c);
  }

  close(error: Error): void {
    this.#halfOpen.close();
    this.listeners.closeAll(error);
  }

  /** Sequence number of the SYN: remembered, or the one before the segment's, for the first one comes next. */
  #initialOf(tuple: Int32Array, segment: Segment): number {
    return this.#halfOpen.initialOf(tuple) ?? (segment.sequence - 1) | 0;
  }
}

/** The latest timestamp not after `now` whose low bits are `bits`. */
function markTimestamp(now: number, bits: number): number {
  const marked = (now & -(1 << SYN_BITS)) | bits;
  return marked > now ? marked - (1 << SYN_BITS) : marked;
}
