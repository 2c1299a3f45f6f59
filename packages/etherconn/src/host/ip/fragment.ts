import { copyFrame } from '../../link/frame-memory.ts';
import type { FrameMemory } from '../../link/link.ts';
import type { FrameSender } from '../../relay/transmit.ts';
import { readU16, writeU16, writeU32 } from '../../wire/bytes.ts';
import {
  fillIpv4Checksum,
  IPV4_DF,
  IPV4_FLAGS_OFFSET,
  IPV4_HEADER_LENGTH,
  IPV4_ID,
  IPV4_MF,
  IPV4_OPTIONS,
  IPV4_TOTAL_LENGTH,
  IPV4_VERSION_IHL,
  ipv4HeaderLength,
  ipv4TotalLength,
} from '../../wire/ipv4.ts';
import { Ipv4Option, ipv4OptionLength } from '../../wire/ipv4-options.ts';
import {
  IPV6_FRAGMENT_LENGTH,
  IPV6_HEADER_LENGTH,
  IPV6_NEXT_HEADER,
  IPV6_PAYLOAD_LENGTH,
} from '../../wire/ipv6.ts';
import { Ipv6HeaderWalk } from '../../wire/ipv6-headers.ts';
import { IpProtocol } from '../../wire/protocol.ts';

/** Results of {@link sendFragments} other than a number of fragments. */
export const FragmentResult = {
  /** There are not enough slots for all fragments: none was sent. */
  NO_ROOM: 0,
  /** The packet is longer than the MTU and its header says "don't fragment". */
  DONT_FRAGMENT: -1,
  /** The MTU is too small for the headers and 8 bytes. */
  MTU_TOO_SMALL: -2,
} as const;

/** Used at once. */
const walk = new Ipv6HeaderWalk();
/** Slots reserved for one packet. Offsets can tell apart 8,192 fragments at most. */
const slots = new Int32Array(8192);
/** "Copied" bit of an IPv4 option's type: the option belongs in every fragment. */
const OPTION_COPIED = 0x80;

/**
 * Sends the frame `[offset, end)` of `from`, whose IP header is at `l3`, as fragments of at most `mtu` bytes each (IP
 * header included; RFC 791 §3.2, RFC 8200 §4.5): all of them, or none. `identification` is 16 bits for IPv4 and 32
 * for IPv6. The transport checksum must be there already. A packet that fits goes out as it is.
 * Returns the number of frames, or a {@link FragmentResult}. Sending is done when the caller flushes.
 */
export function sendFragments(
  sender: FrameSender,
  from: FrameMemory,
  offset: number,
  l3: number,
  end: number,
  mtu: number,
  identification: number,
): number {
  if (end - l3 <= mtu) return sendWhole(sender, from, offset, end);
  return from.u8[l3] >> 4 === 4
    ? sendIpv4(sender, from, offset, l3, mtu, identification)
    : sendIpv6(sender, from, offset, l3, end, mtu, identification);
}

function sendWhole(sender: FrameSender, from: FrameMemory, offset: number, end: number): number {
  const slot = sender.reserve(end - offset);
  if (slot < 0) return FragmentResult.NO_ROOM;
  copyFrame(sender.memory, slot, from, offset, end - offset);
  sender.commit(slot, end - offset);
  return 1;
}

function sendIpv4(
  sender: FrameSender,
  from: FrameMemory,
  offset: number,
  l3: number,
  mtu: number,
  identification: number,
): number {
  const { u8 } = from;
  const flagsOffset = readU16(u8, l3 + IPV4_FLAGS_OFFSET);
  if ((flagsOffset & IPV4_DF) !== 0) return FragmentResult.DONT_FRAGMENT;
  const headerLength = ipv4HeaderLength(u8, l3);
  const laterLength = IPV4_HEADER_LENGTH + copiedOptions(u8, l3, null, 0);
  const data = l3 + headerLength;
  const end = l3 + ipv4TotalLength(u8, l3);
  const ethernetLength = l3 - offset;
  const firstData = (mtu - headerLength) & ~7;
  const laterData = (mtu - laterLength) & ~7;
  if (firstData <= 0) return FragmentResult.MTU_TOO_SMALL;
  const count = 1 + Math.ceil((end - data - firstData) / laterData);
  if (!reserveAll(sender, count, ethernetLength + mtu)) return FragmentResult.NO_ROOM;
  const to = sender.memory;
  let at = data;
  for (let index = 0; index < count; index++) {
    const slot = slots[index];
    const ip = slot + ethernetLength;
    const header = index === 0 ? headerLength : laterLength;
    const length = Math.min(index === 0 ? firstData : laterData, end - at);
    copyFrame(to, slot, from, offset, ethernetLength + (index === 0 ? headerLength : IPV4_HEADER_LENGTH));
    if (index > 0) {
      copiedOptions(u8, l3, to.u8, ip + IPV4_OPTIONS);
      to.u8[ip + IPV4_VERSION_IHL] = 0x40 | (laterLength >> 2);
    }
    writeU16(to.u8, ip + IPV4_TOTAL_LENGTH, header + length);
    writeU16(to.u8, ip + IPV4_ID, identification);
    // A fragment may be fragmented again: offsets start at its own, and the last piece keeps its "more fragments"
    // bit.
    const more = at + length < end ? IPV4_MF : flagsOffset & IPV4_MF;
    writeU16(to.u8, ip + IPV4_FLAGS_OFFSET, more | ((flagsOffset & 0x1fff) + ((at - data) >> 3)));
    fillIpv4Checksum(to.u8, ip);
    copyFrame(to, ip + header, from, at, length);
    sender.commit(slot, ethernetLength + header + length);
    at += length;
  }
  return count;
}

