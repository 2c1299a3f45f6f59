import { readFileSync } from 'node:fs';
import { cpus, release, type } from 'node:os';
import {
  Delta,
  outlineOf,
  type PartTally,
  type RunInfo,
  type RunOutcome,
  type RunResult,
  RunSeries,
  resultOf,
  type Scenario,
  type Table,
  thresholdOf,
} from '@etherconn/cli/parts';
import type { Outcome } from '../coordinator/coordinator.ts';
import type { Snapshot } from '../coordinator/snapshot.ts';
import { CLIENT_FAILURES } from '../protocol/messages.ts';
import type { ClientFailure } from '../protocol/records.ts';
import { clockText, heirsText, secondsText } from './texts.ts';

/** A result as of any run, and the campaign's own. */
export type CampaignResult = RunResult & {
  readonly campaign: Omit<Snapshot, 'total'> & {
    readonly failures: readonly ClientFailure[];
    readonly failureCount: number;
  };
};

export function infoOf(snapshot: Snapshot, scenario: Scenario, seed: number): RunInfo {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  const hasFleet = Object.values(scenario.parts).some((part) => part.type === 'dhcp');
  const agents = new Set(snapshot.agents.map(({ agent }) => agent)).size;
  return {
    command: 'campaign',
    commandLine: `etherconn campaign ${snapshot.run}`,
    version,
    engine: `${agents} agents`,
    interface: snapshot.name,
    started: new Date(snapshot.startAt ?? snapshot.now).toISOString(),
    seed,
    flows: 0,
    ...(hasFleet ? { clients: snapshot.clients } : {}),
    environment: `Node.js ${process.version}, ${type()} ${release()} ${process.arch}, ${cpus().length} processors, at the coordinator`,
    notes: notesOf(snapshot),
  };
}

function notesOf({ takeovers, ranges, gaps, reason }: Snapshot): string[] {
  const restarted = takeovers.reduce(
    (sum, { clients, to }) => sum + (Object.keys(to).length > 0 ? clients : 0),
    0,
  );
  return [
    'Percentiles are of the merged histograms of all agents.',
    ...(restarted > 0 ? [`${restarted} clients of lost agents were begun anew by others.`] : []),
    ...(ranges.lost > 0
      ? [
          `${ranges.lost} of ${ranges.total} ranges were lost with their agents: the rest went on without them.`,
        ]
      : []),
    ...(gaps.length > 0
      ? [
          `What ${gaps.map(({ agent, upTo }) => `${agent} counted after message ${upTo}`).join(', ')} is not known.`,
        ]
      : []),
    ...(reason === null ? [] : [`It ended early: ${reason}.`]),
  ];
}

/** The result of a campaign, from what was merged. */
export function outcomeOf(
  { snapshot, failures }: Pick<Outcome, 'snapshot' | 'failures'>,
  scenario: Scenario,
  { seed, thresholds }: { readonly seed: number; readonly thresholds: readonly string[] },
): RunOutcome & { readonly result: CampaignResult } {
  const total = Delta.fromJSON(snapshot.total);
  const parts = outlineOf(scenario).parts.map((part): PartTally => {
    const length = Math.max(0, Math.min(part.end ?? snapshot.elapsed, snapshot.elapsed) - part.begin);
    const extent = {
      name: part.name,
      type: part.type,
      begin: part.begin,
      flows: 0,
      jitter: Number.NaN,
      length,
    };
    if (part.type === 'dhcp') return { ...extent, sends: true, receives: true, clients: part.ofAll };
    if (part.type === 'ping') return { ...extent, sends: true, receives: true, pings: true };
    if (part.type === 'udp-send') return { ...extent, sends: true, receives: part.send.roundTrip };
    return { ...extent, sends: false, receives: true };
  });
  const fleets = parts.flatMap(({ clients }) => clients ?? []);
  const result = resultOf(
    infoOf(snapshot, scenario, seed),
    {
      total,
      length: snapshot.elapsed,
      interrupted: snapshot.phase === 'aborted',
      sends: parts.some(({ sends }) => sends),
      receives: parts.some(({ receives }) => receives),
      jitter: Number.NaN,
      parts,
      ...(fleets.length === 0 ? {} : { clients: fleets.reduce((sum, count) => sum + count) }),
    },
    thresholds.map((text) => thresholdOf(text, scenario)),
  );
  const { total: _total, ...campaign } = snapshot;
  return {
    result: { ...result, campaign: { ...campaign, failures, failureCount: total.get(CLIENT_FAILURES) } },
    total,
    flows: [],
    tables: tablesOf(snapshot, failures),
  };
}

