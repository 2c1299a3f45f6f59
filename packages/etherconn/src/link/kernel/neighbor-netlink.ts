import { getSystemErrorName } from 'node:util';

/**
 * Messages to rtnetlink about routes and neighbours, and its answers: linux/netlink.h, linux/rtnetlink.h,
 * linux/neighbour.h. Pure functions over bytes; numbers of headers are in the machine's order, which is little endian
 * wherever the addon is built.
 */

const AF_INET = 2;
const AF_INET6 = 10;

const NLMSG_ERROR = 2;
const RTM_NEWROUTE = 24;
const RTM_GETROUTE = 26;
const RTM_NEWNEIGH = 28;
const RTM_GETNEIGH = 30;
const NLM_F_REQUEST = 0x1;
const NLM_F_ACK = 0x4;
const NLM_F_CREATE = 0x400;

const MESSAGE_HEADER = 16; // struct nlmsghdr
const ROUTE_HEADER = 12; // struct rtmsg
const ROUTE_TYPE = 7;
const NEIGHBOUR_HEADER = 12; // struct ndmsg
const NEIGHBOUR_INDEX = 4;
const NEIGHBOUR_STATE = 8;
const NEIGHBOUR_FLAGS = 10;
const ATTRIBUTE_HEADER = 4; // struct rtattr
const ATTRIBUTE_TYPE = 0x3fff; // NLA_TYPE_MASK

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

/** An entry of the kernel's neighbour table. */
export interface KernelNeighbour {
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
  if (interfaceIndex !== 0) attributes.push([RTA_OIF, word(interfaceIndex)]);
  return request(RTM_GETROUTE, 0, header, attributes);
}

export function parseRoute(answer: Uint8Array): Answer<KernelRoute> {
  const view = new DataView(answer.buffer, answer.byteOffset, answer.length);
  const errno = errnoOf(view, RTM_NEWROUTE, ROUTE_HEADER);
  if (errno !== undefined) return { errno };
  const attributes = readAttributes(view, MESSAGE_HEADER + ROUTE_HEADER);
  const gateway = attributes.get(RTA_GATEWAY);
  // A family (2 bytes) before the address: an IPv4 route by way of an IPv6 gateway.
  const via = attributes.get(RTA_VIA)?.subarray(2);
  const oif = attributes.get(RTA_OIF);
  return {
    value: {
      kind: KINDS.get(answer[MESSAGE_HEADER + ROUTE_TYPE]) ?? 'other',
      gateway: (gateway ?? via)?.slice(),
      interfaceIndex: oif?.length === 4 ? new DataView(oif.buffer, oif.byteOffset).getUint32(0, true) : 0,
    },
  };
}

/** Asks for a neighbour. */
export function neighbourRequest(interfaceIndex: number, address: Uint8Array): Uint8Array {
  return request(RTM_GETNEIGH, 0, neighbourHeader(interfaceIndex, address, 0), [[NDA_DST, address]]);
}

/** Has the kernel do what it does when it sends to a neighbour: ask for its address, or confirm a stale one. */
export function useNeighbourRequest(interfaceIndex: number, address: Uint8Array): Uint8Array {
  const header = neighbourHeader(interfaceIndex, address, NTF_USE);
  return request(RTM_NEWNEIGH, NLM_F_ACK | NLM_F_CREATE, header, [[NDA_DST, address]]);
}

export function parseNeighbour(answer: Uint8Array): Answer<KernelNeighbour> {
  const view = new DataView(answer.buffer, answer.byteOffset, answer.length);
  const errno = errnoOf(view, RTM_NEWNEIGH, NEIGHBOUR_HEADER);
  if (errno !== undefined) return { errno };
  const state = view.getUint16(MESSAGE_HEADER + NEIGHBOUR_STATE, true);
  const address = readAttributes(view, MESSAGE_HEADER + NEIGHBOUR_HEADER).get(NDA_LLADDR);
  return {
    value: {
      mac: (state & NUD_VALID) !== 0 && address?.length === 6 ? address.slice() : undefined,
      pending: (state & NUD_INCOMPLETE) !== 0,
      stale: (state & NUD_STALE) !== 0,
    },
  };
}

/** The errno of an acknowledgement, 0 for success. */
export function parseAcknowledgement(answer: Uint8Array): number {
  return errnoOf(new DataView(answer.buffer, answer.byteOffset, answer.length), NLMSG_ERROR, 0) ?? 0;
}

/** Its name, like 'EPERM'. */
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

function neighbourHeader(interfaceIndex: number, address: Uint8Array, flags: number): Uint8Array {
  const header = new Uint8Array(NEIGHBOUR_HEADER);
  header[0] = familyOf(address);
  header.set(word(interfaceIndex), NEIGHBOUR_INDEX);
  header[NEIGHBOUR_FLAGS] = flags;
  return header;
}

function request(
  type: number,
  flags: number,
  header: Uint8Array,
  attributes: readonly (readonly [number, Uint8Array])[],
): Uint8Array {
  const size = (value: Uint8Array) => ATTRIBUTE_HEADER + ((value.length + 3) & ~3);
  const body = attributes.reduce((sum, [, value]) => sum + size(value), header.length);
  const bytes = new Uint8Array(MESSAGE_HEADER + body);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, NLM_F_REQUEST | flags, true);
  bytes.set(header, MESSAGE_HEADER);
  let at = MESSAGE_HEADER + header.length;
  for (const [name, value] of attributes) {
    view.setUint16(at, ATTRIBUTE_HEADER + value.length, true);
    view.setUint16(at + 2, name, true);
    bytes.set(value, at + ATTRIBUTE_HEADER);
    at += size(value);
  }
  return bytes;
}

function word(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

/** Undefined for a whole message of that type; the errno of an error message; EBADMSG's number for anything else. */
function errnoOf(view: DataView, type: number, header: number): number | undefined {
  const BAD_MESSAGE = 74;
  if (view.byteLength < MESSAGE_HEADER + 4) return BAD_MESSAGE;
  const found = view.getUint16(4, true);
  if (found === NLMSG_ERROR) return Math.abs(view.getInt32(MESSAGE_HEADER, true));
  return found === type && view.byteLength >= MESSAGE_HEADER + header ? undefined : BAD_MESSAGE;
}

function readAttributes(view: DataView, start: number): ReadonlyMap<number, Uint8Array> {
  const attributes = new Map<number, Uint8Array>();
  const end = Math.min(view.byteLength, view.getUint32(0, true));
  let at = start;
  while (at + ATTRIBUTE_HEADER <= end) {
    const length = view.getUint16(at, true);
    if (length < ATTRIBUTE_HEADER || at + length > end) break;
    const from = view.byteOffset + at + ATTRIBUTE_HEADER;
    const value = new Uint8Array(view.buffer, from, length - ATTRIBUTE_HEADER);
    attributes.set(view.getUint16(at + 2, true) & ATTRIBUTE_TYPE, value);
    at += (length + 3) & ~3;
  }
  return attributes;
}
