import type { DeltaData, RunRecord } from '../protocol/records.ts';
import type { Intake } from './intake.ts';
import type { Ownership } from './ownership.ts';
import type { Session } from './session.ts';
import type { AgentRow, CampaignEvent, Snapshot, Takeover } from './snapshot.ts';

/** What a snapshot is made of. */
export interface Subject {
  readonly run: RunRecord;
  readonly sessions: Iterable<Session>;
  readonly ownership: Ownership;
  readonly intake: Intake;
  readonly takeovers: readonly Takeover[];
  /** Incarnations that were lost while they had ranges. */
  readonly lost: ReadonlySet<string>;
  readonly events: readonly CampaignEvent[];
  /** Since the Unix epoch. */
  readonly wall: number;
  readonly endedAt: number | null;
  /** By the clock that leases are watched by. */
  readonly now: number;
}

export function snapshotOf(subject: Subject, total: DeltaData): Snapshot {
  const { ownership, intake, takeovers, events, wall, endedAt } = subject;
  const { run, name, phase, policy, reason, generation, startAt, clients, lease, clockLimit } = subject.run;
  const sessions = new Map([...subject.sessions].map((session) => [session.incarnation, session]));
  return {
    run,
    name,
    phase,
    policy,
    reason,
    generation,
    now: wall,
    startAt,
    elapsed: startAt === null ? 0 : Math.max(0, (endedAt ?? wall) - startAt),
    clients,
    ranges: { total: ownership.total, ...ownership.counts },
    lease,
    clockLimit,
    agents: [...sessions.values()]
      .map((session) => rowOf(subject, session))
      .sort((x, y) => (x.agent < y.agent ? -1 : x.agent > y.agent ? 1 : 0)),
    takeovers,
    gaps: intake.merger.incarnations
      .filter(
        ({ waiting, complete, incarnation }) =>
          waiting > 0 || (!complete && (endedAt !== null || sessions.get(incarnation)?.over !== false)),
      )
      .map(({ agent, incarnation, upTo, waiting }) => ({ agent, incarnation, upTo, waiting })),
    results: intake.counts,
    total,
    events,
  };
}

function rowOf({ ownership, intake, lost, now }: Subject, session: Session): AgentRow {
  const { agent, incarnation, record, lease } = session;
  const told = intake.merger.get(incarnation);
  const numbers = ownership.numbersOf(incarnation);
  return {
    agent,
    incarnation,
    state: stateOf(session, lost.has(incarnation), told?.complete === true),
    interfaces: record.interfaces.map((each) => `${each.name} (${each.engine}, ${each.queues} queues)`),
    rate: record.interfaces.reduce((sum, { rate }) => sum + rate, 0),
    clockOffset: record.clock?.offset ?? null,
    clockError: record.clock?.error ?? null,
    ranges: numbers.length,
    clients: ownership.clientsIn(numbers),
    silent: now - lease.seenAt,
    lost: lost.has(incarnation),
    messages: told?.upTo ?? 0,
    counters: Object.fromEntries(told?.total.counters ?? []),
  };
}

function stateOf({ over, resigned, record }: Session, lost: boolean, complete: boolean): string {
  if (lost) return 'lost';
  if (complete) return 'done';
  return over || resigned ? 'gone' : record.state;
}

/** Counters of an agent that watchers are told; the others are in the result. */
const TOLD = ['sent', 'received', 'leases', 'failed', 'fenced'];
/** Events that watchers are told. */
const LAST_EVENTS = 20;

/** A snapshot that fits a message, also with a thousand agents. */
export function briefOf(snapshot: Snapshot): Snapshot {
  const agents = snapshot.agents.map((row) => ({
    ...row,
    counters: Object.fromEntries(Object.entries(row.counters).filter(([name]) => TOLD.includes(name))),
  }));
  return {
    ...snapshot,
    agents,
    total: { ...snapshot.total, histograms: {} },
    events: snapshot.events.slice(-LAST_EVENTS),
  };
}
