import { countedRun } from '../runner/counted-run.ts';
import type { Engine } from '../runner/engine.ts';
import { epochOf } from '../runner/wall-clock.ts';
import { DRAIN, type Work } from '../runner/work.ts';
import type { ScheduleOptions } from '../scenario/schedule.ts';
import { flowList } from './flow-list.ts';
import { flowComment } from './frame-comment.ts';
import type { SendPlan } from './send.ts';
import { UdpStage } from './stage.ts';

/** `udp send`: one run of a plan. */
export async function sendWork(
  engine: Engine,
  plan: SendPlan,
  schedule: Omit<ScheduleOptions, 'frameSize'>,
  signal: AbortSignal,
): Promise<Work> {
  const stage = await UdpStage.open(engine, [plan], [], signal);
  const [side] = stage.sends;
  return {
    flows: plan.flows.count,
    comment: flowComment(),
    notes: notesOf(side.measures, plan.roundTrip),
    async run(onSecond, stop) {
      const { clock } = engine;
      const startAt = clock.now();
      const { receiver, clients } = side.run(schedule, startAt, epochOf(clock));
      const drain = receiver === null ? 0 : DRAIN;
      const { total, length, interrupted } = await countedRun(engine, {
        clients,
        startAt,
        drain,
        signal: stop,
        onSecond,
      });
      return {
        total,
        length: Math.max(0, length - drain),
        interrupted,
        sends: true,
        receives: side.measures,
        jitter: receiver?.flows.jitter() ?? Number.NaN,
        get flows() {
          return receiver === null ? [] : flowList(receiver);
        },
      };
    },
    close: () => stage.close(),
  };
}

export function notesOf(measures: boolean, roundTrip: boolean): string[] {
  if (!measures)
    return [
      'What arrives is not measured here: run etherconn udp receive there, or give --receive-on or --round-trip.',
    ];
  return [
    roundTrip
      ? 'Latency is there and back, from the scheduled time of sending.'
      : 'Latency is one way, from the scheduled time of sending, by one clock.',
  ];
}
