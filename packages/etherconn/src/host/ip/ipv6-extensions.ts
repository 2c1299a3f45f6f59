import { isZero } from '../../wire/bytes.ts';
import { IPV6_HEADER_LENGTH, IPV6_PAYLOAD_LENGTH } from '../../wire/ipv6.ts';
import { IPV6_FRAGMENT_LENGTH, Ipv6HeaderWalk } from '../../wire/ipv6-headers.ts';
import { IpProtocol } from '../../wire/protocol.ts';
import { Fragment, type FrameRecord } from '../../wire/record.ts';
import { Problem, problem } from './problem.ts';

/** Codes of ICMPv6's Parameter Problem: RFC 4443 §3.4, RFC 7112 §5. */
export const ParameterProblem6 = {
  FIELD: 0,
  NEXT_HEADER: 1,
  OPTION: 2,
  INCOMPLETE_CHAIN: 3,
} as const;

const PAD1 = 0;
const PADN = 1;
/** RFC 2711. Its data has two bytes. */
const ROUTER_ALERT = 5;
/** Options in a header, without padding: what Linux takes (RFC 8504 §5.3 allows a limit). */
const OPTIONS_MAX = 8;

/** Used at once. */
const walk = new Ipv6HeaderWalk();

/**
 * What is wrong with the extension headers of a packet for us, whose chain is whole or goes on in a later fragment: a
 * {@link Problem}. Header by header in their order, as RFC 8200 §4 wants it, and of a fragment only those before its
 * fragment header: what is behind it is looked at when the packet is whole. `isGroup`: it is for a multicast address.
 */
export function ipv6ExtensionProblem(u8: Uint8Array, record: FrameRecord, isGroup: boolean): number {
  const { l3 } = record;
  walk.begin(u8, l3, record.l3End);
  while (walk.next(u8)) {
    const { kind, offset } = walk;
    let found: number = Problem.NONE;
    if (kind === IpProtocol.FRAGMENT) {
      if (record.fragment !== Fragment.NONE) return Problem.NONE;
    } else if (kind === IpProtocol.ROUTING) {
      found = routingProblem(u8, offset, l3);
    } else if (kind === IpProtocol.HOP_BY_HOP && offset !== l3 + IPV6_HEADER_LENGTH) {
      return problem(ParameterProblem6.NEXT_HEADER, walk.field - l3);
    } else {
      found = optionsProblem(u8, offset, offset + walk.length, kind, l3, isGroup);
    }
    if (found !== Problem.NONE) return found;
  }
  return Problem.NONE;
}

/** Offset in the packet of the field that names its protocol, or the first header that is not whole. */
export function ipv6ProtocolPointer(u8: Uint8Array, record: FrameRecord): number {
  walk.begin(u8, record.l3, record.l3End);
  while (walk.next(u8));
  return walk.field - record.l3;
}

/** Offset in the packet of the field that names the fragment header before `data`. */
export function ipv6FragmentPointer(u8: Uint8Array, record: FrameRecord, data: number): number {
  walk.begin(u8, record.l3, record.l3End);
  while (walk.next(u8) && walk.offset + IPV6_FRAGMENT_LENGTH !== data);
  return walk.field - record.l3;
}

/** RFC 8200 §4.4: no type of route is known here, type 0 (RFC 5095) no more than others. */
function routingProblem(u8: Uint8Array, offset: number, l3: number): number {
  const segmentsLeft = u8[offset + 3];
  return segmentsLeft === 0 ? Problem.NONE : problem(ParameterProblem6.FIELD, offset + 2 - l3);
}

/** RFC 8200 §4.2. Where it leaves room, this is what Linux does, which also takes long padding for a covert channel. */
function optionsProblem(
  u8: Uint8Array,
  offset: number,
  end: number,
  kind: number,
  l3: number,
  isGroup: boolean,
): number {
  let count = 0;
  for (let at = offset + 2; at < end; ) {
    const type = u8[at];
    if (type === PAD1) {
      at++;
      continue;
    }
    if (at + 1 >= end) return Problem.SILENT;
    const next = at + 2 + u8[at + 1];
    if (next > end) return Problem.SILENT;
    if (type === PADN) {
      // RFC 4942 §2.1.9.5: it could be a covert channel.
      if (!isZero(u8, at + 2, next)) return Problem.SILENT;
    } else {
      if (++count > OPTIONS_MAX) return Problem.SILENT;
      if (type === ROUTER_ALERT && kind === IpProtocol.HOP_BY_HOP) {
        if (next - at !== 4) return Problem.SILENT;
      } else {
        const found = unknownOptionProblem(type, at - l3, isGroup);
        if (found !== Problem.NONE) return found;
      }
    }
    at = next;
  }
  return Problem.NONE;
}

/** What its two highest bits want to be done. */
function unknownOptionProblem(type: number, pointer: number, isGroup: boolean): number {
  switch (type >> 6) {
    case 0:
      return Problem.NONE;
    case 1:
      return Problem.SILENT;
    case 2:
      return problem(ParameterProblem6.OPTION, pointer);
    default:
      return isGroup ? Problem.SILENT : problem(ParameterProblem6.OPTION, pointer);
  }
}

/**
 * What is wrong with an IPv6 fragment whose data begin at `data` (RFC 8200 §4.5): a {@link Problem}. `start` is where
 * they stand in the datagram. NONE says nothing about fragments that do not fit with others.
 */
export function ipv6FragmentProblem(
  record: FrameRecord,
  data: number,
  start: number,
  isLast: boolean,
): number {
  const end = start + record.l3End - data;
  const before = data - IPV6_FRAGMENT_LENGTH - IPV6_HEADER_LENGTH - record.l3;
  if (start === 0 && !hasAllHeaders(record)) return problem(ParameterProblem6.INCOMPLETE_CHAIN, 0);
  if (before + end > 0xffff)
    return problem(ParameterProblem6.FIELD, data - IPV6_FRAGMENT_LENGTH + 2 - record.l3);
  if (!isLast && end % 8 !== 0) return problem(ParameterProblem6.FIELD, IPV6_PAYLOAD_LENGTH);
  return Problem.NONE;
}

/** Whether the whole chain of headers, up to the transport's own, is in this first fragment (RFC 7112 §5). */
function hasAllHeaders(record: FrameRecord): boolean {
  if (record.protocol < 0) return false;
  const { protocol } = record;
  const isKnown =
    protocol === IpProtocol.UDP || protocol === IpProtocol.TCP || protocol === IpProtocol.ICMPV6;
  return !isKnown || record.payload !== 0;
}
