import { isLinkLocalIpv6 } from '../../wire/ip.ts';
import { BROADCAST, ipv4MulticastMac, ipv6MulticastMac } from '../../wire/mac.ts';
import type { HostErrorCode } from '../host-error.ts';
import { AddressKind, LOOPBACK6 } from '../ip/addresses.ts';
import { MTU4_LOCAL, MTU6_LOCAL, type Path } from '../ip/path.ts';
import type { RouteChoice } from '../ip/route-choice.ts';
import { localSource, sourceAddress } from '../ip/source-address.ts';
import type { HostState } from '../state.ts';

const ANY4 = new Uint8Array(4);
const LOOPBACK4 = Uint8Array.of(127, 0, 0, 1);

/** The path to a destination (4 or 16 bytes), or an error code if there is none. */
export function findPath(
  state: HostState,
  routeChoice: RouteChoice,
  destination: Uint8Array,
): Path | HostErrorCode {
  const { addresses, mtu } = state;
  const version = destination.length === 4 ? 4 : 6;
  const kind = addresses.kindOf(destination, 0, version);
  if (kind === AddressKind.OWN) return localPath(destination, localSource(addresses.list, destination));
  if (kind === AddressKind.LOOPBACK || kind === AddressKind.UNSPECIFIED) {
    const loopback = version === 4 ? LOOPBACK4 : LOOPBACK6;
    return localPath(kind === AddressKind.LOOPBACK ? destination : loopback, loopback);
  }
  if (kind === AddressKind.OTHER) return unicast(state, routeChoice, destination);
  const source =
    sourceAddress(addresses.list, destination, destination)?.address ?? (version === 4 ? ANY4 : null);
  if (source === null) return 'EADDRNOTAVAIL';
  let mac = BROADCAST;
  if (kind === AddressKind.MULTICAST) {
    mac = version === 4 ? ipv4MulticastMac(destination) : ipv6MulticastMac(destination);
  }
  return { kind, destination, source, nextHop: null, mac, mtu };
}

function unicast(state: HostState, routeChoice: RouteChoice, destination: Uint8Array): Path | HostErrorCode {
  const isOnLink = destination.length === 16 && isLinkLocalIpv6(destination);
  const route = isOnLink ? null : routeChoice.find(destination);
  if (route === null && !isOnLink) return 'ENETUNREACH';
  const gateway = route?.gateway ?? null;
  const nextHop = gateway === null ? destination : (state.redirected(destination) ?? gateway);
  const source = sourceAddress(state.addresses.list, destination, nextHop)?.address;
  if (source === undefined) return destination.length === 4 ? 'ENETUNREACH' : 'EADDRNOTAVAIL';
  const kind = AddressKind.OTHER;
  return { kind, destination, source, nextHop, mac: null, mtu: state.pathMtu(destination) };
}

function localPath(destination: Uint8Array, source: Uint8Array): Path {
  const mtu = destination.length === 4 ? MTU4_LOCAL : MTU6_LOCAL;
  return { kind: AddressKind.OWN, destination, source, nextHop: null, mac: null, mtu };
}
