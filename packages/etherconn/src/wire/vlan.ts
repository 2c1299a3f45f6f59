import { OptionError } from '../errors.ts';
import { checkBoolean, checkInteger, checkKnown, show } from '../options.ts';
import { checkRoom, readU16, writeU16 } from './bytes.ts';
import { EtherType } from './ethertype.ts';
import { ParseError } from './parse-error.ts';
import type { FrameRecord } from './record.ts';

/**
 * VLAN tags: IEEE 802.1Q §9.6. A tag is a TPID (2 bytes: 0x8100 customer tag, 0x88a8 service tag) and the tag
 * control information (2 bytes: PCP 3 bits, DEI 1 bit, VID 12 bits).
 */

/** Bytes of one tag. */
export const VLAN_TAG_LENGTH = 4;

/** VIDs of tags that belong to a VLAN: 1 to 4094. 0 is a priority tag, 4095 is reserved. */
export const VLAN_ID_MAX = 4094;

/** One VLAN tag, as written in options. */
export interface Vlan {
  /** VID, 0 to 4094; 0 is a priority tag. */
  readonly id: number;
  /** Priority code point, 0 to 7; default 0. */
  readonly pcp?: number;
  /** Drop eligible indicator; default false. */
  readonly dei?: boolean;
  /** Tag protocol identifier, 0x8100 or 0x88a8; default 0x8100. */
  readonly tpid?: number;
}

/** Whether a type field announces a VLAN tag. */
export function isVlanTpid(type: number): boolean {
  return type === EtherType.VLAN || type === EtherType.S_VLAN;
}

/** VID of a tag control information. */
export function vlanId(tci: number): number {
  return tci & 0xfff;
}

/** Priority code point of a tag control information. */
export function vlanPcp(tci: number): number {
  return (tci >> 13) & 7;
}

/** Drop eligible indicator of a tag control information. */
export function vlanDei(tci: number): boolean {
  return (tci & 0x1000) !== 0;
}

/** The tag control information of a tag. */
export function vlanTci(vlan: Vlan): number {
  return ((vlan.pcp ?? 0) << 13) | (vlan.dei ? 0x1000 : 0) | vlan.id;
}

/** Depths above this share it, so that a key stays a small integer. */
const DEPTH_MAX = 127;

/**
 * The key of a frame's VLANs after one more tag: start with 0 and go from the outermost tag inwards.
 *
 * Layout: bits 24 to 30 number of tags that count (up to 127); one tag: its VID in bits 0 to 11; two or more:
 * VID of the outermost in bits 12 to 23, of the second in bits 0 to 11. A priority tag (VID 0) does not count:
 * it names no VLAN, so a priority-tagged frame equals an untagged one (key 0). The third tag and those after it
 * only count, so a deeper stack never equals one of one or two tags.
 */
export function vlanKeyAdd(key: number, tci: number): number {
  const id = tci & 0xfff;
  if (id === 0) return key;
  const depth = key >>> 24;
  if (depth === 0) return (1 << 24) | id;
  if (depth === 1) return (2 << 24) | ((key & 0xfff) << 12) | id;
  return depth < DEPTH_MAX ? key + (1 << 24) : key;
}

/** The key of a stack of VIDs, outermost first; layout as of {@link vlanKeyAdd}. */
export function vlanKey(vids: readonly number[]): number {
  let key = 0;
  for (const vid of vids) key = vlanKeyAdd(key, vid);
  return key;
}

/** A key as text: '' untagged, '5', '100.5' (outermost first), '100.5+1' with one more tag. */
export function formatVlanKey(key: number): string {
  const depth = key >>> 24;
  if (depth === 0) return '';
  if (depth === 1) return `${key & 0xfff}`;
  return `${(key >>> 12) & 0xfff}.${key & 0xfff}${depth > 2 ? `+${depth - 2}` : ''}`;
}

/**
 * Checks an option that is a stack of tags, outermost first; `undefined` is none. Throws an OptionError naming
 * `name`.
 */
export function checkVlans(name: string, value: unknown): readonly Vlan[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw new OptionError(name, `must be an array of VLAN tags, got ${show(value)}`);
  for (const [index, vlan] of value.entries()) checkVlan(`${name}[${index}]`, vlan);
  return value as readonly Vlan[];
}

function checkVlan(name: string, vlan: unknown): void {
  if (typeof vlan !== 'object' || vlan === null) {
    throw new OptionError(name, `must be a VLAN tag like { id: 5 }, got ${show(vlan)}`);
  }
  checkKnown(vlan, ['id', 'pcp', 'dei', 'tpid']);
  const { id, pcp, dei, tpid } = vlan as Record<keyof Vlan, unknown>;
  if (id === undefined) throw new OptionError(`${name}.id`, `must be an integer from 0 to ${VLAN_ID_MAX}`);
  checkInteger(`${name}.id`, id, 0, VLAN_ID_MAX, 0);
  checkInteger(`${name}.pcp`, pcp, 0, 7, 0);
  checkBoolean(`${name}.dei`, dei, false);
  if (tpid !== undefined && !(typeof tpid === 'number' && isVlanTpid(tpid))) {
    throw new OptionError(`${name}.tpid`, `must be 0x8100 or 0x88a8, got ${show(tpid)}`);
  }
}

/**
 * Parses the tags of a frame into `record`; `offset` is after the first TPID. Returns the offset after the
 * type field that follows the last tag, or -1 (with the record's error set) when that is not there.
 */
export function parseVlans(u8: Uint8Array, record: FrameRecord, offset: number): number {
  const end = record.end;
  let type: number;
  do {
    if (end - offset < 2) {
      record.error = ParseError.VLAN_TRUNCATED;
      return -1;
    }
    const tci = readU16(u8, offset);
    if (record.vlanCount === 0) record.vlanTci0 = tci;
    else if (record.vlanCount === 1) record.vlanTci1 = tci;
    record.vlanCount++;
    record.vlanKey = vlanKeyAdd(record.vlanKey, tci);
    if (end - offset < 4) {
      record.error = ParseError.VLAN_TRUNCATED;
      return -1;
    }
    type = readU16(u8, offset + 2);
    offset += VLAN_TAG_LENGTH;
  } while (isVlanTpid(type));
  return offset;
}

/** Tag control information of tag `index` (0 is the outermost) of a parsed frame with that many tags. */
export function vlanTciAt(u8: Uint8Array, record: FrameRecord, index: number): number {
  return readU16(u8, record.start + 14 + VLAN_TAG_LENGTH * index);
}

/** Writes a tag at `offset`; returns the offset after it. */
export function emitVlan(u8: Uint8Array, offset: number, vlan: Vlan): number {
  checkRoom('vlan tag', u8, offset, VLAN_TAG_LENGTH);
  writeU16(u8, offset, vlan.tpid ?? EtherType.VLAN);
  writeU16(u8, offset + 2, vlanTci(vlan));
  return offset + VLAN_TAG_LENGTH;
}

/** A tag as text: `vlan 5`, followed by what is not 0: `vlan 5 p 3 DEI`. */
export function printVlan(tci: number): string {
  const pcp = vlanPcp(tci);
  return `vlan ${vlanId(tci)}${pcp === 0 ? '' : ` p ${pcp}`}${vlanDei(tci) ? ' DEI' : ''}`;
}
