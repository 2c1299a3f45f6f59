import type { BatchStore } from '../../relay/batch-store.ts';
import { readU16, readU32, writeU32 } from '../../wire/bytes.ts';
import {
  ICMPV4_REST,
  Icmpv4Type,
  Icmpv4Unreachable,
  icmpv4Code,
  icmpv4Mtu,
  icmpv4Type,
} from '../../wire/icmpv4.ts';
import { Icmpv6Type, Icmpv6Unreachable, icmpv6Code, icmpv6Rest, icmpv6Type } from '../../wire/icmpv6.ts';
import { ipEquals } from '../../wire/ip.ts';
import { IPV4_HEADER_LENGTH, ipv4Tos, ipv4Ttl } from '../../wire/ipv4.ts';
import { ipv6HopLimit, ipv6TrafficClass } from '../../wire/ipv6.ts';
import { parsePacket } from '../../wire/parse.ts';
import { IpProtocol } from '../../wire/protocol.ts';
import { Fragment, FrameRecord } from '../../wire/record.ts';
import type { Output } from '../egress/output.ts';
import { type HostErrorCode, hostError } from '../host-error.ts';
import { AddressKind } from '../ip/addresses.ts';
import { echoedIpv4Options, ipTimestamp } from '../ip/ipv4-options.ts';
import type { Path } from '../ip/path.ts';
import { RateLimit } from '../ip/rate-limit.ts';
import type { HostState } from '../state.ts';
import type { HostTcp } from '../tcp/host-tcp.ts';
import type { UdpPorts } from '../udp/udp-ports.ts';
import { EchoPorts } from './echo.ts';
import { IcmpErrors } from './icmp-errors.ts';
import { ICMP_HEADER_LENGTH, icmpPacket } from './icmp-packet.ts';
import { Pings } from './pings.ts';

/** Answers per second to pings sent to a group or broadcast address. */
const GROUP_RATE = 10;
/** RFC 8200 §5. */
const IPV6_MTU_MIN = 1280;
/**
 * Codes of "destination unreachable" that report temporary failures. RFC 1122 §3.2.2.1 calls them hints, and Linux
 * does not report them to sockets (net/ipv4/icmp.c, icmp_err_convert; net/ipv6/icmp.c, tab_unreach). An error without
 * a listener would end the program.
 */
const PASSING4: ReadonlySet<number> = new Set([0, 1, 5, 11, 12]);
const PASSING6: ReadonlySet<number> = new Set([0, 2, 3]);
/** RFC 4443 §2.1: the types below are errors. */
const FIRST_INFORMATION6 = 128;
/** RFC 792: redirects for a network, a host, and both for a type of service. */
const REDIRECT_CODE_MAX = 3;
/** Three timestamps: originate, receive, transmit. */
const TIMESTAMPS_LENGTH = 12;
/** RFC 1191 §7: MTUs to try if a router does not tell its own. */
const PLATEAUS: readonly number[] = [32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296, 68];

const NO_OPTIONS = new Uint8Array(0);

/** The packet quoted by an error. Used at once. */
const quoted = new FrameRecord();

/** Handles received ICMP and ICMPv6, except neighbor discovery: RFC 792, RFC 1122 §3.2.2, RFC 4443. */
export class Icmp {
  readonly #state: HostState;
  readonly #output: Output;
  readonly #ports: UdpPorts;
  readonly #tcp: HostTcp;
  // Created on first use, so an idle host costs nothing here.
  #errors: IcmpErrors | null = null;
  #groupAnswers: RateLimit | null = null;
  #echoPorts: EchoPorts | null = null;
  #pings: Pings | null = null;

  constructor(state: HostState, output: Output, ports: UdpPorts, tcp: HostTcp) {
    this.#state = state;
    this.#output = output;
    this.#ports = ports;
    this.#tcp = tcp;
  }

  /** Sends errors about received packets. */
  get errors(): IcmpErrors {
    this.#errors ??= new IcmpErrors(this.#state, this.#output);
    return this.#errors;
  }

  /** Ports for own echo requests. */
  get echoPorts(): EchoPorts {
    this.#echoPorts ??= new EchoPorts(this.#state, this.#output);
    return this.#echoPorts;
  }

