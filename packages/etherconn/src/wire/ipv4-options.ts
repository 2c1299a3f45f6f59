/** Numbers of IPv4 options: RFC 791 §3.1, RFC 2113. */
export const Ipv4Option = {
  END: 0,
  NOP: 1,
  RECORD_ROUTE: 7,
  TIMESTAMP: 68,
  LOOSE_SOURCE_ROUTE: 131,
  STRICT_SOURCE_ROUTE: 137,
  ROUTER_ALERT: 148,
} as const;

/**
 * Bytes of the option at `at`, in options that end at `end`; 0 when none can be there: its length is missing, under 2,
 * or over what is left. The end of the list is one byte.
 */
export function ipv4OptionLength(u8: Uint8Array, at: number, end: number): number {
  if (at >= end) return 0;
  if (u8[at] === Ipv4Option.END || u8[at] === Ipv4Option.NOP) return 1;
  const length = at + 1 < end ? u8[at + 1] : 0;
  return length < 2 || at + length > end ? 0 : length;
}

/** Whether the option at `at` is a source route. */
export function isIpv4SourceRoute(u8: Uint8Array, at: number): boolean {
  return u8[at] === Ipv4Option.LOOSE_SOURCE_ROUTE || u8[at] === Ipv4Option.STRICT_SOURCE_ROUTE;
}
