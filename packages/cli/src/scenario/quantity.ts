import { ScenarioError } from './scenario-error.ts';

/** Quantities as people write them: '10s', '1.5M', '64kpps'. */

const TIMES: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const PREFIXES: Readonly<Record<string, number>> = { '': 1, k: 1e3, M: 1e6, G: 1e9 };
/** Digits of a number that a double keeps exactly. */
export const SEED_MAX = 999_999_999_999_999;
/** Seconds of a DHCP lease that does not end (RFC 2131 §3.3). */
export const FOREVER = 0xffffffff;

/** A time in milliseconds: '500ms', '10s', '2m', '1h'; a number alone is seconds. */
export function parseDuration(option: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)(us|ms|s|m|h)?$/.exec(text);
  const value = match === null ? 0 : Number(match[1]) * TIMES[match[2] ?? 's'];
  if (!(value > 0)) throw new ScenarioError(option, `must be a time like 500ms, 10s or 2m, got '${text}'`);
  return value;
}

/** A whole number, 1 or more: '1000', '10k', '1.5M'. */
export function parseCount(option: string, text: string, max: number = Number.POSITIVE_INFINITY): number {
  const match = /^(\d+(?:\.\d+)?)([kMG])?$/.exec(text);
  const value = match === null ? Number.NaN : Number(match[1]) * PREFIXES[match[2] ?? ''];
  if (!Number.isSafeInteger(value) || value < 1 || value > max)
    throw new ScenarioError(
      option,
      `must be a whole number ${max === Number.POSITIVE_INFINITY ? 'from 1' : `from 1 to ${max}`}, got '${text}'`,
    );
  return value;
}

/** A number of clients as {@link parseCount}, or `max` for any number: Infinity. */
export function parseStarts(option: string, text: string): number {
  return text === 'max' ? Number.POSITIVE_INFINITY : parseCount(option, text);
}

/** How fast packets are sent. */
export interface Rate {
  /** Packets or bits per second; Infinity for as fast as it goes. */
  readonly value: number;
  /** Bits count whole frames, with their FCS. */
  readonly unit: 'pps' | 'bps';
}

/** A rate: '1000pps', '10kpps', '100Mbps', '100mbit', 'max'. */
export function parseRate(option: string, text: string): Rate {
  if (text === 'max') return { value: Number.POSITIVE_INFINITY, unit: 'pps' };
  const bits = bitRate(text);
  if (bits > 0) return { value: bits, unit: 'bps' };
  const match = /^(\d+(?:\.\d+)?)([kMG]?)pps$/.exec(text);
  const value = match === null ? 0 : Number(match[1]) * PREFIXES[match[2]];
  if (value > 0) return { value, unit: 'pps' };
  throw new ScenarioError(option, `must be a rate like 1000pps, 10kpps, 100Mbps or max, got '${text}'`);
}

/** A whole number of a small range, in digits alone: '0', '64'. */
export function parseWhole(option: string, text: string, min: number, max: number): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new ScenarioError(option, `must be a whole number from ${min} to ${max}, got '${text}'`);
}

/** The number that random choices follow from. */
export function parseSeed(option: string, text: string): number {
  return parseWhole(option, text, 0, SEED_MAX);
}

/** The length of a network prefix, of either version of IP; {@link prefixOf} checks it against the addresses. */
export function parsePrefix(option: string, text: string): number {
  const length = Number(text);
  if (/^\d{1,3}$/.test(text) && length >= 1 && length <= 128) return length;
  throw new ScenarioError(option, `must be a number of bits from 1 to 32, with IPv6 to 128, got '${text}'`);
}

/** The length of the prefix of machines with such addresses, given or not. */
export function prefixOf(option: string, length: number | undefined, version: 4 | 6): number {
  if (version === 4 && length !== undefined && length > 32)
    throw new ScenarioError(option, `must be at most 32 with IPv4, got ${length}`);
  return length ?? (version === 4 ? 24 : 64);
}

/** A lease time in seconds, as DHCP servers give it: '10m', '1h' or 'forever'. */
export function parseLeaseTime(option: string, text: string): number {
  if (text === 'forever') return FOREVER;
  const seconds = parseDuration(option, text) / 1000;
  if (Number.isInteger(seconds) && seconds >= 1 && seconds < FOREVER) return seconds;
  throw new ScenarioError(option, `must be whole seconds, or forever, got '${text}'`);
}

/** A part of a whole, 0 to 1: '0.01%'. */
export function parseRatio(option: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)%$/.exec(text);
  const value = match === null ? Number.NaN : Number(match[1]) / 100;
  if (!(value >= 0 && value <= 1))
    throw new ScenarioError(option, `must be a percentage from 0% to 100%, got '${text}'`);
  return value;
}

/** Bits per second: '100mbit', '1gbit' as tc writes them, or '100Mbps'. */
export function parseBitRate(option: string, text: string): number {
  const value = bitRate(text);
  if (value >= 1) return value;
  throw new ScenarioError(option, `must be bits per second like 100mbit or 1Gbps, got '${text}'`);
}

/** 0 if `text` is none. */
function bitRate(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(?:([kmg]?)bit|([kMG]?)bps)$/.exec(text);
  if (match === null) return 0;
  const prefix = match[3] ?? match[2].replace('m', 'M').replace('g', 'G');
  return Number(match[1]) * PREFIXES[prefix];
}
