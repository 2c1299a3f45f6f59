import type { Clock, PacketRelay } from 'etherconn';
import { type Dhcpv4Message, Dhcpv4Option, Dhcpv4Type } from 'etherconn/wire';
import type { Delta } from '../metrics/delta.ts';
import type { Client } from '../runner/client.ts';
import { TimerWheel } from '../runner/timer-wheel.ts';
import { addressNumber, ClientFrames } from './client-frames.ts';
import { type FleetPlan, Members, NUMBER_BITS } from './fleet-plan.ts';
import { type FailureReason, FleetTally } from './fleet-tally.ts';
import { FleetWire } from './fleet-wire.ts';

/** Where a client is: RFC 2131 figure 5. */
export const State = {
  /** Has not begun, or has what it was to have and no lease. */
  IDLE: 0,
  SELECTING: 1,
  REQUESTING: 2,
  BOUND: 3,
  RENEWING: 4,
  REBINDING: 5,
  /** Begins again later. */
  WAITING: 6,
  /** Has given up. */
  FAILED: 7,
  /** Has given its lease back at the end. */
  RELEASED: 8,
} as const;

/** Clients that begin, and leases that are given back, before the event loop may look at other things. */
const BUDGET = 256;
/** Milliseconds between looks at who is due: an answer may have changed it. */
const LOOK = 5;
/** Milliseconds until what found no room is sent again. */
const NO_ROOM = 10;
/** Milliseconds until room is looked for again. */
const FULL = 1;
/** Milliseconds until a client that has failed begins again: RFC 2131 §3.1 asks for ten seconds after a decline. */
const PAUSE: Readonly<Record<FailureReason, number>> = {
  'no offer': 10_000,
  'no ack': 10_000,
  nak: 1000,
  declined: 10_000,
  duplicate: 10_000,
};
/** Times that a client of a run without a duration begins again after a NAK or a decline. */
const LIVES = 3;
/** Seconds of a lease that does not end. */
const FOR_EVER = 0xffffffff;
/** RFC 2131 §4.4.5: requests are not repeated sooner. */
const RENEW_INTERVAL = 60_000;
const NUMBER_MASK = 2 ** NUMBER_BITS - 1;

/**
 * All DHCP clients of a run as one client of the runner: each is a row of flat arrays and a place in a timer wheel, so
 * that a hundred thousand need no object of their own.
 */
export class Fleet implements Client {
  readonly members: Members;
  readonly states: Uint8Array;
  readonly addresses: Uint32Array;
  readonly servers: Uint32Array;
  /** Seconds; Infinity for one that does not end. */
  readonly leaseTimes: Float64Array;
  /** Milliseconds of the run at which each lease was acquired or renewed, and which the first took. */
  readonly boundAt: Float64Array;
  readonly took: Float64Array;

  readonly #plan: FleetPlan;
  readonly #clock: Clock;
  readonly #startAt: number;
  readonly #frames: ClientFrames;
  readonly #wire: FleetWire;
  readonly #tally = new FleetTally();
  readonly #wheel: TimerWheel;
  readonly #xids: Uint32Array;
  readonly #serverMacs: Uint8Array;
  readonly #tries: Uint8Array;
  readonly #lives: Uint8Array;
  readonly #began: Float64Array;
  /** When the message of this phase was first sent. */
  readonly #asked: Float64Array;
  readonly #t1: Float64Array;
  readonly #t2: Float64Array;
  /** Declines that are still to come. */
  readonly #declines: Uint8Array;
  readonly #owners = new Map<number, number>();
  #started = 0;
  /** Clients that the run does not wait for any more. */
  #settled = 0;
  readonly #isSettled: Uint8Array;
  /** From when leases are given back, and of which client next. */
  #endsAt = Number.POSITIVE_INFINITY;
  #releasing = 0;
  #leftAt = Number.POSITIVE_INFINITY;
  #random: number;
  /** There was no room to send: until then nobody tries again. */
  #fullUntil = 0;

