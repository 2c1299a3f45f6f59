import { TcpFlag } from '../../wire/tcp.ts';
import { isBefore, sequenceAdd, sequenceDistance } from '../../wire/tcp-sequence.ts';
import { type Connection, LossMode, News } from './connection.ts';
import { DUPLICATES_MEAN_LOSS } from './sack.ts';
import type { Segment } from './segment.ts';

/**
 * Takes the acknowledgment of a segment: RFC 5681, RFC 6675. It lies between what is acknowledged and what was sent.
 * `window` is the one before the segment came.
 */
export function takeAcknowledgment(c: Connection, segment: Segment, window: number): void {
  const { acknowledgment, options } = segment;
  const size = c.segmentSize;
  let fresh = 0;
  if (c.sackPermitted && options.sackBlocks > 0) {
    const first = isBefore(acknowledgment, c.unacknowledged) ? c.unacknowledged : acknowledgment;
    fresh = c.scoreboard.note(options.sack, options.sackBlocks, first, c.sentEnd);
  }
  if (isBefore(c.unacknowledged, acknowledgment)) advance(c, segment, size);
  else if (acknowledgment === c.unacknowledged && c.isWaiting && isDuplicate(c, segment, fresh, window))
    c.duplicates++;
  if (c.lossMode === LossMode.NONE && c.isWaiting && isLost(c, size)) {
    c.lossMode = LossMode.RECOVERY;
    c.recoverEnd = c.sentEnd;
    c.resentEnd = c.unacknowledged;
    c.mustResend = true;
    c.tailResent = false;
    c.measuredAt = -1;
    c.congestion.halve(sequenceDistance(c.sentEnd, c.unacknowledged));
  }
}

function isDuplicate(c: Connection, segment: Segment, fresh: number, window: number): boolean {
  if (c.sackPermitted) return fresh > 0;
  const isSame = segment.window << c.sendWindowShift === window;
  return isSame && segment.payload === segment.payloadEnd && !segment.has(TcpFlag.FIN);
}

function isLost(c: Connection, size: number): boolean {
  if (c.duplicates >= DUPLICATES_MEAN_LOSS) return true;
  if (!c.hasSacked) return false;
  const { scoreboard } = c;
  return isBefore(c.unacknowledged, scoreboard.ranges.start(0)) && scoreboard.isLostBefore(0, size);
}

/** New data is acknowledged. */
function advance(c: Connection, segment: Segment, size: number): void {
  const { acknowledgment } = segment;
  const now = c.room.now();
  const flight = sequenceDistance(c.sentEnd, c.unacknowledged);
  const end = sequenceAdd(c.dataEnd, 1);
  let bytes = sequenceDistance(acknowledgment, c.unacknowledged);
  if (!c.synAcknowledged) {
    c.synAcknowledged = true;
    bytes--;
  }
  if (c.endWanted && acknowledgment === end && c.sentEnd === end) {
    bytes--;
    c.endAcknowledged = true;
  }
  c.sending.drop(bytes);
  c.unacknowledged = acknowledgment;
  if (isBefore(c.next, acknowledgment)) c.next = acknowledgment;
  if (c.hasSacked) c.scoreboard.ranges.dropBefore(acknowledgment);
  measure(c, segment, now);
  c.timeouts = 0;
  c.retransmitAt = c.isWaiting ? now + c.rto.timeout : Infinity;
  if (c.lossMode !== LossMode.NONE && !isBefore(acknowledgment, c.recoverEnd)) {
    c.lossMode = LossMode.NONE;
    c.duplicates = 0;
    c.next = c.sentEnd;
  } else if (c.lossMode === LossMode.RECOVERY) {
    // RFC 6582 §3.2 step 5: what follows a partial acknowledgment is lost, too.
    if (!c.sackPermitted) c.duplicates = Math.max(0, c.duplicates - Math.ceil(bytes / size));
    if (!c.sackPermitted || !isBefore(acknowledgment, c.resentEnd)) c.mustResend = true;
  } else {
    c.duplicates = 0;
    // RFC 2861: a window that is not used says nothing about the network.
    if (2 * flight >= c.congestion.window) c.congestion.acknowledged(bytes);
  }
  // Not for every little bit, unless nothing more will come.
  if (c.wantsRoom && (4 * c.sending.room >= c.sending.limit || !c.isWaiting)) {
    c.wantsRoom = false;
    c.news |= News.WRITABLE;
  }
}

function measure(c: Connection, segment: Segment, now: number): void {
  if (c.timestamps && segment.options.hasTimestamps) {
    const sentAt = (segment.options.timestampEcho - c.timestampOffset) | 0;
    const time = ((now | 0) - sentAt) | 0;
    if (time >= 0 && time < 3_600_000) c.rto.sample(Math.max(time, 0.1));
  } else if (c.measuredAt >= 0 && !isBefore(c.unacknowledged, c.measuredEnd)) {
    c.rto.sample(now - c.measuredAt);
    c.measuredAt = -1;
  }
}

/** The retransmission timeout has passed (RFC 6298 §5): everything that is not acknowledged goes again. */
export function beginAgain(c: Connection): void {
  c.congestion.collapse(sequenceDistance(c.sentEnd, c.unacknowledged), c.timeouts === 0);
  c.lossMode = LossMode.TIMEOUT;
  c.recoverEnd = c.sentEnd;
  c.next = c.unacknowledged;
  c.duplicates = 0;
  c.mustResend = false;
  c.measuredAt = -1;
  // The other side may have dropped what it said it has (RFC 2018 §8).
  c.scoreboard.ranges.clear();
}
