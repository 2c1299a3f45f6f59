import { OptionError } from '../../errors.ts';
import { checkBoolean, checkInteger, checkKnown, checkNumber, show } from '../../options.ts';
import type { CallOptions } from '../../pending.ts';
import { readU32, writeU32 } from '../../wire/bytes.ts';
import { Dhcpv4Option, writeDhcpv4Options } from '../../wire/dhcpv4-options.ts';
import { parseIp } from '../../wire/ip.ts';

/** A client identifier of the machine rather than its interface (RFC 4361). DHCPv6 uses the same. */
export interface DhcpNodeId {
  /** The DUID of the machine, 3 to 130 bytes (RFC 8415 §11). It should never change. */
  readonly duid: Uint8Array;
  /** The IAID of the interface, 32 bits. Default the last four bytes of the MAC address. */
  readonly iaid?: number;
}

/** Options of `host.dhcp()`. */
export interface DhcpOptions extends CallOptions {
  /** Sent as option 12. */
  hostName?: string;
  /**
   * Option 61: bytes are sent as they are, text after a 0 (RFC 2132 §9.14), a {@link DhcpNodeId} as of RFC 4361;
   * null sends none. Default 1 and the MAC address.
   */
  clientId?: string | Uint8Array | DhcpNodeId | null;
  /** Sent as option 60. */
  vendorClass?: string;
  /** Address to request, as text. The server may assign another one. */
  requestedAddress?: string;
  /** Address of an earlier lease, to be confirmed without a discover (RFC 2131 §4.3.2, INIT-REBOOT). */
  previousAddress?: string;
  /** Lease time to request, in seconds. */
  leaseTime?: number;
  /** Codes of the options to request from the server. Default the usual ones. */
  parameterList?: readonly number[];
  /** Further options as bytes, by code. They replace the options above. */
  options?: ReadonlyMap<number, Uint8Array>;
  /** Requests answers by broadcast. Default false: a host receives unicast answers before it has an address. */
  broadcast?: boolean;
  /** Takes a lease with two messages instead of four if the server agrees (RFC 4039). Default false. */
  rapidCommit?: boolean;
  /** Probes for the address by ARP, and declines it if another machine has it. Takes half a second. Default true. */
  probe?: boolean;
  /** Applies the MTU of the server (option 26) if the host supports it. Default true. */
  applyMtu?: boolean;
  /** Maximum of a random delay before the first message, in milliseconds (RFC 2131 §4.4.1). Default 0. */
  startDelay?: number;
  /**
   * Milliseconds to wait for the first lease. After that the call fails with TimeoutError and undoes everything.
   * Default 60,000.
   */
  timeout?: number;
}

/** {@link DhcpOptions}, checked. */
export interface DhcpSettings {
  /** For every message but releases and declines. */
  readonly options: ReadonlyMap<number, Uint8Array>;
  /** For all messages. */
  readonly clientId: Uint8Array | null;
  readonly requestedAddress: string | undefined;
  readonly previousAddress: string | undefined;
  readonly broadcast: boolean;
  readonly rapidCommit: boolean;
  readonly probe: boolean;
  readonly applyMtu: boolean;
  readonly startDelay: number;
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
}

const NAMES = [
  'hostName',
  'clientId',
  'vendorClass',
  'requestedAddress',
  'previousAddress',
  'leaseTime',
  'parameterList',
  'options',
  'broadcast',
  'rapidCommit',
  'probe',
  'applyMtu',
  'startDelay',
  'timeout',
  'signal',
];

const DEFAULT_TIMEOUT = 60_000;
/** What a message may have: an Ethernet packet without the headers of IP and UDP would be 1472. */
const MAX_MESSAGE_SIZE = 1472;
const ETHERNET = 1;
/** RFC 4361 §6.1. */
const NODE_ID = 255;

const DEFAULT_LIST = [
  Dhcpv4Option.SUBNET_MASK,
  // Before the routers: RFC 3442.
  Dhcpv4Option.CLASSLESS_ROUTES,
  Dhcpv4Option.ROUTERS,
  Dhcpv4Option.DNS_SERVERS,
  Dhcpv4Option.HOST_NAME,
  Dhcpv4Option.DOMAIN_NAME,
  Dhcpv4Option.MTU,
  Dhcpv4Option.BROADCAST_ADDRESS,
  Dhcpv4Option.NTP_SERVERS,
  Dhcpv4Option.LEASE_TIME,
  Dhcpv4Option.SERVER_ID,
  Dhcpv4Option.RENEWAL_TIME,
  Dhcpv4Option.REBINDING_TIME,
  Dhcpv4Option.DOMAIN_SEARCH,
];

