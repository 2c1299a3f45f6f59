import type { Addon, NativeSocket } from '../../native/addon.ts';

/** Asking rtnetlink about one interface: linux/rtnetlink.h, linux/if_link.h. */

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const NETLINK_ROUTE = 0;

const NLMSG_ERROR = 2;
const RTM_NEWLINK = 16;
const RTM_GETLINK = 18;
const NLM_F_REQUEST = 1;

const MESSAGE_HEADER = 16; // struct nlmsghdr
const INTERFACE_HEADER = 16; // struct ifinfomsg
const ATTRIBUTE_HEADER = 4; // struct rtattr
const ATTRIBUTE_TYPE = 0x3fff; // NLA_TYPE_MASK

const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_LINK = 5;
const IFLA_LINKINFO = 18;
const IFLA_INFO_KIND = 1;
const IFLA_NUM_TX_QUEUES = 31;
const IFLA_NUM_RX_QUEUES = 32;
const IFLA_LINK_NETNSID = 37;
const IFLA_XDP = 43;
const IFLA_CARRIER_DOWN_COUNT = 48;
const IFLA_XDP_PROG_ID = 4;
const IFLA_XDP_DRV_PROG_ID = 5;
const IFLA_XDP_SKB_PROG_ID = 6;
const IFLA_XDP_HW_PROG_ID = 7;

const ANSWER_SIZE = 32_768;

/** An XDP program on an interface. */
export interface AttachedProgram {
  /** As bpftool knows it. */
  readonly id: number;
  readonly mode: 'native' | 'generic' | 'offloaded' | 'unknown';
}

/** What rtnetlink tells of an interface. */
export interface LinkDetails {
  readonly index: number;
  readonly name: string;
  /** Bytes. */
  readonly mtu: number;
  /** Of virtual interfaces, like 'veth'; '' for others. */
  readonly kind: string;
  /** Queues that were allocated; fewer may be in use. */
  readonly rxQueues: number;
  readonly txQueues: number;
  /** The other interface that this one is tied to (a veth's peer); 0 for none. */
  readonly peerIndex: number;
  /** Whether that one is in this network namespace. */
  readonly peerIsHere: boolean;
  readonly programs: readonly AttachedProgram[];
  /** Times that it has lost its carrier; 0 on kernels before 4.16, which do not tell. */
  readonly carrierDowns: number;
}

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

/** The interface with that index; undefined when there is none. Throws what the addon throws. */
export function queryLink(addon: Addon, socket: NativeSocket, index: number): LinkDetails | undefined {
  const request = new Uint8Array(MESSAGE_HEADER + INTERFACE_HEADER);
  const view = new DataView(request.buffer);
  view.setUint32(0, request.length, true);
  view.setUint16(4, RTM_GETLINK, true);
  view.setUint16(6, NLM_F_REQUEST, true);
  view.setUint32(MESSAGE_HEADER + 4, index, true);
  const answer = new Uint8Array(ANSWER_SIZE);
  return parseLink(answer.subarray(0, addon.netlinkRequest(socket, request, answer)));
}

/** A message RTM_NEWLINK; undefined for any other, as for an error. */
export function parseLink(message: Uint8Array): LinkDetails | undefined {
  const view = new DataView(message.buffer, message.byteOffset, message.length);
  const type = message.length >= MESSAGE_HEADER + INTERFACE_HEADER ? view.getUint16(4, true) : NLMSG_ERROR;
  if (type !== RTM_NEWLINK) return undefined;
  const end = Math.min(message.length, view.getUint32(0, true));
  const attributes = readAttributes(view, MESSAGE_HEADER + INTERFACE_HEADER, end);
  const info = nested(attributes, IFLA_LINKINFO);
  return {
    index: view.getInt32(MESSAGE_HEADER + 4, true),
    name: text(attributes.get(IFLA_IFNAME)),
    mtu: number(attributes.get(IFLA_MTU)),
    kind: text(info.get(IFLA_INFO_KIND)),
    rxQueues: number(attributes.get(IFLA_NUM_RX_QUEUES)),
    txQueues: number(attributes.get(IFLA_NUM_TX_QUEUES)),
    peerIndex: number(attributes.get(IFLA_LINK)),
    peerIsHere: attributes.has(IFLA_LINK) && !attributes.has(IFLA_LINK_NETNSID),
    programs: programs(nested(attributes, IFLA_XDP)),
    carrierDowns: number(attributes.get(IFLA_CARRIER_DOWN_COUNT)),
  };
}

function programs(attributes: ReadonlyMap<number, DataView>): AttachedProgram[] {
  const modes = [
    [IFLA_XDP_DRV_PROG_ID, 'native'],
    [IFLA_XDP_SKB_PROG_ID, 'generic'],
    [IFLA_XDP_HW_PROG_ID, 'offloaded'],
  ] as const;
  const found: AttachedProgram[] = [];
  for (const [attribute, mode] of modes) {
    if (attributes.has(attribute)) found.push({ id: number(attributes.get(attribute)), mode });
  }
  // Before Linux 4.20 there was only this one.
  const id = number(attributes.get(IFLA_XDP_PROG_ID));
  if (found.length === 0 && id !== 0) found.push({ id, mode: 'unknown' });
  return found;
}

function nested(attributes: ReadonlyMap<number, DataView>, type: number): ReadonlyMap<number, DataView> {
  const view = attributes.get(type);
  return view === undefined ? new Map() : readAttributes(view, 0, view.byteLength);
}

function readAttributes(view: DataView, start: number, end: number): Map<number, DataView> {
  const attributes = new Map<number, DataView>();
  let at = start;
  while (at + ATTRIBUTE_HEADER <= end) {
    const length = view.getUint16(at, true);
    if (length < ATTRIBUTE_HEADER || at + length > end) break;
    const type = view.getUint16(at + 2, true) & ATTRIBUTE_TYPE;
    const from = view.byteOffset + at + ATTRIBUTE_HEADER;
    attributes.set(type, new DataView(view.buffer, from, length - ATTRIBUTE_HEADER));
    at += (length + 3) & ~3;
  }
  return attributes;
}

function number(view: DataView | undefined): number {
  return view !== undefined && view.byteLength >= 4 ? view.getUint32(0, true) : 0;
}

/** Text that ends with a zero. */
function text(view: DataView | undefined): string {
  if (view === undefined) return '';
  const bytes = Buffer.from(view.buffer as ArrayBuffer, view.byteOffset, view.byteLength);
  const zero = bytes.indexOf(0);
  return bytes.toString('utf8', 0, zero < 0 ? bytes.length : zero);
}
