import type { AgentRow, CampaignEvent, Gap, Snapshot, Takeover } from '../coordinator/snapshot.ts';
import { clockText, heirsText, secondsText } from '../plan/texts.ts';

/** A campaign in a few lines, the first of which is enough. */
export function brief(snapshot: Snapshot): string[] {
  const { agents, takeovers, gaps } = snapshot;
  const rows = [...agents.map(agentText), ...takeovers.map(takeoverText), ...gaps.map(gapText)];
  return [headline(snapshot), ...rows.map((row) => `  ${row}`)];
}

function headline({
  run,
  name,
  phase,
  elapsed,
  ranges,
  agents,
  takeovers,
  total,
  results,
  reason,
}: Snapshot): string {
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
  return parts.join(', ');
}

const AGENTS_SHOWN = 12;
const OTHERS_SHOWN = 4;
/** Agents that must be seen come first. */
const TROUBLE = ['lost', 'failed', 'gone'];

/** What a live view shows of a campaign below its rates. */
export function liveLines({ agents, takeovers, gaps, events, startAt }: Snapshot): string[] {
  const isTrouble = ({ state }: AgentRow): boolean => TROUBLE.includes(state);
  const sorted = [...agents.filter(isTrouble), ...agents.filter((row) => !isTrouble(row))];
  const shown = agents.length > AGENTS_SHOWN ? sorted.slice(0, AGENTS_SHOWN) : agents;
  const left = agents.length - shown.length;
  return [
    ...shown.map(agentText),
    ...(left > 0 ? [`… ${left} more agents`] : []),
    ...takeovers.slice(-OTHERS_SHOWN).map(takeoverText),
    ...gaps.slice(-OTHERS_SHOWN).map(gapText),
    ...events.slice(-OTHERS_SHOWN).map((event) => eventText(event, startAt)),
  ];
}

function agentText(row: AgentRow): string {
  const { agent, state, clients, silent } = row;
  return `${agent}: ${state}, ${clients} clients, clock ${clockText(row)}, seen ${(silent / 1000).toFixed(1)} s ago`;
}

function takeoverText({ at, agent, ranges, silent, to }: Takeover): string {
  return `takeover at ${secondsText(at)}: ${ranges} ranges of ${agent} to ${heirsText(to)}, silent for ${secondsText(silent)}`;
}

function gapText({ agent, upTo, waiting }: Gap): string {
  const late = waiting === 0 ? '' : `, ${waiting} later ones wait`;
  return `gap: ${agent} is counted up to message ${upTo}${late}`;
}

function eventText({ time, text }: CampaignEvent, startAt: number | null): string {
  return startAt === null ? text : `${secondsText(time - startAt)}: ${text}`;
}
