import type { BatchStore } from '../../relay/batch-store.ts';
import { readU16, readU32 } from '../../wire/bytes.ts';
import {
  emitIcmpv4,
  fillIcmpv4Checksum,
  Icmpv4Type,
  Icmpv4Unreachable,
  icmpv4Code,
  icmpv4Mtu,
  icmpv4Type,
} from '../../wire/icmpv4.ts';
import {
  emitIcmpv6,
  fillIcmpv6Checksum,
  Icmpv6Type,
  Icmpv6Unreachable,
  icmpv6Code,
  icmpv6Rest,
  icmpv6Type,
} from '../../wire/icmpv6.ts';
import { isMulticastIp } from '../../wire/ip.ts';
import { emitIpv4, IPV4_HEADER_LENGTH, ipv4Ttl } from '../../wire/ipv4.ts';
import {
  emitIpv6,
  IPV6_DESTINATION,
  IPV6_HEADER_LENGTH,
  IPV6_SOURCE,
  ipv6HopLimit,
} from '../../wire/ipv6.ts';
import { isGroupMac } from '../../wire/mac.ts';
import { parsePacket } from '../../wire/parse.ts';
import { IpProtocol } from '../../wire/protocol.ts';
import { Fragment, FrameRecord } from '../../wire/record.ts';
import type { Path } from '../egress/output.ts';
import { type HostErrorCode, hostError } from '../host-error.ts';
import { AddressKind } from '../ip/addresses.ts';
import { RateLimit } from '../ip/rate-limit.ts';
import type { Stack } from '../stack.ts';
import { Pings } from './pings.ts';

/** Errors sent per second, and at once; the burst is Linux's. */
const ERROR_RATE = 100;
const ERROR_BURST = 50;
/** Answers per second to pings that were sent to a group or broadcast address. */
const GROUP_RATE = 10;
/** Bytes of an IPv4 error at most, RFC 1812 §4.3.2.3, and of an IPv6 error, RFC 4443 §2.4 (c). */
const ERROR4_MAX = 576;
const ERROR6_MAX = 1280;
/** RFC 8200 §5. */
const IPV6_MTU_MIN = 1280;
/**
 * Codes of "destination unreachable" that routers send while something is broken: RFC 1122 §3.2.2.1 has them taken for
 * hints, and Linux does not tell sockets of them (net/ipv4/icmp.c, icmp_err_convert; net/ipv6/icmp.c, tab_unreach). A
 * socket that was told would take its program down with it, where nobody listens for errors.
 */
const PASSING4: ReadonlySet<number> = new Set([0, 1, 5, 11, 12]);
const PASSING6: ReadonlySet<number> = new Set([0, 2, 3]);
/** Type and code, checksum, and four bytes that mean something else in each type. */
const HEADER_LENGTH = 8;

/** RFC 1191 §7: what to try when a router does not say its MTU. */
const PLATEAUS: readonly number[] = [32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296, 68];

/** The packet that an error quotes. Used at once. */
const quoted = new FrameRecord();

/** ICMP and ICMPv6 of a host, without neighbour discovery: RFC 792, RFC 1122 §3.2.2, RFC 4443. */
export class Icmp {
  readonly #stack: Stack;
  // Made on first use, so that an idle host costs nothing here.
  #errors: RateLimit | null = null;
  #groupAnswers: RateLimit | null = null;
  #pings: Pings | null = null;

  constructor(stack: Stack) {
    this.#stack = stack;
  }

  /** Pings of ours that wait for their answer. */
  get pings(): Pings {
    this.#pings ??= new Pings(this.#stack);
    return this.#pings;
  }

  /** Takes an ICMP message; `kind` is what its destination is to the host. */
  input4(store: BatchStore, record: FrameRecord, kind: number): void {
    const { counters } = this.#stack;
    const u8 = store.memory!.u8;
    counters.icmp++;
    const type = icmpv4Type(u8, record.l4);
    const isUnreachable = type === Icmpv4Type.DESTINATION_UNREACHABLE;
    if (type === Icmpv4Type.ECHO_REQUEST) this.#answer(u8, record, kind);
    else if (type === Icmpv4Type.ECHO_REPLY) this.#answered(u8, record, ipv4Ttl(u8, record.l3));
    else if (isUnreachable && icmpv4Code(u8, record.l4) === Icmpv4Unreachable.FRAGMENTATION_NEEDED) {
      this.#tooBig(u8, record, icmpv4Mtu(u8, record.l4), HEADER_LENGTH);
    } else if (isUnreachable) {
      const code = icmpv4Code(u8, record.l4);
      this.#failed(u8, record, errorOf4(code), !PASSING4.has(code));
    } else if (type === Icmpv4Type.TIME_EXCEEDED) this.#failed(u8, record, 'EHOSTUNREACH', false);
    else counters.ignored++;
  }

