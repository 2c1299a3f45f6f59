import type { UdpPeer } from 'etherconn';
import type { Delta } from '../metrics/delta.ts';
import { LatencyHistogram } from '../metrics/latency-histogram.ts';
import type { Client } from '../runner/client.ts';
import type { Schedule } from '../scenario/schedule.ts';
import { Kind, PayloadWriter, timeField } from './payload.ts';

/** Most packets to send before the event loop runs other work. */
const BUDGET = 256;
/** Milliseconds after the end of the duration in which late packets are still sent. */
const GRACE = 20;
/** How often the sender announces the end of each flow, since announcements may be lost, too. */
const END_REPEATS = 2;
/** Units of the payload's time in a millisecond, and their modulus. */
const PER_MS = 1e4;
const MODULUS = 2 ** 48;

export interface UdpSenderOptions {
  /** One for each flow. A flow without a peer sends no packets. */
  readonly peers: readonly (UdpPeer | null)[];
  /** Number of the first flow; the others follow. */
  readonly firstFlow: number;
  readonly schedule: Schedule;
  /** Sizes of frames with FCS, and of their payloads; they take turns. */
  readonly frames: readonly { readonly size: number; readonly payload: number }[];
  /** 16 bits. */
  readonly run: number;
  /** Wall time at time 0 of the run, milliseconds. */
  readonly epoch: number;
}

/**
 * Sends the packets of many flows in turn, each at its scheduled time. If a queue is full, a packet is sent as soon as there
 * is room, and still carries its scheduled time. Packets that are not sent by the end of the duration count as unsent.
 */
export class UdpSender implements Client {
  readonly #options: UdpSenderOptions;
  readonly #writer: PayloadWriter;
  readonly #payloads: readonly Uint8Array[];
  readonly #sizes: readonly number[];
  /** Time field at time 0. */
  readonly #zero: number;
  readonly #behind = new LatencyHistogram();
  /** Packets whose turn is over, and how many of them belong to flows without a peer. */
  #done = 0;
  #skipped = 0;
  #lastAt = 0;
  #sentBytes = 0;
  #noRoom = 0;
  #unsent = 0;
  /** The next packet: its flow, sequence number and size. */
  #flow = 0;
  #sequence = 0;
  #size = 0;
  /** Ends of flows that were announced. */
  #ended = -1;
  #told = { sent: 0, bytes: 0, noRoom: 0, unsent: 0 };

  constructor(options: UdpSenderOptions) {
    this.#options = options;
    const { frames, run, epoch } = options;
    this.#writer = new PayloadWriter(run, Math.max(...frames.map((frame) => frame.payload)));
    this.#payloads = frames.map((frame) => this.#writer.bytes.subarray(0, frame.payload));
    this.#sizes = frames.map((frame) => frame.size);
    this.#zero = timeField(epoch);
  }

  /** Milliseconds of the run at which packets were last sent. */
  get lastAt(): number {
    return this.#lastAt;
  }

  /** Packets sent, ends of flows not included. */
  get sent(): number {
    return this.#done - this.#skipped;
  }

  /** Packets of a flow, by the index of its peer. */
  sentOf(place: number): number {
    return this.#options.peers[place] === null ? 0 : this.#sequence + (place < this.#flow ? 1 : 0);
  }

  start(): number {
    return 0;
  }

  tick(now: number): number {
    if (this.#ended >= 0) return this.#end(now);
    const { schedule } = this.#options;
    const { duration, total } = schedule;
    const due = Math.min(schedule.dueAt(now), total);
    this.#send(due, now);
    const isOver = now >= (Number.isFinite(total) ? duration + GRACE : duration);
    if (this.#done >= total || isOver) {
      this.#unsent = Number.isFinite(total) ? total - this.#done : 0;
      return this.#end(now);
    }
    if (this.#done < due) return now;
    return now < duration ? Math.min(schedule.timeOf(this.#done), duration) : duration + GRACE;
  }

  counters(into: Delta): void {
    const told = this.#told;
    const now = {
      sent: this.sent,
      bytes: this.#sentBytes,
      noRoom: this.#noRoom,
      unsent: this.#unsent + this.#skipped,
    };
    into.add('sent', now.sent - told.sent);
    into.add('sentBytes', now.bytes - told.bytes);
    into.add('noRoom', now.noRoom - told.noRoom);
    into.add('unsent', now.unsent - told.unsent);
    into.histogram('behind').merge(this.#behind);
    this.#behind.clear();
    this.#told = now;
  }

  /** After an interruption: announces the ends of flows as far as there is room. */
  stop(): void {
    if (this.#ended >= this.#options.peers.length || this.#done === 0) return;
    try {
      this.#sayEnds(this.#options.peers.length);
    } catch {
      // The relay is gone already. The packets that it has sent are counted.
    }
  }

  /** Sends packets that are due, as far as there is room, but leaves time for other work. */
  #send(due: number, now: number): void {
    const { peers, schedule, firstFlow } = this.#options;
    const isMax = schedule.rate === Number.POSITIVE_INFINITY;
    const payloads = this.#payloads;
    const writer = this.#writer;
    const end = Math.min(due, this.#done + BUDGET);
    if (end > this.#done) this.#lastAt = now;
    if (end > this.#done && !isMax)
      this.#behind.record(Math.max(0, (now - schedule.timeOf(this.#done)) * 1000));
    while (this.#done < end) {
      const scheduled = isMax ? now : schedule.timeOf(this.#done);
      writer.write(Kind.DATA, firstFlow + this.#flow, this.#sequence, this.#timeField(scheduled));
      const peer = peers[this.#flow];
      if (peer === null) this.#skipped++;
      else if (peer.trySend(payloads[this.#size]) === 0) {
        this.#noRoom++;
        return;
      } else this.#sentBytes += this.#sizes[this.#size];
      this.#done++;
      if (++this.#size === payloads.length) this.#size = 0;
      if (++this.#flow === peers.length) {
        this.#flow = 0;
        this.#sequence = (this.#sequence + 1) >>> 0;
      }
    }
  }

  #timeField(time: number): number {
    const field = this.#zero + Math.floor(time * PER_MS);
    return field >= MODULUS ? field - MODULUS : field;
  }

  /** Announces a few times how many packets each flow has sent. Returns when to continue. */
  #end(now: number): number {
    this.#ended = Math.max(this.#ended, 0);
    const all = END_REPEATS * this.#options.peers.length;
    if (!this.#sayEnds(Math.min(all, this.#ended + BUDGET))) return now + 1;
    return this.#ended < all ? now + 1 : Number.POSITIVE_INFINITY;
  }

  /** Returns whether there was room. */
  #sayEnds(until: number): boolean {
    const { peers, firstFlow } = this.#options;
    this.#ended = Math.max(this.#ended, 0);
    for (; this.#ended < until; this.#ended++) {
      const flow = this.#ended % peers.length;
      this.#writer.write(Kind.END, firstFlow + flow, this.#sequence + (flow < this.#flow ? 1 : 0), 0);
      if (peers[flow]?.trySend(this.#payloads[0]) === 0) return false;
    }
    return true;
  }
}
