import { checkInteger } from '../options.ts';
import { checkBytes, checkRoom, readU16, writeU16 } from './bytes.ts';
import { EtherType } from './ethertype.ts';
import { formatIp } from './ip.ts';
import { formatMac, MAC_LENGTH } from './mac.ts';
import { ParseError } from './parse-error.ts';
import type { FrameRecord } from './record.ts';

/**
 * ARP: RFC 826, for Ethernet and IPv4 (28 bytes). Offsets are from the start of the packet. Probes and
 * announcements: RFC 5227.
 */

/** Offset of the hardware type, 16 bits: 1 for Ethernet. */
export const ARP_HARDWARE_TYPE = 0;
/** Offset of the protocol type, 16 bits: 0x0800 for IPv4. */
export const ARP_PROTOCOL_TYPE = 2;
/** Offset of the length of a hardware address in bytes, 8 bits: 6. */
export const ARP_HARDWARE_LENGTH = 4;
/** Offset of the length of a protocol address in bytes, 8 bits: 4. */
export const ARP_PROTOCOL_LENGTH = 5;
/** Offset of the operation, 16 bits: {@link ArpOperation}. */
export const ARP_OPERATION = 6;
/** Offset of the sender's MAC address. */
export const ARP_SENDER_MAC = 8;
/** Offset of the sender's IPv4 address. */
export const ARP_SENDER_IP = 14;
/** Offset of the target's MAC address. */
export const ARP_TARGET_MAC = 18;
/** Offset of the target's IPv4 address. */
export const ARP_TARGET_IP = 24;
/** Bytes of a packet for Ethernet and IPv4. */
export const ARP_LENGTH = 28;

/** Bytes before the addresses. */
const FIXED_LENGTH = 8;
const HARDWARE_ETHERNET = 1;

/** Operations of ARP (RFC 826). */
export const ArpOperation = { REQUEST: 1, REPLY: 2 } as const;

/** Fields of an ARP packet to write (RFC 826). */
export interface ArpFields {
  /** {@link ArpOperation}. */
  readonly operation: number;
  /** 6 bytes. */
  readonly senderMac: Uint8Array;
  /** 4 bytes. */
  readonly senderIp: Uint8Array;
  /** 6 bytes; default zeros, as in requests. */
  readonly targetMac?: Uint8Array;
  /** 4 bytes. */
  readonly targetIp: Uint8Array;
}

/**
 * Checks that the ARP packet at `record.l3` is whole, by its own address lengths. Packets for other hardware or
 * protocols are not malformed: ask {@link isArpIpv4} before using the accessors.
 */
export function parseArp(u8: Uint8Array, record: FrameRecord): void {
  const l3 = record.l3;
  const there = record.l3End - l3;
  if (
    there < FIXED_LENGTH ||
    there < FIXED_LENGTH + 2 * (u8[l3 + ARP_HARDWARE_LENGTH] + u8[l3 + ARP_PROTOCOL_LENGTH])
  ) {
    record.error = ParseError.ARP_TRUNCATED;
  }
}

/** Whether the frame is a whole ARP packet for Ethernet and IPv4: then the accessors below are in bounds. */
export function isArpIpv4(u8: Uint8Array, record: FrameRecord): boolean {
  const l3 = record.l3;
  return (
    record.etherType === EtherType.ARP &&
    record.error === 0 &&
    readU16(u8, l3 + ARP_HARDWARE_TYPE) === HARDWARE_ETHERNET &&
    readU16(u8, l3 + ARP_PROTOCOL_TYPE) === EtherType.IPV4 &&
    u8[l3 + ARP_HARDWARE_LENGTH] === 6 &&
    u8[l3 + ARP_PROTOCOL_LENGTH] === 4
  );
}

/** {@link ArpOperation} of the packet at `offset`. */
export function arpOperation(u8: Uint8Array, offset: number): number {
  return readU16(u8, offset + ARP_OPERATION);
}

/** Writes a packet for Ethernet and IPv4 at `offset`; returns the offset after it. */
export function emitArp(u8: Uint8Array, offset: number, fields: ArpFields): number {
  checkRoom('arp packet', u8, offset, ARP_LENGTH);
  writeU16(u8, offset + ARP_HARDWARE_TYPE, HARDWARE_ETHERNET);
  writeU16(u8, offset + ARP_PROTOCOL_TYPE, EtherType.IPV4);
  u8[offset + ARP_HARDWARE_LENGTH] = 6;
  u8[offset + ARP_PROTOCOL_LENGTH] = 4;
  writeU16(u8, offset + ARP_OPERATION, checkInteger('operation', fields.operation, 1, 0xffff, 1));
  u8.set(checkBytes('senderMac', fields.senderMac, MAC_LENGTH), offset + ARP_SENDER_MAC);
  u8.set(checkBytes('senderIp', fields.senderIp, 4), offset + ARP_SENDER_IP);
  if (fields.targetMac === undefined) u8.fill(0, offset + ARP_TARGET_MAC, offset + ARP_TARGET_IP);
  else u8.set(checkBytes('targetMac', fields.targetMac, MAC_LENGTH), offset + ARP_TARGET_MAC);
  u8.set(checkBytes('targetIp', fields.targetIp, 4), offset + ARP_TARGET_IP);
  return offset + ARP_LENGTH;
}

/** One line: `ARP, Request who-has 10.0.0.2 tell 10.0.0.1`. */
export function printArp(u8: Uint8Array, record: FrameRecord): string {
  if (!isArpIpv4(u8, record)) return 'ARP';
  const l3 = record.l3;
  const operation = arpOperation(u8, l3);
  const sender = formatIp(u8, l3 + ARP_SENDER_IP, 4);
  if (operation === ArpOperation.REQUEST) {
    return `ARP, Request who-has ${formatIp(u8, l3 + ARP_TARGET_IP, 4)} tell ${sender}`;
  }
  if (operation === ArpOperation.REPLY) {
    return `ARP, Reply ${sender} is-at ${formatMac(u8, l3 + ARP_SENDER_MAC)}`;
  }
  return `ARP, operation ${operation}`;
}
