import { OptionError } from '../errors.ts';
import { show } from '../options.ts';

const NANOS_PER_MILLISECOND = 1_000_000n;

/**
 * A capture's time (nanoseconds since the Unix epoch) in the form of RFC 3339, UTC, with nine digits of
 * fraction: `2023-11-14T22:13:20.123456789Z`. Times outside the years 0 to 9999, which only a damaged
 * capture has, are given as nanoseconds.
 */
export function formatTimestamp(timestamp: bigint): string {
  if (typeof timestamp !== 'bigint')
    throw new OptionError('timestamp', `must be a bigint of nanoseconds, got ${show(timestamp)}`);
  const fraction = ((timestamp % NANOS_PER_MILLISECOND) + NANOS_PER_MILLISECOND) % NANOS_PER_MILLISECOND;
  const milliseconds = Number((timestamp - fraction) / NANOS_PER_MILLISECOND);
  if (milliseconds < YEAR_0 || milliseconds >= YEAR_10000) return `${timestamp} ns`;
  return `${new Date(milliseconds).toISOString().slice(0, -1)}${fraction.toString().padStart(6, '0')}Z`;
}

const YEAR_0 = Date.parse('0000-01-01T00:00:00Z');
const YEAR_10000 = 253_402_300_800_000;
