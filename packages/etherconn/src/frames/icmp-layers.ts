import {
  emitIcmpv4,
  fillIcmpv4Checksum,
  ICMPV4_CHECKSUM,
  ICMPV4_CODE,
  ICMPV4_ECHO_ID,
  ICMPV4_ECHO_SEQUENCE,
  ICMPV4_HEADER_LENGTH,
  ICMPV4_REST,
  ICMPV4_TYPE,
  Icmpv4Type,
  icmpv4Type,
} from '../wire/icmpv4.ts';
import {
  emitIcmpv6,
  ICMPV6_CHECKSUM,
  ICMPV6_CODE,
  ICMPV6_ECHO_ID,
  ICMPV6_ECHO_SEQUENCE,
  ICMPV6_REST,
  ICMPV6_TYPE,
  Icmpv6Type,
  icmpv6Type,
} from '../wire/icmpv6.ts';
import { IpProtocol } from '../wire/protocol.ts';
import { type Definition, type LayerFunction, layerFunction } from './definition.ts';
import { FILLED_HEX, type Field, uint } from './field.ts';
import { fillWithPseudoHeader } from './pseudo-header.ts';

/** ICMP. Behind errors follow the layers of the packet that caused them. */

interface IcmpFields {
  /** `Icmpv4Type`, or `Icmpv6Type`, of etherconn/wire; default an echo request. */
  readonly type?: number;
  /** Default 0. */
  readonly code?: number;
  /** Filled. */
  readonly checksum?: number;
  /** Of echo messages; default 0. */
  readonly id?: number;
  /** Of echo messages; default 0. */
  readonly sequence?: number;
  /** The four bytes behind the checksum of other messages, with an MTU where they have one; default 0. */
  readonly rest?: number;
}

/** ICMP for IPv4 (RFC 792). */
export interface Icmpv4Layer extends IcmpFields {
  readonly layer: 'icmpv4';
}

/** Neighbor discovery and MLD have layers of their own. */
export interface Icmpv6Layer extends IcmpFields {
  readonly layer: 'icmpv6';
}

type IsThere = NonNullable<Field['isThere']>;

const isEcho4: IsThere = (u8, at) => {
  const type = icmpv4Type(u8, at);
  return type === Icmpv4Type.ECHO_REQUEST || type === Icmpv4Type.ECHO_REPLY;
};

const isEcho6: IsThere = (u8, at) => {
  const type = icmpv6Type(u8, at);
  return type === Icmpv6Type.ECHO_REQUEST || type === Icmpv6Type.ECHO_REPLY;
};

const ERRORS_4: readonly number[] = [
  Icmpv4Type.DESTINATION_UNREACHABLE,
  4,
  Icmpv4Type.REDIRECT,
  Icmpv4Type.TIME_EXCEEDED,
  Icmpv4Type.PARAMETER_PROBLEM,
];

/** Request and reply have the same identifier and number. */
function echoes(request: number, reply: number): Pick<Definition, 'isAnswerTo' | 'reply'> {
  return {
    isAnswerTo: (answer, asked) =>
      asked.type === request &&
      answer.type === reply &&
      answer.id === asked.id &&
      answer.sequence === asked.sequence,
    reply: (asked) => (asked.type === request ? { type: reply } : {}),
  };
}

export const icmpv4Definition: Definition = {
  name: 'icmpv4',
  length: ICMPV4_HEADER_LENGTH,
  fields: {
    type: uint(ICMPV4_TYPE, 1),
    code: uint(ICMPV4_CODE, 1),
    checksum: uint(ICMPV4_CHECKSUM, 2, FILLED_HEX),
    id: uint(ICMPV4_ECHO_ID, 2, { isThere: isEcho4 }),
    sequence: uint(ICMPV4_ECHO_SEQUENCE, 2, { isThere: isEcho4 }),
    rest: uint(ICMPV4_REST, 4, { isThere: (u8, at) => !isEcho4(u8, at) }),
  },
  number: { ipProtocol: IpProtocol.ICMP },
  over: 4,
  emit: (u8, { at }) => emitIcmpv4(u8, at, { type: Icmpv4Type.ECHO_REQUEST }),
  checksum: (u8, { at, end }) => fillIcmpv4Checksum(u8, at, end),
  behind: (u8, at) => (ERRORS_4.includes(icmpv4Type(u8, at)) ? ['ipv4'] : []),
  ...echoes(Icmpv4Type.ECHO_REQUEST, Icmpv4Type.ECHO_REPLY),
};

/** Types of ICMPv6 errors are under this one. */
const INFORMATIONAL = 128;

export const icmpv6Definition: Definition = {
  name: 'icmpv6',
  length: ICMPV6_REST + 4,
  fields: {
    type: uint(ICMPV6_TYPE, 1),
    code: uint(ICMPV6_CODE, 1),
    checksum: uint(ICMPV6_CHECKSUM, 2, FILLED_HEX),
    id: uint(ICMPV6_ECHO_ID, 2, { isThere: isEcho6 }),
    sequence: uint(ICMPV6_ECHO_SEQUENCE, 2, { isThere: isEcho6 }),
    rest: uint(ICMPV6_REST, 4, { isThere: (u8, at) => !isEcho6(u8, at) }),
  },
  number: { ipProtocol: IpProtocol.ICMPV6 },
  over: 6,
  emit: (u8, { at }) => emitIcmpv6(u8, at, { type: Icmpv6Type.ECHO_REQUEST }),
  checksum: (u8, place) => fillWithPseudoHeader(u8, place, ICMPV6_CHECKSUM, IpProtocol.ICMPV6),
  behind: (u8, at) => (icmpv6Type(u8, at) < INFORMATIONAL ? ['ipv6'] : []),
  ...echoes(Icmpv6Type.ECHO_REQUEST, Icmpv6Type.ECHO_REPLY),
};

/** An ICMP message of IPv4; default an echo request. */
export const icmpv4: LayerFunction<Icmpv4Layer> = layerFunction<Icmpv4Layer>(icmpv4Definition);

/** An ICMPv6 message; default an echo request. */
export const icmpv6: LayerFunction<Icmpv6Layer> = layerFunction<Icmpv6Layer>(icmpv6Definition);
