import { formatMac, parseIp } from 'etherconn/wire';
import type { Range, Spans } from './range.ts';

/** The bytes that these addresses begin with, and how many values they leave. */
const PREFIX = 0x02ecn << 32n;
const VALUES = 1n << 32n;

/**
 * The MAC address of a simulated machine that was given none: locally administered, 02:ec and the last four bytes of its
 * IP address, so that processes on one network do not choose the same.
 */
export function macOf(address: string): string {
  return formatMac(Uint8Array.of(0x02, 0xec, ...parseIp(address).slice(-4)));
}

/** The MAC addresses of a range's machines. */
export function macRangeOf(addresses: Range<string>): Range<string> {
  return {
    count: addresses.count,
    text: addresses.text,
    at: (n) => macOf(addresses.at(n)),
    spans: (first, count) => [addresses.spans(first, count)[0].flatMap(lastFourBytes)],
  };
}

/** Of addresses in a row; these may go past the end and begin again. */
function lastFourBytes([first, last]: Spans[number]): Spans {
  if (last - first >= VALUES) return [[PREFIX, PREFIX + VALUES - 1n]];
  const [from, to] = [first % VALUES, last % VALUES];
  if (from <= to) return [[PREFIX + from, PREFIX + to]];
  return [
    [PREFIX + from, PREFIX + VALUES - 1n],
    [PREFIX, PREFIX + to],
  ];
}
