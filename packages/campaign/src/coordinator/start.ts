import type { Campaign } from './campaign.ts';
import type { Store } from './store.ts';

/** Milliseconds from the decision to start until the start: time for the news to reach all agents. */
const START_DELAY = 500;

/** The start of a campaign: agents gather, get their ranges, prepare them, and start at the same time. */
export class Start {
  readonly #campaign: Campaign;
  readonly #store: Store;
  readonly #gatherUntil: number;

  constructor(campaign: Campaign, store: Store) {
    this.#campaign = campaign;
    this.#store = store;
    this.#gatherUntil = campaign.now() + campaign.plan.wait;
  }

  /** Waits for the agents, and gives each its ranges. */
  async gather(): Promise<void> {
    const { ownership, roster, plan } = this.#campaign;
    const { fit } = roster;
    const { unowned } = ownership;
    // When all ranges have owners, an earlier step gave them, and the store did not take it.
    if (unowned.length > 0) {
      if (fit.length < plan.agents) {
        if (this.#campaign.now() < this.#gatherUntil) return;
        await this.#store.setPhase('aborted', this.#whatLacks(fit.length));
        return;
      }
      this.#campaign.give(unowned, fit, null);
    }
    await this.#store.writeOwnership();
    await this.#store.setPhase('preparing', null);
  }

  #whatLacks(fit: number): string {
    const { roster, run, plan } = this.#campaign;
    const here = [...roster.sessions].filter(({ fenced, over }) => !fenced && !over);
    const why = here.flatMap(({ agent, record: { clock, state, reason } }) => {
      if (state === 'failed' && !roster.hasFailed(agent)) return [`${agent}: ${reason}`];
      if (clock === null) return [`${agent}: its clock could not be compared`];
      if (clock.error <= run.clockLimit) return [];
      return [
        `${agent}: its clock is known to ±${clock.error.toFixed(2)} ms only, and the limit is ${run.clockLimit} ms`,
      ];
    });
    return [`${fit} of ${plan.agents} agents are ready to start`, ...why, ...roster.failures].join('; ');
  }

  /** Starts all agents at the same time, when all have prepared what they own. */
  async startAll(): Promise<void> {
    const { orphans, roster, ownership } = this.#campaign;
    if (orphans.length > 0) return;
    for (const session of roster.sessions) {
      if (session.over || ownership.openOf(session.incarnation).length === 0) continue;
      if (session.record.state !== 'ready') return;
    }
    await this.#store.setPhase('running', null, this.#campaign.wall() + START_DELAY);
  }
}
