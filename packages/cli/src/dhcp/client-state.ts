/** Where a client is: RFC 2131 figure 5. */
export const State = {
  /** Has not begun, or has what it was to have and no lease. */
  IDLE: 0,
  SELECTING: 1,
  REQUESTING: 2,
  BOUND: 3,
  RENEWING: 4,
  REBINDING: 5,
  /** Begins again later, or as soon as it is its turn. */
  WAITING: 6,
  /** Has given up. */
  FAILED: 7,
  /** Has given its lease back at the end. */
  RELEASED: 8,
} as const;
