import type { AgentRow, Takeover } from '../coordinator/snapshot.ts';

/** How far an agent's clock is off, and by how much that may be wrong. */
export function clockText({ clockOffset, clockError }: AgentRow): string {
  return clockOffset === null ? 'unknown' : `${clockOffset.toFixed(2)} ± ${clockError!.toFixed(2)} ms`;
}

export function secondsText(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(2)} s`;
}

/** Who got the ranges of a lost agent. */
export function heirsText(to: Takeover['to']): string {
  const heirs = Object.entries(to).map(([agent, ranges]) => `${agent} (${ranges})`);
  return heirs.join(', ') || 'nobody';
}
