import { OptionError } from '../errors.ts';
import { checkBoolean, checkInteger } from '../options.ts';
import { checkBytes, readU16, readU32, writeU16, writeU32 } from './bytes.ts';
import { Dhcpv4Option, Dhcpv4Type, readDhcpv4Options } from './dhcpv4-options.ts';
import { formatIp } from './ip.ts';
import { formatMac } from './mac.ts';

/**
 * DHCP for IPv4, the UDP payload: RFC 2131; options: RFC 2132; options longer than 255 bytes: RFC 3396. Offsets are from
 * the start of the message.
 */

/** UDP port of clients (RFC 2131, 4.1). */
export const DHCPV4_CLIENT_PORT = 68;
/** UDP port of servers and relay agents (RFC 2131, 4.1). */
export const DHCPV4_SERVER_PORT = 67;

/** Values of {@link Dhcpv4Message.op}. */
export const Dhcpv4Op = { REQUEST: 1, REPLY: 2 } as const;

const FLAGS = 10;
const ADDRESSES = 12;
const CHADDR = 28;
const SERVER_NAME = 44;
const SERVER_NAME_LENGTH = 64;
const FILE = 108;
const FILE_LENGTH = 128;
const COOKIE = 236;
const OPTIONS = 240;
const MAGIC = 0x63825363;
const BROADCAST_FLAG = 0x8000;
/** BOOTP's length, which relay agents and old servers insist on (RFC 1542 §2.1). */
const MIN_LENGTH = 300;
/** What every client takes: RFC 2131 §2, 576 bytes of IP packet without the headers of IP and UDP. */
const DEFAULT_MAX = 548;
/** Bits of option 52: which fields hold options. */
const OVERLOAD_FILE = 1;
const OVERLOAD_SERVER_NAME = 2;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A message. Addresses have 4 bytes. */
export interface Dhcpv4Message {
  /** {@link Dhcpv4Op}. */
  readonly op: number;
  /** Hardware type; 1 is Ethernet. */
  readonly hardwareType: number;
  readonly hops: number;
  /** Transaction, 32 bits. */
  readonly xid: number;
  /** Seconds since the client began. */
  readonly secs: number;
  /** The client wants answers by broadcast. */
  readonly broadcast: boolean;
  /** ciaddr: that the client has. */
  readonly clientAddress: Uint8Array;
  /** yiaddr: that the client gets. */
  readonly yourAddress: Uint8Array;
  /** siaddr: server to boot from. */
  readonly serverAddress: Uint8Array;
  /** giaddr: relay agent. */
  readonly relayAddress: Uint8Array;
  /** chaddr: up to 16 bytes. */
  readonly hardwareAddress: Uint8Array;
  /** Empty when it holds options instead. */
  readonly serverName: string;
  /** Empty when it holds options instead. */
  readonly bootFile: string;
  /** By code, parts joined; without padding, end and overload. */
  readonly options: ReadonlyMap<number, Uint8Array>;
}

/** What {@link emitDhcpv4} is told; whatever is left out is zero or empty. */
export type Dhcpv4Fields = Pick<Dhcpv4Message, 'op' | 'xid' | 'hardwareAddress'> & Partial<Dhcpv4Message>;

/** Parses the UDP payload `[start, end)`, copied; null when it is no whole DHCP message. */
export function parseDhcpv4(u8: Uint8Array, start = 0, end: number = u8.length): Dhcpv4Message | null {
  if (end - start < OPTIONS || readU32(u8, start + COOKIE) !== MAGIC) return null;
  const hardwareLength = u8[start + 2];
  if (hardwareLength > 16) return null;
  const options = new Map<number, Uint8Array>();
  if (!readOptions(u8, start + OPTIONS, end, options)) return null;
  const overload = options.get(Dhcpv4Option.OVERLOAD)?.[0] ?? 0;
  options.delete(Dhcpv4Option.OVERLOAD);
  // The file field comes first: RFC 3396 §5.
  const file = start + FILE;
  const serverName = start + SERVER_NAME;
  if ((overload & OVERLOAD_FILE) !== 0 && !readOptions(u8, file, file + FILE_LENGTH, options)) return null;
  if (
    (overload & OVERLOAD_SERVER_NAME) !== 0 &&
    !readOptions(u8, serverName, serverName + SERVER_NAME_LENGTH, options)
  ) {
    return null;
  }
  const address = (index: number) =>
    u8.slice(start + ADDRESSES + 4 * index, start + ADDRESSES + 4 * index + 4);
  return {
    op: u8[start],
    hardwareType: u8[start + 1],
    hops: u8[start + 3],
    xid: readU32(u8, start + 4),
    secs: readU16(u8, start + 8),
    broadcast: (readU16(u8, start + FLAGS) & BROADCAST_FLAG) !== 0,
    clientAddress: address(0),
    yourAddress: address(1),
    serverAddress: address(2),
    relayAddress: address(3),
    hardwareAddress: u8.slice(start + CHADDR, start + CHADDR + hardwareLength),
    serverName: (overload & OVERLOAD_SERVER_NAME) === 0 ? readText(u8, serverName, SERVER_NAME_LENGTH) : '',
    bootFile: (overload & OVERLOAD_FILE) === 0 ? readText(u8, file, FILE_LENGTH) : '',
    options,
  };
}

