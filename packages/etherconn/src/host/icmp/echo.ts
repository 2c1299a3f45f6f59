import { OptionError } from '../../errors.ts';
import { checkBoolean, checkInteger, checkKnown, requireBytes, show } from '../../options.ts';
import { rethrowLater } from '../../rethrow.ts';
import { Icmpv4Type } from '../../wire/icmpv4.ts';
import { Icmpv6Type } from '../../wire/icmpv6.ts';
import { isIp, parseIp } from '../../wire/ip.ts';
import { IPV4_HEADER_LENGTH } from '../../wire/ipv4.ts';
import type { Output } from '../egress/output.ts';
import { type HostErrorCode, hostError } from '../host-error.ts';
import { AddressKind } from '../ip/addresses.ts';
import type { Path } from '../ip/path.ts';
import type { PacketSender } from '../neighbor/neighbor.ts';
import type { HostState } from '../state.ts';
import { ICMP_HEADER_LENGTH, icmpPacket } from './icmp-packet.ts';

/** Longest data of a request. */
export const DATA4_MAX: number = 0xffff - IPV4_HEADER_LENGTH - ICMP_HEADER_LENGTH;
export const DATA6_MAX: number = 0xffff - ICMP_HEADER_LENGTH;

/** Options of a port for echo requests. */
export interface EchoPortOptions {
  /** Identifier of the requests, 0 to 65,535. Default: a free one, at random. */
  id?: number;
  /** Own address (text) to send from. Default: chosen by the destination. */
  source?: string;
  /** TTL or hop limit of the requests, 1 to 255. Default 64. */
  ttl?: number;
  /** Type of service, or IPv6 traffic class, 0 to 255. Default 0. */
  tos?: number;
  /** Whether requests are never fragmented, neither by the host nor, over IPv4, by a router. Default false. */
  dontFragment?: boolean;
}

/** Why a request has not been answered. */
export interface EchoFailure {
  /** As the operating system has it: EHOSTUNREACH, ENETUNREACH, EMSGSIZE … */
  readonly code: HostErrorCode;
  /** Offset of the address of the machine that sent the ICMP error; -1 if the next hop does not answer. */
  readonly source: number;
  /** Type, code and MTU of the ICMP error; 0 if there is none. */
  readonly type: number;
  readonly icmpCode: number;
  readonly mtu: number;
}

/**
 * The user of a port for echo requests. It is called while the frame exists: it copies what it wants to keep of `u8`.
 * It returns whether a request of this sequence number waits; what nobody waits for counts as ignored.
 */
export interface EchoUser {
  /** A reply with the port's identifier. Its data is `u8[start, end)`; `source` is the offset of the sender's address. */
  replied(
    sequence: number,
    u8: Uint8Array,
    version: 4 | 6,
    source: number,
    start: number,
    end: number,
    ttl: number,
  ): boolean;
  /** An ICMP error about a request, or the next hop does not answer. More errors, or a reply, may follow. */
  failed(sequence: number, failure: EchoFailure, u8: Uint8Array, version: 4 | 6): boolean;
  /** The host, or its relay, has been closed. The port is closed already. */
  hostClosed(error: Error): void;
}

const NO_BYTES = new Uint8Array(0);
const NO_NEIGHBOR: EchoFailure = { code: 'EHOSTUNREACH', source: -1, type: 0, icmpCode: 0, mtu: 0 };

/** Sends ICMP echo requests under one identifier: created by `host.openEchoPort(user, options)`. */
export class EchoPort {
  readonly id: number;
  /** 4 or 16 bytes; null if the destination decides. */
  readonly source: Uint8Array | null;
  /** TTL or hop limit of requests. */
  ttl: number;
  /** Type of service, or IPv6 traffic class. */
  tos: number;
  /** Whether requests are never fragmented. */
  dontFragment: boolean;
  readonly #ports: EchoPorts;
  readonly #user: EchoUser;

  /** @internal */
  constructor(ports: EchoPorts, user: EchoUser, options: EchoPortOptions) {
    checkKnown(options, ['id', 'source', 'ttl', 'tos', 'dontFragment']);
    this.source = options.source === undefined ? null : ports.ownAddress(options.source);
    this.#ports = ports;
    this.#user = user;
    this.ttl = checkInteger('ttl', options.ttl, 1, 255, 64);
    this.tos = checkInteger('tos', options.tos, 0, 255, 0);
    this.dontFragment = checkBoolean('dontFragment', options.dontFragment, false);
    const id = checkInteger('id', options.id, 0, 0xffff, -1);
    this.id = ports.take(id, this);
  }

  /**
   * Sends a request with `data` to an address (4 or 16 bytes). Returns 1 if the host has taken it (a copy may wait for
   * its next hop), 0 if there is no room now. Throws a SystemError for what cannot work: ENETUNREACH, EADDRNOTAVAIL,
   * EMSGSIZE, EINVAL (another IP version than the source), EBADF (closed).
   */
  trySend(address: Uint8Array, sequence: number, data: Uint8Array): 0 | 1 {
    requireBytes('data', data);
    const most = address.length === 4 ? DATA4_MAX : DATA6_MAX;
    if (data.length > most)
      throw new OptionError('data', `must have at most ${most} bytes, got ${data.length}`);
    return this.#ports.send(this, address, sequence & 0xffff, data);
  }

