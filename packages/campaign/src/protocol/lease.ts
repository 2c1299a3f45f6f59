/**
 * A lease without synchronized clocks. The agent counts from when it sent a renewal that the store has accepted, the
 * coordinator from when it saw that renewal, which is later. So with a margin at both ends, and clocks that run equally
 * fast, the agent has stopped before its successor starts. Who may decide is settled by the store: a renewal and the
 * end of a lease are both compare-and-set of the same record, so one of them fails.
 */
export interface LeaseTerms {
  /** Milliseconds. */
  readonly lease: number;
  readonly margin: number;
}

/** Renewals in a lease: two may be lost. */
const RENEWALS = 3;

/** The agent's side. Times are by its monotonic clock. */
export class HeldLease {
  readonly #terms: LeaseTerms;
  #renewedAt = Number.NEGATIVE_INFINITY;

  constructor(terms: LeaseTerms) {
    this.#terms = terms;
  }

  /** The store has accepted a renewal that was sent at `sentAt`. */
  renewed(sentAt: number): void {
    this.#renewedAt = Math.max(this.#renewedAt, sentAt);
  }

  /** The time from which nothing may be sent. */
  get fenceAt(): number {
    return this.#renewedAt + this.#terms.lease - this.#terms.margin;
  }

  holds(now: number): boolean {
    return now < this.fenceAt;
  }

  /** Milliseconds between renewals. */
  get interval(): number {
    return renewalInterval(this.#terms);
  }
}

export function renewalInterval({ lease }: LeaseTerms): number {
  return lease / RENEWALS;
}

/** The coordinator's side, by its monotonic clock. */
export class WatchedLease {
  readonly #terms: LeaseTerms;
  #seenAt: number;

  /** @param seenAt when a renewal was seen; for who has just started, now */
  constructor(terms: LeaseTerms, seenAt: number) {
    this.#terms = terms;
    this.#seenAt = seenAt;
  }

  seen(at: number): void {
    this.#seenAt = Math.max(this.#seenAt, at);
  }

  get seenAt(): number {
    return this.#seenAt;
  }

  /** The time from which a successor may start, once the store refuses further renewals. */
  get takeoverAt(): number {
    return this.#seenAt + this.#terms.lease + this.#terms.margin;
  }

  isOver(now: number): boolean {
    return now >= this.takeoverAt;
  }
}
