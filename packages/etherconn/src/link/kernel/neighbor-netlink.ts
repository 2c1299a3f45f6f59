import { getSystemErrorName } from 'node:util';
import {
  attributesOf,
  buildRequest,
  errnoOf,
  MESSAGE_HEADER,
  NLM_F_ACK,
  NLM_F_CREATE,
  numberOf,
  numberValue,
} from './netlink.ts';
import { AF_INET, AF_INET6 } from './socket-numbers.ts';

/** Messages to rtnetlink about routes and neighbors, and its answers: linux/rtnetlink.h, linux/neighbour.h. */

const RTM_NEWROUTE = 24;
const RTM_GETROUTE = 26;
const RTM_NEWNEIGH = 28;
const RTM_GETNEIGH = 30;

const ROUTE_HEADER = 12; // struct rtmsg
const ROUTE_TYPE = 7;
const NEIGHBOR_HEADER = 12; // struct ndmsg
const NEIGHBOR_INDEX = 4;
const NEIGHBOR_STATE = 8;
const NEIGHBOR_FLAGS = 10;

const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_VIA = 18;
const NDA_DST = 1;
const NDA_LLADDR = 2;
const NTF_USE = 0x01;

const RTN_UNICAST = 1;
const RTN_LOCAL = 2;
const RTN_BROADCAST = 3;
const RTN_MULTICAST = 5;

const NUD_INCOMPLETE = 0x01;
const NUD_REACHABLE = 0x02;
const NUD_STALE = 0x04;
const NUD_DELAY = 0x08;
const NUD_PROBE = 0x10;
const NUD_NOARP = 0x40;
const NUD_PERMANENT = 0x80;
/** States with a link-layer address that may be used (NUD_VALID of net/neighbour.h). */
const NUD_VALID: number = NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_PROBE | NUD_STALE | NUD_DELAY;

/** Where the kernel would send packets for an address. */
export interface KernelRoute {
  /** 'other': it would not send them (unreachable, prohibited, a blackhole). */
  readonly kind: 'unicast' | 'local' | 'broadcast' | 'multicast' | 'other';
  /** The gateway, 4 or 16 bytes (not always of the destination's version); undefined when the destination is on the link. */
  readonly gateway: Uint8Array | undefined;
  /** Of the interface out of which they go; 0 when the kernel names none. */
  readonly interfaceIndex: number;
}

/** An entry of the kernel's neighbor table. */
export interface KernelNeighbor {
  /** 6 bytes; undefined while it is not known. */
  readonly mac: Uint8Array | undefined;
  /** It is being asked for. */
  readonly pending: boolean;
  /** Nobody has confirmed it for a while: using it should make the kernel ask again. */
  readonly stale: boolean;
}

/** What an answer says: the message, or the errno (positive) in its place, 0 for an acknowledgement. */
export type Answer<T> = { readonly value: T } | { readonly errno: number };

/** Asks for the route to an address (4 or 16 bytes), out of that interface if its index is not 0. */
export function routeRequest(interfaceIndex: number, address: Uint8Array): Uint8Array {
  const header = new Uint8Array(ROUTE_HEADER);
  header[0] = familyOf(address);
  header[1] = address.length * 8;
  const attributes: [number, Uint8Array][] = [[RTA_DST, address]];
  if (interfaceIndex !== 0) attributes.push([RTA_OIF, numberValue(interfaceIndex)]);
  return buildRequest(RTM_GETROUTE, 0, header, attributes);
}

export function parseRoute(answer: Uint8Array): Answer<KernelRoute> {
  const errno = errnoOf(answer, RTM_NEWROUTE, ROUTE_HEADER);
  if (errno !== undefined) return { errno };
  const attributes = attributesOf(answer, ROUTE_HEADER);
  const gateway = attributes.get(RTA_GATEWAY);
  // A family (2 bytes) before the address: an IPv4 route by way of an IPv6 gateway.
  const via = attributes.get(RTA_VIA)?.subarray(2);
  return {
    value: {
      kind: KINDS.get(answer[MESSAGE_HEADER + ROUTE_TYPE]) ?? 'other',
      gateway: (gateway ?? via)?.slice(),
      interfaceIndex: numberOf(attributes.get(RTA_OIF)),
    },
  };
}

/** Asks for a neighbor. */
export function neighborRequest(interfaceIndex: number, address: Uint8Array): Uint8Array {
  return buildRequest(RTM_GETNEIGH, 0, neighborHeader(interfaceIndex, address, 0), [[NDA_DST, address]]);
}

/** Has the kernel do what it does when it sends to a neighbor: ask for its address, or confirm a stale one. */
export function useNeighborRequest(interfaceIndex: number, address: Uint8Array): Uint8Array {
  const header = neighborHeader(interfaceIndex, address, NTF_USE);
  return buildRequest(RTM_NEWNEIGH, NLM_F_ACK | NLM_F_CREATE, header, [[NDA_DST, address]]);
}

export function parseNeighbor(answer: Uint8Array): Answer<KernelNeighbor> {
  const errno = errnoOf(answer, RTM_NEWNEIGH, NEIGHBOR_HEADER);
  if (errno !== undefined) return { errno };
  const state = new DataView(answer.buffer, answer.byteOffset).getUint16(
    MESSAGE_HEADER + NEIGHBOR_STATE,
    true,
  );
  const address = attributesOf(answer, NEIGHBOR_HEADER).get(NDA_LLADDR);
  return {
    value: {
      mac: (state & NUD_VALID) !== 0 && address?.length === 6 ? address.slice() : undefined,
      pending: (state & NUD_INCOMPLETE) !== 0,
      stale: (state & NUD_STALE) !== 0,
    },
  };
}

/** The name of an errno, like 'EPERM'. */
export function errnoName(errno: number): string {
  return getSystemErrorName(-errno);
}

const KINDS: ReadonlyMap<number, KernelRoute['kind']> = new Map([
  [RTN_UNICAST, 'unicast'],
  [RTN_LOCAL, 'local'],
  [RTN_BROADCAST, 'broadcast'],
  [RTN_MULTICAST, 'multicast'],
]);

function familyOf(address: Uint8Array): number {
  return address.length === 4 ? AF_INET : AF_INET6;
}

function neighborHeader(interfaceIndex: number, address: Uint8Array, flags: number): Uint8Array {
  const header = new Uint8Array(NEIGHBOR_HEADER);
  header[0] = familyOf(address);
  header.set(numberValue(interfaceIndex), NEIGHBOR_INDEX);
  header[NEIGHBOR_FLAGS] = flags;
  return header;
}
