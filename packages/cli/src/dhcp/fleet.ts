import type { Clock, PacketRelay } from 'etherconn';
import { Dhcpv4Type } from 'etherconn/wire';
import type { Delta } from '../metrics/delta.ts';
import type { Client } from '../runner/client.ts';
import { TimerWheel } from '../runner/timer-wheel.ts';
import { SeededRandom } from '../seeded-random.ts';
import { ClientFrames, type ClientMessage } from './client-frames.ts';
import { State } from './client-state.ts';
import { type FleetPlan, Members, NUMBER_BITS } from './fleet-plan.ts';
import { Count, type FailureReason, FleetTally } from './fleet-tally.ts';
import { FleetWire } from './fleet-wire.ts';
import { InFlight } from './in-flight.ts';
import { LeaseTable } from './lease-table.ts';
import type { ServerMessage } from './server-message.ts';
import { TurnQueue } from './turn-queue.ts';

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
/** RFC 2131 §4.4.5: requests are not repeated sooner. */
const RENEW_INTERVAL = 60_000;

/**
 * All DHCP clients of a run as one client of the runner: each is a row of flat arrays and a place in a timer wheel, so
 * that a hundred thousand need no object of their own.
 */
export class Fleet implements Client {
  readonly isPatient = true;
  readonly members: Members;
  readonly leases: LeaseTable;
  /** Those of {@link leases}. */
  readonly states: Uint8Array;
  readonly addresses: Uint32Array;

  readonly #plan: FleetPlan;
  readonly #clock: Clock;
  readonly #startAt: number;
  readonly #onFailure: (client: number, reason: FailureReason) => void;
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
  /** Declines that are still to come. */
  readonly #declines: Uint8Array;
  readonly #inFlight: InFlight;
  /** Clients that are to begin again. */
  readonly #queue: TurnQueue;
  /** What is sent next; the same object for all messages. */
  readonly #about: ClientMessage;
  /** When what is being received has come. */
  #receivedAt = 0;
  #started = 0;
  /** Clients that the run does not wait for any more. */
  #settled = 0;
  readonly #isSettled: Uint8Array;
  /** From when leases are given back, and of which client next. */
  #endsAt = Number.POSITIVE_INFINITY;
  #releasing = 0;
  #leftAt = Number.POSITIVE_INFINITY;
  readonly #random: SeededRandom;
  /** There was no room to send: until then nobody tries again. */
  #fullUntil = 0;

