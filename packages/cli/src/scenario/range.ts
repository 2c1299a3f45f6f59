import { formatIp, formatMac, isGroupMac, isIp, isMac, parseIp, parseMac } from 'etherconn/wire';
import { ScenarioError } from './scenario-error.ts';

/** Values in rows, as numbers: from the first to the last one. */
export type Spans = readonly (readonly [first: bigint, last: bigint])[];

/**
 * Values by number: what client `n` has. Number `count` has the first value again, so ranges of different length can
 * stand side by side, and any process can make any client again from its number.
 */
export interface Range<T> {
  /** Numbers until the values repeat. */
  readonly count: number;
  at(n: number): T;
  /** What `count` numbers from the first one have, for each level of a stack of tags, which others have one of. */
  spans(first: number, count: number): readonly Spans[];
  /** As it was written. */
  readonly text: string;
}

/** What the parts of a range are. */
interface Kind<T> {
  /** For errors: 'a MAC address'. */
  readonly name: string;
  readonly max: bigint;
  /** Undefined when the text is none. */
  parse(text: string): bigint | undefined;
  make(value: bigint): T;
}

/** Numbers until a range repeats may not be more than this. */
const COUNT_MAX = 16_777_216n;

/**
 * Parses `PART[,PART…][xTIMES]`, where a part is one value, `FIRST-LAST` or `FIRST+COUNT`. With `xTIMES` each value
 * serves that many numbers in a row.
 */
function parseRange<T>(option: string, text: string, kind: Kind<T>): Range<T> {
  const wrong = (why: string): ScenarioError => new ScenarioError(option, `${why}, got '${text}'`);
  const [, list, times] = /^(.*?)(?:x(\d+))?$/.exec(text) as unknown as [string, string, string | undefined];
  const repeat = BigInt(times ?? 1);
  if (repeat === 0n) throw wrong('each value must serve at least one client (x1)');
  const parts = list.split(',').map((part) => parsePart(part, kind, wrong));
  const length = parts.reduce((sum, part) => sum + part.count, 0n);
  const count = length * repeat;
  if (count > COUNT_MAX) throw wrong(`must have at most ${COUNT_MAX} values`);
  return {
    text,
    count: Number(count),
    at(n: number): T {
      let index = (BigInt(n) / repeat) % length;
      for (const part of parts) {
        if (index < part.count) return kind.make(part.first + index);
        index -= part.count;
      }
      throw new RangeError('unreachable');
    },
    spans(from: number, numbers: number): readonly Spans[] {
      if (numbers === 0) return [[]];
      const first = BigInt(from) / repeat;
      const last = BigInt(from + numbers - 1) / repeat;
      if (last - first + 1n >= length) return [slices(parts, 0n, length - 1n)];
      const [begin, end] = [first % length, last % length];
      if (begin <= end) return [slices(parts, begin, end)];
      return [[...slices(parts, begin, length - 1n), ...slices(parts, 0n, end)]];
    },
  };
}

/** The values from one index to another, both included. */
function slices(
  parts: readonly { readonly first: bigint; readonly count: bigint }[],
  begin: bigint,
  end: bigint,
): Spans {
  const spans: (readonly [bigint, bigint])[] = [];
  let start = 0n;
  for (const { first, count } of parts) {
    const from = begin > start ? begin - start : 0n;
    const to = end - start < count - 1n ? end - start : count - 1n;
    if (from <= to) spans.push([first + from, first + to]);
    start += count;
  }
  return spans;
}