  /** Own pings that wait for an answer. */
  get pings(): Pings {
    this.#pings ??= new Pings(this.#state, this.#output, this.echoPorts);
    return this.#pings;
  }

  /** Takes an ICMP message; `kind` is the kind of its destination. */
  input4(store: BatchStore, record: FrameRecord, kind: number): void {
    const { counters } = this.#state;
    const u8 = store.memory!.u8;
    counters.icmp++;
    const type = icmpv4Type(u8, record.l4);
    const isUnreachable = type === Icmpv4Type.DESTINATION_UNREACHABLE;
    if (type === Icmpv4Type.ECHO_REQUEST) this.#answer(u8, record, kind);
    else if (type === Icmpv4Type.ECHO_REPLY) this.#answered(u8, record, ipv4Ttl(u8, record.l3));
    else if (isUnreachable && icmpv4Code(u8, record.l4) === Icmpv4Unreachable.FRAGMENTATION_NEEDED) {
      this.#tooBig(u8, record, icmpv4Mtu(u8, record.l4), ICMP_HEADER_LENGTH);
    } else if (isUnreachable) {
      const code = icmpv4Code(u8, record.l4);
      this.#failed(u8, record, errorOf4(code), !PASSING4.has(code));
    } else if (type === Icmpv4Type.TIME_EXCEEDED) this.#failed(u8, record, 'EHOSTUNREACH', false);
    else if (type === Icmpv4Type.PARAMETER_PROBLEM) this.#failed(u8, record, 'EPROTO', true);
    else if (type === Icmpv4Type.REDIRECT) this.#redirected(u8, record);
    else if (type === Icmpv4Type.TIMESTAMP && kind === AddressKind.OWN) this.#answerTimestamp(u8, record);
    else counters.ignored++;
  }

  /** Takes an ICMPv6 message that is neither neighbor discovery nor multicast listener discovery. */
  input6(store: BatchStore, record: FrameRecord, kind: number): void {
    const { counters } = this.#state;
    const u8 = store.memory!.u8;
    counters.icmp++;
    if (record.l3End - record.l4 < ICMP_HEADER_LENGTH) {
      counters.ignored++;
      return;
    }
    const type = icmpv6Type(u8, record.l4);
    if (type === Icmpv6Type.ECHO_REQUEST) this.#answer(u8, record, kind);
    else if (type === Icmpv6Type.ECHO_REPLY) this.#answered(u8, record, ipv6HopLimit(u8, record.l3));
    else if (type === Icmpv6Type.PACKET_TOO_BIG) {
      this.#tooBig(u8, record, icmpv6Rest(u8, record.l4), ICMP_HEADER_LENGTH);
    } else if (type === Icmpv6Type.DESTINATION_UNREACHABLE) {
      const code = icmpv6Code(u8, record.l4);
      this.#failed(u8, record, errorOf6(code), !PASSING6.has(code));
    } else if (type === Icmpv6Type.TIME_EXCEEDED) this.#failed(u8, record, 'EHOSTUNREACH', false);
    else if (type === Icmpv6Type.PARAMETER_PROBLEM) this.#failed(u8, record, 'EPROTO', true);
    // RFC 4443 §2.4 (a): unknown errors go to the sender of the quoted packet, as on Linux.
    else if (type < FIRST_INFORMATION6) this.#failed(u8, record, 'EPROTO', false);
    else counters.ignored++;
  }

  close(error: Error): void {
    this.#echoPorts?.close(error);
  }