  /**
   * @param startAt time 0 of the run, by the relay's clock
   * @param onFailure told each failure of a client, by its number
   */
  constructor(
    relay: PacketRelay,
    plan: FleetPlan,
    startAt: number,
    onFailure: (client: number, reason: FailureReason) => void = () => {},
  ) {
    this.#onFailure = onFailure;
    const { clients } = plan;
    this.#plan = plan;
    this.#clock = relay.clock;
    this.#startAt = startAt;
    this.members = new Members(plan);
    this.#frames = new ClientFrames(this.members, plan.options, plan.broadcast);
    this.#wheel = new TimerWheel(clients, 0);
    this.leases = new LeaseTable(this.members);
    this.states = this.leases.states;
    this.addresses = this.leases.addresses;
    this.#xids = new Uint32Array(clients);
    this.#serverMacs = new Uint8Array(6 * clients);
    this.#tries = new Uint8Array(clients);
    this.#lives = new Uint8Array(clients);
    this.#began = new Float64Array(clients);
    this.#asked = new Float64Array(clients);
    this.#declines = new Uint8Array(clients);
    this.#isSettled = new Uint8Array(clients);
    this.#inFlight = new InFlight(clients, plan.inFlight);
    this.#queue = new TurnQueue(clients);
    this.#about = {
      ...{ type: 0, xid: 0, since: 0, clientAddress: 0, requestedAddress: 0, serverId: 0 },
      ...{ to: 0, macs: this.#serverMacs, macAt: 0 },
    };
    // As if the clients before had drawn their numbers, two each.
    this.#random = new SeededRandom(plan.seed, 2 * (plan.first ?? 0));
    for (let n = 0; n < clients; n++) {
      this.#xids[n] = (((this.#random.next() * 4096) << NUMBER_BITS) | n) >>> 0;
      this.#declines[n] = this.#random.next() < plan.decline ? 1 : 0;
    }
    this.#wire = new FleetWire(relay, this.members, {
      begin: () => {
        this.#receivedAt = this.#now();
      },
      message: (n, message, serverMac, length) => this.#message(n, message, serverMac, length),
      foreign: () => this.#tally.count(Count.foreign),
      ownerOf: (address, vlanIndex) => this.leases.ownerOf(address, vlanIndex),
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
      this.#wheel.advance(now, (n) => this.#due(n, now));
      let begun = 0;
      while (begun < BUDGET && this.#beginNext(now)) begun++;
      const isOver = duration === undefined ? this.settled && this.#plan.flap === undefined : now >= duration;
      if (!isOver) {
        if (begun === BUDGET) return now;
        if (now < this.#fullUntil) return this.#fullUntil;
        // Of those who go as fast as they can, answers let the next one begin.
        return now + (this.#started < clients && Number.isFinite(rate) ? Math.min(LOOK, 1000 / rate) : LOOK);
      }
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

  /** Clients that have had their turn by `time`. */
  #dueBy(time: number): number {
    const { rate, clients } = this.#plan;
    if (rate === Number.POSITIVE_INFINITY) return clients;
    return Math.min(clients, Math.floor((time * rate) / 1000) + 1);
  }

  /** Begins with whoever has waited longest for his turn, or is the next to start. False when nobody may begin now. */
  #beginNext(now: number): boolean {
    if (now < this.#fullUntil || now >= this.#endsAt || !this.#inFlight.hasRoom(now)) return false;
    if (this.#queue.size > 0) {
      this.#begin(this.#queue.take(), now);
      return true;
    }
    if (this.#started >= this.#dueBy(now)) return false;
    this.#begin(this.#started++, now);
    return true;
  }

  #begin(n: number, now: number): void {
    this.states[n] = State.SELECTING;
    this.#began[n] = now;
    this.#inFlight.enter(n, now);
    this.#ask(n, now);
  }

  /** Begins when it is the client's turn: at once, if nobody else waits. */
  #beginInTurn(n: number, now: number): void {
    if (this.#queue.size === 0 && this.#inFlight.hasRoom(now)) {
      this.#begin(n, now);
      return;
    }
    this.states[n] = State.WAITING;
    this.#queue.add(n);
  }

  /** An attempt is over: somebody else may begin. */
  #endAttempt(n: number, now: number): void {
    this.#inFlight.leave(n, now);
    this.#beginNext(now);
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
    const about = this.#about;
    about.clientAddress = selecting || isRequesting ? 0 : address;
    about.requestedAddress = isRequesting ? address : 0;
    about.serverId = isRequesting ? this.leases.servers[n] : 0;
    about.to = state === State.RENEWING ? this.leases.servers[n] : 0;
    if (!this.#send(n, now, type)) {
      this.#wheel.add(n, now + NO_ROOM);
      return;
    }
    if (this.#tries[n]++ > 0) this.#tally.count(Count.retries);
    if (state === State.RENEWING || state === State.REBINDING) {
      const end = state === State.RENEWING ? this.leases.rebindAt[n] : this.leases.endOf(n);
      this.#wheel.add(n, Math.min(end, now + Math.max(RENEW_INTERVAL, (end - now) / 2)));
    } else {
      // RFC 2131 §4.1: each wait is twice the last, a quarter more or less.
      const wait = this.#plan.timeout * 2 ** (this.#tries[n] - 1);
      this.#wheel.add(n, now + wait * (0.75 + this.#random.next() / 2));
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
        this.#beginInTurn(n, now);
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
      this.#tally.count(Count.flaps);
      if (!release || this.#release(n, now)) {
        this.#lose(n);
        this.#beginInTurn(n, now);
      } else this.#wheel.add(n, now + NO_ROOM);
    } else if (now >= this.leases.endOf(n)) {
      this.#tally.count(Count.expired);
      this.#lose(n);
      // In a run without a duration, whoever has had a lease has had what it was to have.
      if (this.#plan.duration === undefined && flap === undefined && this.#isSettled[n] === 1) return;
      this.#beginInTurn(n, now);
    } else if (renew && now >= this.leases.rebindAt[n]) {
      const isFirst = this.states[n] !== State.REBINDING;
      this.states[n] = State.REBINDING;
      if (isFirst) this.#ask(n, now);
      else this.#sendAgain(n, now);
    } else if (renew && now >= this.leases.renewAt[n]) {
      const isFirst = this.states[n] !== State.RENEWING;
      this.states[n] = State.RENEWING;
      if (isFirst) this.#ask(n, now);
      else this.#sendAgain(n, now);
    } else this.#waitBound(n);
  }

  /** Renewals do not make a lease younger. */
  #flapAt(n: number): number {
    return this.#began[n] + this.leases.took[n] + (this.#plan.flap ?? Number.POSITIVE_INFINITY);
  }

  #waitBound(n: number): void {
    const next = this.#plan.renew
      ? Math.min(this.leases.renewAt[n], this.leases.endOf(n))
      : this.leases.endOf(n);
    const due = Math.min(next, this.#flapAt(n));
    if (due === Number.POSITIVE_INFINITY) this.#wheel.remove(n);
    else this.#wheel.add(n, due);
  }

  #fail(n: number, now: number, reason: FailureReason): void {
    this.#tally.failed(reason);
    this.#onFailure(this.members.first + n, reason);
    this.leases.forget(n);
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
    this.#endAttempt(n, now);
  }

  #settle(n: number): void {
    if (this.#isSettled[n] === 1) return;
    this.#isSettled[n] = 1;
    this.#settled++;
  }

  #message(n: number, message: ServerMessage, serverMac: number, length: number): void {
    const { type } = message;
    // Answers of other clients' servers come by broadcast, too.
    if (message.xid !== this.#xids[n]) {
      this.#tally.count(Count.foreign);
      return;
    }
    const now = this.#receivedAt;
    const state = this.states[n];
    const asks = state === State.REQUESTING || state === State.RENEWING || state === State.REBINDING;
    if (type === Dhcpv4Type.OFFER && state === State.SELECTING)
      this.#offer(n, now, message, serverMac, length);
    else if (type === Dhcpv4Type.ACK && asks) this.#acknowledge(n, now, message, serverMac, length);
    else if (type === Dhcpv4Type.NAK && asks) this.#refuse(n, now, length);
    // A second offer, or an answer to what has been sent again.
    else this.#tally.count(Count.late);
  }