  /** Takes an ICMPv6 message that is neither neighbour discovery nor multicast listener discovery. */
  input6(store: BatchStore, record: FrameRecord, kind: number): void {
    const { counters } = this.#stack;
    const u8 = store.memory!.u8;
    counters.icmp++;
    if (record.l3End - record.l4 < HEADER_LENGTH) {
      counters.ignored++;
      return;
    }
    const type = icmpv6Type(u8, record.l4);
    if (type === Icmpv6Type.ECHO_REQUEST) this.#answer(u8, record, kind);
    else if (type === Icmpv6Type.ECHO_REPLY) this.#answered(u8, record, ipv6HopLimit(u8, record.l3));
    else if (type === Icmpv6Type.PACKET_TOO_BIG) {
      this.#tooBig(u8, record, icmpv6Rest(u8, record.l4), HEADER_LENGTH);
    } else if (type === Icmpv6Type.DESTINATION_UNREACHABLE) {
      const code = icmpv6Code(u8, record.l4);
      this.#failed(u8, record, errorOf6(code), !PASSING6.has(code));
    } else if (type === Icmpv6Type.TIME_EXCEEDED) this.#failed(u8, record, 'EHOSTUNREACH', false);
    else counters.ignored++;
  }

  /** Says to the sender of a packet that nobody has its port. */
  portUnreachable(u8: Uint8Array, record: FrameRecord): void {
    if (record.ipVersion === 4) {
      this.sendError(u8, record, Icmpv4Type.DESTINATION_UNREACHABLE, Icmpv4Unreachable.PORT, 0);
    } else {
      this.sendError(u8, record, Icmpv6Type.DESTINATION_UNREACHABLE, Icmpv6Unreachable.PORT, 0);
    }
  }

  /** Says to the sender of a packet that its protocol is not spoken here. */
  protocolUnreachable(u8: Uint8Array, record: FrameRecord): void {
    if (record.ipVersion === 4) {
      this.sendError(u8, record, Icmpv4Type.DESTINATION_UNREACHABLE, Icmpv4Unreachable.PROTOCOL, 0);
    } else {
      // Code 1: unrecognized next header type (RFC 4443 §3.4); the pointer is to the field that named it.
      const pointer = nextHeaderField(u8, record) - record.l3;
      this.sendError(u8, record, Icmpv6Type.PARAMETER_PROBLEM, 1, pointer);
    }
  }

