import type { CopyMemory } from '../../link/frame-memory.ts';
import { TcpFlag } from '../../wire/tcp.ts';
import type { TcpOptions } from '../../wire/tcp-options.ts';
import {
  isAtMost,
  isBefore,
  isInWindow,
  laterOf,
  sequenceAdd,
  sequenceDistance,
} from '../../wire/tcp-sequence.ts';
import { hostError } from '../host-error.ts';
import { type Connection, News, OWN_WINDOW_SHIFT } from './connection.ts';
import { takeAcknowledgment } from './loss.ts';
import type { Segment } from './segment.ts';
import { sendAcknowledgment, sendReset, sendSyn, transmit } from './send.ts';
import { TcpState } from './tcp-state.ts';

/** A quiet connection's last timestamp counts no longer after that many milliseconds (RFC 7323 §5.5). */
const TIMESTAMP_LIFETIME = 24 * 24 * 3600 * 1000;
/** Milliseconds within which data is acknowledged (RFC 9293 §3.8.6.3: at most 500). */
const ACKNOWLEDGE_WITHIN = 40;
/** Milliseconds in which one stray without data is answered, as on Linux. */
const STRAY_INTERVAL = 500;
/** The shortest maximum segment size that is believed, as on Linux: shorter ones make much work of little data. */
const MSS_MIN = 88;

/** What the segment asks of the caller. */
export const Reply = {
  NONE: 0,
  /** It acknowledges what this side has never sent: it belongs to another connection. */
  RESET: 1,
} as const;

/** Takes a segment of a connection: RFC 9293 §3.10.7.3 and 4. `frame` has the data. */
export function arrive(c: Connection, frame: CopyMemory, segment: Segment): number {
  c.keepAliveProbes = 0;
  if (c.state === TcpState.SYN_SENT) return answerToSyn(c, segment);
  const { counters } = c.room;
  // The other side's SYN once more, in a simultaneous open: its number has been taken already.
  if (
    c.state === TcpState.SYN_RECEIVED &&
    segment.has(TcpFlag.SYN) &&
    sequenceAdd(segment.sequence, 1) === c.received.next
  ) {
    segment.sequence = c.received.next;
    segment.flags &= ~TcpFlag.SYN;
  }
  if (isTooOld(c, segment)) {
    counters.oldTimestamp++;
    answerStray(c, segment);
    return Reply.NONE;
  }
  if (!isAcceptable(c, segment)) {
    if (segment.has(TcpFlag.RST)) counters.badResets++;
    else {
      counters.outOfWindow++;
      answerStray(c, segment);
    }
    return Reply.NONE;
  }
  if (segment.has(TcpFlag.RST)) reset(c, segment);
  else if (segment.has(TcpFlag.SYN)) challenge(c);
  else if (!segment.has(TcpFlag.ACK)) counters.ignored++;
  else return acceptable(c, frame, segment);
  return Reply.NONE;
}

function acceptable(c: Connection, frame: CopyMemory, segment: Segment): number {
  const { counters } = c.room;
  const { acknowledgment } = segment;
  if (c.state === TcpState.SYN_RECEIVED && acknowledgment !== c.sentEnd) {
    counters.badAcknowledgment++;
    return Reply.RESET;
  }
  // RFC 5961 §5: also not what was acknowledged long ago.
  const oldest = (c.unacknowledged - Math.max(c.sendWindowMost, 65_535)) | 0;
  if (isBefore(c.sentEnd, acknowledgment) || isBefore(acknowledgment, oldest)) {
    counters.badAcknowledgment++;
    if (c.room.mayChallenge(c)) answerStray(c, segment);
    return Reply.NONE;
  }
  counters.taken++;
  if (segment.options.hasTimestamps && c.timestamps && isAtMost(segment.sequence, c.receiveNext))
    c.recentTimestamp = segment.options.timestamp;
  if (c.state === TcpState.SYN_RECEIVED) establish(c);
  if (isAtMost(c.unacknowledged, acknowledgment)) {
    const window = c.sendWindow;
    takeWindow(c, segment);
    takeAcknowledgment(c, segment, window);
    // An open peer may keep its window closed for ever, but not for a user who has gone.
    if (c.sendWindow === 0 && !c.isOrphan) c.timeouts = 0;
  }
  if (c.endAcknowledged && endAcknowledged(c)) return Reply.NONE;
  takeData(c, frame, segment);
  takeEnd(c, segment);
  return Reply.NONE;
}

/** RFC 7323 §5.3: a segment with an older timestamp than one before it is a stray from the past. */
function isTooOld(c: Connection, segment: Segment): boolean {
  const { options } = segment;
  if (!c.timestamps || !options.hasTimestamps || segment.has(TcpFlag.RST)) return false;
  if (!isBefore(options.timestamp, c.recentTimestamp)) return false;
  return c.room.now() - c.lastHeard < TIMESTAMP_LIFETIME;
}

