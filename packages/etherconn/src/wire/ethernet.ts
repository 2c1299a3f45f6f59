import { checkInteger } from '../options.ts';
import { checkBytes, checkRoom, readU16, writeU16 } from './bytes.ts';
import { ETHERTYPE_MIN, etherTypeName, formatEtherType } from './ethertype.ts';
import { formatMac, MAC_LENGTH } from './mac.ts';
import { ParseError } from './parse-error.ts';
import type { FrameRecord } from './record.ts';
import {
  checkVlans,
  emitVlan,
  isVlanTpid,
  parseVlans,
  printVlan,
  VLAN_TAG_LENGTH,
  type Vlan,
  vlanTciAt,
} from './vlan.ts';

/**
 * Ethernet II, and IEEE 802.3 length frames recognized: IEEE 802.3 §3.2, RFC 894. A frame is without preamble
 * and FCS. Destination (6 bytes), source (6), VLAN tags (4 each), type or length (2), payload, padding.
 */

/** Offset of the destination MAC address, 6 bytes. */
export const ETHERNET_DESTINATION = 0;
/** Offset of the source MAC address, 6 bytes. */
export const ETHERNET_SOURCE = 6;
/** Offset of the type field (of the first TPID when there are tags). */
export const ETHERNET_TYPE = 12;
/** Bytes of an untagged header. */
export const ETHERNET_HEADER_LENGTH = 14;
/** Shortest frame on the wire without FCS; shorter ones are padded by the sender. */
export const ETHERNET_MIN_LENGTH = 60;

/** Fields of an Ethernet header to write (IEEE 802.3). */
export interface EthernetFields {
  /** 6 bytes. */
  readonly destination: Uint8Array;
  /** 6 bytes. */
  readonly source: Uint8Array;
  /** Outermost first; default none. */
  readonly vlans?: readonly Vlan[];
  /** Innermost EtherType, or a length under 0x0600. */
  readonly etherType: number;
}

/**
 * Parses the Ethernet header of `[record.start, record.end)` with all its VLAN tags. Sets etherType or
 * length8023, the VLAN fields, l3 and l3End; when the header is not whole, the error and no l3.
 */
export function parseEthernet(u8: Uint8Array, record: FrameRecord): void {
  const start = record.start;
  const end = record.end;
  if (end - start < ETHERNET_HEADER_LENGTH) {
    record.error = ParseError.ETHERNET_TRUNCATED;
    return;
  }
  let l3 = start + ETHERNET_HEADER_LENGTH;
  let type = readU16(u8, start + ETHERNET_TYPE);
  if (isVlanTpid(type)) {
    l3 = parseVlans(u8, record, l3);
    if (l3 < 0) return;
    type = readU16(u8, l3 - 2);
  }
  record.l3 = l3;
  record.l3End = end;
  if (type >= ETHERTYPE_MIN) {
    record.etherType = type;
  } else {
    record.length8023 = type;
    if (l3 + type <= end) record.l3End = l3 + type;
    else record.error = ParseError.ETHERNET_LENGTH_OVER;
  }
}

/** Bytes of a header with `vlanCount` tags. */
export function ethernetHeaderLength(vlanCount: number): number {
  return ETHERNET_HEADER_LENGTH + VLAN_TAG_LENGTH * vlanCount;
}

/** Writes a header at `offset`; returns the offset of the payload. Throws an OptionError for invalid fields. */
export function emitEthernet(u8: Uint8Array, offset: number, fields: EthernetFields): number {
  const vlans = checkVlans('vlans', fields.vlans);
  checkRoom('ethernet header', u8, offset, ethernetHeaderLength(vlans.length));
  checkInteger('etherType', fields.etherType, 0, 0xffff, 0);
  u8.set(checkBytes('destination', fields.destination, MAC_LENGTH), offset + ETHERNET_DESTINATION);
  u8.set(checkBytes('source', fields.source, MAC_LENGTH), offset + ETHERNET_SOURCE);
  let at = offset + ETHERNET_TYPE;
  for (const vlan of vlans) at = emitVlan(u8, at, vlan);
  writeU16(u8, at, fields.etherType);
  return at + 2;
}

/** One line: `02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff, vlan 5, ethertype IPv4 (0x0800), length 60`. */
export function printEthernet(u8: Uint8Array, record: FrameRecord): string {
  const length = `length ${record.end - record.start}`;
  if (record.end - record.start < ETHERNET_HEADER_LENGTH) return length;
  let text = `${formatMac(u8, record.start + ETHERNET_SOURCE)} > ${formatMac(u8, record.start)}`;
  for (let i = 0; i < record.vlanCount; i++) text += `, ${printVlan(vlanTciAt(u8, record, i))}`;
  if (record.length8023 >= 0) return `${text}, 802.3 length ${record.length8023}, ${length}`;
  if (record.l3 === 0) return `${text}, ${length}`;
  return `${text}, ethertype ${etherTypeName(record.etherType)} (${formatEtherType(record.etherType)}), ${length}`;
}
