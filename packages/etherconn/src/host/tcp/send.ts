import { TcpFlag } from '../../wire/tcp.ts';
import { isAtMost, isBefore, laterOf, sequenceAdd, sequenceDistance } from '../../wire/tcp-sequence.ts';
import { type Connection, LossMode } from './connection.ts';
import { TcpState } from './tcp-state.ts';

/** Sends an acknowledgment without data. */
export function sendAcknowledgment(c: Connection): void {
  // Without room it is done when there is some.
  if (!c.room.send(c, c.sentEnd, TcpFlag.ACK, 0, 0)) c.acknowledgeNow = true;
}

/** Sends, or sends again, the SYN of a connection that is not established. */
export function sendSyn(c: Connection): void {
  const flags = c.state === TcpState.SYN_SENT ? TcpFlag.SYN : TcpFlag.SYN | TcpFlag.ACK;
  c.synDue = !c.room.send(c, c.firstSent, flags, 0, 0);
  c.next = sequenceAdd(c.firstSent, 1);
  c.sentEnd = c.next;
  c.retransmitAt = c.room.now() + c.rto.timeout;
  c.room.armTimer(c);
}

/** Bytes that are thought to be under way: RFC 6675 §4. */
function pipe(c: Connection, size: number): number {
  const { unacknowledged, next } = c;
  if (c.lossMode === LossMode.TIMEOUT) {
    return sequenceDistance(next, unacknowledged) - c.scoreboard.bytesIn(unacknowledged, next);
  }
  if (c.sackPermitted) {
    if (c.lossMode === LossMode.NONE && !c.hasSacked) return sequenceDistance(next, unacknowledged);
    const resent = c.lossMode === LossMode.RECOVERY ? c.resentEnd : unacknowledged;
    return c.scoreboard.pipe(unacknowledged, next, resent, size);
  }
  return Math.max(0, sequenceDistance(next, unacknowledged) - c.duplicates * size);
}

/** Sends what may be sent now: what is lost first, then new data, then the end. `force` sends at least a little. */
export function transmit(c: Connection, force = false): void {
  const { state } = c;
  if (state < TcpState.ESTABLISHED || state === TcpState.FIN_WAIT_2 || c.endAcknowledged) return;
  const size = c.segmentSize;
  while (resend(c, size) || sendNext(c, size, force) || resendMore(c, size)) force = false;
  // Nothing under way can bring an acknowledgment: ask for the window by and by.
  const isStuck = !c.isWaiting && (c.sending.length > 0 || (c.endWanted && !c.endAcknowledged));
  if ((isStuck || c.isWaiting) && c.retransmitAt === Infinity) {
    c.retransmitAt = c.room.now() + c.rto.timeout;
    c.room.armTimer(c);
  }
}

/** Sends a segment again that is lost. False if there is none, or not now. */
function resend(c: Connection, size: number): boolean {
  if (c.lossMode !== LossMode.RECOVERY) return false;
  const limit = c.sentEnd;
  let at = c.unacknowledged;
  if (!c.mustResend) {
    if (!c.sackPermitted) return false;
    at = c.scoreboard.nextLost(laterOf(c.resentEnd, c.unacknowledged), limit, size);
    if (at === limit || pipe(c, size) + size > c.congestion.window) return false;
  }
  const end = sendRange(c, at, c.scoreboard.gapEnd(at, limit), size);
  if (end === at) return false;
  c.mustResend = false;
  c.resentEnd = laterOf(c.resentEnd, end);
  c.room.counters.retransmitted++;
  return true;
}

/**
 * In recovery, when there is nothing else to send: what is missing and not yet known to be lost, then once the last
 * segment, in case nothing that was sent after it can tell (RFC 6675 §4, NextSeg 3 and 4).
 */