  /** @param startAt time 0 of the run, by the relay's clock */
  constructor(relay: PacketRelay, plan: FleetPlan, startAt: number) {
    const { clients } = plan;
    this.#plan = plan;
    this.#clock = relay.clock;
    this.#startAt = startAt;
    this.members = new Members(plan);
    this.#frames = new ClientFrames(this.members, plan.options, plan.broadcast);
    this.#wheel = new TimerWheel(clients, 0);
    this.states = new Uint8Array(clients);
    this.addresses = new Uint32Array(clients);
    this.servers = new Uint32Array(clients);
    this.leaseTimes = new Float64Array(clients);
    this.boundAt = new Float64Array(clients);
    this.took = new Float64Array(clients);
    this.#xids = new Uint32Array(clients);
    this.#serverMacs = new Uint8Array(6 * clients);
    this.#tries = new Uint8Array(clients);
    this.#lives = new Uint8Array(clients);
    this.#began = new Float64Array(clients);
    this.#asked = new Float64Array(clients);
    this.#t1 = new Float64Array(clients);
    this.#t2 = new Float64Array(clients);
    this.#declines = new Uint8Array(clients);
    this.#isSettled = new Uint8Array(clients);
    this.#random = plan.seed >>> 0;
    for (let n = 0; n < clients; n++) {
      this.#xids[n] = (((this.#next() * 4096) << NUMBER_BITS) | n) >>> 0;
      this.#declines[n] = this.#next() < plan.decline ? 1 : 0;
    }
    this.#wire = new FleetWire(relay, this.members, {
      message: (message, serverMac, length) => this.#message(message, serverMac, length),
      ownerOf: (address, vlanIndex) => this.#owners.get(address + vlanIndex * 2 ** 32) ?? -1,
    });
  }

  /** Milliseconds from the start until leases were given back, or to now. */
  get activeLength(): number {
    return Math.min(this.#endsAt, this.#now());
  }

  /** Whether every client has had what it was to have. */
  get settled(): boolean {
    return this.#settled === this.members.count;
  }

  start(now: number): number {
    return this.tick(now);
  }

  tick(now: number): number {
    const { rate, clients, duration } = this.#plan;
    if (this.#endsAt === Number.POSITIVE_INFINITY) {
      const due = Math.min(this.#dueBy(now), this.#started + BUDGET);
      while (this.#started < due && now >= this.#fullUntil) this.#begin(this.#started++, now);
      this.#wheel.advance(now, (n) => this.#due(n, now));
      const isOver = duration === undefined ? this.settled && this.#plan.flap === undefined : now >= duration;
      if (!isOver) return this.#started < clients ? now + Math.min(LOOK, 1000 / rate) : now + LOOK;
      this.#endsAt = now;
    }
    return this.#plan.release ? this.#releaseAll(now) : Number.POSITIVE_INFINITY;
  }

  counters(into: Delta): void {
    this.#tally.flush(into);
  }

  /** What has not been given back in time is given back now, as far as there is room. */
  stop(): void {
    if (this.#plan.release) {
      try {
        while (this.#releasing < this.members.count && this.#giveBack(this.#releasing, this.#now()))
          this.#releasing++;
      } catch {
        // The relay is gone already.
      }
    }
    this.#wire.close();
  }

  #now(): number {
    return this.#clock.now() - this.#startAt;
  }

  /** 0 to 1, from the seed (mulberry32). */
  #next(): number {
    this.#random = (this.#random + 0x6d2b79f5) >>> 0;
    let t = this.#random;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** Clients that have had their turn by `time`. */
  #dueBy(time: number): number {
    const { rate, clients } = this.#plan;
    if (rate === Number.POSITIVE_INFINITY) return clients;
    return Math.min(clients, Math.floor((time * rate) / 1000) + 1);
  }

  #begin(n: number, now: number): void {
    this.states[n] = State.SELECTING;
    this.#began[n] = now;
    this.#ask(n, now);
  }

  /** Sends the first message of a phase, in a transaction of its own but for the request behind an offer. */
  #ask(n: number, now: number): void {
    if (this.states[n] !== State.REQUESTING) this.#xids[n] = (this.#xids[n] + (1 << NUMBER_BITS)) >>> 0;
    this.#tries[n] = 0;
    this.#asked[n] = now;
    this.#sendAgain(n, now);
  }

  /** Sends what the state asks for, and waits for the answer. */
  #sendAgain(n: number, now: number): void {
    const state = this.states[n];
    const address = this.addresses[n];
    const selecting = state === State.SELECTING;
    const type = selecting ? Dhcpv4Type.DISCOVER : Dhcpv4Type.REQUEST;
    const isRequesting = state === State.REQUESTING;
    const sent = this.#send(n, now, type, {
      clientAddress: selecting || isRequesting ? 0 : address,
      requestedAddress: isRequesting ? address : 0,
      serverId: isRequesting ? this.servers[n] : 0,
      unicast: state === State.RENEWING,
    });
    if (!sent) {
      this.#wheel.add(n, now + NO_ROOM);
      return;
    }
    if (this.#tries[n]++ > 0) this.#tally.count('retries');
    if (state === State.RENEWING || state === State.REBINDING) {
      const end = state === State.RENEWING ? this.#t2[n] : this.#leaseEnd(n);
      this.#wheel.add(n, Math.min(end, now + Math.max(RENEW_INTERVAL, (end - now) / 2)));
    } else {
      // RFC 2131 §4.1: each wait is twice the last, a quarter more or less.
      const wait = this.#plan.timeout * 2 ** (this.#tries[n] - 1);
      this.#wheel.add(n, now + wait * (0.75 + this.#next() / 2));
    }
  }

  /** A client's time has come. */
  #due(n: number, now: number): void {
    const state = this.states[n];
    switch (state) {
      case State.SELECTING:
      case State.REQUESTING:
        if (this.#tries[n] <= this.#plan.retries) this.#sendAgain(n, now);
        else this.#fail(n, now, state === State.SELECTING ? 'no offer' : 'no ack');
        return;
      case State.WAITING:
        this.#begin(n, now);
        return;
      case State.BOUND:
      case State.RENEWING:
      case State.REBINDING:
        this.#leaseDue(n, now);
        return;
    }
  }

  #leaseDue(n: number, now: number): void {
    const { flap, renew, release } = this.#plan;
    if (flap !== undefined && now >= this.#flapAt(n)) {
      this.#tally.count('flaps');
      if (!release || this.#release(n, now)) {
        this.#lose(n);
        this.#begin(n, now);
      } else this.#wheel.add(n, now + NO_ROOM);
    } else if (now >= this.#leaseEnd(n)) {
      this.#tally.count('expired');
      this.#lose(n);
      // In a run without a duration, whoever has had a lease has had what it was to have.
      if (this.#plan.duration === undefined && flap === undefined && this.#isSettled[n] === 1) return;
      this.#begin(n, now);
    } else if (renew && now >= this.#t2[n]) {
      const isFirst = this.states[n] !== State.REBINDING;
      this.states[n] = State.REBINDING;
      if (isFirst) this.#ask(n, now);
      else this.#sendAgain(n, now);
    } else if (renew && now >= this.#t1[n]) {
      const isFirst = this.states[n] !== State.RENEWING;
      this.states[n] = State.RENEWING;
      if (isFirst) this.#ask(n, now);
      else this.#sendAgain(n, now);
    } else this.#waitBound(n);
  }

  #leaseEnd(n: number): number {
    return this.boundAt[n] + 1000 * this.leaseTimes[n];
  }

  /** Renewals do not make a lease younger. */
  #flapAt(n: number): number {
    return this.#began[n] + this.took[n] + (this.#plan.flap ?? Number.POSITIVE_INFINITY);
  }

  #waitBound(n: number): void {
    const next = this.#plan.renew ? Math.min(this.#t1[n], this.#leaseEnd(n)) : this.#leaseEnd(n);
    const due = Math.min(next, this.#flapAt(n));
    if (due === Number.POSITIVE_INFINITY) this.#wheel.remove(n);
    else this.#wheel.add(n, due);
  }

  #fail(n: number, now: number, reason: FailureReason): void {
    this.#tally.failed(reason);
    this.addresses[n] = 0;
    this.servers[n] = 0;
    const goesOn = this.#plan.duration !== undefined || this.#plan.flap !== undefined;
    const isAnswered = reason !== 'no offer' && reason !== 'no ack';
    if (goesOn || (isAnswered && this.#lives[n]++ < LIVES)) {
      this.states[n] = State.WAITING;
      this.#wheel.add(n, now + PAUSE[reason]);
    } else {
      this.states[n] = State.FAILED;
      this.#wheel.remove(n);
      this.#settle(n);
    }
  }

  #settle(n: number): void {
    if (this.#isSettled[n] === 1) return;
    this.#isSettled[n] = 1;
    this.#settled++;
  }

  #message(message: Dhcpv4Message, serverMac: Uint8Array, length: number): void {
    const n = message.xid & NUMBER_MASK;
    const type = message.options.get(Dhcpv4Option.MESSAGE_TYPE)?.[0];
    // Answers of other clients' servers come by broadcast, too.
    if (n >= this.members.count || message.xid !== this.#xids[n] || !this.#isFor(n, message)) {
      this.#tally.count('foreign');
      return;
    }
    const now = this.#now();
    const state = this.states[n];
    const asks = state === State.REQUESTING || state === State.RENEWING || state === State.REBINDING;
    if (type === Dhcpv4Type.OFFER && state === State.SELECTING)
      this.#offer(n, now, message, serverMac, length);
    else if (type === Dhcpv4Type.ACK && asks) this.#acknowledge(n, now, message, serverMac, length);
    else if (type === Dhcpv4Type.NAK && asks) this.#refuse(n, now, length);
    // A second offer, or an answer to what has been sent again.
    else this.#tally.count('late');
  }

  #isFor(n: number, { hardwareAddress }: Dhcpv4Message): boolean {
    const { macs } = this.members;
    for (let i = 0; i < 6; i++) if (hardwareAddress[i] !== macs[6 * n + i]) return false;
    return hardwareAddress.length === 6;
  }

  #offer(n: number, now: number, message: Dhcpv4Message, serverMac: Uint8Array, length: number): void {
    const address = addressNumber(message.yourAddress);
    const server = message.options.get(Dhcpv4Option.SERVER_ID);
    if (address === 0 || server?.length !== 4) {
      this.#tally.count('malformed');
      return;
    }
    this.#tally.received('offer', length);
    this.#tally.took('offer', now - this.#asked[n]);
    this.addresses[n] = address;
    this.servers[n] = addressNumber(server);
    this.#serverMacs.set(serverMac, 6 * n);
    this.states[n] = State.REQUESTING;
    this.#ask(n, now);
  }

  #acknowledge(n: number, now: number, message: Dhcpv4Message, serverMac: Uint8Array, length: number): void {
    const { options } = message;
    const seconds = (code: number): number | undefined => {
      const bytes = options.get(code);
      if (bytes === undefined || bytes.length !== 4) return undefined;
      const value = addressNumber(bytes);
      return value === FOR_EVER ? Number.POSITIVE_INFINITY : value;
    };
    const leaseTime = seconds(Dhcpv4Option.LEASE_TIME);
    const address = addressNumber(message.yourAddress);
    if (leaseTime === undefined || address === 0) {
      this.#tally.count('malformed');
      return;
    }
    this.#tally.received('ack', length);
    const state = this.states[n];
    if (state === State.REQUESTING) {
      this.#tally.took('ack', now - this.#asked[n]);
      this.addresses[n] = address;
      if (this.#declinesIt(n, now)) return;
      this.took[n] = now - this.#began[n];
      this.#tally.took('latency', this.took[n]);
      this.#tally.count('leases');
      this.#tally.count('bound');
      this.#owners.set(this.#key(n), n);
      if (!this.#plan.renew) this.#settle(n);
    } else {
      const isRenewal = state === State.RENEWING;
      this.#tally.count(isRenewal ? 'renewed' : 'rebound');
      this.#tally.took(isRenewal ? 'renew' : 'rebind', now - this.#asked[n]);
      this.#settle(n);
    }
    const server = options.get(Dhcpv4Option.SERVER_ID);
    if (server?.length === 4) this.servers[n] = addressNumber(server);
    this.#serverMacs.set(serverMac, 6 * n);
    this.states[n] = State.BOUND;
    this.leaseTimes[n] = leaseTime;
    this.boundAt[n] = this.#asked[n];
    // RFC 2131 §4.4.5: half and seven eighths of the lease, when the server does not say.
    const t2 = Math.min(seconds(Dhcpv4Option.REBINDING_TIME) ?? 0.875 * leaseTime, leaseTime);
    const t1 = Math.min(seconds(Dhcpv4Option.RENEWAL_TIME) ?? 0.5 * leaseTime, t2);
    this.#t1[n] = this.boundAt[n] + 1000 * t1;
    this.#t2[n] = this.boundAt[n] + 1000 * t2;
    if (t1 === Number.POSITIVE_INFINITY) this.#settle(n);
    this.#waitBound(n);
  }

  /** Declines an address that another client of the fleet has, or that the plan says is in use. */
  #declinesIt(n: number, now: number): boolean {
    const owner = this.#owners.get(this.#key(n));
    const isDuplicate = owner !== undefined && owner !== n;
    if (!isDuplicate && this.#declines[n] === 0) return false;
    this.#declines[n] = 0;
    // Not sent again: whoever is not told of it finds out by himself.
    this.#send(n, now, Dhcpv4Type.DECLINE, {
      clientAddress: 0,
      requestedAddress: this.addresses[n],
      serverId: this.servers[n],
      unicast: false,
    });
    this.#fail(n, now, isDuplicate ? 'duplicate' : 'declined');
    return true;
  }

  #refuse(n: number, now: number, length: number): void {
    this.#tally.received('nak', length);
    if (this.states[n] !== State.REQUESTING) this.#lose(n);
    this.#fail(n, now, 'nak');
  }

  #key(n: number): number {
    return this.addresses[n] + this.members.vlanOf[n] * 2 ** 32;
  }

  #hasLease(n: number): boolean {
    const state = this.states[n];
    return state === State.BOUND || state === State.RENEWING || state === State.REBINDING;
  }

  /** The lease is no more. */
  #lose(n: number): void {
    this.#owners.delete(this.#key(n));
    this.#tally.count('bound', -1);
    this.states[n] = State.IDLE;
    this.#wheel.remove(n);
  }

  #send(
    n: number,
    now: number,
    type: number,
    about: { clientAddress: number; requestedAddress: number; serverId: number; unicast: boolean },
  ): boolean {
    if (now < this.#fullUntil) return false;
    const { clientAddress, requestedAddress, serverId, unicast } = about;
    const frame = this.#frames.frame(n, {
      type,
      xid: this.#xids[n],
      since: now - this.#began[n],
      clientAddress,
      requestedAddress,
      serverId,
      to: unicast ? { address: this.servers[n], mac: this.#serverMacs.subarray(6 * n, 6 * n + 6) } : null,
    });
    if (!this.#wire.send(frame)) {
      this.#tally.count('noRoom');
      this.#fullUntil = now + FULL;
      return false;
    }
    this.#tally.sent(frame, type === Dhcpv4Type.DISCOVER || type === Dhcpv4Type.REQUEST);
    this.#tally.count(NAMES[type]);
    return true;
  }

  /** Gives a lease back, if there is one. False when there is no room. */
  #release(n: number, now: number): boolean {
    if (!this.#hasLease(n)) return true;
    const about = {
      clientAddress: this.addresses[n],
      requestedAddress: 0,
      serverId: this.servers[n],
      unicast: true,
    };
    return this.#send(n, now, Dhcpv4Type.RELEASE, about);
  }

  /** Gives all leases back, as fast as clients have begun; returns when to go on. */
  #releaseAll(now: number): number {
    const { clients, rate } = this.#plan;
    const due = Math.min(this.#dueBy(now - this.#endsAt), this.#releasing + BUDGET);
    while (this.#releasing < due) {
      if (!this.#giveBack(this.#releasing, now)) return now + NO_ROOM;
      this.#releasing++;
    }
    if (this.#releasing < clients) return now + Math.min(LOOK, 1000 / rate);
    // The last one leaves before the relay may be closed.
    if (this.#leftAt === Number.POSITIVE_INFINITY) this.#leftAt = now + LOOK;
    return now < this.#leftAt ? this.#leftAt : Number.POSITIVE_INFINITY;
  }

  #giveBack(n: number, now: number): boolean {
    if (!this.#hasLease(n)) return true;
    if (!this.#release(n, now)) return false;
    this.#lose(n);
    this.states[n] = State.RELEASED;
    return true;
  }
}

/** Counters of the messages that clients send. */
const NAMES: Readonly<Record<number, string>> = {
  [Dhcpv4Type.DISCOVER]: 'discover',
  [Dhcpv4Type.REQUEST]: 'request',
  [Dhcpv4Type.RELEASE]: 'release',
  [Dhcpv4Type.DECLINE]: 'decline',
};