  #answer(u8: Uint8Array, record: FrameRecord, kind: number): void {
    const { addresses, clock, counters } = this.#state;
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
        : this.#output.findPath(u8.slice(record.ipSource, record.ipSource + length));
    if (typeof path === 'string') {
      counters.ignored++;
      return;
    }
    const from = isGroup ? path.source : u8.slice(record.ipDestination, record.ipDestination + length);
    const rest = readU32(u8, record.l4 + 4);
    const type = version === 4 ? Icmpv4Type.ECHO_REPLY : Icmpv6Type.ECHO_REPLY;
    const start = record.l4 + ICMP_HEADER_LENGTH;
    const options = this.#answeredOptions(u8, record, from);
    const { l3, l3End } = record;
    const tos = version === 4 ? ipv4Tos(u8, l3) : ipv6TrafficClass(u8, l3);
    this.#sendAnswer(icmpPacket(path, from, type, 0, rest, u8, start, l3End, { options, tos }), path);
  }

  /** RFC 792, RFC 1122 §3.2.2.8: times of receipt and of transmission, which are the same here. */
  #answerTimestamp(u8: Uint8Array, record: FrameRecord): void {
    const { clock, counters } = this.#state;
    const path = this.#output.findPath(u8.slice(record.ipSource, record.ipSource + 4));
    const start = record.l4 + ICMP_HEADER_LENGTH;
    if (
      typeof path === 'string' ||
      record.l3End - start < TIMESTAMPS_LENGTH ||
      icmpv4Code(u8, record.l4) !== 0
    ) {
      counters.ignored++;
      return;
    }
    const times = u8.slice(start, start + TIMESTAMPS_LENGTH);
    const now = ipTimestamp(clock.wallTime());
    writeU32(times, 4, now);
    writeU32(times, 8, now);
    const from = u8.slice(record.ipDestination, record.ipDestination + 4);
    const rest = readU32(u8, record.l4 + 4);
    const type = Icmpv4Type.TIMESTAMP_REPLY;
    const options = this.#answeredOptions(u8, record, from);
    const tos = ipv4Tos(u8, record.l3);
    this.#sendAnswer(icmpPacket(path, from, type, 0, rest, times, 0, times.length, { options, tos }), path);
  }

  #answeredOptions(u8: Uint8Array, record: FrameRecord, own: Uint8Array): Uint8Array {
    if (record.l4 - record.l3 === IPV4_HEADER_LENGTH || record.ipVersion !== 4) return NO_OPTIONS;
    return echoedIpv4Options(u8, record.l3, own, ipTimestamp(this.#state.clock.wallTime()));
  }

  #sendAnswer(packet: Uint8Array, path: Path): void {
    const output = this.#output;
    // Many stations may ask at once, but long answers must not pile up in memory.
    if (packet.length <= this.#state.mtu) output.sendOrWait(() => output.send(packet, path, null) === 1);
    else if (output.send(packet, path, null) === 0) this.#state.counters.noRoomDropped++;
  }

  #answered(u8: Uint8Array, record: FrameRecord, ttl: number): void {
    const id = readU16(u8, record.l4 + 4);
    const sequence = readU16(u8, record.l4 + 6);
    const start = record.l4 + ICMP_HEADER_LENGTH;
    const version = record.ipVersion as 4 | 6;
    const { ipSource, l3End } = record;
    if (this.#echoPorts?.replied(id, sequence, u8, version, ipSource, start, l3End, ttl) !== true)
      this.#state.counters.ignored++;
  }

  /** Reports every error to pings, and lasting ones to sockets: see {@link PASSING4}. */
  #failed(u8: Uint8Array, record: FrameRecord, code: HostErrorCode, isLasting: boolean): void {
    if (!this.#parseQuoted(u8, record)) {
      this.#state.counters.ignored++;
      return;
    }
    if (quoted.protocol === IpProtocol.UDP) {
      const port = isLasting ? this.#ports.senderOf(u8, quoted) : null;
      // Not about a connected port: its user could not tell which datagram the error is about.
      if (port === null) this.#state.counters.ignored++;
      else port.fail(hostError(code, 'recvmsg', 'the destination, or a router, has sent this back'));
      return;
    }
    if (quoted.protocol === IpProtocol.TCP) {
      const connection = this.#tcp.senderOf(u8, quoted);
      if (connection === null) this.#state.counters.ignored++;
      else connection.failOpening(code);
      return;
    }
    if (!this.#isQuotedEcho(u8) || !this.#echoFailed(u8, record, code, 0)) this.#state.counters.ignored++;
  }

  /** Tells the port of the quoted echo request. False if nobody waits for it. */
  #echoFailed(u8: Uint8Array, record: FrameRecord, code: HostErrorCode, mtu: number): boolean {
    const { ipSource: source, l4 } = record;
    const failure = { code, source, type: u8[l4], icmpCode: u8[l4 + 1], mtu };
    const id = readU16(u8, quoted.l4 + 4);
    const sequence = readU16(u8, quoted.l4 + 6);
    return this.#echoPorts!.failed(id, sequence, failure, u8, record.ipVersion as 4 | 6);
  }

  #tooBig(u8: Uint8Array, record: FrameRecord, mtu: number, header: number): void {
    if (!this.#parseQuoted(u8, record) || !this.#isQuotedOurs(u8)) {
      this.#state.counters.ignored++;
      return;
    }
    // RFC 8201 §4: such a link does not exist, so the message is forged.
    if (quoted.ipVersion === 6 && mtu < IPV6_MTU_MIN) {
      this.#state.counters.ignored++;
      return;
    }
    const length = readU16(u8, record.l4 + header + 2);
    const narrower = mtu > 0 ? mtu : (PLATEAUS.find((plateau) => plateau < length) ?? 68);
    this.#state.narrowPath(u8, quoted.ipDestination, quoted.ipVersion, narrower);
    if (quoted.protocol === IpProtocol.TCP) this.#tcp.pathNarrowed(u8, quoted);
    else if (this.#isQuotedEcho(u8)) this.#echoFailed(u8, record, 'EMSGSIZE', narrower);
  }

  /**
   * Codes for networks count as codes for hosts (RFC 1122 §3.2.2.2), because the message does not name the network.
   */
  #redirected(u8: Uint8Array, record: FrameRecord): void {
    const isKnown = icmpv4Code(u8, record.l4) <= REDIRECT_CODE_MAX;
    if (isKnown && this.#parseQuoted(u8, record) && this.#isQuotedOurs(u8)) {
      const destination = u8.slice(quoted.ipDestination, quoted.ipDestination + 4);
      const by = u8.slice(record.ipSource, record.ipSource + 4);
      const to = u8.slice(record.l4 + ICMPV4_REST, record.l4 + ICMPV4_REST + 4);
      if (this.#isNearer(destination, by, to)) {
        this.#state.redirect(destination, to);
        return;
      }
    }
    this.#state.counters.ignored++;
  }

  /**
   * Whether to believe a router, `by`, that names a better next hop for a destination: it must be the current next
   * hop, and must name another station on the link.
   */
  #isNearer(destination: Uint8Array, by: Uint8Array, to: Uint8Array): boolean {
    const path = this.#output.findPath(destination);
    const current = typeof path === 'string' ? null : path.nextHop;
    if (current === null || !ipEquals(current, by) || ipEquals(current, destination)) return false;
    const { addresses, routes } = this.#state;
    if (addresses.kindOf(to, 0, to.length === 4 ? 4 : 6) !== AddressKind.OTHER) return false;
    const way = routes.find(to);
    return way !== null && way.gateway === null;
  }

  /** Whether `quoted` is a datagram of an open port, or a pending ping. */
  #isQuotedOurs(u8: Uint8Array): boolean {
    if (quoted.protocol === IpProtocol.UDP) return this.#ports.hasNumber(quoted.sourcePort);
    if (quoted.protocol === IpProtocol.TCP) return this.#tcp.senderOf(u8, quoted) !== null;
    return this.#isQuotedEcho(u8);
  }

  /** Whether the error quotes a packet of this host. If so, that packet is in `quoted`. */
  #parseQuoted(u8: Uint8Array, record: FrameRecord): boolean {
    const start = record.l4 + ICMP_HEADER_LENGTH;
    parsePacket(u8, start, record.l3End - start, quoted);
    if (quoted.ipVersion !== record.ipVersion || quoted.fragment === Fragment.LATER) return false;
    const kind = this.#state.addresses.kindOf(u8, quoted.ipSource, quoted.ipVersion);
    return kind === AddressKind.OWN || kind === AddressKind.LOOPBACK;
  }

  /** Whether `quoted` is an echo request of one of the ports. */
  #isQuotedEcho(u8: Uint8Array): boolean {
    const type = quoted.ipVersion === 4 ? Icmpv4Type.ECHO_REQUEST : Icmpv6Type.ECHO_REQUEST;
    const protocol = quoted.ipVersion === 4 ? IpProtocol.ICMP : IpProtocol.ICMPV6;
    if (quoted.protocol !== protocol || quoted.payload === 0 || quoted.l3End - quoted.l4 < ICMP_HEADER_LENGTH)
      return false;
    return u8[quoted.l4] === type && this.#echoPorts?.has(readU16(u8, quoted.l4 + 4)) === true;
  }
}

/** The error of a connected socket for a code of "destination unreachable", as on Linux. */
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