/** RFC 9293 §3.10.7.4, table 6. */
function isAcceptable(c: Connection, segment: Segment): boolean {
  const { sequence, length } = segment;
  const next = c.receiveNext;
  const window = c.endReceived ? 0 : c.received.room;
  if (sequence === next) {
    // Into a closed window: the acknowledgment counts, the data does not.
    if (window === 0 && length > 0) {
      segment.payloadEnd = segment.payload;
      segment.flags &= ~TcpFlag.FIN;
      c.acknowledgeNow = true;
    }
    return true;
  }
  // Without data also right behind it: there is the other side's next number when it has filled the window.
  if (isInWindow(sequence, next, length === 0 ? window + 1 : window)) return true;
  return length > 0 && isInWindow(sequenceAdd(sequence, length - 1), next, window);
}

/** Acknowledges what was sent before. Two ends that disagree on that must not answer each other's answers for ever. */
function answerStray(c: Connection, segment: Segment): void {
  if (segment.length === 0 || segment.has(TcpFlag.SYN)) {
    const now = c.room.now();
    if (now - c.strayAnsweredAt < STRAY_INTERVAL) return;
    c.strayAnsweredAt = now;
  }
  c.acknowledgeNow = true;
}

/** RFC 5961 §3: only the number that is expected next resets a connection. */
function reset(c: Connection, segment: Segment): void {
  if (segment.sequence !== c.receiveNext) {
    challenge(c);
    return;
  }
  c.room.counters.resets++;
  if (c.state === TcpState.SYN_RECEIVED) {
    c.room.ended(c, hostError('ECONNREFUSED', 'connect', 'the other side has refused the connection'), false);
  } else if (c.state === TcpState.CLOSING || c.state === TcpState.LAST_ACK) {
    c.room.ended(c, null, false);
  } else {
    c.room.ended(c, hostError('ECONNRESET', 'read', 'the other side has reset the connection'), false);
  }
}

function challenge(c: Connection): void {
  c.room.counters.challenged++;
  if (c.room.mayChallenge(c)) sendAcknowledgment(c);
}

/** RFC 9293 §3.10.7.3. */
function answerToSyn(c: Connection, segment: Segment): number {
  const { counters } = c.room;
  const isAnswer = segment.has(TcpFlag.ACK);
  if (isAnswer && segment.acknowledgment !== c.sentEnd) {
    counters.badAcknowledgment++;
    return Reply.RESET;
  }
  if (segment.has(TcpFlag.RST)) {
    if (!isAnswer) counters.badResets++;
    else {
      counters.resets++;
      c.room.ended(c, hostError('ECONNREFUSED', 'connect', 'nobody listens on this port'), false);
    }
    return Reply.NONE;
  }
  if (!segment.has(TcpFlag.SYN)) {
    counters.ignored++;
    return Reply.NONE;
  }
  counters.taken++;
  c.received.next = sequenceAdd(segment.sequence, 1);
  c.windowEnd = c.received.next;
  takeOptions(c, segment.options);
  c.sendWindow = segment.window;
  c.sendWindowMost = segment.window;
  c.windowSequence = segment.sequence;
  c.windowAcknowledgment = segment.acknowledgment;
  if (isAnswer) {
    takeAcknowledgment(c, segment, c.sendWindow);
    establish(c);
    c.acknowledgeNow = true;
  } else {
    // Both sides have sent a SYN at once.
    c.state = TcpState.SYN_RECEIVED;
    sendSyn(c);
  }
  return Reply.NONE;
}

/** Options of a SYN. What it does not offer is off. */
export function takeOptions(c: Connection, options: TcpOptions): void {
  if (options.mss > 0) c.peerMss = Math.max(options.mss, MSS_MIN);
  else c.peerMss = c.remote.length === 4 ? 536 : 1220;
  c.sackPermitted = options.sackPermitted;
  c.timestamps = options.hasTimestamps;
  c.recentTimestamp = options.timestamp;
  const isScaled = options.windowShift >= 0;
  c.sendWindowShift = isScaled ? options.windowShift : 0;
  c.ownWindowShift = isScaled ? OWN_WINDOW_SHIFT : 0;
}

export function establish(c: Connection): void {
  c.state = c.endWanted ? TcpState.FIN_WAIT_1 : TcpState.ESTABLISHED;
  c.congestion.mss = c.segmentSize;
  c.congestion.window = 0;
  c.congestion.restart();
  c.timeouts = 0;
  c.news |= News.CONNECTED;
  if (c.keepAliveDelay > 0) c.keepAliveAt = c.room.now() + c.keepAliveDelay;
}

