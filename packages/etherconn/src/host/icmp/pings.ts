import { OptionError } from '../../errors.ts';
import { checkInteger, checkKnown } from '../../options.ts';
import { type CallOptions, type PendingCall, PendingCalls } from '../../pending.ts';
import { sameBytes } from '../../wire/bytes.ts';
import { formatIp } from '../../wire/ip.ts';
import type { Output } from '../egress/output.ts';
import { hostError } from '../host-error.ts';
import { AddressKind } from '../ip/addresses.ts';
import type { Path } from '../ip/path.ts';
import type { HostState } from '../state.ts';
import { DATA4_MAX, DATA6_MAX, type EchoFailure, EchoPort, type EchoPorts, type EchoUser } from './echo.ts';

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

/** A pending request. */
interface Ping {
  readonly call: PendingCall<PingResult>;
  readonly path: Path;
  readonly sent: number;
}

/** Pings of a host that wait for their answers. */
export class Pings implements EchoUser {
  readonly #state: HostState;
  readonly #output: Output;
  readonly #port: EchoPort;
  readonly #calls: PendingCalls<PingResult>;
  readonly #pings = new Map<number, Ping>();
  #sequence = 0;

  constructor(state: HostState, output: Output, ports: EchoPorts) {
    this.#state = state;
    this.#output = output;
    this.#port = new EchoPort(ports, this, {});
    this.#calls = new PendingCalls(state.clock);
  }

  /** Identifier of all of them. */
  get id(): number {
    return this.#port.id;
  }

  ping(destination: Uint8Array, options: PingOptions): Promise<PingResult> {
    checkKnown(options, ['size', 'ttl', 'timeout', 'signal']);
    const size = checkInteger(
      'size',
      options.size,
      0,
      destination.length === 4 ? DATA4_MAX : DATA6_MAX,
      SIZE,
    );
    const ttl = checkInteger('ttl', options.ttl, 1, 255, 64);
    this.#calls.check('ping', options);
    if (this.#pings.size >= 0x10000) throw new OptionError('ping', 'there are 65,536 under way already');
    const path = this.#output.path(destination, 'ping');
    while (this.#pings.has(this.#sequence)) this.#sequence = (this.#sequence + 1) & 0xffff;
    const sequence = this.#sequence;
    this.#sequence = (sequence + 1) & 0xffff;
    const call = this.#calls.add('ping', { timeout: TIMEOUT, ...options });
    if (call.settled) return call.promise;
    this.#pings.set(sequence, { call, path, sent: this.#state.clock.now() });
    const settled = call.onSettled;
    call.onSettled = () => {
      this.#pings.delete(sequence);
      settled?.();
    };
    const data = Uint8Array.from({ length: size }, (_, i) => i);
    this.#output.sendOrWait(() => call.settled || this.#send(call, destination, sequence, data, ttl));
    return call.promise;
  }

  replied(
    sequence: number,
    u8: Uint8Array,
    version: 4 | 6,
    source: number,
    start: number,
    end: number,
    ttl: number,
  ): boolean {
    const ping = this.#pings.get(sequence);
    if (ping === undefined) return false;
    const { destination, kind } = ping.path;
    const isGroup = kind === AddressKind.MULTICAST || kind === AddressKind.BROADCAST;
    if (version !== (destination.length === 4 ? 4 : 6)) return false;
    if (!isGroup && !sameBytes(destination, 0, u8, source, destination.length)) return false;
    const rtt = this.#state.clock.now() - ping.sent;
    ping.call.resolve({ address: formatIp(u8, source, version), rtt, ttl, size: end - start });
    return true;
  }

  failed(sequence: number, { code, source }: EchoFailure): boolean {
    const ping = this.#pings.get(sequence);
    if (ping === undefined) return false;
    // The path is narrower from now on. That concerns the next ping; this one may time out.
    if (code === 'EMSGSIZE') return true;
    const why =
      source < 0 ? 'the next hop does not answer' : 'a router, or the destination, has sent the request back';
    ping.call.reject(hostError(code, 'ping', why));
    return true;
  }

  hostClosed(error: Error): void {
    this.#calls.rejectAll(error);
  }

  /** Whether it need not be tried again. */
  #send(
    call: PendingCall<PingResult>,
    destination: Uint8Array,
    sequence: number,
    data: Uint8Array,
    ttl: number,
  ): boolean {
    this.#port.ttl = ttl;
    try {
      return this.#port.trySend(destination, sequence, data) === 1;
    } catch (error) {
      // The way has gone while it waited for room.
      call.reject(error);
      return true;
    }
  }
}