  #offer(n: number, now: number, message: ServerMessage, serverMac: number, length: number): void {
    const { yourAddress, serverId } = message;
    if (yourAddress === 0 || serverId === 0) {
      this.#tally.count(Count.malformed);
      return;
    }
    this.#tally.received(Count.offer, length);
    this.#tally.took('offer', now - this.#asked[n]);
    this.addresses[n] = yourAddress;
    this.#heedServer(n, message, serverMac);
    this.states[n] = State.REQUESTING;
    this.#ask(n, now);
  }

  #heedServer(n: number, { serverId, u8 }: ServerMessage, mac: number): void {
    if (serverId !== 0) this.leases.servers[n] = serverId;
    for (let i = 0; i < 6; i++) this.#serverMacs[6 * n + i] = u8[mac + i];
  }

  #acknowledge(n: number, now: number, message: ServerMessage, serverMac: number, length: number): void {
    const { leaseTime, yourAddress } = message;
    if (Number.isNaN(leaseTime) || yourAddress === 0) {
      this.#tally.count(Count.malformed);
      return;
    }
    this.#tally.received(Count.ack, length);
    const state = this.states[n];
    if (state === State.REQUESTING) {
      this.#tally.took('ack', now - this.#asked[n]);
      this.addresses[n] = yourAddress;
      if (this.#declinesIt(n, now)) return;
      this.leases.took[n] = now - this.#began[n];
      this.#tally.took('latency', this.leases.took[n]);
      this.#tally.count(Count.leases);
      this.#tally.count(Count.bound);
      if (!this.#plan.renew) this.#settle(n);
    } else {
      const isRenewal = state === State.RENEWING;
      this.#tally.count(isRenewal ? Count.renewed : Count.rebound);
      this.#tally.took(isRenewal ? 'renew' : 'rebind', now - this.#asked[n]);
      this.#settle(n);
    }
    this.#heedServer(n, message, serverMac);
    this.leases.bind(n, this.#asked[n], message);
    if (this.leases.renewAt[n] === Number.POSITIVE_INFINITY) this.#settle(n);
    this.#waitBound(n);
    if (state === State.REQUESTING) this.#endAttempt(n, now);
  }

  /** Declines an address that another client of the fleet has, or that the plan says is in use. */
  #declinesIt(n: number, now: number): boolean {
    const isDuplicate = this.leases.isTaken(n);
    if (!isDuplicate && this.#declines[n] === 0) return false;
    this.#declines[n] = 0;
    // Not sent again: whoever is not told of it finds out by himself.
    const about = this.#about;
    about.clientAddress = 0;
    about.requestedAddress = this.addresses[n];
    about.serverId = this.leases.servers[n];
    about.to = 0;
    this.#send(n, now, Dhcpv4Type.DECLINE);
    this.#fail(n, now, isDuplicate ? 'duplicate' : 'declined');
    return true;
  }

  #refuse(n: number, now: number, length: number): void {
    this.#tally.received(Count.nak, length);
    if (this.states[n] !== State.REQUESTING) this.#lose(n);
    this.#fail(n, now, 'nak');
  }

  /** The lease is no more. */
  #lose(n: number): void {
    this.leases.lose(n);
    this.#tally.count(Count.bound, -1);
    this.#wheel.remove(n);
  }

  /** Sends what {@link #about} says, but for what is known of every message. */
  #send(n: number, now: number, type: number): boolean {
    if (now < this.#fullUntil) return false;
    const about = this.#about;
    about.type = type;
    about.xid = this.#xids[n];
    about.since = now - this.#began[n];
    about.macAt = 6 * n;
    const frame = this.#frames.frame(n, about);
    if (!this.#wire.send(frame)) {
      this.#tally.count(Count.noRoom);
      this.#fullUntil = now + FULL;
      return false;
    }
    this.#tally.sent(COUNTERS[type], frame.length);
    return true;
  }

  /** Gives a lease back, if there is one. False when there is no room. */
  #release(n: number, now: number): boolean {
    if (!this.leases.has(n)) return true;
    const about = this.#about;
    about.clientAddress = this.addresses[n];
    about.requestedAddress = 0;
    about.serverId = this.leases.servers[n];
    about.to = this.leases.servers[n];
    return this.#send(n, now, Dhcpv4Type.RELEASE);
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
    if (!this.leases.has(n)) return true;
    if (!this.#release(n, now)) return false;
    this.#lose(n);
    this.states[n] = State.RELEASED;
    return true;
  }
}

/** Counters of the messages that clients send. */
const COUNTERS: Readonly<Record<number, number>> = {
  [Dhcpv4Type.DISCOVER]: Count.discover,
  [Dhcpv4Type.REQUEST]: Count.request,
  [Dhcpv4Type.RELEASE]: Count.release,
  [Dhcpv4Type.DECLINE]: Count.decline,
};