/** RFC 9293 §3.10.7.4: only by newer segments than the last that set it. */
function takeWindow(c: Connection, segment: Segment): void {
  const { sequence, acknowledgment } = segment;
  const isNewer =
    isBefore(c.windowSequence, sequence) ||
    (c.windowSequence === sequence && isAtMost(c.windowAcknowledgment, acknowledgment));
  if (!isNewer) return;
  const was = c.sendWindow;
  c.sendWindow = segment.window << c.sendWindowShift;
  c.sendWindowMost = Math.max(c.sendWindowMost, c.sendWindow);
  c.windowSequence = sequence;
  c.windowAcknowledgment = acknowledgment;
  // The window has opened: what was lost on the closed one need not wait for its turn.
  if (was === 0 && c.sendWindow > 0) {
    c.rto.forgetBackOff();
    c.retransmitAt = c.isWaiting ? c.room.now() + c.rto.timeout : Infinity;
  }
}

/** This side's end is acknowledged. Returns whether the connection is over. */
function endAcknowledged(c: Connection): boolean {
  if (c.state === TcpState.FIN_WAIT_1) {
    c.state = TcpState.FIN_WAIT_2;
    if (c.isOrphan) {
      c.lingerAt = c.room.now() + 60_000;
      c.room.armTimer(c);
    }
  } else if (c.state === TcpState.CLOSING || c.state === TcpState.LAST_ACK) {
    const waits = c.state === TcpState.CLOSING;
    c.room.ended(c, null, waits);
    return true;
  }
  return false;
}

function takeData(c: Connection, frame: CopyMemory, segment: Segment): void {
  const { payload, sequence } = segment;
  // Nothing comes behind the end.
  const most = c.endKnown ? Math.max(0, sequenceDistance(c.endSequence, sequence)) : Infinity;
  const payloadEnd = Math.min(segment.payloadEnd, payload + most);
  if (payload === payloadEnd || c.endReceived) return;
  if (c.isOrphan) {
    // Nobody will read it: RFC 1122 §4.2.2.13.
    sendReset(c);
    c.room.ended(c, hostError('ECONNRESET', 'read', 'the connection is closed'), false);
    return;
  }
  const { received } = c;
  const before = received.next;
  const hadGaps = received.hasGaps;
  const isNew = received.add(sequence, frame, payload, payloadEnd);
  if (!isNew || hadGaps || received.hasGaps) {
    c.acknowledgeNow = true;
    if (isBefore(received.next, sequence)) c.lastPiece = sequence;
  }
  const count = sequenceDistance(received.next, before);
  if (count === 0) return;
  c.news |= News.READABLE;
  c.unconfirmed += count;
  if (c.unconfirmed >= 2 * c.segmentSize) c.acknowledgeNow = true;
  else if (c.acknowledgeAt === Infinity) {
    c.acknowledgeAt = c.room.now() + ACKNOWLEDGE_WITHIN;
    c.room.armTimer(c);
  }
}

/** The other side's end, once everything before it has come. */
function takeEnd(c: Connection, segment: Segment): void {
  if (c.state === TcpState.CLOSED || c.endReceived) return;
  if (segment.has(TcpFlag.FIN) && !c.endKnown) {
    c.endKnown = true;
    c.endSequence = sequenceAdd(segment.sequence, segment.payloadEnd - segment.payload);
    c.received.pieces?.dropFrom(c.endSequence);
  }
  if (!c.endKnown || c.endSequence !== c.received.next) return;
  c.endReceived = true;
  c.acknowledgeNow = true;
  c.news |= News.READABLE;
  if (c.state === TcpState.ESTABLISHED) c.state = TcpState.CLOSE_WAIT;
  else if (c.state === TcpState.FIN_WAIT_1) c.state = TcpState.CLOSING;
  else if (c.state === TcpState.FIN_WAIT_2) {
    sendAcknowledgment(c);
    c.room.ended(c, null, true);
  }
}

/** Does what the segments of a batch have left to do: acknowledges, and sends what may be sent now. */
export function settle(c: Connection): void {
  if (c.state === TcpState.CLOSED) return;
  if (c.synDue) sendSyn(c);
  transmit(c);
  if (c.acknowledgeNow) sendAcknowledgment(c);
}

/** The window to tell the other side, in bytes; it never shrinks, nor does it grow in crumbs (RFC 9293 §3.8.6.2.2). */
export function windowToTell(c: Connection): number {
  const next = c.receiveNext;
  const { limit } = c.received;
  // No more than the field can say.
  const room = Math.min(c.received.room, 0xffff << c.ownWindowShift);
  const end = sequenceAdd(next, room);
  const told = laterOf(c.windowEnd, next);
  const grown = sequenceDistance(end, told);
  return sequenceDistance(grown >= Math.min(limit / 2, c.segmentSize) ? end : told, next);
}