/** Rows of failed clients in a report; `--json` has more. */
const FAILURES_SHOWN = 100;

/** Agents, takeovers, gaps and failed clients, for people. */
export function tablesOf(
  { agents, takeovers, gaps, events, startAt, total }: Snapshot,
  failures: readonly ClientFailure[],
): Table[] {
  const all = Math.max(failures.length, total.counters[CLIENT_FAILURES] ?? 0);
  const tables: Table[] = [
    {
      title: 'Agents',
      head: [
        ...['Agent', 'State', 'Clients', 'Ranges', 'Sent', 'Received', 'Clock offset', 'Messages'],
        ...['Processor', 'Interfaces'],
      ],
      rows: agents.map((row) => [
        row.agent,
        row.state,
        row.clients,
        row.ranges,
        row.counters.sent ?? 0,
        row.counters.received ?? 0,
        clockText(row),
        row.messages,
        `${Math.round(row.rate / 1000)} kpps`,
        row.interfaces.join(', ').replaceAll(', 1 queues', ''),
      ]),
      marked: agents.flatMap(({ state }, i) => (state === 'lost' || state === 'failed' ? [i] : [])),
    },
    {
      title: 'Takeovers',
      head: ['At', 'Agent', 'Ranges', 'Clients', 'Silent for', 'Taken over by'],
      rows: takeovers.map(({ at, agent, ranges, clients, silent, to }) => [
        secondsText(at),
        agent,
        ranges,
        clients,
        secondsText(silent),
        heirsText(to),
      ]),
    },
    {
      title: 'Gaps',
      head: ['Agent', 'Incarnation', 'Counted up to message', 'Messages that wait for earlier ones'],
      rows: gaps.map(({ agent, incarnation, upTo, waiting }) => [agent, incarnation, upTo, waiting]),
    },
    {
      title: `Failed clients${all > FAILURES_SHOWN ? ` (${FAILURES_SHOWN} of ${all} failures)` : ''}`,
      head: ['Client', 'Part', 'Reason'],
      rows: failures.slice(0, FAILURES_SHOWN).map(({ client, part, reason }) => [client, part, reason]),
      isDetail: true,
    },
    {
      title: 'Events',
      head: ['At', 'Event'],
      rows: events.map(({ time, text }) => [
        startAt === null ? new Date(time).toISOString() : secondsText(time - startAt),
        text,
      ]),
      isDetail: true,
    },
  ];
  return tables.filter(({ rows }) => rows.length > 0);
}

/** What agents counted, by steps of campaign time, for plots. */
export class Timeline {
  readonly #step: number;
  readonly #deltas = new Map<number, Delta>();

  constructor(step: number) {
    this.#step = step;
  }

  add(at: number, delta: Delta): void {
    // A message tells of the step before it.
    const index = Math.max(0, Math.round(at / this.#step) - 1);
    const into = this.#deltas.get(index) ?? new Delta();
    into.merge(delta);
    this.#deltas.set(index, into);
  }

  get series(): RunSeries {
    const series = new RunSeries();
    for (const [index, delta] of [...this.#deltas].sort(([a], [b]) => a - b))
      series.add({ second: (index * this.#step) / 1000, length: this.#step, delta });
    return series;
  }
}
