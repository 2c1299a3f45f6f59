import type { Client } from '../runner/client.ts';
import { countedRun } from '../runner/counted-run.ts';
import type { Engine } from '../runner/engine.ts';
import { epochOf } from '../runner/wall-clock.ts';
import type { Work } from '../runner/work.ts';
import type { BatchListener, Target } from './endpoints.ts';
import { flowList } from './flow-list.ts';
import { flowComment } from './frame-comment.ts';
import { UdpReceiver } from './receiver.ts';
import { UdpStage } from './stage.ts';

export interface ReceivePlan {
  readonly targets: readonly Target[];
  readonly version: 4 | 6;
  readonly prefix: number;
  readonly gateway?: string | undefined;
  /** Milliseconds; undefined to go on until interrupted. */
  readonly duration?: number | undefined;
  /** Ends after this many different packets. */
  readonly count?: number | undefined;
  readonly maxFlows: number;
  /** Also sends every packet back. */
  readonly echo: boolean;
}

/** `udp receive` and `udp echo`. */
export async function receiveWork(engine: Engine, plan: ReceivePlan, signal: AbortSignal): Promise<Work> {
  const { clock } = engine;
  const { count = Number.POSITIVE_INFINITY, duration } = plan;
  const receiver = new UdpReceiver(clock, epochOf(clock), plan.maxFlows);
  const listener = plan.echo ? receiveAndEcho(receiver) : receiver.onBatch;
  const stage = await UdpStage.open(engine, [], [{ ...plan, listener }], signal);
  return {
    flows: 0,
    comment: flowComment(),
    notes: [
      'Latency is one way, from the scheduled time of sending: as exact as the clocks of both sides agree.',
    ],
    async run(onSecond, stop) {
      const watch = new CountWatch(receiver, count);
      const { total, length, interrupted } = await countedRun(engine, {
        clients: [receiver, watch],
        signal: stop,
        duration,
        onSecond,
      });
      return {
        total,
        // From the first packet to the last: the wait for a sender is not part of a rate.
        length: receiver.span,
        interrupted: interrupted && duration !== undefined && length < duration,
        sends: false,
        receives: true,
        jitter: receiver.flows.jitter(),
        get flows() {
          return flowList(receiver);
        },
      };
    },
    close: () => stage.close(),
  };
}

/** Milliseconds between checks of the count, and between ticks without a count. */
const LOOK = 10;
const IDLE = 60_000;

/** Ends the run after enough packets: the run continues as long as this client wants ticks. */
class CountWatch implements Client {
  readonly isPatient = true;
  readonly #receiver: UdpReceiver;
  readonly #count: number;

  constructor(receiver: UdpReceiver, count: number) {
    this.#receiver = receiver;
    this.#count = count;
  }

  start(now: number): number {
    return now;
  }

  tick(now: number): number {
    if (this.#receiver.flows.totals.received >= this.#count) return Number.POSITIVE_INFINITY;
    return now + (this.#count === Number.POSITIVE_INFINITY ? IDLE : LOOK);
  }

  counters(): void {}

  stop(): void {}
}

/** Sends everything back, and measures it. */
export function receiveAndEcho(receiver: UdpReceiver): BatchListener {
  return (batch) => {
    receiver.begin();
    while (batch.next()) {
      receiver.packet(batch);
      const at = batch.payloadOffset;
      batch.reply(batch.u8.subarray(at, at + batch.payloadLength));
    }
  };
}
