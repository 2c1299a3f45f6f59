import { Delta } from '../metrics/delta.ts';
import { type RunInfo, resultOf, type Trial } from '../metrics/result.ts';
import type { Threshold } from '../metrics/threshold.ts';
import { countedRun } from '../runner/counted-run.ts';
import type { Engine } from '../runner/engine.ts';
import { epochOf } from '../runner/wall-clock.ts';
import { DRAIN, type Work } from '../runner/work.ts';
import { findRate, lossOf } from './find-rate.ts';
import { flowList } from './flow-list.ts';
import type { UdpReceiver } from './receiver.ts';
import type { SendPlan } from './send.ts';
import { notesOf } from './send-work.ts';
import { UdpStage } from './stage.ts';

export interface FindRatePlan extends SendPlan {
  /** Packets per second. */
  readonly from: number;
  readonly to: number;
  /** Loss that passes, 0 to 1. */
  readonly loss: number;
  /** Milliseconds of a trial. */
  readonly trial: number;
  /** Relative precision of the answer. */
  readonly resolution: number;
  /** Further limits, for example of latency. */
  readonly thresholds: readonly Threshold[];
}

/** A sender that falls short of its schedule by this share is at its own limit, 0 to 1. */
const UNSENT_MAX = 0.001;
/** Milliseconds between trials, so that queues drain. */
const REST = 100;

/** `udp send --find-rate`. Its result is that of the best trial. */
export async function findRateWork(engine: Engine, plan: FindRatePlan, signal: AbortSignal): Promise<Work> {
  const stage = await UdpStage.open(engine, [plan], [], signal);
  const [side] = stage.sends;
  const { clock } = engine;
  return {
    flows: plan.flows.count,
    notes: [
      ...notesOf(side.measures, plan.roundTrip),
      `The rate is the highest of the trials of ${plan.trial / 1000} s that lost at most ${100 * plan.loss} %. A sender that cannot keep its schedule has not passed.`,
    ],
    async run(onSecond, stop) {
      let before = 0;
      let best: { total: Delta; length: number; receiver: UdpReceiver } | undefined;
      const attempt = async (rate: number): Promise<Trial> => {
        const startAt = clock.now();
        const { receiver, clients } = side.run(
          { rate: { value: rate, unit: 'pps' }, duration: plan.trial },
          startAt,
          epochOf(clock),
        );
        const { total, length } = await countedRun(engine, {
          clients,
          startAt,
          drain: DRAIN + REST,
          signal: stop,
          onSecond: (second) => onSecond({ ...second, second: before + second.second }),
        });
        before += length / 1000;
        const trial = judge(rate, total, plan, length - DRAIN - REST);
        if (trial.passed || best === undefined)
          best = { total, length: length - DRAIN - REST, receiver: receiver! };
        return trial;
      };
      const found = await findRate({ ...plan, attempt, signal: stop });
      return {
        total: best?.total ?? new Delta(),
        length: best?.length ?? 0,
        interrupted: stop.aborted,
        sends: true,
        receives: true,
        jitter: best?.receiver.flows.jitter() ?? Number.NaN,
        flows: best === undefined ? [] : flowList(best.receiver),
        foundRate: found,
        failed: found.rate === null,
      };
    },
    close: () => stage.close(),
  };
}

const NO_INFO = {} as RunInfo;

function judge(rate: number, total: Delta, plan: FindRatePlan, length: number): Trial {
  const loss = lossOf(total);
  const unsent = total.get('unsent') / (total.get('sent') + total.get('unsent'));
  const tally = { total, length, interrupted: false, sends: true, receives: true, jitter: Number.NaN };
  const failed = resultOf(NO_INFO, tally, plan.thresholds).thresholds.find(({ state }) => state !== 'met');
  let reason: string | null = null;
  if (unsent > UNSENT_MAX) reason = 'the sender could not keep its schedule';
  else if (loss > plan.loss) reason = `lost ${Number((100 * loss).toPrecision(3))} %`;
  else if (failed !== undefined) reason = `${failed.text}: ${failed.actual}`;
  return {
    rate,
    sent: length === 0 ? 0 : (total.get('sent') / length) * 1000,
    loss,
    passed: reason === null,
    reason,
  };
}
