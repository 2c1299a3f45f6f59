import { isAtMost, isBefore, laterOf, sequenceDistance } from '../../wire/tcp-sequence.ts';
import { Ranges } from './ranges.ts';

/** RFC 6675 §2: duplicate acknowledgments that mean loss. */
export const DUPLICATES_MEAN_LOSS = 3;
/** Ranges remembered at most. What is beyond is sent again at worst. */
const RANGES_MAX = 256;

/** What the other side says it has behind a gap: the scoreboard of RFC 6675. */
export class Scoreboard {
  readonly ranges: Ranges = new Ranges(RANGES_MAX);

  /** Notes blocks (see TcpOptions.sack) that lie in `[first, last)`; returns how many bytes are new. */
  note(blocks: Int32Array, count: number, first: number, last: number): number {
    let fresh = 0;
    for (let i = 0; i < count; i++) {
      const start = blocks[2 * i];
      const end = blocks[2 * i + 1];
      // RFC 2883: a block at or before the acknowledgment reports a duplicate.
      if (!isBefore(start, end) || isBefore(start, first) || isBefore(last, end)) continue;
      fresh += Math.max(0, this.ranges.add(start, end));
    }
    return fresh;
  }

  /** Whether what lies before range `i` counts as lost: enough has come that was sent after it. */
  isLostBefore(i: number, mss: number): boolean {
    const { ranges } = this;
    if (ranges.count - i >= DUPLICATES_MEAN_LOSS) return true;
    let bytes = 0;
    for (let j = i; j < ranges.count; j++) bytes += sequenceDistance(ranges.end(j), ranges.start(j));
    return bytes > (DUPLICATES_MEAN_LOSS - 1) * mss;
  }

  /** Bytes of `[first, last)` that are thought to be under way; what lies before `resent` has been sent again. */
  pipe(first: number, last: number, resent: number, mss: number): number {
    const { ranges } = this;
    let bytes = 0;
    let from = first;
    for (let i = 0; i < ranges.count && isBefore(ranges.start(i), last); i++) {
      const to = ranges.start(i);
      if (!this.isLostBefore(i, mss)) bytes += Math.max(0, sequenceDistance(to, from));
      bytes += Math.max(0, sequenceDistance(isBefore(to, resent) ? to : resent, from));
      from = laterOf(from, ranges.end(i));
    }
    return bytes + Math.max(0, sequenceDistance(last, from));
  }

  /** Bytes of `[first, last)` that the other side has. */
  bytesIn(first: number, last: number): number {
    const { ranges } = this;
    let bytes = 0;
    for (let i = 0; i < ranges.count; i++) {
      const end = isBefore(last, ranges.end(i)) ? last : ranges.end(i);
      bytes += Math.max(0, sequenceDistance(end, laterOf(first, ranges.start(i))));
    }
    return bytes;
  }

  /** `from`, or the end of the range that it lies in. */
  skip(from: number): number {
    const i = this.ranges.find(from);
    return i < 0 ? from : this.ranges.end(i);
  }

  /** The first byte at or after `from` that is in a gap and counts as lost, or `limit` if there is none before that. */
  nextLost(from: number, limit: number, mss: number): number {
    const { ranges } = this;
    const at = this.skip(from);
    for (let i = 0; i < ranges.count; i++) {
      if (isBefore(at, ranges.start(i))) return this.isLostBefore(i, mss) ? at : limit;
    }
    return limit;
  }

  /** The number up to which a segment from `from` on, in a gap, may reach. */
  gapEnd(from: number, limit: number): number {
    const { ranges } = this;
    for (let i = 0; i < ranges.count; i++) {
      if (isBefore(from, ranges.start(i))) return isAtMost(limit, ranges.start(i)) ? limit : ranges.start(i);
    }
    return limit;
  }
}
