/** What became of a capture. */
export interface ReplayResult {
  /** Frames read, in all passes. */
  readonly read: number;
  readonly passes: number;
  /** Frames that were not sent, by reason. */
  readonly skipped: Readonly<Record<string, number>>;
  /** What was asked for: packets or bits a second, or null; then the times in the capture, or as fast as it went. */
  readonly asked: { readonly pps: number | null; readonly bps: number | null };
  /** Seconds in which the frames were to be sent, and were; `scheduled` is null without a schedule. */
  readonly scheduled: number | null;
  readonly took: number;
  /** Frames with a time in the capture before that of an earlier one: they were sent right behind it. */
  readonly backwards: number;
  /** Most frames by which one arrived behind a later one; null when arrivals were not looked at. */
  readonly furthest: number | null;
  /** Why the capture could not be read to its end, or null. */
  readonly damage: string | null;
}
