import { randomBytes } from 'node:crypto';
import { OptionError } from '../errors.ts';
import { checkBoolean, checkInteger, checkKnown, checkOneOf, show } from '../options.ts';
import { type MacAddress, toMac } from '../relay/l2-endpoint.ts';
import { formatIp, type IpPrefix, parsePrefix } from '../wire/ip.ts';
import type { Vlan } from '../wire/vlan.ts';
import type { DetectDuplicates } from './config/address-config.ts';
import { duplicateOf, isReachableGateway, parseGateway, parseHostAddress } from './ip/host-address.ts';
import type { RouteEntry } from './ip/routes.ts';

/** A route, as an argument and a result. */
export interface HostRoute {
  /** Network, like '10.1.0.0/16' or '::/0'. */
  destination: string;
  /** Router on the link. Without it, the network itself is on the link. */
  gateway?: string;
  /** Of two routes for the same network, the one with the lower metric is used. 0 to 2^31 - 1, default 0. */
  metric?: number;
}

/** Options of {@link Host.create}. */
export interface HostOptions {
  /** Own MAC address, text or 6 bytes. Default a random, locally administered one. */
  mac?: MacAddress;
  /** At most two VLAN tags, outermost first: ids or { id, pcp, dei, tpid }. Default none. */
  vlans?: readonly (number | Vlan)[];
  /** Addresses with prefix lengths: '10.0.0.5/24', '2001:db8::5/64'. Default none (see {@link Host.addAddress}). */
  addresses?: readonly string[];
  /** Default router. */
  gateway?: string;
  /** Default routers, if there are several or one for each IP version. */
  gateways?: readonly string[];
  /** Further routes. */
  routes?: readonly HostRoute[];
  /** Name of the interface in zones ('fe80::1%eth0') and interface arguments. Default 'eth0'. */
  interfaceName?: string;
  /**
   * Longest IP packet in one frame, in bytes: from 576 (with IPv6 addresses 1280) to the maximum of the relay,
   * which is the default.
   */
  mtu?: number;
  /**
   * Gives the host the link-local IPv6 address of its MAC address (RFC 4291, appendix A), which every IPv6 host
   * has. By default it gets one if it has other IPv6 addresses and no link-local one.
   */
  linkLocal?: boolean;
  /**
   * How the host detects that another machine has an address. 'optimistic' (default): it uses IPv6 addresses at
   * once and probes for them meanwhile (RFC 4429). 'wait': it probes for all addresses before it uses them,
   * including IPv4 addresses (RFC 5227). This takes seconds, and `create` resolves after it. 'off': it does not
   * probe.
   */
  detectDuplicates?: DetectDuplicates;
  /** Announces the addresses to the neighbors at once (gratuitous ARP, unsolicited advertisements). Default false. */
  announce?: boolean;
  /**
   * Throws InUseError if the MAC address is already registered, instead of overriding the registration. Default
   * false.
   */
  exclusive?: boolean;
  /** Maximum number of neighbor cache entries for each IP version. 16 to 65,536, default 1024. */
  neighbors?: number;
}

const OPTIONS: readonly string[] = [
  'mac',
  'vlans',
  'addresses',
  'gateway',
  'gateways',
  'routes',
  'interfaceName',
  'mtu',
  'linkLocal',
  'detectDuplicates',
  'announce',
  'exclusive',
  'neighbors',
];

/** Options, checked. */
export interface CheckedHostOptions {
  readonly mac: MacAddress;
  readonly addresses: readonly IpPrefix[];
  readonly routes: readonly RouteEntry[];
  readonly interfaceName: string;
  readonly mtu: number | undefined;
  readonly linkLocal: boolean | undefined;
  readonly detectDuplicates: DetectDuplicates;
  readonly announce: boolean;
  readonly neighbors: number;
}

