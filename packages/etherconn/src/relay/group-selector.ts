import { ARP_OPERATION, ARP_SENDER_IP, ARP_TARGET_IP, ArpOperation, isArpIpv4 } from '../wire/arp.ts';
import { readU16, readU32 } from '../wire/bytes.ts';
import { EtherType } from '../wire/ethertype.ts';
import { IpProtocol } from '../wire/protocol.ts';
import { Fragment, type FrameRecord } from '../wire/record.ts';

/** A frame without a selector: each listener must look at it. */
export const NO_SELECTOR = 0;

// Constants of this file: the optimizing compiler folds no imported ones.
const ARP: number = EtherType.ARP;
const REQUEST: number = ArpOperation.REQUEST;
const IPV4: number = EtherType.IPV4;
const UDP: number = IpProtocol.UDP;

/**
 * What a group frame is about, as a 32-bit integer (signed): of an ARP request the address asked for, of an IP multicast
 * frame (RFC 1112 §6.4, RFC 2464 §7) the last 4 bytes of its destination MAC address. 0 of all others: broadcasts, ARP
 * replies, announcements (RFC 5227 §3), which all who keep a cache want to see.
 */
export function groupSelector(u8: Uint8Array, record: FrameRecord): number {
  if (record.etherType === ARP) {
    const { l3 } = record;
    if (record.error !== 0 || !isArpIpv4(u8, record)) return NO_SELECTOR;
    if (readU16(u8, l3 + ARP_OPERATION) !== REQUEST) return NO_SELECTOR;
    const target = readU32(u8, l3 + ARP_TARGET_IP) | 0;
    return target === (readU32(u8, l3 + ARP_SENDER_IP) | 0) ? NO_SELECTOR : target;
  }
  const at = record.start;
  const isIpv6 = u8[at] === 0x33 && u8[at + 1] === 0x33;
  const isIpv4 = u8[at] === 0x01 && u8[at + 1] === 0 && u8[at + 2] === 0x5e;
  return isIpv6 || isIpv4 ? readU32(u8, at + 2) | 0 : NO_SELECTOR;
}

/**
 * What a frame with a selector is about besides: of an ARP request the address that it comes from, for whoever has that
 * address, too, must notice (RFC 5227 §2.4). Else {@link NO_SELECTOR}.
 */
export function secondGroupSelector(u8: Uint8Array, record: FrameRecord): number {
  return record.etherType === ARP ? readU32(u8, record.l3 + ARP_SENDER_IP) | 0 : NO_SELECTOR;
}

/**
 * The destination port of a UDP datagram in an Ethernet broadcast: whoever has no such port has nothing to do with it, and
 * may not answer it either (RFC 1122 §3.2.2). -1 of all other frames, of fragments, and of what is malformed.
 */
export function udpBroadcastPort(u8: Uint8Array, record: FrameRecord): number {
  if (record.etherType !== IPV4 || record.protocol !== UDP || record.error !== 0) return -1;
  const at = record.start;
  const isBroadcast = readU32(u8, at) >>> 0 === 0xffffffff && readU16(u8, at + 4) === 0xffff;
  return isBroadcast && record.fragment === Fragment.NONE ? record.destinationPort : -1;
}
