import { checkBoolean, checkInteger } from '../options.ts';
import { checkRoom, readU32, writeU32 } from './bytes.ts';
import { EtherType } from './ethertype.ts';
import type { FrameRecord } from './record.ts';

/**
 * Service instance tags of provider backbone bridges, "MAC in MAC": IEEE 802.1Q §9.7, once 802.1ah. Behind EtherType
 * 0x88e7 stand 4 bytes (priority, two bits, the service's number) and then the customer's whole frame, from its
 * destination address on. For relays and hosts this is an EtherType as any other.
 */

/** Bytes of the tag behind its EtherType. */
export const I_TAG_LENGTH = 4;

/** Fields of an I-TAG to write (IEEE 802.1ah). */
export interface ITagFields {
  /** I-SID, 24 bits. */
  readonly serviceId: number;
  /** 0 to 7; default 0. */
  readonly priority?: number;
  /** Default false. */
  readonly dropEligible?: boolean;
}

/** Whether a parsed frame has a whole tag at `record.l3`: then the functions below are in bounds. */
export function isITag(record: FrameRecord): boolean {
  return record.etherType === EtherType.I_TAG && record.l3 !== 0 && record.end - record.l3 >= I_TAG_LENGTH;
}

/** I-SID of the tag at `offset`. */
export function iTagServiceId(u8: Uint8Array, offset: number): number {
  return readU32(u8, offset) & 0xffffff;
}

/** Priority (I-PCP) of the tag at `offset`. */
export function iTagPriority(u8: Uint8Array, offset: number): number {
  return u8[offset] >> 5;
}

/** Writes a tag at `offset`, behind its EtherType; returns the offset of the customer's frame. */
export function emitITag(u8: Uint8Array, offset: number, fields: ITagFields): number {
  checkRoom('802.1ah tag', u8, offset, I_TAG_LENGTH);
  const serviceId = checkInteger('serviceId', fields.serviceId, 0, 0xffffff, 0);
  const priority = checkInteger('priority', fields.priority, 0, 7, 0);
  const drop = checkBoolean('dropEligible', fields.dropEligible, false) ? 1 : 0;
  writeU32(u8, offset, ((priority << 29) | (drop << 28) | serviceId) >>> 0);
  return offset + I_TAG_LENGTH;
}

/** `isid 66051, priority 5`. */
export function printITag(u8: Uint8Array, offset: number): string {
  return `isid ${iTagServiceId(u8, offset)}, priority ${iTagPriority(u8, offset)}`;
}