function parsePart<T>(
  part: string,
  kind: Kind<T>,
  wrong: (why: string) => ScenarioError,
): { first: bigint; count: bigint } {
  const [, from, sign, to] = /^([^-+]*)(?:([-+])(.*))?$/.exec(part) as unknown as string[];
  const first = kind.parse(from);
  if (first === undefined) throw wrong(`must be ${kind.name}, or a range FIRST-LAST or FIRST+COUNT`);
  if (sign === undefined) return { first, count: 1n };
  if (sign === '+') {
    if (!/^\d+$/.test(to) || BigInt(to) === 0n) throw wrong('behind + comes how many, 1 or more');
    const count = BigInt(to);
    if (first + count - 1n > kind.max) throw wrong('goes past the highest value');
    return { first, count };
  }
  const last = kind.parse(to);
  if (last === undefined) throw wrong(`must end with ${kind.name}`);
  if (last < first) throw wrong('must not end before it begins');
  return { first, count: last - first + 1n };
}

function bytesToBig(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
}

function bigToBytes(value: bigint, length: number): Uint8Array {
  return new Uint8Array(Buffer.from(value.toString(16).padStart(2 * length, '0'), 'hex'));
}

/** MAC addresses as text: '02:00:00:00:00:01+100'. */
export function parseMacRange(option: string, text: string): Range<string> {
  return parseRange(option, text, {
    name: 'a MAC address like 02:00:00:00:00:01',
    max: 0xffff_ffff_ffffn,
    parse: (mac) => (mac.includes(':') && isMac(mac) ? bytesToBig(parseMac(mac)) : undefined),
    make: (value) => formatMac(bigToBytes(value, 6)),
  });
}

/** The MAC address of one machine, as it was written. */
export function parseUnicastMac(option: string, text: string): string {
  const { count, at } = parseMacRange(option, text);
  if (count !== 1 || isGroupMac(parseMac(at(0))))
    throw new ScenarioError(option, `must be one MAC address, and no group's, got '${text}'`);
  return text;
}

/** IP addresses of one version as text: '10.0.0.1-10.0.0.20', 'fd00::1+20'. */
export function parseAddressRange(option: string, text: string): Range<string> & { readonly version: 4 | 6 } {
  const version = text.includes(':') ? 6 : 4;
  const length = version === 4 ? 4 : 16;
  const range = parseRange(option, text, {
    name: version === 4 ? 'an IP address like 10.0.0.1' : 'an IPv6 address like fd00::1',
    max: (1n << BigInt(8 * length)) - 1n,
    parse: (ip) => (isIp(ip) === version ? bytesToBig(parseIp(ip)) : undefined),
    make: (value) => formatIp(bigToBytes(value, length)),
  });
  return { ...range, version };
}

/** UDP ports: '1000-1999'. */
export function parsePortRange(option: string, text: string): Range<number> {
  return parseNumbers(option, text, 'a port from 1 to 65535', 1n, 65_535n);
}

/** VLAN tags, outermost first: '100', '100-199', '100.200', '100-109.200-209', where the inner id changes first. */
export function parseVlanRange(option: string, text: string): Range<readonly number[]> {
  const levels = text.split('.');
  if (levels.length > 2) throw new ScenarioError(option, `must have at most two tags, got '${text}'`);
  const ranges = levels.map((level) => parseNumbers(option, level, 'a VLAN id from 1 to 4094', 1n, 4094n));
  const [outer, inner] = ranges;
  if (inner === undefined)
    return {
      text,
      count: outer.count,
      at: (n) => [outer.at(n)],
      spans: (from, count) => outer.spans(from, count),
    };
  return {
    text,
    count: outer.count * inner.count,
    at: (n) => [outer.at(Math.floor(n / inner.count)), inner.at(n)],
    spans(first, count) {
      if (count === 0) return [[], []];
      const from = Math.floor(first / inner.count);
      const to = Math.floor((first + count - 1) / inner.count);
      return [outer.spans(from, to - from + 1)[0], inner.spans(first, count)[0]];
    },
  };
}

function parseNumbers(option: string, text: string, name: string, min: bigint, max: bigint): Range<number> {
  return parseRange(option, text, {
    name,
    max,
    parse(digits) {
      if (!/^\d{1,9}$/.test(digits)) return undefined;
      const value = BigInt(digits);
      return value >= min && value <= max ? value : undefined;
    },
    make: Number,
  });
}
