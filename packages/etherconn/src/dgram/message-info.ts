import { type AddressMemory, addressTexts } from '../conn/address-texts.ts';
import {
  type BatchStore,
  destinationOffset,
  Field,
  sourceOffset,
  VLANS_SHIFT,
} from '../relay/batch-store.ts';
import { frameVlans } from '../relay/l2-endpoint.ts';
import { isLinkLocalIpv6 } from '../wire/ip.ts';
import { formatMac } from '../wire/mac.ts';

/** The sender of a message: Node's `rinfo`. */
export interface MessageInfo {
  address: string;
  family: 'IPv4' | 'IPv6';
  port: number;
  /** Number of bytes of the message. */
  size: number;
}

/** The `rinfo` of a socket created with `receiveInfo: true`. */
export interface ReceivedMessageInfo extends MessageInfo {
  /** The destination address of the message: an address of the host, a group, or a broadcast address. */
  localAddress: string;
  localPort: number;
  /** MAC address of the sender; '00:00:00:00:00:00' if the host has sent the message to itself. */
  mac: string;
  /** VLAN ids of the frame, outermost first. */
  vlans: readonly number[];
}

/** Rinfo of the row at `at`; `zone` goes behind link-local addresses. Always the same hidden class: listeners that read it stay quick. */
export function messageInfo(store: BatchStore, at: number, socketVersion: 4 | 6, zone: string): MessageInfo {
  const { words } = store;
  const version = words[at + Field.KINDS] & 0xf;
  return {
    address: shownAddress(store.memory!, sourceOffset(words, at), version, socketVersion, zone),
    family: socketVersion === 4 ? 'IPv4' : 'IPv6',
    port: words[at + Field.PORTS] >>> 16,
    size: words[at + Field.PAYLOAD_END] - words[at + Field.PAYLOAD],
  };
}

/** The same, with what node:dgram cannot tell. */
export function receivedMessageInfo(
  store: BatchStore,
  at: number,
  socketVersion: 4 | 6,
  zone: string,
): ReceivedMessageInfo {
  const { words } = store;
  const { u8 } = store.memory!;
  const start = words[at + Field.START];
  const version = words[at + Field.KINDS] & 0xf;
  return {
    ...messageInfo(store, at, socketVersion, zone),
    localAddress: shownAddress(store.memory!, destinationOffset(words, at), version, socketVersion, zone),
    localPort: words[at + Field.PORTS] & 0xffff,
    mac: formatMac(u8, start + 6),
    vlans: frameVlans(u8, start, words[at + Field.KINDS] >>> VLANS_SHIFT),
  };
}

/** The address of `version` at `offset` as a socket shows it: IPv4 peers of udp6 sockets are '::ffff:10.0.0.1'. */
export function shownAddress(
  memory: AddressMemory,
  offset: number,
  version: number,
  socketVersion: 4 | 6,
  zone: string,
): string {
  if (version === 4) {
    return socketVersion === 4
      ? addressTexts.text(memory, offset, 4, '')
      : addressTexts.mapped(memory, offset);
  }
  return addressTexts.text(memory, offset, 6, isLinkLocalIpv6(memory.u8, offset) ? zone : '');
}