/** Adds the options of `[at, end)`; false when one is cut off. A missing end is forgiven, as by everybody. */
function readOptions(u8: Uint8Array, at: number, end: number, into: Map<number, Uint8Array>): boolean {
  while (at < end) {
    const code = u8[at++];
    if (code === Dhcpv4Option.END) return true;
    if (code === Dhcpv4Option.PAD) continue;
    if (at >= end || at + 1 + u8[at] > end) return false;
    const part = u8.subarray(at + 1, at + 1 + u8[at]);
    const before = into.get(code);
    const joined = new Uint8Array((before?.length ?? 0) + part.length);
    if (before !== undefined) joined.set(before);
    joined.set(part, before?.length ?? 0);
    into.set(code, joined);
    at += 1 + part.length;
  }
  return true;
}

function readText(u8: Uint8Array, at: number, length: number): string {
  const bytes = u8.subarray(at, at + length);
  const end = bytes.indexOf(0);
  return decoder.decode(end < 0 ? bytes : bytes.subarray(0, end));
}

/**
 * A message as bytes, padded to 300. Options that do not fit into `maxLength` bytes (default 548) go into the file and
 * server name fields (option 52), as long as these are empty. Throws an OptionError for wrong fields, and when the
 * options do not fit at all.
 */
export function emitDhcpv4(fields: Dhcpv4Fields, maxLength: number = DEFAULT_MAX): Uint8Array {
  const limit = checkInteger('maxLength', maxLength, MIN_LENGTH, 0xffff, DEFAULT_MAX);
  const u8 = new Uint8Array(limit);
  const hardware = fields.hardwareAddress;
  if (hardware.length > 16) throw new OptionError('hardwareAddress', 'must be at most 16 bytes');
  u8[0] = checkInteger('op', fields.op, 0, 255, 0);
  u8[1] = checkInteger('hardwareType', fields.hardwareType, 0, 255, 1);
  u8[2] = hardware.length;
  u8[3] = checkInteger('hops', fields.hops, 0, 255, 0);
  writeU32(u8, 4, checkInteger('xid', fields.xid, 0, 0xffffffff, 0));
  writeU16(u8, 8, checkInteger('secs', fields.secs, 0, 0xffff, 0));
  writeU16(u8, FLAGS, checkBoolean('broadcast', fields.broadcast, false) ? BROADCAST_FLAG : 0);
  const names = ['clientAddress', 'yourAddress', 'serverAddress', 'relayAddress'] as const;
  for (const [index, name] of names.entries()) {
    const address = fields[name];
    if (address !== undefined) u8.set(checkBytes(name, address, 4), ADDRESSES + 4 * index);
  }
  u8.set(hardware, CHADDR);
  const hasServerName = writeText(u8, SERVER_NAME, SERVER_NAME_LENGTH, 'serverName', fields.serverName);
  const hasFile = writeText(u8, FILE, FILE_LENGTH, 'bootFile', fields.bootFile);
  writeU32(u8, COOKIE, MAGIC);
  const parts = optionParts(fields.options ?? new Map());
  const end =
    writeOptions(u8, parts, limit, 0) ??
    writeOptions(u8, parts, limit, hasFile ? 0 : OVERLOAD_FILE) ??
    writeOptions(
      u8,
      parts,
      limit,
      (hasFile ? 0 : OVERLOAD_FILE) | (hasServerName ? 0 : OVERLOAD_SERVER_NAME),
    );
  if (end === null) throw new OptionError('options', `do not fit in a message of ${limit} bytes`);
  return u8.slice(0, Math.max(end, MIN_LENGTH));
}