  /**
   * Sends an error about a packet to its sender, if that is allowed (RFC 1122 §3.2.2, RFC 4443 §2.4 (e)) and there have
   * not been too many. `rest` is what stands behind the checksum.
   */
  sendError(u8: Uint8Array, record: FrameRecord, type: number, code: number, rest: number): void {
    const { addresses, clock, counters } = this.#stack;
    const version = record.ipVersion;
    const source = addresses.kindOf(u8, record.ipSource, version);
    const isOne =
      source === AddressKind.OTHER || source === AddressKind.OWN || source === AddressKind.LOOPBACK;
    if (!isOne || record.fragment === Fragment.LATER || isGroupMac(u8, record.start)) return;
    if (isMulticastIp(u8, record.ipDestination, version)) return;
    if (addresses.kindOf(u8, record.ipDestination, version) === AddressKind.BROADCAST) return;
    this.#errors ??= new RateLimit(clock, ERROR_RATE, ERROR_BURST);
    if (!this.#errors.take()) {
      counters.icmpLimited++;
      return;
    }
    const length = version === 4 ? 4 : 16;
    const path = this.#stack.output.findPath(u8.slice(record.ipSource, record.ipSource + length));
    if (typeof path === 'string') return;
    const headers = (version === 4 ? IPV4_HEADER_LENGTH : IPV6_HEADER_LENGTH) + HEADER_LENGTH;
    const quote = Math.min(record.l3End - record.l3, (version === 4 ? ERROR4_MAX : ERROR6_MAX) - headers);
    // From the address that was asked, so that the sender can tell whom it is about.
    const from = u8.slice(record.ipDestination, record.ipDestination + length);
    const packet = icmpPacket(path, from, type, code, rest, u8, record.l3, record.l3 + quote);
    if (this.#stack.output.send(packet, path, null) === 1) counters.icmpErrorsSent++;
    else counters.noRoomDropped++;
  }

  close(error: Error): void {
    this.#pings?.close(error);
  }

  #answer(u8: Uint8Array, record: FrameRecord, kind: number): void {
    const { addresses, clock, counters, output } = this.#stack;
    const version = record.ipVersion;
    const length = version === 4 ? 4 : 16;
    const isGroup = kind === AddressKind.MULTICAST || kind === AddressKind.BROADCAST;
    if (isGroup) {
      this.#groupAnswers ??= new RateLimit(clock, GROUP_RATE, GROUP_RATE);
      if (!this.#groupAnswers.take()) {
        counters.icmpLimited++;
        return;
      }
    }
    const source = addresses.kindOf(u8, record.ipSource, version);
    const path =
      source === AddressKind.UNSPECIFIED
        ? 'ENETUNREACH'
        : output.findPath(u8.slice(record.ipSource, record.ipSource + length));
    if (typeof path === 'string') {
      counters.ignored++;
      return;
    }
    const from = isGroup ? path.source : u8.slice(record.ipDestination, record.ipDestination + length);
    const rest = readU32(u8, record.l4 + 4);
    const type = version === 4 ? Icmpv4Type.ECHO_REPLY : Icmpv6Type.ECHO_REPLY;
    const packet = icmpPacket(path, from, type, 0, rest, u8, record.l4 + HEADER_LENGTH, record.l3End);
    // Many may ask at once; long answers must not pile up in memory, though.
    if (packet.length <= this.#stack.mtu) output.sendOrWait(() => output.send(packet, path, null) === 1);
    else if (output.send(packet, path, null) === 0) counters.noRoomDropped++;
  }

  #answered(u8: Uint8Array, record: FrameRecord, ttl: number): void {
    const id = readU16(u8, record.l4 + 4);
    const sequence = readU16(u8, record.l4 + 6);
    const size = record.l3End - record.l4 - HEADER_LENGTH;
    if (this.#pings?.answered(u8, record, id, sequence, size, ttl) !== true) this.#stack.counters.ignored++;
  }

  /** Pings are told of every error, sockets of those that will not pass: see {@link PASSING4}. */
  #failed(u8: Uint8Array, record: FrameRecord, code: HostErrorCode, isLasting: boolean): void {
    if (!this.#parseQuoted(u8, record)) {
      this.#stack.counters.ignored++;
      return;
    }
    if (quoted.protocol === IpProtocol.UDP) {
      const port = isLasting ? this.#stack.udp.senderOf(u8, quoted) : null;
      // Not about a connected port: its user could not tell which datagram it is about.
      if (port === null) this.#stack.counters.ignored++;
      else port.fail(hostError(code, 'recvmsg', 'the destination, or a router, has sent this back'));
      return;
    }
    const sequence = this.#quotedPing(u8);
    if (sequence < 0 || this.#pings?.failed(sequence, code) !== true) this.#stack.counters.ignored++;
  }

  #tooBig(u8: Uint8Array, record: FrameRecord, mtu: number, header: number): void {
    if (!this.#parseQuoted(u8, record)) {
      this.#stack.counters.ignored++;
      return;
    }
    const isOurs =
      quoted.protocol === IpProtocol.UDP
        ? this.#stack.udp.hasNumber(quoted.sourcePort)
        : this.#quotedPing(u8) >= 0;
    if (!isOurs) {
      this.#stack.counters.ignored++;
      return;
    }
    // RFC 8201 §4: there is no such link, so somebody makes it up.
    if (quoted.ipVersion === 6 && mtu < IPV6_MTU_MIN) {
      this.#stack.counters.ignored++;
      return;
    }
    const length = readU16(u8, record.l4 + header + 2);
    const narrower = mtu > 0 ? mtu : (PLATEAUS.find((plateau) => plateau < length) ?? 68);
    this.#stack.narrowPath(u8, quoted.ipDestination, quoted.ipVersion, narrower);
  }

