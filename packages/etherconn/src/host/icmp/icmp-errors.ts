import { Icmpv4Type, Icmpv4Unreachable } from '../../wire/icmpv4.ts';
import { Icmpv6Type, Icmpv6Unreachable } from '../../wire/icmpv6.ts';
import { isMulticastIp } from '../../wire/ip.ts';
import { IPV4_HEADER_LENGTH } from '../../wire/ipv4.ts';
import { IPV6_HEADER_LENGTH } from '../../wire/ipv6.ts';
import { isGroupMac } from '../../wire/mac.ts';
import { NdType } from '../../wire/nd.ts';
import { IpProtocol } from '../../wire/protocol.ts';
import { Fragment, type FrameRecord } from '../../wire/record.ts';
import type { Output } from '../egress/output.ts';
import { AddressKind } from '../ip/addresses.ts';
import { ipv6ProtocolPointer, ParameterProblem6 } from '../ip/ipv6-extensions.ts';
import { problem, problemCode, problemPointer } from '../ip/problem.ts';
import { RateLimit } from '../ip/rate-limit.ts';
import type { HostState } from '../state.ts';
import { ICMP_HEADER_LENGTH, icmpPacket } from './icmp-packet.ts';

/** Errors sent per second, and in a burst. The burst is Linux's. */
const ERROR_RATE = 100;
const ERROR_BURST = 50;
/** Maximum bytes of an IPv4 error, RFC 1812 §4.3.2.3, and of an IPv6 error, RFC 4443 §2.4 (c). */
const ERROR4_MAX = 576;
const ERROR6_MAX = 1280;
/** RFC 4443 §2.1: the types below are errors. */
const FIRST_INFORMATION = 128;
/** Echo, router discovery, timestamp, information and address mask. */
const QUERIES4: ReadonlySet<number> = new Set([0, 8, 9, 10, 13, 14, 15, 16, 17, 18]);

/** Sends ICMP errors about received packets: RFC 1122 §3.2.2, RFC 4443 §2.4. */
export class IcmpErrors {
  readonly #state: HostState;
  readonly #output: Output;
  #rate: RateLimit | null = null;

  constructor(state: HostState, output: Output) {
    this.#state = state;
    this.#output = output;
  }

  /** Reports to the sender of a packet that its port is closed. */
  portUnreachable(u8: Uint8Array, record: FrameRecord): void {
    if (record.ipVersion === 4) {
      this.sendError(u8, record, Icmpv4Type.DESTINATION_UNREACHABLE, Icmpv4Unreachable.PORT, 0);
    } else {
      this.sendError(u8, record, Icmpv6Type.DESTINATION_UNREACHABLE, Icmpv6Unreachable.PORT, 0);
    }
  }

  /** Reports to the sender of a packet that its protocol is not supported. */
  protocolUnreachable(u8: Uint8Array, record: FrameRecord): void {
    if (record.ipVersion === 4) {
      this.sendError(u8, record, Icmpv4Type.DESTINATION_UNREACHABLE, Icmpv4Unreachable.PROTOCOL, 0);
    } else {
      const pointer = ipv6ProtocolPointer(u8, record);
      this.parameterProblem(u8, record, problem(ParameterProblem6.NEXT_HEADER, pointer));
    }
  }

  /** Reports to the sender of a packet what is wrong with its headers: a `Problem` that is not silent. */
  parameterProblem(u8: Uint8Array, record: FrameRecord, found: number): void {
    const pointer = problemPointer(found);
    if (record.ipVersion === 4) {
      this.sendError(u8, record, Icmpv4Type.PARAMETER_PROBLEM, problemCode(found), (pointer << 24) >>> 0);
    } else {
      this.sendError(u8, record, Icmpv6Type.PARAMETER_PROBLEM, problemCode(found), pointer);
    }
  }

  /**
   * Sends an error about a packet to its sender, if allowed (RFC 1122 §3.2.2, RFC 4443 §2.4 (e)) and within the rate
   * limit. `rest` is the field behind the checksum.
   */
  sendError(u8: Uint8Array, record: FrameRecord, type: number, code: number, rest: number): void {
    const { addresses, clock, counters } = this.#state;
    const version = record.ipVersion;
    const source = addresses.kindOf(u8, record.ipSource, version);
    const isOne =
      source === AddressKind.OTHER || source === AddressKind.OWN || source === AddressKind.LOOPBACK;
    if (!isOne || isIcmpError(u8, record)) return;
    if (version === 4 && record.fragment === Fragment.LATER) return;
    const isGroup =
      isMulticastIp(u8, record.ipDestination, version) ||
      isGroupMac(u8, record.start) ||
      addresses.kindOf(u8, record.ipDestination, version) === AddressKind.BROADCAST;
    if (isGroup && !isAboutOptionForAll(u8, record, type, code, rest)) return;
    this.#rate ??= new RateLimit(clock, ERROR_RATE, ERROR_BURST);
    if (!this.#rate.take()) {
      counters.icmpLimited++;
      return;
    }
    const length = version === 4 ? 4 : 16;
    const path = this.#output.findPath(u8.slice(record.ipSource, record.ipSource + length));
    if (typeof path === 'string') return;
    const headers = (version === 4 ? IPV4_HEADER_LENGTH : IPV6_HEADER_LENGTH) + ICMP_HEADER_LENGTH;
    const quote = Math.min(record.l3End - record.l3, (version === 4 ? ERROR4_MAX : ERROR6_MAX) - headers);
    // The source is the address that the packet was sent to, so the sender can tell what the error is about.
    const isOwn = !isMulticastIp(u8, record.ipDestination, version);
    const from = isOwn ? u8.slice(record.ipDestination, record.ipDestination + length) : path.source;
    const packet = icmpPacket(path, from, type, code, rest, u8, record.l3, record.l3 + quote);
    if (this.#output.send(packet, path, null) === 1) counters.icmpErrorsSent++;
    else counters.noRoomDropped++;
  }
}

/** Whether a packet is an ICMP error itself. Errors about errors are not sent. */
function isIcmpError(u8: Uint8Array, record: FrameRecord): boolean {
  if (record.l4 === 0 || record.l4 >= record.l3End || record.fragment === Fragment.LATER) return false;
  const type = u8[record.l4];
  if (record.ipVersion === 6)
    return record.protocol === IpProtocol.ICMPV6 && (type < FIRST_INFORMATION || type === NdType.REDIRECT);
  return record.protocol === IpProtocol.ICMP && !QUERIES4.has(type);
}

/** Whether an error is about an option that all members of a group answer for: RFC 4443 §2.4 (e.3). */
function isAboutOptionForAll(
  u8: Uint8Array,
  record: FrameRecord,
  type: number,
  code: number,
  pointer: number,
): boolean {
  if (record.ipVersion !== 6 || type !== Icmpv6Type.PARAMETER_PROBLEM) return false;
  return code === ParameterProblem6.OPTION && u8[record.l3 + pointer] >> 6 === 2;
}
