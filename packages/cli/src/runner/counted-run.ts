import { Delta } from '../metrics/delta.ts';
import { type Engine, LinkCounters } from './engine.ts';
import { type RunEnd, Runner, type RunnerOptions } from './runner.ts';

export interface CountedRun extends RunEnd {
  /** The sum of all seconds. */
  readonly total: Delta;
}

/** Runs clients on an engine to the end. Adds up their counts, and the frames that the engine's links drop. */
export async function countedRun(engine: Engine, options: Omit<RunnerOptions, 'clock'>): Promise<CountedRun> {
  const total = new Delta();
  const end = await new Runner({
    ...options,
    clock: engine.clock,
    clients: [...options.clients, new LinkCounters(engine)],
    onSecond(second) {
      total.merge(second.delta);
      options.onSecond?.(second);
    },
  }).run();
  return { ...end, total };
}
