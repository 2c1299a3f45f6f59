import { EventEmitter } from 'node:events';
import type { Clock, ClockTimer } from '../../clock.ts';
import { ClosedError } from '../../errors.ts';
import { PendingCall } from '../../pending.ts';
import { nextTick } from '../../real-time.ts';
import { type Dhcpv4Message, Dhcpv4Op, parseDhcpv4 } from '../../wire/dhcpv4.ts';
import { Dhcpv4Option, Dhcpv4Type, readDhcpv4Options } from '../../wire/dhcpv4-options.ts';
import { formatIp } from '../../wire/ip.ts';
import type { DhcpEvents, DhcpLossReason, DhcpState, DhcpStats } from './dhcp-events.ts';
import { type ClientMessage, emitClientMessage, isForClient } from './dhcp-messages.ts';
import type { DhcpSettings } from './dhcp-options.ts';
import { type DhcpLease, isUsableOffer, leaseOf } from './lease.ts';

/** What a client needs of its host. */
export interface DhcpLink {
  readonly clock: Clock;
  /** 6 bytes. */
  readonly mac: Uint8Array;
  /** From 0 to below 1. */
  random(): number;
  /**
   * Sends a datagram from port 68 to port 67: from `source` (text) or, null, 0.0.0.0, to `server` or, null, by
   * broadcast; to this MAC address (6 bytes), or, null, to where the host's routes and neighbors say. False when the
   * host knows no way.
   */
  send(payload: Uint8Array, source: string | null, server: string | null, mac: Uint8Array | null): boolean;
  /** Asks whether anybody has an address; resolves with false when the host is closed meanwhile. */
  isTaken(address: string): Promise<boolean>;
  /** Puts a lease to use, instead of the one in use where there is one. */
  configure(lease: DhcpLease): void;
  /** Takes the lease out of use. */
  unconfigure(): void;
  /** Nothing is sent and received any more. */
  close(): void;
}

/** RFC 2131 §4.1: 4 s, doubled up to 64 s, give or take one second. */
const FIRST_RETRY = 4000;
const LAST_RETRY = 64_000;
const RETRY_JITTER = 1000;
/** §3.1 (5): after four repetitions of a request, some 60 s, it begins again. */
const REQUEST_RETRIES = 4;
/** §4.4.5: never sooner than this while a lease goes on. */
const RENEW_RETRY_MIN = 60_000;
/** §3.1 (5): after a decline. */
const DECLINE_DELAY = 10_000;
/** RFC 5227 §1.1, MAX_CONFLICTS and RATE_LIMIT_INTERVAL: after so many declines a new address is tried once a minute. */
const DECLINES_MAX = 10;
const DECLINE_DELAY_LATER = 60_000;

/**
 * The DHCP client of a host (RFC 2131): takes a lease, keeps it, and releases it. Created by `host.dhcp()`.
 *
 * Without a lease, its timers keep the process alive; with a lease they do not.
 */
export class DhcpClient extends EventEmitter<DhcpEvents> implements AsyncDisposable {
  readonly #link: DhcpLink;
  readonly #settings: DhcpSettings;
  readonly #stats: DhcpStats = { sent: 0, retries: 0, unsent: 0, received: 0, ignored: 0, malformed: 0 };
  #state: DhcpState = 'init';
  #lease: DhcpLease | null = null;
  #xid = 0;
  /** When this exchange began, and when its last message was sent; milliseconds of the clock. */
  #began = 0;
  #asked = 0;
  #retries = 0;
  /** NAKs one after the other: a server that always offers and always refuses must not be asked without pause. */
  #refusals = 0;
  /** Addresses in a row that somebody had already. */
  #declines = 0;
  /** What was offered. */
  #offered: { address: string; serverId: string } | null = null;
  /** When the lease in use is to be renewed, rebound, and ends; milliseconds of the clock. */
  #renewAt: number = Infinity;
  #rebindAt: number = Infinity;
  #expireAt: number = Infinity;
  /** MAC address that the last acknowledgement came from: the server's, or its relay agent's. */
  #serverMac: Uint8Array | null = null;
  #timer: ClockTimer | null = null;
  #waiting: PendingCall<DhcpLease>[] = [];

