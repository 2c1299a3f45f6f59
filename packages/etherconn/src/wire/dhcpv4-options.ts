import { OptionError } from '../errors.ts';
import { checkInteger, show } from '../options.ts';
import { readU16, readU32, writeU16, writeU32 } from './bytes.ts';
import { formatDomainNames, parseDomainNames } from './domain-names.ts';
import { formatIp, parseIp } from './ip.ts';

/** Codes of DHCPv4 options: RFC 2132, and where another is named. */
export const Dhcpv4Option = {
  PAD: 0,
  SUBNET_MASK: 1,
  ROUTERS: 3,
  DNS_SERVERS: 6,
  HOST_NAME: 12,
  DOMAIN_NAME: 15,
  MTU: 26,
  BROADCAST_ADDRESS: 28,
  NTP_SERVERS: 42,
  VENDOR_SPECIFIC: 43,
  REQUESTED_ADDRESS: 50,
  LEASE_TIME: 51,
  OVERLOAD: 52,
  MESSAGE_TYPE: 53,
  SERVER_ID: 54,
  PARAMETER_LIST: 55,
  MESSAGE: 56,
  MAX_MESSAGE_SIZE: 57,
  RENEWAL_TIME: 58,
  REBINDING_TIME: 59,
  VENDOR_CLASS: 60,
  CLIENT_ID: 61,
  TFTP_SERVER: 66,
  BOOT_FILE: 67,
  /** RFC 4039. */
  RAPID_COMMIT: 80,
  /** RFC 3046. */
  RELAY_AGENT: 82,
  /** RFC 3397. */
  DOMAIN_SEARCH: 119,
  /** RFC 3442. */
  CLASSLESS_ROUTES: 121,
  END: 255,
} as const;

/** Values of option 53. */
export const Dhcpv4Type = {
  DISCOVER: 1,
  OFFER: 2,
  REQUEST: 3,
  DECLINE: 4,
  ACK: 5,
  NAK: 6,
  RELEASE: 7,
  INFORM: 8,
} as const;

/** A route of option 121. */
export interface ClasslessRoute {
  /** Network, like '10.1.0.0/16'. */
  readonly destination: string;
  /** Router, text; 0.0.0.0 when the network is on the link. */
  readonly gateway: string;
}

/** The usual options with their meanings. Addresses are text, times seconds (0xffffffff: for ever). */
export interface Dhcpv4Options {
  messageType?: number;
  subnetMask?: string;
  routers?: readonly string[];
  dnsServers?: readonly string[];
  hostName?: string;
  domainName?: string;
  mtu?: number;
  broadcastAddress?: string;
  ntpServers?: readonly string[];
  vendorSpecific?: Uint8Array;
  requestedAddress?: string;
  leaseTime?: number;
  serverId?: string;
  parameterList?: Uint8Array;
  /** Why a NAK was sent, for people. */
  message?: string;
  maxMessageSize?: number;
  renewalTime?: number;
  rebindingTime?: number;
  vendorClass?: string;
  clientId?: Uint8Array;
  tftpServer?: string;
  bootFile?: string;
  rapidCommit?: boolean;
  /** Sub-options as they came. */
  relayAgent?: Uint8Array;
  domainSearch?: readonly string[];
  classlessRoutes?: readonly ClasslessRoute[];
}

