import { sameBytes, writeU32 } from '../../wire/bytes.ts';
import { IPV4_OPTIONS, ipv4HeaderLength } from '../../wire/ipv4.ts';
import { Ipv4Option, ipv4OptionLength, isIpv4SourceRoute } from '../../wire/ipv4-options.ts';
import { Problem, problem } from './problem.ts';

/** Offsets in Record Route and Timestamp: RFC 791 §3.1. */
const POINTER = 2;
/** Overflow counter (4 bits) and flag (4 bits). */
const OVERFLOW_FLAG = 3;

const TimestampFlag = { ONLY: 0, WITH_ADDRESS: 1, PRESPECIFIED: 3 } as const;

const DAY = 86_400_000;

/** A time of the Unix epoch, in milliseconds, as IPv4 options and ICMP have it: since midnight UT. */
export function ipTimestamp(wallTime: number): number {
  return Math.floor(wallTime) % DAY;
}

/**
 * What is wrong with the options of the IPv4 header at `l3`, of a packet for us: a {@link Problem}, judged as Linux does.
 * Source routes are refused, valid or not, as Linux refuses them until it is told otherwise (RFC 6274 §3.13.2.3).
 */
export function ipv4OptionProblem(u8: Uint8Array, l3: number): number {
  const end = l3 + ipv4HeaderLength(u8, l3);
  let seen = 0;
  let hasRoute = false;
  for (let at = l3 + IPV4_OPTIONS; at < end && u8[at] !== Ipv4Option.END; ) {
    const length = ipv4OptionLength(u8, at, end);
    if (length === 0) return problem(0, at - l3);
    const bit = onceBit(u8[at]);
    if ((seen & bit) !== 0) return problem(0, at - l3);
    seen |= bit;
    const fault = faultIn(u8, at, length);
    if (fault !== 0) return problem(0, at + fault - l3);
    hasRoute ||= isIpv4SourceRoute(u8, at);
    at += length;
  }
  return hasRoute ? Problem.SILENT : Problem.NONE;
}

/** A bit for what may stand in a header only once. */
function onceBit(type: number): number {
  switch (type) {
    case Ipv4Option.RECORD_ROUTE:
      return 1;
    case Ipv4Option.TIMESTAMP:
      return 2;
    case Ipv4Option.LOOSE_SOURCE_ROUTE:
    case Ipv4Option.STRICT_SOURCE_ROUTE:
      return 4;
    default:
      return 0;
  }
}

/** Offset in the option at `at` of what is wrong with it, 0 when nothing is. */
function faultIn(u8: Uint8Array, at: number, length: number): number {
  switch (u8[at]) {
    case Ipv4Option.LOOSE_SOURCE_ROUTE:
    case Ipv4Option.STRICT_SOURCE_ROUTE:
      if (length < 3) return 1;
      return u8[at + POINTER] < 4 ? POINTER : 0;
    case Ipv4Option.RECORD_ROUTE:
      if (length < 3) return 1;
      return u8[at + POINTER] < 4 || hasPart(u8[at + POINTER], 4, length) ? POINTER : 0;
    case Ipv4Option.TIMESTAMP:
      return faultInTimestamp(u8, at, length);
    case Ipv4Option.ROUTER_ALERT:
      return length < 4 ? 1 : 0;
    default:
      return 0;
  }
}

function faultInTimestamp(u8: Uint8Array, at: number, length: number): number {
  if (length < 4) return 1;
  const pointer = u8[at + POINTER];
  if (pointer < 5 || hasPart(pointer, slotOf(u8, at), length)) return POINTER;
  const isCounting = (u8[at + OVERFLOW_FLAG] & 0xf) !== TimestampFlag.PRESPECIFIED;
  return pointer > length && isCounting && u8[at + OVERFLOW_FLAG] >> 4 === 15 ? OVERFLOW_FLAG : 0;
}

/** Whether there is some room at `pointer` (from 1 on), but not for a slot. */
function hasPart(pointer: number, slot: number, length: number): boolean {
  return pointer <= length && pointer - 1 + slot > length;
}

/** Bytes that a station writes into the timestamp option at `at`. */
function slotOf(u8: Uint8Array, at: number): number {
  const flag = u8[at + OVERFLOW_FLAG] & 0xf;
  return flag === TimestampFlag.WITH_ADDRESS || flag === TimestampFlag.PRESPECIFIED ? 8 : 4;
}

/**
 * The options of the answer to a ping with the header at `l3`: its Record Route and Timestamp, with our address in them
 * twice where there is room, as it came and as it goes (RFC 1122 §3.2.2.6; so does Linux). `time` is one of
 * {@link ipTimestamp}, `own` (4 bytes) the address that answers. Padded; empty when there are none.
 */
export function echoedIpv4Options(u8: Uint8Array, l3: number, own: Uint8Array, time: number): Uint8Array {
  const end = l3 + ipv4HeaderLength(u8, l3);
  const recordRoute = findOption(u8, l3, end, Ipv4Option.RECORD_ROUTE);
  const timestamp = findOption(u8, l3, end, Ipv4Option.TIMESTAMP);
  const length = lengthAt(u8, recordRoute) + lengthAt(u8, timestamp);
  const options = new Uint8Array((length + 3) & ~3);
  let at = 0;
  if (recordRoute >= 0) {
    at = copyOption(options, at, u8, recordRoute);
    recordAddress(options, 0, own);
    recordAddress(options, 0, own);
  }
  if (timestamp >= 0) {
    copyOption(options, at, u8, timestamp);
    recordTime(options, at, own, time, true);
    recordTime(options, at, own, time, false);
  }
  return options;
}

/** Returns the offset behind it. */
function copyOption(options: Uint8Array, at: number, u8: Uint8Array, from: number): number {
  const length = u8[from + 1];
  options.set(u8.subarray(from, from + length), at);
  return at + length;
}

function findOption(u8: Uint8Array, l3: number, end: number, type: number): number {
  for (let at = l3 + IPV4_OPTIONS; at < end && u8[at] !== Ipv4Option.END; ) {
    if (u8[at] === type) return at;
    const length = ipv4OptionLength(u8, at, end);
    if (length === 0) return -1;
    at += length;
  }
  return -1;
}

function lengthAt(u8: Uint8Array, at: number): number {
  return at < 0 ? 0 : u8[at + 1];
}

function recordAddress(u8: Uint8Array, at: number, own: Uint8Array): void {
  const pointer = u8[at + POINTER];
  if (pointer + 3 > u8[at + 1]) return;
  u8.set(own, at + pointer - 1);
  u8[at + POINTER] = pointer + 4;
}

function recordTime(u8: Uint8Array, at: number, own: Uint8Array, time: number, isArrival: boolean): void {
  const pointer = u8[at + POINTER];
  const slot = slotOf(u8, at);
  const flag = u8[at + OVERFLOW_FLAG] & 0xf;
  if (pointer - 1 + slot > u8[at + 1]) {
    // Who finds no room is counted, once (RFC 791 §3.1).
    if (isArrival && flag !== TimestampFlag.PRESPECIFIED) u8[at + OVERFLOW_FLAG] += 0x10;
    return;
  }
  const place = at + pointer - 1;
  if (flag === TimestampFlag.PRESPECIFIED && !sameBytes(u8, place, own, 0, 4)) return;
  if (flag > TimestampFlag.WITH_ADDRESS && flag !== TimestampFlag.PRESPECIFIED) return;
  if (flag === TimestampFlag.WITH_ADDRESS) u8.set(own, place);
  writeU32(u8, place + slot - 4, time);
  u8[at + POINTER] = pointer + slot;
}