  /** @internal */
  static of(link: DhcpLink, settings: DhcpSettings): DhcpClient {
    return new DhcpClient(link, settings);
  }

  private constructor(link: DhcpLink, settings: DhcpSettings) {
    super();
    this.#link = link;
    this.#settings = settings;
  }

  get state(): DhcpState {
    return this.#state;
  }

  /** The lease in use, or null. */
  get lease(): DhcpLease | null {
    return this.#lease;
  }

  stats(): DhcpStats {
    return { ...this.#stats };
  }

  /** Resolves when the client has a lease. Rejects with ClosedError, TimeoutError or the signal's reason. */
  bound(options: { timeout?: number; signal?: AbortSignal } = {}): Promise<DhcpLease> {
    options.signal?.throwIfAborted();
    const call = new PendingCall<DhcpLease>(this.#link.clock, 'dhcp', options);
    if (this.#lease !== null) call.resolve(this.#lease);
    else if (this.#state === 'closed') call.reject(new ClosedError('dhcp'));
    else this.#waiting.push(call);
    call.onSettled = () => {
      this.#waiting = this.#waiting.filter((one) => one !== call);
    };
    return call.promise;
  }

  /** Renews the lease now instead of at half of its time. Without a lease it does nothing. */
  renew(): void {
    if (this.#state === 'bound') this.#renew();
  }

  /** Releases the lease to the server, removes its address, and closes the client. */
  release(): void {
    const lease = this.#lease;
    if (lease !== null) {
      const message = this.#new({ type: Dhcpv4Type.RELEASE, serverId: lease.serverId, isBare: true });
      // By MAC address: to find it out there would have to be an address, which goes now.
      const mac = this.#serverMac;
      this.#send({ ...message, clientAddress: lease.address }, lease.address, lease.serverId, mac);
    }
    this.close();
  }

  /** Removes the address and stops without telling the server. Harmless when repeated. */
  close(): void {
    if (this.#state === 'closed') return;
    this.#enter('closed');
    if (this.#lease !== null) this.#link.unconfigure();
    this.#lease = null;
    this.#link.close();
    for (const call of [...this.#waiting]) call.reject(new ClosedError('dhcp'));
  }

  /** Releases the lease. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.release();
  }

  /** @internal Begins. */
  start(): void {
    const { startDelay, previousAddress } = this.#settings;
    const begin = () => (previousAddress === undefined ? this.#discover() : this.#reboot(previousAddress));
    if (startDelay === 0) begin();
    else this.#after(this.#link.random() * startDelay, begin);
  }

  /** @internal The link has come back, and the network may be another: the lease is confirmed (RFC 2131 §3.7). */
  linkUp(): void {
    const isInUse = this.#state === 'bound' || this.#state === 'renewing' || this.#state === 'rebinding';
    if (this.#lease !== null && isInUse) this.#reboot(this.#lease.address);
  }

  /** @internal The host is closed: all that is left is to say so. */
  hostClosed(error: Error): void {
    if (this.#state === 'closed') return;
    this.#enter('closed');
    this.#lease = null;
    for (const call of [...this.#waiting]) call.reject(error);
  }

  /** @internal A datagram for port 68, `[start, end)`; it came from the MAC address at `sourceMac`. */
  receive(u8: Uint8Array, start: number, end: number, sourceMac: number): void {
    if (this.#state === 'closed') return;
    this.#stats.received++;
    const message = parseDhcpv4(u8, start, end);
    if (message === null) {
      this.#stats.malformed++;
      return;
    }
    const isOurs =
      message.op === Dhcpv4Op.REPLY &&
      message.xid === this.#xid &&
      isForClient(message.options, message.hardwareAddress, this.#settings, this.#link.mac);
    if (!isOurs || !this.#take(message, u8.slice(sourceMac, sourceMac + 6))) this.#stats.ignored++;
  }

  /** False when the message has no place in this state. */
  #take(message: Dhcpv4Message, sourceMac: Uint8Array): boolean {
    const { messageType, message: reason = '' } = readDhcpv4Options(message.options);
    switch (this.#state) {
      case 'selecting':
        if (messageType === Dhcpv4Type.OFFER) return this.#offer(message);
        // RFC 4039: the server has taken our word for it.
        if (!this.#settings.rapidCommit || !message.options.has(Dhcpv4Option.RAPID_COMMIT)) return false;
        return messageType === Dhcpv4Type.ACK && this.#acknowledged(message, sourceMac);
      case 'requesting':
      case 'rebooting':
      case 'renewing':
      case 'rebinding':
        if (messageType === Dhcpv4Type.ACK) return this.#acknowledged(message, sourceMac);
        return messageType === Dhcpv4Type.NAK && this.#refused(message, reason);
      default:
        return false;
    }
  }

  #discover(): void {
    this.#begin('selecting');
    this.#repeat(() => {
      const { requestedAddress, rapidCommit } = this.#settings;
      this.#send(this.#new({ type: Dhcpv4Type.DISCOVER, requestedAddress, rapidCommit }), null, null, null);
    });
  }

  #reboot(requestedAddress: string): void {
    this.#begin('rebooting');
    this.#repeat(() => {
      this.#send(this.#new({ type: Dhcpv4Type.REQUEST, requestedAddress }), null, null, null);
    });
  }

  #offer(message: Dhcpv4Message): boolean {
    const options = readDhcpv4Options(message.options);
    const { serverId } = options;
    if (serverId === undefined || !isUsableOffer(message, options)) return false;
    const address = formatIp(message.yourAddress);
    this.#offered = { address, serverId };
    this.#enter('requesting');
    this.#retries = 0;
    // The transaction and the seconds are the discover's, so that relay agents treat both alike: RFC 2131 §3.1 (3).
    const request = this.#new({ type: Dhcpv4Type.REQUEST, requestedAddress: address, serverId }, this.#asked);
    this.#repeat(() => this.#send(request, null, null, null));
    return true;
  }

  #acknowledged(message: Dhcpv4Message, sourceMac: Uint8Array): boolean {
    const { clock } = this.#link;
    const lease = leaseOf(message, clock.wallTime() - (clock.now() - this.#asked));
    if (lease === null) return false;
    if (this.#state === 'requesting' && lease.serverId !== this.#offered?.serverId) return false;
    this.#serverMac = sourceMac;
    const isNew = lease.address !== this.#lease?.address;
    if (isNew && this.#settings.probe) this.#probe(lease);
    else this.#bind(lease);
    return true;
  }

  #refused(message: Dhcpv4Message, reason: string): boolean {
    const { serverId } = readDhcpv4Options(message.options);
    if (this.#state === 'requesting' && serverId !== this.#offered?.serverId) return false;
    nextTick(() => this.emit('nak', reason));
    this.#lose('nak');
    const pause = this.#refusals++ === 0 ? 0 : this.#backoff(this.#refusals - 2);
    this.#enter('init');
    this.#after(pause, () => this.#discover());
    return true;
  }

  #probe(lease: DhcpLease): void {
    this.#lose('changed');
    this.#enter('probing');
    void this.#link.isTaken(lease.address).then((isTaken) => {
      if (this.#state !== 'probing') return;
      if (isTaken) this.#decline(lease);
      else this.#bind(lease);
    });
  }

  #decline(lease: DhcpLease): void {
    const { address, serverId } = lease;
    const type = Dhcpv4Type.DECLINE;
    this.#send(this.#new({ type, requestedAddress: address, serverId, isBare: true }), null, null, null);
    nextTick(() => this.emit('declined', address));
    this.#enter('init');
    this.#declines++;
    const delay = this.#declines < DECLINES_MAX ? DECLINE_DELAY : DECLINE_DELAY_LATER;
    this.#after(delay, () => this.#discover());
  }

  #bind(lease: DhcpLease): void {
    const isNew = this.#lease === null;
    this.#lease = lease;
    this.#refusals = 0;
    this.#declines = 0;
    this.#link.configure(lease);
    const { renewalTime, rebindingTime, leaseTime } = lease;
    this.#renewAt = this.#asked + renewalTime * 1000;
    this.#rebindAt = this.#asked + rebindingTime * 1000;
    this.#expireAt = this.#asked + leaseTime * 1000;
    this.#goOn();
    for (const call of [...this.#waiting]) call.resolve(lease);
    nextTick(() => this.emit(isNew ? 'bound' : 'renewed', lease));
  }

  /** The lease in use goes on until it is to be renewed. */
  #goOn(): void {
    this.#enter('bound');
    if (this.#renewAt !== Infinity)
      this.#at(Math.max(this.#renewAt, this.#link.clock.now()), () => this.#renew());
  }

  #renew(): void {
    const lease = this.#lease!;
    this.#begin('renewing');
    const ask = () => {
      const message = this.#new({ type: Dhcpv4Type.REQUEST, clientAddress: lease.address });
      this.#send(message, lease.address, lease.serverId, null);
      if (lease.leaseTime === Infinity) this.#after(RENEW_RETRY_MIN, () => this.#enter('bound'));
      else this.#again(this.#rebindAt, ask, () => this.#rebind(lease));
    };
    ask();
  }

  #rebind(lease: DhcpLease): void {
    this.#begin('rebinding');
    const ask = () => {
      const message = this.#new({ type: Dhcpv4Type.REQUEST, clientAddress: lease.address });
      this.#send(message, lease.address, null, null);
      this.#again(this.#expireAt, ask, () => {
        this.#lose('time');
        this.#discover();
      });
    };
    ask();
  }

  #lose(reason: DhcpLossReason): void {
    const lease = this.#lease;
    if (lease === null) return;
    this.#lease = null;
    this.#link.unconfigure();
    nextTick(() => this.emit('expired', lease, reason));
  }

  /** A new exchange. */
  #begin(state: DhcpState): void {
    this.#enter(state);
    this.#xid = Math.floor(this.#link.random() * 2 ** 32);
    this.#began = this.#link.clock.now();
    this.#retries = 0;
  }

  #enter(state: DhcpState): void {
    this.#state = state;
    this.#timer?.cancel();
    this.#timer = null;
  }

  /** Sends now, and again in growing intervals; a request that nobody answers is given up at last. */
  #repeat(send: () => void): void {
    send();
    const left = this.#lease === null ? Infinity : this.#expireAt - this.#link.clock.now();
    this.#after(Math.min(this.#backoff(this.#retries), left), () => {
      if (this.#lease !== null && this.#link.clock.now() >= this.#expireAt) {
        this.#lose('time');
        this.#discover();
        return;
      }
      const isRequest = this.#state !== 'selecting';
      if (isRequest && this.#retries >= REQUEST_RETRIES) {
        // Nobody confirms a lease, and nobody denies it: §3.2 (4).
        if (this.#lease === null) this.#discover();
        else this.#goOn();
        return;
      }
      this.#retries++;
      this.#stats.retries++;
      this.#repeat(send);
    });
  }

  /** RFC 2131 §4.4.5: again after half of the time that is left until `end`; then `ended`. */
  #again(end: number, ask: () => void, ended: () => void): void {
    const left = end - this.#link.clock.now();
    const pause = Math.max(RENEW_RETRY_MIN, left / 2);
    if (pause >= left) {
      this.#at(end, ended);
      return;
    }
    this.#after(pause, () => {
      this.#stats.retries++;
      ask();
    });
  }

  #backoff(retries: number): number {
    return Math.min(FIRST_RETRY * 2 ** retries, LAST_RETRY) + (2 * this.#link.random() - 1) * RETRY_JITTER;
  }

  #at(time: number, callback: () => void): void {
    this.#after(time - this.#link.clock.now(), callback);
  }

  #after(delay: number, callback: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#link.clock.setTimer(callback, delay, this.#lease !== null);
  }

  /** `at`: when the exchange has got so far, milliseconds of the clock. Releases and declines tell no time: table 5. */
  #new(message: Omit<ClientMessage, 'xid' | 'secs'>, at: number = this.#link.clock.now()): ClientMessage {
    const secs = message.isBare === true ? 0 : Math.floor((at - this.#began) / 1000);
    return { ...message, xid: this.#xid, secs: Math.min(secs, 0xffff) };
  }

  #send(message: ClientMessage, source: string | null, server: string | null, mac: Uint8Array | null): void {
    this.#asked = this.#link.clock.now();
    const payload = emitClientMessage(message, this.#settings, this.#link.mac);
    if (this.#link.send(payload, source, server, mac)) this.#stats.sent++;
    else this.#stats.unsent++;
  }
}
