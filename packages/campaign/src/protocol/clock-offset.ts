/** One exchange with the coordinator: our clock before and after, and its clock when it got and answered the question. */
export interface Exchange {
  readonly asked: number;
  readonly received: number;
  readonly sent: number;
  readonly answered: number;
}

export interface Offset {
  /** Milliseconds that our clock shows more than the coordinator's. */
  readonly offset: number;
  /** The offset is wrong by no more than this, however the two ways differ. */
  readonly error: number;
}

/** The exchange with the least delay bounds the offset best: half of its delay is how wrong it can be. */
export function estimateOffset(exchanges: readonly Exchange[]): Offset | null {
  let best: Offset | null = null;
  for (const { asked, received, sent, answered } of exchanges) {
    const delay = answered - asked - (sent - received);
    // A clock was set meanwhile.
    if (delay < 0) continue;
    const error = delay / 2;
    if (best === null || error < best.error)
      best = { offset: (asked - received + (answered - sent)) / 2, error };
  }
  return best;
}