/** Throws an OptionError for what is wrong, before anything is opened. */
export function checkHostOptions(options: HostOptions): CheckedHostOptions {
  checkKnown(options, OPTIONS);
  checkBoolean('exclusive', options.exclusive, false);
  const addresses = checkList('addresses', options.addresses).map((text) => parseHostAddress(text as string));
  const twice = duplicateOf(addresses);
  if (twice !== null)
    throw new OptionError('addresses', `must all differ, ${formatIp(twice)} is there twice`);
  const gateways = [
    ...(options.gateway === undefined ? [] : [options.gateway]),
    ...checkList('gateways', options.gateways),
  ] as string[];
  const given = checkList('routes', options.routes).map((route) => parseRoute(route as HostRoute));
  const routes = [...given, ...gateways.map((text) => defaultRoute(parseGateway(text, 'gateway')))];
  for (const { gateway } of routes) if (gateway !== null) checkGateway(gateway, addresses, routes);
  const name = options.interfaceName ?? 'eth0';
  if (typeof name !== 'string' || name === '' || /[\s%/]/.test(name)) {
    throw new OptionError('interfaceName', `must be a name without spaces, '%' and '/', got ${show(name)}`);
  }
  const mtuMin = addresses.some(({ address }) => address.length === 16) ? 1280 : 576;
  const { mtu, linkLocal } = options;
  return {
    mac: options.mac === undefined ? randomMac() : toMac('mac', options.mac),
    addresses,
    routes,
    interfaceName: name,
    mtu: mtu === undefined ? undefined : checkInteger('mtu', mtu, mtuMin, 65_535, 0),
    linkLocal: linkLocal === undefined ? undefined : checkBoolean('linkLocal', linkLocal, false),
    detectDuplicates: checkOneOf(
      'detectDuplicates',
      options.detectDuplicates,
      ['optimistic', 'wait', 'off'],
      'optimistic',
    ),
    announce: checkBoolean('announce', options.announce, false),
    neighbors: checkInteger('neighbors', options.neighbors, 16, 65_536, 1024),
  };
}

/** Throws an OptionError. */
export function parseRoute(route: HostRoute): RouteEntry {
  if (typeof route !== 'object' || route === null) {
    throw new OptionError('routes', `must be { destination, gateway }, got ${show(route)}`);
  }
  checkKnown(route, ['destination', 'gateway', 'metric']);
  const prefix = parsePrefix(route.destination, 'destination');
  const gateway = route.gateway === undefined ? null : parseGateway(route.gateway, 'gateway');
  if (gateway !== null && gateway.length !== prefix.address.length) {
    throw new OptionError('gateway', `must be of the destination's IP version, got ${show(route.gateway)}`);
  }
  return { prefix, gateway, metric: checkInteger('metric', route.metric, 0, 0x7fffffff, 0) };
}

/** Throws an OptionError unless a router is on the link, by the host's addresses and routes. */
export function checkGateway(
  gateway: Uint8Array,
  addresses: readonly IpPrefix[],
  routes: readonly RouteEntry[],
): void {
  if (isReachableGateway(gateway, addresses, routes)) return;
  const text = formatIp(gateway);
  const route = `{ destination: '${text}/${8 * gateway.length}' }`;
  const why = `must be in a network of the host's addresses, or have a route ${route} that says that it is on the link`;
  throw new OptionError('gateway', `${why}, got ${show(text)}`);
}

/** The route for all that no other route is for. */
export function defaultRoute(gateway: Uint8Array): RouteEntry {
  return { prefix: { address: new Uint8Array(gateway.length), length: 0 }, gateway, metric: 0 };
}

function checkList(name: string, value: unknown): readonly unknown[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw new OptionError(name, `must be an array, got ${show(value)}`);
  return value;
}

/** IEEE 802 §8.4: the U/L bit says that nobody has given it out. */
function randomMac(): Uint8Array {
  const mac = Uint8Array.from(randomBytes(6));
  mac[0] = (mac[0] & 0xfc) | 2;
  return mac;
}
