import type { Addon, NativeSocket } from '../../native/addon.ts';
import {
  type Attributes,
  attributesOf,
  buildRequest,
  errnoOf,
  MESSAGE_HEADER,
  nestedAttributes,
  numberOf,
  numberValue,
  textOf,
} from './netlink.ts';

/** Asking rtnetlink about one interface: linux/rtnetlink.h, linux/if_link.h. */

const RTM_NEWLINK = 16;
const RTM_GETLINK = 18;
const INTERFACE_HEADER = 16; // struct ifinfomsg
const INTERFACE_INDEX = 4;

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

/** The interface with that index; undefined when there is none. Throws what the addon throws. */
export function queryLink(addon: Addon, socket: NativeSocket, index: number): LinkDetails | undefined {
  const header = new Uint8Array(INTERFACE_HEADER);
  header.set(numberValue(index), INTERFACE_INDEX);
  const request = buildRequest(RTM_GETLINK, 0, header);
  const answer = new Uint8Array(ANSWER_SIZE);
  return parseLink(answer.subarray(0, addon.netlinkRequest(socket, request, answer)));
}

/** A message RTM_NEWLINK; undefined for any other, as for an error. */
export function parseLink(message: Uint8Array): LinkDetails | undefined {
  if (errnoOf(message, RTM_NEWLINK, INTERFACE_HEADER) !== undefined) return undefined;
  const attributes = attributesOf(message, INTERFACE_HEADER);
  const info = nestedAttributes(attributes.get(IFLA_LINKINFO));
  return {
    index: numberOf(message.subarray(MESSAGE_HEADER + INTERFACE_INDEX)),
    name: textOf(attributes.get(IFLA_IFNAME)),
    mtu: numberOf(attributes.get(IFLA_MTU)),
    kind: textOf(info.get(IFLA_INFO_KIND)),
    rxQueues: numberOf(attributes.get(IFLA_NUM_RX_QUEUES)),
    txQueues: numberOf(attributes.get(IFLA_NUM_TX_QUEUES)),
    peerIndex: numberOf(attributes.get(IFLA_LINK)),
    peerIsHere: attributes.has(IFLA_LINK) && !attributes.has(IFLA_LINK_NETNSID),
    programs: programs(nestedAttributes(attributes.get(IFLA_XDP))),
    carrierDowns: numberOf(attributes.get(IFLA_CARRIER_DOWN_COUNT)),
  };
}

function programs(attributes: Attributes): AttachedProgram[] {
  const modes = [
    [IFLA_XDP_DRV_PROG_ID, 'native'],
    [IFLA_XDP_SKB_PROG_ID, 'generic'],
    [IFLA_XDP_HW_PROG_ID, 'offloaded'],
  ] as const;
  const found: AttachedProgram[] = [];
  for (const [attribute, mode] of modes) {
    if (attributes.has(attribute)) found.push({ id: numberOf(attributes.get(attribute)), mode });
  }
  // Before Linux 4.20 there was only this one.
  const id = numberOf(attributes.get(IFLA_XDP_PROG_ID));
  if (found.length === 0 && id !== 0) found.push({ id, mode: 'unknown' });
  return found;
}
