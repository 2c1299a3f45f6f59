import type { Addon, NativeSocket } from '../../native/addon.ts';
import { EBADMSG } from './errno.ts';
import { AF_NETLINK, SOCK_RAW } from './socket-numbers.ts';

/**
 * Messages to and from rtnetlink: linux/netlink.h, linux/rtnetlink.h. Numbers of headers are in the machine's order, which
 * is little endian wherever the addon is built.
 */

const NETLINK_ROUTE = 0;
const NLMSG_ERROR = 2;
const NLM_F_REQUEST = 0x1;
export const NLM_F_ACK = 0x4;
export const NLM_F_CREATE = 0x400;

/** Bytes of struct nlmsghdr. */
export const MESSAGE_HEADER = 16;
const ATTRIBUTE_HEADER = 4; // struct rtattr
const ATTRIBUTE_TYPE = 0x3fff; // NLA_TYPE_MASK

/** Values by their type. */
export type Attributes = ReadonlyMap<number, Uint8Array>;

/** A socket to ask, in the namespace as in the addon's `socketOpen`. Also good for the ethtool functions. */
export function openRouteSocket(addon: Addon, namespaceFd: number): NativeSocket {
  return addon.socketOpen(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE, namespaceFd);
}

/** Gives `use` such a socket, and closes it afterwards. */
export function withRouteSocket<T>(addon: Addon, namespaceFd: number, use: (socket: NativeSocket) => T): T {
  const socket = openRouteSocket(addon, namespaceFd);
  try {
    return use(socket);
  } finally {
    addon.socketClose(socket);
  }
}

/** struct sockaddr_nl: any port, the multicast groups of a mask. */
export function groupAddress(groups: number): Uint8Array {
  const address = new Uint8Array(12);
  new Uint16Array(address.buffer, 0, 1)[0] = AF_NETLINK;
  new Uint32Array(address.buffer, 8, 1)[0] = groups;
  return address;
}

/** A request of that type; `header` is what follows struct nlmsghdr. */
export function buildRequest(
  type: number,
  flags: number,
  header: Uint8Array,
  attributes: readonly (readonly [type: number, value: Uint8Array])[] = [],
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

/**
 * Undefined for a whole message of that type, with a header of that many bytes behind struct nlmsghdr; the errno
 * (positive, 0 for an acknowledgement) of an error message; that of EBADMSG for anything else.
 */
export function errnoOf(message: Uint8Array, type: number, headerLength: number): number | undefined {
  if (message.length < MESSAGE_HEADER + 4) return EBADMSG;
  const view = viewOf(message);
  const found = view.getUint16(4, true);
  if (found === NLMSG_ERROR) return Math.abs(view.getInt32(MESSAGE_HEADER, true));
  return found === type && message.length >= MESSAGE_HEADER + headerLength ? undefined : EBADMSG;
}

/** The errno of an acknowledgement, 0 for success. */
export function parseAcknowledgement(answer: Uint8Array): number {
  return errnoOf(answer, NLMSG_ERROR, 0) ?? 0;
}

/** The attributes of a message behind its headers. */
export function attributesOf(message: Uint8Array, headerLength: number): Attributes {
  const end = Math.min(message.length, viewOf(message).getUint32(0, true));
  return readAttributes(message.subarray(MESSAGE_HEADER + headerLength, end));
}

/** Those that are the value of another one; none for undefined. */
export function nestedAttributes(value: Uint8Array | undefined): Attributes {
  return value === undefined ? new Map() : readAttributes(value);
}

function readAttributes(bytes: Uint8Array): Attributes {
  const view = viewOf(bytes);
  const attributes = new Map<number, Uint8Array>();
  let at = 0;
  while (at + ATTRIBUTE_HEADER <= bytes.length) {
    const length = view.getUint16(at, true);
    if (length < ATTRIBUTE_HEADER || at + length > bytes.length) break;
    const type = view.getUint16(at + 2, true) & ATTRIBUTE_TYPE;
    attributes.set(type, bytes.subarray(at + ATTRIBUTE_HEADER, at + length));
    at += (length + 3) & ~3;
  }
  return attributes;
}

/** The value of an attribute that is a 32-bit number; 0 where it is not there, or shorter. */
export function numberOf(value: Uint8Array | undefined): number {
  return value !== undefined && value.length >= 4 ? viewOf(value).getUint32(0, true) : 0;
}

/** The value of an attribute that is text, which ends with a zero; '' where it is not there. */
export function textOf(value: Uint8Array | undefined): string {
  if (value === undefined) return '';
  const zero = value.indexOf(0);
  return Buffer.from(value.subarray(0, zero < 0 ? value.length : zero)).toString('utf8');
}

/** A 32-bit number as an attribute's value. */
export function numberValue(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  viewOf(bytes).setUint32(0, value, true);
  return bytes;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
