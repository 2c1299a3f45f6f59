import type { Delta } from '@etherconn/cli/parts';
import type { Clock } from 'etherconn';
import type { Hub } from '../hub/hub.ts';
import type { RunRecord } from '../protocol/records.ts';
import type { Counted } from '../results/merger.ts';
import { assign } from './assignment.ts';
import { Intake } from './intake.ts';
import { Ownership } from './ownership.ts';
import type { Plan } from './plan.ts';
import { Roster } from './roster.ts';
import type { Session } from './session.ts';
import type { CampaignEvent, Snapshot, Takeover } from './snapshot.ts';
import type { Memory, StateFile } from './state-file.ts';

const EVENTS_MAX = 1000;

export interface CoordinatorOptions {
  readonly hub: Hub;
  readonly clock: Clock;
  /** Milliseconds since the Unix epoch at time 0 of the clock. */
  readonly epoch: number;
  /** Keeps what the coordinator needs to go on after a crash, also when the store is lost. */
  readonly folder: string;
  readonly log: (text: string) => void;
  readonly onSnapshot?: (snapshot: Snapshot, total: Delta) => void;
  /** Gets what each step of an agent has counted, for views. */
  readonly onResult?: (result: Counted) => void;
}

/** What the coordinator knows of its campaign. All parts of the coordinator share it. */
export class Campaign {
  readonly options: CoordinatorOptions;
  readonly plan: Plan;
  readonly state: StateFile;
  readonly ownership: Ownership;
  readonly intake: Intake;
  readonly roster: Roster;
  readonly takeovers: Takeover[];
  /** Incarnations that were lost while they had ranges. */
  readonly lost: Set<string>;
  readonly events: CampaignEvent[] = [];
  run: RunRecord;
  endedAt: number | null = null;
  /** Why the journal does not take results. */
  failure: Error | null = null;

  constructor(options: CoordinatorOptions, state: StateFile, memory: Memory) {
    const { plan, run, ranges, results, takeovers, failures } = memory;
    this.options = options;
    this.state = state;
    this.plan = plan;
    this.run = run;
    this.ownership = new Ownership(run);
    this.intake = new Intake(run.run, this.ownership);
    for (const [number, record] of ranges) this.ownership.set(number, record);
    for (const message of results) this.intake.count(message);
    this.intake.failures.push(...failures);
    this.takeovers = [...takeovers];
    this.lost = new Set(takeovers.map(({ incarnation }) => incarnation));
    this.roster = new Roster(plan, this.ownership, this.intake, {
      now: () => this.now(),
      note: (text) => this.note(text),
    });
  }

  /** The clock by which leases are watched. */
  now(): number {
    return this.options.clock.now();
  }

  /** Milliseconds since the Unix epoch. */
  wall(): number {
    return this.now() + this.options.epoch;
  }

  note(text: string): void {
    this.options.log(text);
    this.events.push({ time: this.wall(), text });
    if (this.events.length > EVENTS_MAX) this.events.shift();
  }

  /** Gives ranges to agents, in a new epoch. Returns how many each agent got. */
  give(
    numbers: readonly number[],
    sessions: readonly Session[],
    startAt: number | null,
  ): Record<string, number> {
    const bySession = new Map(sessions.map((session) => [session.agent, session]));
    const candidates = sessions.map(({ agent, incarnation }) => ({
      agent,
      load: this.ownership.openOf(incarnation).length,
    }));
    const counts: Record<string, number> = {};
    for (const [agent, share] of assign(numbers, candidates)) {
      const { incarnation } = bySession.get(agent)!;
      counts[agent] = share.length;
      for (const number of share) this.ownership.give(number, agent, incarnation, startAt);
    }
    for (const number of numbers) this.state.range(number, this.ownership.get(number)!);
    return counts;
  }

  /** Gives ranges up: nobody runs them any more. */
  lose(numbers: readonly number[]): void {
    for (const number of numbers) {
      this.ownership.lose(number);
      this.state.range(number, this.ownership.get(number)!);
    }
  }

  /** Ranges whose owner is lost and that no agent has taken yet. */
  get orphans(): number[] {
    return [...this.ownership.owners.keys()].flatMap((incarnation) =>
      this.roster.get(incarnation)?.over === true ? this.ownership.openOf(incarnation) : [],
    );
  }

  /** @param sender the agent that the server has let send it */
  takeResult(value: unknown, sender: string): void {
    // The agent's journal keeps what comes after the end.
    if (this.endedAt !== null) return;
    try {
      for (const counted of this.intake.came(value, sender)) {
        this.state.result(counted.message);
        this.options.onResult?.(counted);
      }
    } catch (error) {
      // The disk may be full. The coordinator says so and ends, and can be resumed.
      this.failure ??= error as Error;
    }
  }

  /** All that a coordinator needs to go on. */
  get memory(): Memory {
    return {
      plan: this.plan,
      run: this.run,
      ranges: this.ownership.history,
      results: this.intake.merger.incarnations.map((each) => each.asMessage(this.run.run)),
      takeovers: this.takeovers,
      failures: this.intake.failures,
    };
  }
}
