import { EtherConn } from 'etherconn';
import { abortable } from '../abortable.ts';
import { ExitCode } from '../exit-code.ts';
import type { ReplayResult } from '../metrics/replay-result.ts';
import { countedRun } from '../runner/counted-run.ts';
import type { Engine } from '../runner/engine.ts';
import { DRAIN, type Work } from '../runner/work.ts';
import { Arrivals } from './arrivals.ts';
import { FrameSource, type FrameSourceOptions } from './frame-source.ts';
import { Pace, type PacePlan } from './pace.ts';
import { Replayer } from './replayer.ts';
import { type RewritePlan, Rewriter } from './rewrite.ts';

export interface ReplayPlan
  extends Pick<FrameSourceOptions, 'file' | 'loops' | 'count' | 'ethernet' | 'select'> {
  readonly pace: PacePlan;
  readonly rewrite: RewritePlan;
}

/** The mirror's own: not that of any frame, as far as anybody can tell. */
const LISTENER_MAC = '02:ec:fe:fe:fe:fe';

/** `replay`: sends a capture, and looks at what arrives at the other relay, if there is one. */
export async function replayWork(engine: Engine, plan: ReplayPlan, signal: AbortSignal): Promise<Work> {
  const { clock, relay, farRelay } = engine;
  const pace = new Pace(plan.pace);
  const source = new FrameSource({ ...plan, rewriter: new Rewriter(plan.rewrite), pace });
  try {
    await abortable(source.begin(), signal);
  } catch (error) {
    await source.close();
    throw error;
  }
  return {
    flows: 0,
    notes: notesOf(plan, farRelay !== null),
    async run(onSecond, stop) {
      const startAt = clock.now();
      const arrivals = farRelay === null ? null : new Arrivals(clock, startAt);
      const mirror =
        farRelay === null
          ? null
          : new EtherConn(LISTENER_MAC, farRelay, { role: 'mirror', receiveMulticast: true });
      if (arrivals !== null) mirror?.onBatch(arrivals.onBatch);
      const timed = plan.pace.kind !== 'max';
      const replayer = new Replayer({ relay, source, timed, arrivals });
      try {
        const { total, interrupted } = await countedRun(engine, {
          clients: [replayer, ...(arrivals === null ? [] : [arrivals])],
          startAt,
          drain: arrivals === null ? 0 : DRAIN,
          signal: stop,
          onSecond,
        });
        const sent = total.get('sent');
        return {
          total,
          // The last frame takes as long as the others.
          length: sent > 1 ? (replayer.lastAt * sent) / (sent - 1) : replayer.lastAt,
          interrupted,
          sends: true,
          receives: arrivals !== null,
          jitter: arrivals?.jitter ?? Number.NaN,
          flows: [],
          replay: resultOf(plan, source, pace, replayer, arrivals),
          failed: source.damage !== null || sent === 0,
          failedWith: ExitCode.ERROR,
        };
      } finally {
        await mirror?.close();
      }
    },
    close: () => source.close(),
  };
}

function resultOf(
  plan: ReplayPlan,
  source: FrameSource,
  pace: Pace,
  replayer: Replayer,
  arrivals: Arrivals | null,
): ReplayResult {
  const { kind } = plan.pace;
  const rate = kind === 'rate' ? plan.pace.rate : null;
  return {
    read: source.read,
    passes: source.passes,
    skipped: Object.fromEntries(source.skipped),
    asked: {
      pps: rate?.unit === 'pps' ? rate.value : null,
      bps: rate?.unit === 'bps' ? rate.value : null,
    },
    scheduled: kind === 'max' ? null : pace.last / 1000,
    took: replayer.lastAt / 1000,
    backwards: pace.backwards,
    furthest: arrivals?.furthest ?? null,
    damage: source.damage,
  };
}

function notesOf({ pace }: ReplayPlan, listens: boolean): string[] {
  if (!listens) return ['What arrives is not looked at: --listen names the interface at which it should.'];
  const from = pace.kind === 'max' ? 'the moment of sending' : 'the scheduled time of sending';
  return [
    `Latency is one way, from ${from}, by one clock. Frames are told apart by their bytes; of equal ones, the first to arrive is the first that was sent.`,
  ];
}
