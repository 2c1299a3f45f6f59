import type { Dhcpv4Message } from '../../wire/dhcpv4.ts';
import { type ClasslessRoute, type Dhcpv4Options, readDhcpv4Options } from '../../wire/dhcpv4-options.ts';
import { formatIp, parseIp } from '../../wire/ip.ts';

/** An address assigned by a DHCP server, and the options that came with it. Addresses are text. */
export interface DhcpLease {
  readonly address: string;
  readonly prefixLength: number;
  readonly subnetMask: string;
  /** Default routers, in order of preference. */
  readonly routers: readonly string[];
  /** Routes of option 121. If there are any, `routers` is ignored (RFC 3442). */
  readonly routes: readonly ClasslessRoute[];
  readonly dnsServers: readonly string[];
  readonly ntpServers: readonly string[];
  /** '' if the server does not send it. The same applies to the next two. */
  readonly domainName: string;
  readonly hostName: string;
  readonly broadcastAddress: string;
  readonly domainSearch: readonly string[];
  /** 0 if the server does not send it. */
  readonly mtu: number;
  readonly serverId: string;
  /** Seconds; Infinity for an unlimited lease. */
  readonly leaseTime: number;
  /** Seconds after which the client renews the lease with its server (T1), and with any server (T2). */
  readonly renewalTime: number;
  readonly rebindingTime: number;
  /** Time of the request, from which the times above count; milliseconds since the Unix epoch. */
  readonly obtained: number;
  /** End of the lease; milliseconds since the Unix epoch, or Infinity. */
  readonly expires: number;
  /** All options as received, by code, including an echoed option 82 of a relay agent. */
  readonly options: ReadonlyMap<number, Uint8Array>;
}

const FOREVER = 0xffffffff;

/**
 * The lease that an acknowledgement gives, or null when it lacks what it must have: an address that a host can have,
 * the server, and a time. `obtained`: when the request was sent, wall time.
 */
export function leaseOf(message: Dhcpv4Message, obtained: number): DhcpLease | null {
  const options = readDhcpv4Options(message.options);
  const { serverId, leaseTime } = options;
  if (serverId === undefined || leaseTime === undefined || !isUsableOffer(message, options)) return null;
  const subnetMask = options.subnetMask ?? classMask(message.yourAddress[0]);
  const duration = leaseTime === FOREVER ? Infinity : leaseTime;
  return {
    address: formatIp(message.yourAddress),
    prefixLength: maskLength(subnetMask),
    subnetMask,
    routers: options.routers ?? [],
    routes: options.classlessRoutes ?? [],
    dnsServers: options.dnsServers ?? [],
    ntpServers: options.ntpServers ?? [],
    domainName: options.domainName ?? '',
    hostName: options.hostName ?? '',
    broadcastAddress: options.broadcastAddress ?? '',
    domainSearch: options.domainSearch ?? [],
    mtu: options.mtu ?? 0,
    serverId,
    leaseTime: duration,
    ...renewalTimes(options.renewalTime, options.rebindingTime, duration),
    obtained,
    expires: obtained + duration * 1000,
    options: message.options,
  };
}

/**
 * Whether an offer may become a lease: of the address, its mask and its time all that is said is possible. Who took one that
 * never can would ask for it in vain, while other servers have better ones.
 */
export function isUsableOffer({ yourAddress }: Dhcpv4Message, options: Dhcpv4Options): boolean {
  const first = yourAddress[0];
  if (first === 0 || first === 127 || first >= 224 || options.leaseTime === 0) return false;
  return options.subnetMask === undefined || maskLength(options.subnetMask) > 0;
}

/** T1 and T2: the server's when they make sense, else half and seven eighths of the lease (RFC 2131 §4.4.5). */
function renewalTimes(
  renewal: number | undefined,
  rebinding: number | undefined,
  duration: number,
): Pick<DhcpLease, 'renewalTime' | 'rebindingTime'> {
  // Zero would be asked for again as soon as it is given, for ever.
  const rebindingTime = rebinding && rebinding <= duration ? rebinding : duration * 0.875;
  const renewalTime = renewal && renewal <= rebindingTime ? renewal : Math.min(duration * 0.5, rebindingTime);
  return { renewalTime, rebindingTime };
}

/** The mask of an address's class, for servers that do not say one: RFC 950 §2.1. */
function classMask(first: number): string {
  return first < 128 ? '255.0.0.0' : first < 192 ? '255.255.0.0' : '255.255.255.0';
}

/** Length of the prefix that a mask stands for; -1 when its ones are not in one piece, or there are none. */
function maskLength(mask: string): number {
  const bits = [...parseIp(mask)].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  return /^1+0*$/.test(bits) ? bits.lastIndexOf('1') + 1 : -1;
}
