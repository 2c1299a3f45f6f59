import type { Rate } from './quantity.ts';

export interface ScheduleOptions {
  readonly rate: Rate;
  /** Rate at the start of the ramp; default none. */
  readonly rampFrom?: number;
  /** Milliseconds in which the rate climbs in a straight line. Default 0. */
  readonly ramp?: number;
  /** Mean bytes of a frame, for rates in bits. */
  readonly frameSize: number;
  /** Milliseconds; packets that would be due later are not sent. Default Infinity. */
  readonly duration?: number;
  /** Packets at most. Default Infinity. */
  readonly count?: number;
}

/** When each packet of a stream is to be sent. Times are milliseconds from the start; packets count from 0. */
export class Schedule {
  readonly duration: number;
  /** Packets in all; Infinity when the stream has no end, or goes as fast as it can. */
  readonly total: number;
  /** Packets per millisecond at the end of the ramp; Infinity for as fast as it goes. */
  readonly rate: number;
  readonly #from: number;
  readonly #ramp: number;
  /** Packets due in the ramp. */
  readonly #rampPackets: number;

  constructor(options: ScheduleOptions) {
    const { rate, ramp = 0, rampFrom = 0, frameSize, count = Number.POSITIVE_INFINITY } = options;
    const perPacket = rate.unit === 'bps' ? 8 * frameSize : 1;
    this.rate = rate.value / perPacket / 1000;
    this.#ramp = ramp;
    this.#from = ramp === 0 ? this.rate : rampFrom / perPacket / 1000;
    this.#rampPackets = ramp === 0 ? 0 : ((this.#from + this.rate) / 2) * ramp;
    this.duration = options.duration ?? Number.POSITIVE_INFINITY;
    this.total = Math.min(
      count,
      this.duration === Number.POSITIVE_INFINITY ? this.duration : this.dueAt(this.duration),
    );
  }

  /** Packets that are due by `time`, the one at that moment not included. */
  dueAt(time: number): number {
    if (time <= 0) return 0;
    if (this.rate === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY;
    const climbing = Math.min(time, this.#ramp);
    const slope = this.#ramp === 0 ? 0 : (this.rate - this.#from) / this.#ramp;
    const packets = this.#from * climbing + (slope * climbing * climbing) / 2 + this.rate * (time - climbing);
    // What is whole but for the last bits of a float is whole.
    return Math.ceil(packets - 1e-6);
  }

  /** When packet `n` is to be sent; 0 when all are at once. */
  timeOf(n: number): number {
    if (this.rate === Number.POSITIVE_INFINITY) return 0;
    if (n >= this.#rampPackets) return this.#ramp + (n - this.#rampPackets) / this.rate;
    const slope = (this.rate - this.#from) / this.#ramp;
    if (slope === 0) return n / this.#from;
    return (Math.sqrt(Math.max(0, this.#from * this.#from + 2 * slope * n)) - this.#from) / slope;
  }
}