function resendMore(c: Connection, size: number): boolean {
  if (c.lossMode !== LossMode.RECOVERY || !c.sackPermitted) return false;
  const limit = c.sentEnd;
  if (pipe(c, size) + size > c.congestion.window) return false;
  const { ranges } = c.scoreboard;
  const at = c.scoreboard.skip(laterOf(c.resentEnd, c.unacknowledged));
  if (ranges.count > 0 && isBefore(at, ranges.start(ranges.count - 1))) {
    const end = sendRange(c, at, c.scoreboard.gapEnd(at, limit), size);
    c.resentEnd = laterOf(c.resentEnd, end);
    if (end !== at) c.room.counters.retransmitted++;
    return end !== at;
  }
  if (c.tailResent) return false;
  const known = ranges.count > 0 ? ranges.end(ranges.count - 1) : c.unacknowledged;
  const last = laterOf(laterOf(known, c.resentEnd), sequenceAdd(c.dataEnd, -size));
  if (!isBefore(last, limit) || sendRange(c, last, limit, size) === last) return false;
  c.tailResent = true;
  c.room.counters.retransmitted++;
  return true;
}

/** Sends one segment from `at` on, which ends at `limit` at most; returns its end, or `at` if there was no room. */
function sendRange(c: Connection, at: number, limit: number, size: number): number {
  const { dataEnd } = c;
  const most = Math.min(size, Math.max(0, sequenceDistance(dataEnd, at)));
  const length = Math.min(most, Math.max(0, sequenceDistance(limit, at)));
  const end = sequenceAdd(at, length);
  const isEnd = c.endWanted && end === dataEnd;
  const push = length > 0 && end === dataEnd ? TcpFlag.PSH : 0;
  const flags = TcpFlag.ACK | push | (isEnd ? TcpFlag.FIN : 0);
  if (length === 0 && !isEnd) return at;
  const offset = sequenceDistance(at, c.unacknowledged);
  if (!c.room.send(c, at, flags, offset, length)) return at;
  return isEnd ? sequenceAdd(end, 1) : end;
}

/** Sends the next segment in order, if window and congestion allow, and it is worth it. */
function sendNext(c: Connection, size: number, force: boolean): boolean {
  if (isBefore(c.next, c.sentEnd)) c.next = c.scoreboard.skip(c.next);
  const { next, dataEnd } = c;
  const again = isBefore(next, c.sentEnd);
  const available = sequenceDistance(dataEnd, next);
  if (available < 0 || (available === 0 && !c.endWanted)) return false;
  const open = sequenceDistance(sequenceAdd(c.unacknowledged, c.sendWindow), next);
  const free = c.congestion.window - pipe(c, size);
  const gap = again ? sequenceDistance(c.scoreboard.gapEnd(next, dataEnd), next) : available;
  const length = Math.min(size, available, Math.max(0, open), gap);
  // A segment that is begun is sent whole, so the window is exceeded by less than one.
  if (free <= 0 && !force) return false;
  if (length === 0 && available > 0) return false;
  const isLast = length === available;
  if (length < size && !again && !force) {
    const isIdle = !c.isWaiting || c.noDelay || c.endWanted;
    if (!(isLast && isIdle) && length < c.sendWindowMost / 2) return false;
  }
  const wasWaiting = c.isWaiting;
  const end = sendRange(c, next, sequenceAdd(next, length), size);
  if (end === next) return false;
  // Its time begins now, not when the window was asked for.
  if (!wasWaiting) c.retransmitAt = Infinity;
  if (again) c.room.counters.retransmitted++;
  else if (c.measuredAt < 0 && !c.timestamps) {
    c.measuredAt = c.room.now();
    c.measuredEnd = end;
  }
  c.next = end;
  if (isAtMost(c.sentEnd, end)) c.sentEnd = end;
  return true;
}

/** This side ends: no more data follows what is queued. */
export function sendEnd(c: Connection): void {
  if (c.endWanted) return;
  c.endWanted = true;
  if (c.state === TcpState.ESTABLISHED) c.state = TcpState.FIN_WAIT_1;
  else if (c.state === TcpState.CLOSE_WAIT) c.state = TcpState.LAST_ACK;
  transmit(c);
}

/** Tells the other side that the connection is no more. */
export function sendReset(c: Connection): void {
  if (c.state <= TcpState.SYN_SENT) return;
  c.room.send(c, c.sentEnd, TcpFlag.RST | TcpFlag.ACK, 0, 0);
  c.room.counters.resetsSent++;
}