/**
 * Bytes, padded to a multiple of 4, of the options that go into every fragment; with `to` they are written there. An
 * option that is cut off ends the list.
 */
function copiedOptions(u8: Uint8Array, l3: number, to: Uint8Array | null, offset: number): number {
  const end = l3 + ipv4HeaderLength(u8, l3);
  let at = l3 + IPV4_OPTIONS;
  let length = 0;
  while (at < end && u8[at] !== Ipv4Option.END) {
    const size = ipv4OptionLength(u8, at, end);
    if (size === 0) break;
    if ((u8[at] & OPTION_COPIED) !== 0) {
      if (to !== null) for (let i = 0; i < size; i++) to[offset + length + i] = u8[at + i];
      length += size;
    }
    at += size;
  }
  const padded = (length + 3) & ~3;
  if (to !== null) for (let i = length; i < padded; i++) to[offset + i] = Ipv4Option.END;
  return padded;
}

function sendIpv6(
  sender: FrameSender,
  from: FrameMemory,
  offset: number,
  l3: number,
  end: number,
  mtu: number,
  identification: number,
): number {
  const { u8 } = from;
  const field = lastPerHopField(u8, l3, end);
  const data = field === l3 + IPV6_NEXT_HEADER ? l3 + IPV6_HEADER_LENGTH : field + ((u8[field + 1] + 1) << 3);
  const perFragment = data - l3;
  const pieceLength = (mtu - perFragment - IPV6_FRAGMENT_LENGTH) & ~7;
  if (pieceLength <= 0) return FragmentResult.MTU_TOO_SMALL;
  const count = Math.ceil((end - data) / pieceLength);
  if (!reserveAll(sender, count, l3 - offset + mtu)) return FragmentResult.NO_ROOM;
  const to = sender.memory;
  let at = data;
  for (let index = 0; index < count; index++) {
    const slot = slots[index];
    const ip = slot + l3 - offset;
    const header = ip + perFragment;
    const length = Math.min(pieceLength, end - at);
    copyFrame(to, slot, from, offset, data - offset);
    const payloadLength = perFragment - IPV6_HEADER_LENGTH + IPV6_FRAGMENT_LENGTH + length;
    writeU16(to.u8, ip + IPV6_PAYLOAD_LENGTH, payloadLength);
    to.u8[ip + field - l3] = IpProtocol.FRAGMENT;
    to.u8[header] = u8[field];
    to.u8[header + 1] = 0;
    writeU16(to.u8, header + 2, (at - data) | (at + length < end ? 1 : 0));
    writeU32(to.u8, header + 4, identification);
    copyFrame(to, header + IPV6_FRAGMENT_LENGTH, from, at, length);
    sender.commit(slot, data - offset + IPV6_FRAGMENT_LENGTH + length);
    at += length;
  }
  return count;
}

/**
 * Offset of the "next header" field that stands before the fragmentable part: that of the last header which every
 * node on the way looks at (RFC 8200 §4.5).
 */
function lastPerHopField(u8: Uint8Array, l3: number, end: number): number {
  let last = l3 + IPV6_NEXT_HEADER;
  walk.begin(u8, l3, end);
  while (walk.next(u8) && walk.kind !== IpProtocol.FRAGMENT) {
    // Destination options count only when a routing header follows.
    if (walk.kind !== IpProtocol.DESTINATION_OPTIONS) last = walk.offset;
  }
  return last;
}

/** Reserves `count` slots into {@link slots}: all, or none. */
function reserveAll(sender: FrameSender, count: number, length: number): boolean {
  for (let index = 0; index < count; index++) {
    const slot = sender.reserve(length);
    if (slot < 0) {
      while (index-- > 0) sender.cancel(slots[index]);
      return false;
    }
    slots[index] = slot;
  }
  return true;
}
