import { ConflictError, NoAnswerError } from '../hub/hub.ts';
import { agentSchema } from '../protocol/messages.ts';
import { bucketOf, Key } from '../protocol/names.ts';
import type { Campaign } from './campaign.ts';
import type { Session } from './session.ts';
import type { Takeover } from './snapshot.ts';
import type { Store } from './store.ts';

/** Ends the leases of agents that do not renew them, and gives their ranges to others. */
export class LeaseWatch {
  readonly #campaign: Campaign;
  readonly #store: Store;
  /** Since when there are ranges that no agent can take. */
  #orphanedSince: number | null = null;

  constructor(campaign: Campaign, store: Store) {
    this.#campaign = campaign;
    this.#store = store;
  }

  /** Looks at all leases. */
  async expire(): Promise<void> {
    const { roster } = this.#campaign;
    for (const session of roster.sessions) {
      if (session.over) continue;
      const hasFailed = session.record.state === 'failed';
      if (!hasFailed && !session.isOver(this.#campaign.now())) continue;
      if (!session.fenced && !(await this.#fence(session))) continue;
      session.over = true;
      if (hasFailed) roster.fail(session);
      await this.#lost(session);
    }
    await this.#giveOrphans();
    // An owner that this coordinator has not seen yet gets the time of a lease, too.
    roster.addSilentOwners();
  }

  /** Makes further renewals impossible. Returns false when the agent has renewed in time. */
  async #fence(session: Session): Promise<boolean> {
    const { options, run, roster } = this.#campaign;
    const { hub } = options;
    const bucket = bucketOf(run.generation);
    const key = Key.agent(session.agent);
    try {
      const record = { ...session.record, fenced: true };
      session.revision = await hub.put(bucket, key, record, session.revision);
    } catch (error) {
      if (!(error instanceof ConflictError || error instanceof NoAnswerError)) throw error;
      const entry = await hub.get(bucket, key);
      if (entry !== null) roster.changed(session.agent, entry.value, entry.revision);
      // An incarnation whose record another one has replaced cannot renew any more either.
      const writer = agentSchema.safeParse(entry?.value).data?.incarnation;
      session.fenced ||= writer !== undefined && writer !== session.incarnation;
      if (!session.fenced) return false;
    }
    session.fenced = true;
    return true;
  }

  /** The policy of the campaign says what happens with the ranges of a lost agent. */
  async #lost(session: Session): Promise<void> {
    const campaign = this.#campaign;
    const { agent, incarnation } = session;
    const numbers = campaign.ownership.openOf(incarnation);
    if (numbers.length === 0) return;
    campaign.lost.add(incarnation);
    campaign.note(`agent ${agent} is lost (${incarnation}), with ${numbers.length} ranges`);
    const { policy } = campaign.run;
    if (policy === 'reassign' && !this.#isStopping) {
      this.#record(session, numbers, this.#reassign(numbers));
      await this.#store.writeOwnership();
      return;
    }
    campaign.lose(numbers);
    this.#record(session, numbers, {});
    await this.#store.writeOwnership();
    if (policy === 'abort' && !this.#isStopping)
      await this.#store.setPhase('stopping', `agent ${agent} is lost`);
  }

  get #isStopping(): boolean {
    return this.#campaign.run.phase === 'stopping';
  }

  /** Gives ranges to the agents that are fit, if there are any. Returns how many each agent got. */
  #reassign(numbers: readonly number[]): Record<string, number> {
    const campaign = this.#campaign;
    const { fit } = campaign.roster;
    if (fit.length === 0) {
      campaign.note(`nobody can take ${numbers.length} ranges; they wait for an agent`);
      return {};
    }
    const startAt = campaign.run.startAt === null ? null : campaign.wall();
    const to = campaign.give(numbers, fit, startAt);
    const names = Object.entries(to).map(([agent, count]) => `${count} to ${agent}`);
    campaign.note(`ranges taken over: ${names.join(', ')}`);
    return to;
  }

  /** Records who took the ranges of a lost agent. */
  #record(session: Session, numbers: readonly number[], to: Record<string, number>): void {
    const { run, ownership, takeovers, state } = this.#campaign;
    const takeover: Takeover = {
      at: run.startAt === null ? 0 : this.#campaign.wall() - run.startAt,
      agent: session.agent,
      incarnation: session.incarnation,
      ranges: numbers.length,
      clients: ownership.clientsIn(numbers),
      silent: this.#campaign.now() - session.lease.seenAt,
      to,
    };
    takeovers.push(takeover);
    state.takeover(takeover);
  }

  /** Gives ranges without an owner to agents that have come since. When none comes in time, the campaign ends. */
  async #giveOrphans(): Promise<void> {
    const campaign = this.#campaign;
    const orphans = campaign.run.policy === 'reassign' ? campaign.orphans : [];
    if (orphans.length === 0) {
      this.#orphanedSince = null;
      return;
    }
    if (!this.#isStopping && campaign.roster.fit.length > 0) {
      this.#reassign(orphans);
      await this.#store.writeOwnership();
      return;
    }
    this.#orphanedSince ??= campaign.now();
    if (this.#isStopping) {
      campaign.lose(orphans);
      return;
    }
    if (campaign.now() < this.#orphanedSince + campaign.plan.wait) return;
    // The phase comes first: otherwise the lost ranges would look like a regular end.
    const why = [`nobody has taken ${orphans.length} ranges`, ...campaign.roster.failures].join('; ');
    await this.#store.setPhase(campaign.run.startAt === null ? 'aborted' : 'stopping', why);
  }
}
