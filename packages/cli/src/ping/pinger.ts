import {
  type Clock,
  type EchoFailure,
  type EchoPort,
  type EchoUser,
  type Host,
  SystemError,
} from 'etherconn';
import { formatIp, parseIp } from 'etherconn/wire';
import type { Delta } from '../metrics/delta.ts';
import { FlowTable, type FlowTotals } from '../metrics/flow-table.ts';
import { LatencyHistogram } from '../metrics/latency-histogram.ts';
import { ERROR_PREFIX } from '../metrics/ping-result.ts';
import type { Client } from '../runner/client.ts';
import { Schedule } from '../scenario/schedule.ts';
import { errorName, errorText } from './icmp-errors.ts';
import { FLOOD_INTERVAL, type PingPlan } from './ping-plan.ts';

/** Requests before the event loop may look at other things. */
const BUDGET = 256;
/** Bytes of a frame around the data: Ethernet and FCS, a tag, IP, ICMP. */
const ETHERNET_AND_FCS = 18;
const TAG = 4;
const ICMP = 8;
/** Milliseconds in which a reply may still come, so that a machine that has only just begun has not failed. */
const JUST = 500;
/** The smallest frame. */
const FRAME_MIN = 64;
/** Requests of each machine of which it is known when they were sent; powers of two. */
const WINDOW_MIN = 16;
const WINDOW_MAX = 65_536;
/** Of all machines together. */
const WINDOWS_MAX = 2 ** 24;

/** What has become of a request. */
const State = { WAITING: 0, ANSWERED: 1, FAILED: 2 } as const;

/** A reply, as a line says it. */
export interface Reply {
  /** Machine, by its place in the plan's part. */
  readonly machine: number;
  readonly sequence: number;
  readonly from: string;
  readonly bytes: number;
  readonly ttl: number;
  /** Milliseconds; null if it is not known any more when the request was sent. */
  readonly rtt: number | null;
  readonly duplicate: boolean;
  readonly corrupted: boolean;
  /** Not from the address that was asked. */
  readonly stranger: boolean;
}

/** Told of everything, request by request. */
export interface PingListener {
  reply(reply: Reply): void;
  /** `from` is null when the request could not even be sent. */
  error(machine: number, sequence: number, from: string | null, text: string): void;
  /** The next request is due, and there is no answer yet to the last one. */
  missing(machine: number, sequence: number): void;
}

export interface PingerOptions {
  readonly clock: Clock;
  readonly plan: PingPlan;
  /** The host of each machine. */
  readonly hosts: readonly Host[];
  /** Time 0 of the run, by the clock. */
  readonly startAt: number;
  readonly listener?: PingListener | undefined;
}

/**
 * All machines that ping as one client of the runner. Requests are spread evenly over the interval, machine by machine; each
 * machine is a few rows of flat arrays.
 */
export class Pinger implements Client {
  readonly flows: FlowTable;
  readonly names: readonly string[];
  readonly #options: PingerOptions;
  readonly #ports: readonly EchoPort[];
  readonly #targets: readonly Uint8Array[];
  readonly #addresses: readonly string[];
  readonly #data: Uint8Array;
  readonly #schedule: Schedule;
  readonly #frameBytes: readonly number[];
  readonly #window: number;
  /** Of each machine: requests sent; and of its last requests when they were sent, and what has become of them. */
  readonly #sentOf: Float64Array;
  readonly #sentAt: Float64Array;
  readonly #states: Uint8Array;
  /** The last error of each machine that has had one. */
  readonly #errors = new Map<number, string>();
  readonly #rtt = new LatencyHistogram();
  readonly #behind = new LatencyHistogram();
  readonly #counts = new Map<string, number>();
  #told: FlowTotals;
  #sent = 0;
  #waiting = 0;
  #lastSentAt = 0;
  #stoppedAt = Number.POSITIVE_INFINITY;
  /** What a request behind a reply has thrown: the next tick throws it. */
  #error: unknown = null;

