import { readU16 } from '../wire/bytes.ts';
import type { Batch } from './batch.ts';

/** What an answer needs to know of the Ethernet endpoint that gives it. */
export interface ReplySource {
  /** Own MAC address: first 4 bytes, last 2. */
  readonly macHigh: number;
  readonly macLow: number;
  /** Own VLAN tags as they stand in a frame; null for a catch-all conn, which answers in the frame's own. */
  readonly tagBytes: Uint8Array | null;
}

/** Bytes of the Ethernet header of an answer to the packet that the cursor stands on. */
export function replyHeaderLength(source: ReplySource, batch: Batch): number {
  return source.tagBytes === null ? batch.networkOffset - batch.frameOffset : 14 + source.tagBytes.length;
}

/** The first type field of such an answer: that of its outermost tag, or its EtherType. */
export function replyOuterType(source: ReplySource, batch: Batch): number {
  const { tagBytes } = source;
  if (tagBytes === null) return readU16(batch.u8, batch.frameOffset + 12);
  return tagBytes.length === 0 ? batch.etherType : readU16(tagBytes, 0);
}

/**
 * Writes the Ethernet header of an answer at `offset`: to the frame's sender, in its VLANs, with its EtherType.
 * A catch-all conn answers from the address that was asked, if that is nobody else's. Returns the offset behind.
 */
export function emitReplyEthernet(source: ReplySource, batch: Batch, u8: Uint8Array, offset: number): number {
  const from = batch.u8;
  const frame = batch.frameOffset;
  const tags = source.tagBytes;
  for (let i = 0; i < 6; i++) u8[offset + i] = from[frame + 6 + i];
  if (tags === null && (from[frame] & 1) === 0) {
    for (let i = 0; i < 6; i++) u8[offset + 6 + i] = from[frame + i];
  } else {
    emitOwnMac(source, u8, offset + 6);
  }
  let at = offset + 12;
  const type = batch.networkOffset - 2;
  if (tags === null) for (let i = frame + 12; i < type; i++) u8[at++] = from[i];
  else for (let i = 0; i < tags.length; i++) u8[at++] = tags[i];
  u8[at++] = from[type];
  u8[at++] = from[type + 1];
  return at;
}

function emitOwnMac(source: ReplySource, u8: Uint8Array, offset: number): void {
  const { macHigh, macLow } = source;
  u8[offset] = macHigh >>> 24;
  u8[offset + 1] = macHigh >>> 16;
  u8[offset + 2] = macHigh >>> 8;
  u8[offset + 3] = macHigh;
  u8[offset + 4] = macLow >>> 8;
  u8[offset + 5] = macLow;
}