function writeText(
  u8: Uint8Array,
  at: number,
  length: number,
  name: string,
  text: string | undefined,
): boolean {
  if (text === undefined || text === '') return false;
  const bytes = encoder.encode(text);
  if (bytes.length >= length)
    throw new OptionError(name, `must be shorter than ${length} bytes, got ${bytes.length}`);
  u8.set(bytes, at);
  return true;
}

/** Options with their codes and lengths, in parts of at most 255 bytes: the type first, the relay agent's last. */
function optionParts(options: ReadonlyMap<number, Uint8Array>): Uint8Array[] {
  const order = (code: number) =>
    code === Dhcpv4Option.MESSAGE_TYPE ? -1 : code === Dhcpv4Option.RELAY_AGENT ? 1 : 0;
  const parts: Uint8Array[] = [];
  for (const [code, value] of [...options].sort(([a], [b]) => order(a) - order(b))) {
    if (!(Number.isInteger(code) && code > 0 && code < 255) || code === Dhcpv4Option.OVERLOAD)
      throw new OptionError('options', `code must be from 1 to 254, and not 52, got ${code}`);
    for (let at = 0; at === 0 || at < value.length; at += 255) {
      const piece = value.subarray(at, at + 255);
      parts.push(Uint8Array.of(code, piece.length, ...piece));
    }
  }
  return parts;
}

/** Writes parts to the options field, then to the fields that `overload` names; the message's end, or null. */
function writeOptions(
  u8: Uint8Array,
  parts: readonly Uint8Array[],
  limit: number,
  overload: number,
): number | null {
  const areas: [number, number][] = [[OPTIONS, limit]];
  if ((overload & OVERLOAD_FILE) !== 0) areas.push([FILE, FILE + FILE_LENGTH]);
  if ((overload & OVERLOAD_SERVER_NAME) !== 0) areas.push([SERVER_NAME, SERVER_NAME + SERVER_NAME_LENGTH]);
  for (const [from, to] of areas) u8.fill(0, from, to);
  let area = 0;
  let [at, end] = areas[0];
  if (overload !== 0) {
    u8.set([Dhcpv4Option.OVERLOAD, 1, overload], at);
    at += 3;
  }
  let optionsEnd = 0;
  for (const part of parts) {
    // One byte is left for the end mark.
    while (at + part.length + 1 > end) {
      u8[at] = Dhcpv4Option.END;
      if (area === 0) optionsEnd = at + 1;
      if (++area >= areas.length) return null;
      [at, end] = areas[area];
    }
    u8.set(part, at);
    at += part.length;
  }
  u8[at] = Dhcpv4Option.END;
  if (area === 0) optionsEnd = at + 1;
  // An overloaded field without options still needs its end.
  for (const [from] of areas.slice(area + 1)) u8[from] = Dhcpv4Option.END;
  return optionsEnd;
}

const TYPE_NAMES: ReadonlyMap<number, string> = new Map<number, string>(
  Object.entries(Dhcpv4Type).map(([name, type]) => [type, name.toLowerCase()]),
);

/** One line: `DHCP offer, xid 0x1234, 02:00:00:00:00:01, yiaddr 10.0.0.5, server 10.0.0.1`. */
export function printDhcpv4(u8: Uint8Array, start = 0, end: number = u8.length): string {
  const message = parseDhcpv4(u8, start, end);
  if (message === null) return 'DHCP';
  const { messageType = 0, serverId } = readDhcpv4Options(message.options);
  let text = `DHCP ${TYPE_NAMES.get(messageType) ?? 'message'}, xid 0x${message.xid.toString(16)}`;
  if (message.hardwareAddress.length === 6) text += `, ${formatMac(message.hardwareAddress)}`;
  const addresses = [
    ['ciaddr', message.clientAddress],
    ['yiaddr', message.yourAddress],
    ['giaddr', message.relayAddress],
  ] as const;
  for (const [name, address] of addresses)
    if (address.some((byte) => byte !== 0)) text += `, ${name} ${formatIp(address)}`;
  return serverId === undefined ? text : `${text}, server ${serverId}`;
}