/** Options that the client itself decides on. */
const OWN: readonly number[] = [
  Dhcpv4Option.MESSAGE_TYPE,
  Dhcpv4Option.SERVER_ID,
  Dhcpv4Option.REQUESTED_ADDRESS,
  Dhcpv4Option.OVERLOAD,
  Dhcpv4Option.RAPID_COMMIT,
];

/** Throws an OptionError for what is wrong. `mac`: 6 bytes. */
export function checkDhcpOptions(options: DhcpOptions, mac: Uint8Array): DhcpSettings {
  checkKnown(options, NAMES);
  const { signal, hostName, vendorClass, leaseTime } = options;
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw new OptionError('signal', `must be an AbortSignal, got ${show(signal)}`);
  const raw = writeDhcpv4Options({
    maxMessageSize: MAX_MESSAGE_SIZE,
    ...(hostName === undefined ? {} : { hostName }),
    ...(vendorClass === undefined ? {} : { vendorClass }),
    ...(leaseTime === undefined ? {} : { leaseTime }),
  });
  raw.set(Dhcpv4Option.PARAMETER_LIST, parameterList(options.parameterList));
  for (const [code, value] of customOptions(options.options)) raw.set(code, value);
  const clientId = raw.get(Dhcpv4Option.CLIENT_ID) ?? clientIdOf(options.clientId, mac);
  raw.delete(Dhcpv4Option.CLIENT_ID);
  return {
    options: raw,
    clientId,
    requestedAddress: ipv4Text('requestedAddress', options.requestedAddress),
    previousAddress: ipv4Text('previousAddress', options.previousAddress),
    broadcast: checkBoolean('broadcast', options.broadcast, false),
    rapidCommit: checkBoolean('rapidCommit', options.rapidCommit, false),
    probe: checkBoolean('probe', options.probe, true),
    applyMtu: checkBoolean('applyMtu', options.applyMtu, true),
    startDelay: checkNumber('startDelay', options.startDelay, 0, 3_600_000, 0),
    timeout: checkNumber('timeout', options.timeout, 0, Number.POSITIVE_INFINITY, DEFAULT_TIMEOUT),
    signal,
  };
}

function parameterList(codes: readonly number[] = DEFAULT_LIST): Uint8Array {
  if (!Array.isArray(codes) || codes.length === 0)
    throw new OptionError('parameterList', `must be an array of option codes, got ${show(codes)}`);
  return Uint8Array.from(codes, (code) => checkInteger('parameterList', code, 1, 254, 1));
}

function customOptions(options: ReadonlyMap<number, Uint8Array> = new Map()): Map<number, Uint8Array> {
  if (!(options instanceof Map))
    throw new OptionError('options', `must be a Map of codes and bytes, got ${show(options)}`);
  const custom = new Map<number, Uint8Array>();
  for (const [code, value] of options) {
    if (OWN.includes(checkInteger('options', code, 1, 254, 1)))
      throw new OptionError('options', `option ${code} is the client's own`);
    if (!(value instanceof Uint8Array))
      throw new OptionError('options', `option ${code} must be bytes, got ${show(value)}`);
    custom.set(code, value.slice());
  }
  return custom;
}

function clientIdOf(clientId: DhcpOptions['clientId'], mac: Uint8Array): Uint8Array | null {
  if (clientId === undefined) return Uint8Array.of(ETHERNET, ...mac);
  if (clientId === null) return null;
  if (typeof clientId === 'object' && !(clientId instanceof Uint8Array)) return nodeIdOf(clientId, mac);
  const bytes = typeof clientId === 'string' ? Buffer.from(`\0${clientId}`) : clientId;
  // RFC 2132 §9.14: two bytes at least.
  if (!(bytes instanceof Uint8Array) || bytes.length < 2)
    throw new OptionError('clientId', `must be text, 2 bytes or more, or null, got ${show(clientId)}`);
  return Uint8Array.from(bytes);
}

function nodeIdOf(nodeId: DhcpNodeId, mac: Uint8Array): Uint8Array {
  checkKnown(nodeId, ['duid', 'iaid']);
  const { duid } = nodeId;
  if (!(duid instanceof Uint8Array) || duid.length < 3 || duid.length > 130)
    throw new OptionError('duid', `must be 3 to 130 bytes, got ${show(duid)}`);
  const bytes = Uint8Array.of(NODE_ID, 0, 0, 0, 0, ...duid);
  writeU32(bytes, 1, checkInteger('iaid', nodeId.iaid, 0, 0xffffffff, readU32(mac, 2)));
  return bytes;
}

function ipv4Text(name: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  if (parseIp(text, name).length !== 4) throw new OptionError(name, `must be an IPv4 address, got ${text}`);
  return text;
}
