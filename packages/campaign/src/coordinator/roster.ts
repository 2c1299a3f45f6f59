import { agentSchema } from '../protocol/messages.ts';
import type { AgentRecord } from '../protocol/records.ts';
import type { Intake } from './intake.ts';
import type { Ownership } from './ownership.ts';
import type { Plan } from './plan.ts';
import { Session } from './session.ts';

export interface RosterHost {
  readonly now: () => number;
  readonly note: (text: string) => void;
}

/** The incarnations of agents, from the records that agents write. */
export class Roster {
  readonly #plan: Plan;
  readonly #ownership: Ownership;
  readonly #intake: Intake;
  readonly #host: RosterHost;
  readonly #sessions = new Map<string, Session>();
  /** Agents that cannot run this scenario, and why. They get no more ranges. */
  readonly #failed = new Map<string, string>();
  /** The coordinator may have missed changes before this time. */
  deafUntil: number = Number.NEGATIVE_INFINITY;

  constructor(plan: Plan, ownership: Ownership, intake: Intake, host: RosterHost) {
    this.#plan = plan;
    this.#ownership = ownership;
    this.#intake = intake;
    this.#host = host;
  }

  get sessions(): Iterable<Session> {
    return this.#sessions.values();
  }

  get(incarnation: string): Session | undefined {
    return this.#sessions.get(incarnation);
  }

  /** Agents that may get ranges, by name. */
  get fit(): Session[] {
    return [...this.#sessions.values()]
      .filter((session) => session.isFit(this.#plan.clockLimit) && !this.#failed.has(session.agent))
      .sort((a, b) => (a.agent < b.agent ? -1 : 1));
  }

  hasFailed(agent: string): boolean {
    return this.#failed.has(agent);
  }

  /** Why agents failed. */
  get failures(): string[] {
    return [...this.#failed].map(([agent, reason]) => `${agent}: ${reason}`);
  }

  /** Gives no more ranges to an agent: it would only fail again. */
  fail({ agent, record: { reason } }: Session): void {
    this.#failed.set(agent, reason ?? 'failed');
    this.#host.note(`agent ${agent} cannot run this: ${reason}`);
  }

  /**
   * An agent's record has changed.
   * @param name the agent that the server allows to write it
   */
  changed(name: string, value: unknown, revision: number): void {
    const parsed = agentSchema.safeParse(value);
    if (!parsed.success || parsed.data.agent !== name) {
      this.#intake.refuse();
      return;
    }
    const record = parsed.data;
    const session = this.#sessions.get(record.incarnation);
    if (session === undefined) {
      this.#add(record, revision);
      return;
    }
    if (session.agent !== name) {
      // It speaks for another agent.
      this.#intake.refuse();
      return;
    }
    if (revision <= session.revision) return;
    session.revision = revision;
    if (record.fenced) {
      session.fenced = true;
      session.resigned = true;
    } else if (!session.fenced) {
      session.record = record;
      session.lease.seen(this.#host.now());
    }
  }

  #add(record: AgentRecord, revision: number): void {
    const others = [...this.#sessions.values()].filter(({ agent }) => agent === record.agent);
    if (others.some((other) => other.revision >= revision)) return;
    for (const other of others) {
      // This record replaces that of the earlier incarnation, which cannot renew its lease any more. Until then it may have.
      if (!other.fenced) other.lease.seen(this.deafUntil);
      other.fenced = true;
      // An incarnation that had no ranges leaves nothing behind.
      if (!this.#ownership.knows(other.incarnation)) this.#sessions.delete(other.incarnation);
    }
    this.#sessions.set(record.incarnation, new Session(record, revision, this.#plan, this.#host.now()));
    if (!record.fenced) this.#host.note(`agent ${record.agent} is here (${record.incarnation})`);
  }

  /** Adds owners that have no record in the store. Their leases count from now on. */
  addSilentOwners(): void {
    for (const [incarnation, agent] of this.#ownership.owners) {
      if (this.#sessions.has(incarnation)) continue;
      const silent: AgentRecord = {
        agent,
        incarnation,
        renewal: 0,
        state: 'running',
        reason: null,
        interfaces: [],
        clock: null,
        grant: 0,
        fenced: false,
      };
      this.#sessions.set(incarnation, new Session(silent, 0, this.#plan, this.#host.now()));
    }
  }

  /** A new store replaces the old one. Revisions begin anew, and the last renewals may have gone with the old store. */
  forgetRevisions(): void {
    for (const session of this.#sessions.values()) {
      session.revision = 0;
      if (!session.fenced) session.lease.seen(this.#host.now());
    }
  }
}