  /** Whether the error quotes a packet of ours; then it is in `quoted`. */
  #parseQuoted(u8: Uint8Array, record: FrameRecord): boolean {
    const start = record.l4 + HEADER_LENGTH;
    parsePacket(u8, start, record.l3End - start, quoted);
    if (quoted.ipVersion !== record.ipVersion || quoted.fragment === Fragment.LATER) return false;
    const kind = this.#stack.addresses.kindOf(u8, quoted.ipSource, quoted.ipVersion);
    return kind === AddressKind.OWN || kind === AddressKind.LOOPBACK;
  }

  /** Sequence number of the ping of ours that `quoted` is, -1 when it is none. */
  #quotedPing(u8: Uint8Array): number {
    const type = quoted.ipVersion === 4 ? Icmpv4Type.ECHO_REQUEST : Icmpv6Type.ECHO_REQUEST;
    const protocol = quoted.ipVersion === 4 ? IpProtocol.ICMP : IpProtocol.ICMPV6;
    if (quoted.protocol !== protocol || quoted.payload === 0 || quoted.l3End - quoted.l4 < HEADER_LENGTH)
      return -1;
    if (u8[quoted.l4] !== type || readU16(u8, quoted.l4 + 4) !== this.#pings?.id) return -1;
    return readU16(u8, quoted.l4 + 6);
  }
}

/** An ICMP message of `u8[start, end)` as a whole IP packet, checksums filled. */
export function icmpPacket(
  path: Path,
  source: Uint8Array,
  type: number,
  code: number,
  rest: number,
  u8: Uint8Array,
  start: number,
  end: number,
  ttl = 64,
): Uint8Array {
  const { destination } = path;
  const isV4 = destination.length === 4;
  const length = HEADER_LENGTH + end - start;
  const packet = new Uint8Array((isV4 ? IPV4_HEADER_LENGTH : IPV6_HEADER_LENGTH) + length);
  const fields = { source, destination, payloadLength: length };
  const at = isV4
    ? emitIpv4(packet, 0, { ...fields, protocol: IpProtocol.ICMP, ttl })
    : emitIpv6(packet, 0, { ...fields, nextHeader: IpProtocol.ICMPV6, hopLimit: ttl });
  packet.set(u8.subarray(start, end), at + HEADER_LENGTH);
  if (isV4) {
    emitIcmpv4(packet, at, { type, code, rest });
    fillIcmpv4Checksum(packet, at, packet.length);
  } else {
    emitIcmpv6(packet, at, { type, code, rest });
    fillIcmpv6Checksum(packet, at, packet.length, IPV6_SOURCE, IPV6_DESTINATION);
  }
  return packet;
}

/** Offset of the field that names the protocol of the packet. */
function nextHeaderField(u8: Uint8Array, record: FrameRecord): number {
  let field = record.l3 + 6;
  let offset = record.l3 + IPV6_HEADER_LENGTH;
  while (offset < record.l4) {
    const isFragment = u8[field] === IpProtocol.FRAGMENT;
    field = offset;
    offset += isFragment ? 8 : (u8[offset + 1] + 1) << 3;
  }
  return field;
}

/** What a code of "destination unreachable" is to a connected socket, as on Linux. */
function errorOf4(code: number): HostErrorCode {
  switch (code) {
    case Icmpv4Unreachable.PROTOCOL:
      return 'ENOPROTOOPT';
    case Icmpv4Unreachable.PORT:
      return 'ECONNREFUSED';
    case Icmpv4Unreachable.NET:
      return 'ENETUNREACH';
    default:
      return 'EHOSTUNREACH';
  }
}

function errorOf6(code: number): HostErrorCode {
  switch (code) {
    case Icmpv6Unreachable.PORT:
      return 'ECONNREFUSED';
    case Icmpv6Unreachable.NO_ROUTE:
      return 'ENETUNREACH';
    case Icmpv6Unreachable.ADMINISTRATIVELY:
    case 5: // Source address failed policy
    case 6: // Route rejected
      return 'EACCES';
    default:
      return 'EHOSTUNREACH';
  }
}
