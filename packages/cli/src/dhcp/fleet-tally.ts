import type { Delta } from '../metrics/delta.ts';
import { LatencyHistogram } from '../metrics/latency-histogram.ts';

/** Bytes that a frame has on the wire behind what we send: its FCS. */
const FCS = 4;
const SHORTEST = 64;

/** Why an attempt to get a lease failed. */
export type FailureReason = 'no offer' | 'no ack' | 'nak' | 'declined' | 'duplicate';

const PHASES = ['offer', 'ack', 'latency', 'renew', 'rebind'] as const;
/** Exchanges whose time is taken, as `fleetResultOf` reads them. */
export type Phase = (typeof PHASES)[number];

/** Counters of a fleet, and their places. */
export const Count = {
  sent: 0,
  sentBytes: 1,
  expected: 2,
  received: 3,
  receivedBytes: 4,
  discover: 5,
  offer: 6,
  request: 7,
  ack: 8,
  nak: 9,
  decline: 10,
  release: 11,
  leases: 12,
  bound: 13,
  renewed: 14,
  rebound: 15,
  expired: 16,
  flaps: 17,
  retries: 18,
  late: 19,
  malformed: 20,
  foreign: 21,
  noRoom: 22,
  failed: 23,
  'failed: no offer': 24,
  'failed: no ack': 25,
  'failed: nak': 26,
  'failed: declined': 27,
  'failed: duplicate': 28,
} as const;
const COUNTERS = Object.keys(Count);

/** What the clients of a fleet count: names of counters and histograms of a {@link Delta}, see `fleetResultOf`. */
export class FleetTally {
  readonly #counts = new Float64Array(COUNTERS.length);
  readonly #times: Readonly<Record<Phase, LatencyHistogram>> = {
    offer: new LatencyHistogram(),
    ack: new LatencyHistogram(),
    latency: new LatencyHistogram(),
    renew: new LatencyHistogram(),
    rebind: new LatencyHistogram(),
  };

  /** `counter` is a place of {@link Count}. */
  count(counter: number, amount = 1): void {
    this.#counts[counter] += amount;
  }

  failed(reason: FailureReason): void {
    this.count(Count.failed);
    this.count(Count[`failed: ${reason}`]);
  }

  /** A message of the type that `counter` counts has left. */
  sent(counter: number, frameLength: number): void {
    const counts = this.#counts;
    counts[counter]++;
    counts[Count.sent]++;
    counts[Count.sentBytes] += onWire(frameLength);
    if (counter === Count.discover || counter === Count.request) counts[Count.expected]++;
  }

  /** An answer of a server to what was asked. */
  received(counter: number, frameLength: number): void {
    const counts = this.#counts;
    counts[counter]++;
    counts[Count.received]++;
    counts[Count.receivedBytes] += onWire(frameLength);
  }

  /** Milliseconds. */
  took(phase: Phase, time: number): void {
    this.#times[phase].record(Math.max(0, time) * 1000);
  }

  /** Adds to `into` what has been counted since the last call. */
  flush(into: Delta): void {
    for (const [index, name] of COUNTERS.entries()) into.add(name, this.#counts[index]);
    this.#counts.fill(0);
    for (const phase of PHASES) {
      const times = this.#times[phase];
      if (times.count === 0) continue;
      into.histogram(phase).merge(times);
      times.clear();
    }
  }
}

function onWire(frameLength: number): number {
  return Math.max(SHORTEST, frameLength + FCS);
}