  constructor(options: PingerOptions) {
    this.#options = options;
    const { plan, hosts } = options;
    const { machines, interval, count, size, timeout, flood } = plan;
    const each = machines.machines();
    this.flows = new FlowTable(each.length);
    this.names = each.map(
      ({ address, toAddress, vlans }) =>
        `${address} > ${toAddress}${vlans.length === 0 ? '' : ` vlan ${vlans.join('.')}`}`,
    );
    this.#told = { ...this.flows.totals };
    this.#targets = each.map(({ toAddress }) => parseIp(toAddress));
    this.#addresses = each.map(({ address }) => address);
    this.#data = Uint8Array.from({ length: size }, (_, i) => i);
    const ip = machines.version === 4 ? 20 : 40;
    this.#frameBytes = each.map(({ vlans }) =>
      Math.max(FRAME_MIN, ETHERNET_AND_FCS + TAG * vlans.length + ip + ICMP + size),
    );
    this.#schedule = new Schedule({
      rate: { value: (1000 * each.length) / interval, unit: 'pps' },
      frameSize: 0,
      ...(count === undefined ? {} : { count: count * each.length }),
    });
    const wanted = flood ? 4096 : 2 * (timeout / interval);
    const most = Math.min(WINDOW_MAX, WINDOWS_MAX / each.length);
    this.#window = 2 ** Math.floor(Math.log2(Math.max(WINDOW_MIN, Math.min(most, 2 * wanted))));
    this.#sentOf = new Float64Array(each.length);
    this.#sentAt = new Float64Array(each.length * this.#window);
    this.#states = new Uint8Array(each.length * this.#window);
    this.#ports = each.map(({ address }, n) =>
      hosts[n].openEchoPort(this.#userOf(n), {
        source: address,
        ttl: plan.ttl,
        tos: plan.tos,
        dontFragment: plan.fragments === 'do',
      }),
    );
    for (let n = 0; n < each.length; n++) this.flows.row(0, n);
  }

  start(): number {
    return 0;
  }

  tick(now: number): number {
    if (this.#error !== null) throw this.#error;
    return this.#options.plan.flood ? this.#flood(now) : this.#pace(now);
  }

  counters(into: Delta): void {
    for (const [name, amount] of this.#counts) into.add(name, amount);
    this.#counts.clear();
    const now = { ...this.flows.totals };
    const told = this.#told;
    into.add('received', now.received - told.received);
    into.add('expected', now.expected - told.expected);
    into.add('duplicates', now.duplicates - told.duplicates);
    into.add('reordered', now.reordered - told.reordered);
    into.add('late', now.late - told.late);
    this.#told = now;
    into.histogram('latency').merge(this.#rtt);
    into.histogram('behind').merge(this.#behind);
    this.#rtt.clear();
    this.#behind.clear();
  }

  stop(): void {
    this.#stoppedAt = this.#now();
    for (const [n, port] of this.#ports.entries()) {
      this.flows.announce(0, n, this.#sentOf[n]);
      port.close();
    }
  }

  /** Machines that have got no reply, by their numbers, and why. One that has only just begun has not failed yet. */
  *failures(): Generator<{ readonly client: number; readonly reason: string }> {
    const { machines, timeout } = this.#options.plan;
    const heard = this.flows.heard(0);
    const begunBy = Math.min(this.#now(), this.#stoppedAt) - Math.min(timeout, JUST);
    for (let n = 0; n < this.#ports.length; n++) {
      if (this.#sentOf[n] === 0 || heard.has(n)) continue;
      const error = this.#errors.get(n);
      const oldest = Math.max(0, this.#sentOf[n] - this.#window);
      if (error === undefined && this.#sentAt[this.#slot(n, oldest)] > begunBy) continue;
      yield {
        client: machines.first + n,
        reason: error === undefined ? 'no reply' : `no reply: ${error}`,
      };
    }
  }

  /** Sends what is due; returns when there is something to do again. */
  #pace(now: number): number {
    const schedule = this.#schedule;
    const machines = this.#ports.length;
    const due = Math.min(schedule.dueAt(now + 1e-6), schedule.total);
    const end = Math.min(due, this.#sent + BUDGET);
    if (end > this.#sent) this.#behind.record(Math.max(0, (now - schedule.timeOf(this.#sent)) * 1000));
    while (this.#sent < end) {
      const n = this.#sent % machines;
      if (!this.#send(n)) return now + 1;
    }
    if (this.#sent < due) return now;
    if (this.#sent < schedule.total) return schedule.timeOf(this.#sent);
    return this.#isOver(now) ? Number.POSITIVE_INFINITY : Math.min(now + 5, this.#overAt);
  }

  /** Sends for machines that have got nothing back; replies send the next request themselves. */
  #flood(now: number): number {
    const { count = Number.POSITIVE_INFINITY } = this.#options.plan;
    let isDone = true;
    for (const [n] of this.#ports.entries()) {
      if (this.#sentOf[n] >= count) continue;
      isDone = false;
      const last = this.#sentOf[n] - 1;
      if (last >= 0 && now - this.#sentAt[this.#slot(n, last)] < FLOOD_INTERVAL) continue;
      if (!this.#send(n)) return now + 1;
    }
    return isDone && this.#isOver(now) ? Number.POSITIVE_INFINITY : now + (isDone ? 1 : FLOOD_INTERVAL / 2);
  }

  get #overAt(): number {
    return this.#lastSentAt + this.#options.plan.timeout;
  }

  #isOver(now: number): boolean {
    return this.#waiting <= 0 || now >= this.#overAt;
  }

  #now(): number {
    return this.#options.clock.now() - this.#options.startAt;
  }

  #slot(n: number, request: number): number {
    return n * this.#window + (request & (this.#window - 1));
  }

  #count(name: string, amount = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + amount);
  }

  /** Sends the next request of machine `n`. False if there is no room. */
  #send(n: number): boolean {
    const { listener } = this.#options;
    const request = this.#sentOf[n];
    const sequence = (request + 1) & 0xffff;
    const slot = this.#slot(n, request);
    if (listener !== undefined && request > 0) {
      const last = request - 1;
      if (this.#states[this.#slot(n, last)] === State.WAITING) listener.missing(n, request & 0xffff);
    }
    // Whoever was there before is not waited for any more.
    if (request >= this.#window && this.#states[slot] === State.WAITING) this.#waiting--;
    const now = this.#now();
    let failure: SystemError | null = null;
    try {
      if (this.#ports[n].trySend(this.#targets[n], sequence, this.#data) === 0) {
        this.#count('noRoom');
        return false;
      }
    } catch (error) {
      if (!(error instanceof SystemError) || error.code !== 'EMSGSIZE') throw error;
      failure = error;
    }
    this.#sentOf[n]++;
    this.#sent++;
    this.#sentAt[slot] = now;
    this.#states[slot] = failure === null ? State.WAITING : State.FAILED;
    this.#count('sent');
    if (failure === null) {
      this.#waiting++;
      this.#lastSentAt = now;
      this.#count('sentBytes', this.#frameBytes[n]);
    } else {
      this.#errors.set(n, 'message too long');
      this.#count(`${ERROR_PREFIX}message too long`);
      const mtu = /takes (\d+)/.exec(failure.message)?.[1];
      listener?.error(n, sequence, null, `local error: message too long, mtu=${mtu}`);
    }
    return true;
  }

  /** The request that a sequence number of 16 bits means; -1 if it is not known. */
  #requestOf(n: number, sequence: number): number {
    const last = this.#sentOf[n] - 1;
    const back = (last + 1 - sequence) & 0xffff;
    const request = last - back;
    return request >= 0 && back < this.#window ? request : -1;
  }

  #userOf(n: number): EchoUser {
    const target = this.#targets[n];
    return {
      replied: (sequence, u8, version, source, start, end, ttl) => {
        const from = formatIp(u8, source, version);
        const stranger = !isAt(u8, source, target);
        const corrupted =
          end - start !== this.#data.length || Buffer.compare(u8.subarray(start, end), this.#data) !== 0;
        return this.#replied(n, sequence, { from, bytes: end - start + ICMP, ttl, stranger, corrupted });
      },
      failed: (sequence, failure, u8, version) => {
        const { source } = failure;
        const from = source < 0 ? this.#addresses[n] : formatIp(u8, source, version);
        return this.#failed(n, sequence, failure, from, version);
      },
      hostClosed: () => {},
    };
  }

  #replied(
    n: number,
    sequence: number,
    about: Pick<Reply, 'from' | 'bytes' | 'ttl' | 'stranger' | 'corrupted'>,
  ): boolean {
    const request = this.#requestOf(n, sequence);
    if (request < 0) {
      this.#count('late');
      return false;
    }
    const slot = this.#slot(n, request);
    const now = this.#now();
    const rtt = now - this.#sentAt[slot];
    const duplicate = this.#states[slot] === State.ANSWERED;
    if (this.#states[slot] === State.WAITING) this.#waiting--;
    this.#states[slot] = State.ANSWERED;
    const bytes = this.#frameBytes[n];
    if (this.flows.packet(0, n, request, bytes, rtt * 1000)) {
      this.#rtt.record(rtt * 1000);
      this.#count('rttSquares', rtt * rtt);
      this.#count('receivedBytes', bytes);
    }
    if (about.corrupted) this.#count('corrupted');
    this.#options.listener?.reply({ machine: n, sequence, rtt, duplicate, ...about });
    if (this.#options.plan.flood && !duplicate) this.#sendNext(n, now);
    return true;
  }

  /** In a flood, a reply sends the next request. */
  #sendNext(n: number, now: number): void {
    const { count = Number.POSITIVE_INFINITY, deadline = Number.POSITIVE_INFINITY } = this.#options.plan;
    if (
      this.#stoppedAt !== Number.POSITIVE_INFINITY ||
      this.#error !== null ||
      this.#sentOf[n] >= count ||
      now >= deadline
    )
      return;
    try {
      this.#send(n);
    } catch (error) {
      this.#error = error;
    }
  }

  #failed(n: number, sequence: number, failure: EchoFailure, from: string, version: 4 | 6): boolean {
    const request = this.#requestOf(n, sequence);
    if (request < 0) return false;
    const slot = this.#slot(n, request);
    if (this.#states[slot] === State.WAITING) {
      this.#waiting--;
      this.#states[slot] = State.FAILED;
    }
    const name = errorName(failure, version);
    this.#errors.set(n, name);
    this.#count(ERROR_PREFIX + name);
    this.#options.listener?.error(n, sequence, from, errorText(failure, version));
    return true;
  }
}

function isAt(u8: Uint8Array, at: number, bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if (u8[at + i] !== bytes[i]) return false;
  return true;
}
