import type { Snapshot } from '../coordinator/snapshot.ts';

/** A campaign in a few lines, the first of which is enough. */
export function brief(snapshot: Snapshot): string[] {
  const { run, name, phase, elapsed, ranges, agents, takeovers, total, results, reason } = snapshot;
  const here = agents.filter(({ state }) => state !== 'lost' && state !== 'gone');
  const parts = [
    `${run} ${name}: ${phase}`,
    `${(elapsed / 1000).toFixed(0)} s`,
    `${here.length} agents`,
    `${ranges.done} of ${ranges.total} ranges done`,
    ...(ranges.lost > 0 ? [`${ranges.lost} lost`] : []),
    ...(takeovers.length > 0 ? [`${takeovers.length} takeovers`] : []),
    `sent ${total.counters.sent ?? 0}`,
    `received ${total.counters.received ?? 0}`,
    `${results.messages} messages`,
    ...(reason === null ? [] : [reason]),
  ];
  const rows = agents.map(
    ({ agent, state, clients, clockOffset, clockError, silent }) =>
      `  ${agent}: ${state}, ${clients} clients, clock ${clockOffset === null ? 'unknown' : `${clockOffset.toFixed(2)} ± ${clockError!.toFixed(2)} ms`}, seen ${(silent / 1000).toFixed(1)} s ago`,
  );
  return [parts.join(', '), ...rows];
}