  /** Gives the identifier back. Harmless when repeated. */
  close(): void {
    this.#ports.release(this);
  }

  /** @internal */
  get user(): EchoUser {
    return this.#user;
  }
}

/** The open ports of a host by identifier. */
export class EchoPorts {
  readonly #state: HostState;
  readonly #output: Output;
  readonly #ports = new Map<number, EchoPort>();

  constructor(state: HostState, output: Output) {
    this.#state = state;
    this.#output = output;
  }

  has(id: number): boolean {
    return this.#ports.has(id);
  }

  /** Takes an identifier; -1 for a free one. */
  take(id: number, port: EchoPort): number {
    if (id >= 0 && this.has(id)) throw new OptionError('id', `must be free, ${id} is in use`);
    if (this.#ports.size > 0xffff) throw new OptionError('id', 'must be free, all 65,536 are in use');
    let free = id >= 0 ? id : (Math.random() * 0x10000) | 0;
    while (this.has(free)) free = (free + 1) & 0xffff;
    this.#ports.set(free, port);
    return free;
  }

  ownAddress(text: string): Uint8Array {
    const address = isIp(text) === 0 ? null : parseIp(text);
    const version = address?.length === 4 ? 4 : 6;
    if (address !== null && this.#state.addresses.kindOf(address, 0, version) === AddressKind.OWN)
      return address;
    throw new OptionError('source', `must be an address of the host, got ${show(text)}`);
  }

  release(port: EchoPort): void {
    if (this.#ports.get(port.id) === port) this.#ports.delete(port.id);
  }

  send(port: EchoPort, address: Uint8Array, sequence: number, data: Uint8Array): 0 | 1 {
    if (this.#ports.get(port.id) !== port) throw hostError('EBADF', 'ping', 'the port is closed');
    const path = this.#output.path(address, 'ping');
    if (port.source !== null && port.source.length !== address.length)
      throw hostError('EINVAL', 'ping', 'the destination is of another IP version than the source');
    const packet = requestPacket(path, port, sequence, data);
    if (port.dontFragment && packet.length > path.mtu)
      throw hostError(
        'EMSGSIZE',
        'ping',
        `the packet has ${packet.length} bytes, the path takes ${path.mtu}`,
      );
    return this.#output.send(packet, path, new Request(port, sequence, path));
  }

  /** Takes a reply with the data `u8[start, end)`. False if nobody waits for it. */
  replied(
    id: number,
    sequence: number,
    u8: Uint8Array,
    version: 4 | 6,
    source: number,
    start: number,
    end: number,
    ttl: number,
  ): boolean {
    const port = this.#ports.get(id);
    if (port === undefined) return false;
    try {
      return port.user.replied(sequence, u8, version, source, start, end, ttl);
    } catch (error) {
      rethrowLater(error);
      return true;
    }
  }

  /** Takes an ICMP error about a request. False if nobody waits for it. */
  failed(id: number, sequence: number, failure: EchoFailure, u8: Uint8Array, version: 4 | 6): boolean {
    const port = this.#ports.get(id);
    if (port === undefined) return false;
    return tellFailure(port, sequence, failure, u8, version);
  }

  close(error: Error): void {
    const ports = [...this.#ports.values()];
    this.#ports.clear();
    for (const port of ports) port.user.hostClosed(error);
  }
}

function tellFailure(
  port: EchoPort,
  sequence: number,
  failure: EchoFailure,
  u8: Uint8Array,
  version: 4 | 6,
): boolean {
  try {
    return port.user.failed(sequence, failure, u8, version);
  } catch (error) {
    rethrowLater(error);
    return true;
  }
}

/** A request that may wait for its next hop. */
class Request implements PacketSender {
  readonly reported = false;
  readonly #port: EchoPort;
  readonly #sequence: number;
  readonly #path: Path;

  constructor(port: EchoPort, sequence: number, path: Path) {
    this.#port = port;
    this.#sequence = sequence;
    this.#path = path;
  }

  unreachable(): void {
    const version = this.#path.destination.length === 4 ? 4 : 6;
    tellFailure(this.#port, this.#sequence, NO_NEIGHBOR, NO_BYTES, version);
  }

  /** The neighbor may be asked again before the user gives up. */
  dropped(): void {}
}

function requestPacket(path: Path, port: EchoPort, sequence: number, data: Uint8Array): Uint8Array {
  const type = path.destination.length === 4 ? Icmpv4Type.ECHO_REQUEST : Icmpv6Type.ECHO_REQUEST;
  const rest = port.id * 0x10000 + sequence;
  return icmpPacket(path, port.source ?? path.source, type, 0, rest, data, 0, data.length, port);
}
