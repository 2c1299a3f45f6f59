import { OptionError } from '../../errors.ts';
import { checkInteger, checkKnown } from '../../options.ts';
import { type CallOptions, type PendingCall, PendingCalls } from '../../pending.ts';
import { sameBytes } from '../../wire/bytes.ts';
import { Icmpv4Type } from '../../wire/icmpv4.ts';
import { Icmpv6Type } from '../../wire/icmpv6.ts';
import { formatIp } from '../../wire/ip.ts';
import type { FrameRecord } from '../../wire/record.ts';
import type { Output } from '../egress/output.ts';
import { type HostErrorCode, hostError } from '../host-error.ts';
import { AddressKind } from '../ip/addresses.ts';
import type { Path } from '../ip/path.ts';
import type { PacketSender } from '../neighbor/neighbor.ts';
import type { HostState } from '../state.ts';
import { icmpPacket } from './icmp-packet.ts';

/** Options of {@link Host.ping}. */
export interface PingOptions extends CallOptions {
  /** Bytes of data in the request, 0 to 65,507 (IPv6: 65,527). Default 56. */
  size?: number;
  /** TTL or hop limit of the request, 1 to 255. Default 64. */
  ttl?: number;
}

/** The reply to a ping. */
export interface PingResult {
  /** Address of the responder, canonical text. For a group or broadcast address, that of the first responder. */
  readonly address: string;
  /** Milliseconds, by the relay's clock. */
  readonly rtt: number;
  /** TTL or hop limit of the reply. */
  readonly ttl: number;
  /** Bytes of data in the reply. */
  readonly size: number;
}

/** Default timeout, milliseconds. */
const TIMEOUT = 5000;
const SIZE = 56;
const SIZE4_MAX = 65_507;
const SIZE6_MAX = 65_527;

/** A pending request. */
class Ping implements PacketSender {
  readonly reported = false;
  readonly call: PendingCall<PingResult>;
  readonly path: Path;
  readonly sent: number;

  constructor(call: PendingCall<PingResult>, path: Path, sent: number) {
    this.call = call;
    this.path = path;
    this.sent = sent;
  }

  unreachable(): void {
    this.fail('EHOSTUNREACH', 'the next hop does not answer');
  }

  /** The neighbor may be asked again before the timeout. */
  dropped(): void {}

  fail(code: HostErrorCode, why: string): void {
    this.call.reject(hostError(code, 'ping', why));
  }
}

/** Pings of a host that wait for their answers. */
export class Pings {
  /** Identifier of all of them. */
  readonly id: number = (Math.random() * 0x10000) | 0;
  readonly #state: HostState;
  readonly #output: Output;
  readonly #calls: PendingCalls<PingResult>;
  readonly #pings = new Map<number, Ping>();
  #sequence = 0;

  constructor(state: HostState, output: Output) {
    this.#state = state;
    this.#output = output;
    this.#calls = new PendingCalls(state.clock);
  }

  ping(destination: Uint8Array, options: PingOptions): Promise<PingResult> {
    checkKnown(options, ['size', 'ttl', 'timeout', 'signal']);
    const isV4 = destination.length === 4;
    const size = checkInteger('size', options.size, 0, isV4 ? SIZE4_MAX : SIZE6_MAX, SIZE);
    const ttl = checkInteger('ttl', options.ttl, 1, 255, 64);
    this.#calls.check('ping', options);
    if (this.#pings.size >= 0x10000) throw new OptionError('ping', 'there are 65,536 under way already');
    const path = this.#output.path(destination, 'ping');
    while (this.#pings.has(this.#sequence)) this.#sequence = (this.#sequence + 1) & 0xffff;
    const sequence = this.#sequence;
    this.#sequence = (sequence + 1) & 0xffff;
    const call = this.#calls.add('ping', { timeout: TIMEOUT, ...options });
    if (call.settled) return call.promise;
    const ping = new Ping(call, path, this.#state.clock.now());
    this.#pings.set(sequence, ping);
    const settled = call.onSettled;
    call.onSettled = () => {
      this.#pings.delete(sequence);
      settled?.();
    };
    const data = Uint8Array.from({ length: size }, (_, i) => i);
    const type = isV4 ? Icmpv4Type.ECHO_REQUEST : Icmpv6Type.ECHO_REQUEST;
    const rest = this.id * 0x10000 + sequence;
    const packet = icmpPacket(path, path.source, type, 0, rest, data, 0, size, { ttl });
    this.#output.sendOrWait(() => call.settled || this.#output.send(packet, path, ping) === 1);
    return call.promise;
  }

  /** Takes an echo reply. False if it answers no pending ping. */
  answered(
    u8: Uint8Array,
    record: FrameRecord,
    id: number,
    sequence: number,
    size: number,
    ttl: number,
  ): boolean {
    const ping = id === this.id ? this.#pings.get(sequence) : undefined;
    if (ping === undefined) return false;
    const { destination, kind } = ping.path;
    const isGroup = kind === AddressKind.MULTICAST || kind === AddressKind.BROADCAST;
    const version = destination.length === 4 ? 4 : 6;
    if (record.ipVersion !== version) return false;
    if (!isGroup && !sameBytes(destination, 0, u8, record.ipSource, destination.length)) return false;
    const rtt = this.#state.clock.now() - ping.sent;
    ping.call.resolve({ address: formatIp(u8, record.ipSource, version), rtt, ttl, size });
    return true;
  }

  /** Takes an ICMP error about a request. False if no ping waits for it. */
  failed(sequence: number, code: HostErrorCode): boolean {
    const ping = this.#pings.get(sequence);
    ping?.fail(code, 'a router, or the destination, has sent the request back');
    return ping !== undefined;
  }

  close(error: Error): void {
    this.#calls.rejectAll(error);
  }
}