/** How a kind of value is read (undefined when the bytes cannot be one) and written. */
interface Codec<T> {
  read(bytes: Uint8Array): T | undefined;
  /** Throws an OptionError in the name of `name`. */
  write(value: T, name: string): Uint8Array;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * Values of fixed length are the first bytes of what came: an option that is there twice, as servers send it that have
 * been told to add one of their own, has been joined by RFC 3396.
 */
const address: Codec<string> = {
  read: (bytes) => (bytes.length >= 4 ? formatIp(bytes, 0, 4) : undefined),
  write: (value, name) => ipv4(value, name),
};

const addresses: Codec<readonly string[]> = {
  read(bytes) {
    if (bytes.length === 0 || bytes.length % 4 !== 0) return undefined;
    return Array.from({ length: bytes.length / 4 }, (_, index) => formatIp(bytes, 4 * index, 4));
  },
  write: (value, name) => Uint8Array.from(value.flatMap((one) => [...ipv4(one, name)])),
};

function integer(length: 1 | 2 | 4): Codec<number> {
  const max = 2 ** (8 * length) - 1;
  return {
    read(bytes) {
      if (bytes.length < length) return undefined;
      return length === 1 ? bytes[0] : length === 2 ? readU16(bytes, 0) : readU32(bytes, 0);
    },
    write(value, name) {
      const bytes = new Uint8Array(length);
      const checked = checkInteger(name, value, 0, max, 0);
      if (length === 1) bytes[0] = checked;
      else if (length === 2) writeU16(bytes, 0, checked);
      else writeU32(bytes, 0, checked);
      return bytes;
    },
  };
}

const text: Codec<string> = {
  // Some servers end text with a NUL (RFC 2132 §2: receivers must be prepared for it).
  read: (bytes) => decoder.decode(bytes).replace(/\0+$/, ''),
  write(value, name) {
    if (typeof value !== 'string' || value === '')
      throw new OptionError(name, `must be text, got ${show(value)}`);
    return encoder.encode(value);
  },
};

const bytes: Codec<Uint8Array> = {
  read: (value) => value.slice(),
  write(value, name) {
    if (!(value instanceof Uint8Array)) throw new OptionError(name, `must be bytes, got ${show(value)}`);
    return value.slice();
  },
};

const flag: Codec<boolean> = { read: () => true, write: () => new Uint8Array(0) };

const domainNames: Codec<readonly string[]> = {
  read: parseDomainNames,
  write: formatDomainNames,
};

const routes: Codec<readonly ClasslessRoute[]> = {
  read(value) {
    const found: ClasslessRoute[] = [];
    for (let at = 0; at < value.length; ) {
      const length = value[at++];
      const significant = (length + 7) >> 3;
      if (length > 32 || at + significant + 4 > value.length) return undefined;
      const network = new Uint8Array(4);
      network.set(value.subarray(at, at + significant));
      at += significant;
      found.push({ destination: `${formatIp(network)}/${length}`, gateway: formatIp(value, at, 4) });
      at += 4;
    }
    return found.length > 0 ? found : undefined;
  },
  write: (value, name) =>
    Uint8Array.from(
      value.flatMap(({ destination, gateway }) => {
        const [network = '', length = ''] = destination.split('/');
        const bits = checkInteger(name, /^\d+$/.test(length) ? Number(length) : Number.NaN, 0, 32, 0);
        return [bits, ...ipv4(network, name).subarray(0, (bits + 7) >> 3), ...ipv4(gateway, name)];
      }),
    ),
};

function ipv4(value: string, name: string): Uint8Array {
  const parsed = parseIp(value, name);
  if (parsed.length !== 4) throw new OptionError(name, `must be an IPv4 address, got ${show(value)}`);
  return parsed;
}

type Codecs = {
  readonly [Name in keyof Dhcpv4Options]-?: readonly [number, Codec<NonNullable<Dhcpv4Options[Name]>>];
};

const CODECS: Codecs = {
  messageType: [Dhcpv4Option.MESSAGE_TYPE, integer(1)],
  subnetMask: [Dhcpv4Option.SUBNET_MASK, address],
  routers: [Dhcpv4Option.ROUTERS, addresses],
  dnsServers: [Dhcpv4Option.DNS_SERVERS, addresses],
  hostName: [Dhcpv4Option.HOST_NAME, text],
  domainName: [Dhcpv4Option.DOMAIN_NAME, text],
  mtu: [Dhcpv4Option.MTU, integer(2)],
  broadcastAddress: [Dhcpv4Option.BROADCAST_ADDRESS, address],
  ntpServers: [Dhcpv4Option.NTP_SERVERS, addresses],
  vendorSpecific: [Dhcpv4Option.VENDOR_SPECIFIC, bytes],
  requestedAddress: [Dhcpv4Option.REQUESTED_ADDRESS, address],
  leaseTime: [Dhcpv4Option.LEASE_TIME, integer(4)],
  serverId: [Dhcpv4Option.SERVER_ID, address],
  parameterList: [Dhcpv4Option.PARAMETER_LIST, bytes],
  message: [Dhcpv4Option.MESSAGE, text],
  maxMessageSize: [Dhcpv4Option.MAX_MESSAGE_SIZE, integer(2)],
  renewalTime: [Dhcpv4Option.RENEWAL_TIME, integer(4)],
  rebindingTime: [Dhcpv4Option.REBINDING_TIME, integer(4)],
  vendorClass: [Dhcpv4Option.VENDOR_CLASS, text],
  clientId: [Dhcpv4Option.CLIENT_ID, bytes],
  tftpServer: [Dhcpv4Option.TFTP_SERVER, text],
  bootFile: [Dhcpv4Option.BOOT_FILE, text],
  rapidCommit: [Dhcpv4Option.RAPID_COMMIT, flag],
  relayAgent: [Dhcpv4Option.RELAY_AGENT, bytes],
  domainSearch: [Dhcpv4Option.DOMAIN_SEARCH, domainNames],
  classlessRoutes: [Dhcpv4Option.CLASSLESS_ROUTES, routes],
};

const NAMES = Object.keys(CODECS) as (keyof Dhcpv4Options)[];

/** Reads the options known here out of raw ones. What has not the form it must have is left out. */
export function readDhcpv4Options(raw: ReadonlyMap<number, Uint8Array>): Dhcpv4Options {
  const options: Record<string, unknown> = {};
  for (const name of NAMES) {
    const [code, codec] = CODECS[name];
    const found = raw.get(code);
    const value = found === undefined ? undefined : codec.read(found);
    if (value !== undefined) options[name] = value;
  }
  return options as Dhcpv4Options;
}

/** Options as raw ones, in the order in which they are given. Throws an OptionError for what cannot be one. */
export function writeDhcpv4Options(options: Dhcpv4Options): Map<number, Uint8Array> {
  const raw = new Map<number, Uint8Array>();
  for (const [name, value] of Object.entries(options)) {
    const entry = CODECS[name as keyof Dhcpv4Options];
    if (entry === undefined) throw new OptionError(name, 'is not a DHCP option known here');
    if (value === undefined || value === false) continue;
    const [code, codec] = entry;
    raw.set(code, (codec as Codec<unknown>).write(value, name));
  }
  return raw;
}
