import { Delta } from '../metrics/delta.ts';

/** Bytes that a frame has on the wire behind what we send: its FCS. */
const FCS = 4;
const SHORTEST = 64;

/** Why an attempt to get a lease failed. */
export type FailureReason = 'no offer' | 'no ack' | 'nak' | 'declined' | 'duplicate';

/** Exchanges whose time is taken, as `fleetResultOf` reads them. */
export type Phase = 'offer' | 'ack' | 'latency' | 'renew' | 'rebind';

/** What the clients of a fleet count: names of counters and histograms of a {@link Delta}, see `fleetResultOf`. */
export class FleetTally {
  #delta = new Delta();

  count(counter: string, amount = 1): void {
    this.#delta.add(counter, amount);
  }

  failed(reason: FailureReason): void {
    this.count('failed');
    this.count(`failed: ${reason}`);
  }

  sent(frame: Uint8Array, wantsAnswer: boolean): void {
    this.count('sent');
    this.count('sentBytes', onWire(frame.length));
    if (wantsAnswer) this.count('expected');
  }

  /** An answer of a server to what was asked. */
  received(name: string, frameLength: number): void {
    this.count(name);
    this.count('received');
    this.count('receivedBytes', onWire(frameLength));
  }

  /** Milliseconds. */
  took(phase: Phase, time: number): void {
    this.#delta.histogram(phase).record(Math.max(0, time) * 1000);
  }

  /** Adds to `into` what has been counted since the last call. */
  flush(into: Delta): void {
    into.merge(this.#delta);
    this.#delta = new Delta();
  }
}

function onWire(frameLength: number): number {
  return Math.max(SHORTEST, frameLength + FCS);
}
