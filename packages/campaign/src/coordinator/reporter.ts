import type { Delta } from '@etherconn/cli/parts';
import { Signal } from '../protocol/names.ts';
import { type ClientFailure, type DeltaData, isOver } from '../protocol/records.ts';
import type { Campaign } from './campaign.ts';
import { briefOf, snapshotOf } from './portrait.ts';
import type { Snapshot } from './snapshot.ts';
import type { Store } from './store.ts';

/** Milliseconds between messages of each kind. */
const SNAPSHOT = 1000;
const ANNOUNCE = 5000;
const ACKNOWLEDGE = 4000;
/** One in so many snapshots is kept in the store, and each with a new phase or other agents. */
const KEPT = 5;

/** How a campaign ended. */
export interface Outcome {
  readonly snapshot: Snapshot;
  readonly total: Delta;
  readonly failures: readonly ClientFailure[];
  readonly interrupted: boolean;
}

/** Tells agents and watchers at intervals what they need to hear, and tells the result at the end. */
export class Reporter {
  readonly #campaign: Campaign;
  readonly #store: Store;
  #nextSnapshot = 0;
  #snapshots = 0;
  #kept = '';
  #nextAnnounce = 0;
  #nextAcknowledge = 0;

  constructor(campaign: Campaign, store: Store) {
    this.#campaign = campaign;
    this.#store = store;
  }

  /** Tells what is due. */
  tell(): void {
    const now = this.#campaign.now();
    if (now >= this.#nextAnnounce) {
      this.#nextAnnounce = now + ANNOUNCE;
      this.#store.announce();
    }
    if (now >= this.#nextAcknowledge || isOver(this.#campaign.run)) {
      this.#nextAcknowledge = now + ACKNOWLEDGE;
      this.#acknowledge();
    }
    if (now < this.#nextSnapshot) return;
    this.#nextSnapshot = now + SNAPSHOT;
    // Encoding histograms takes time: only the result has them.
    const total = this.#total();
    const snapshot = this.#snapshot({ counters: Object.fromEntries(total.counters), histograms: {} });
    this.#campaign.options.onSnapshot?.(snapshot, total);
    const brief = briefOf(snapshot);
    this.#show(brief);
    const kept = [
      brief.phase,
      ...brief.agents.map(({ incarnation, lost }) => `${incarnation} ${lost}`),
    ].join();
    if (this.#snapshots++ % KEPT !== 0 && kept === this.#kept) return;
    this.#kept = kept;
    this.#store.writeStatus(brief).catch(() => {
      // Only watchers that come late miss it. The next write of ownership finds out what is wrong.
    });
  }

  /** Tells the result, and keeps it. */
  async close(): Promise<Outcome> {
    const { options, state, intake, run } = this.#campaign;
    this.#acknowledge();
    const total = this.#total();
    const snapshot = this.#snapshot(total.toJSON());
    options.onSnapshot?.(snapshot, total);
    await state.end(snapshot);
    const brief = briefOf(snapshot);
    this.#show(brief);
    try {
      await this.#store.writeStatus(brief);
    } catch {
      // The report on this machine has it.
    }
    return { snapshot, total, failures: intake.failures, interrupted: run.phase === 'aborted' };
  }

  #acknowledge(): void {
    const { intake, options, run } = this.#campaign;
    intake.acknowledge(options.hub, run.generation);
  }

  /** A snapshot that is larger than the server allows is not shown. All else goes on. */
  #show(brief: Snapshot): void {
    const { hub, log } = this.#campaign.options;
    try {
      hub.send(Signal.STATUS, brief);
    } catch (error) {
      log(`watchers are not told: ${(error as Error).message}`);
    }
  }

  /** What clients of lost agents hold counts no more: the clients of their successors began anew. */
  #total(): Delta {
    const { intake, lost } = this.#campaign;
    return intake.merger.total((incarnation) => !lost.has(incarnation));
  }

  #snapshot(total: DeltaData): Snapshot {
    const { run, roster, ownership, intake, takeovers, lost, events, endedAt } = this.#campaign;
    const { sessions } = roster;
    const [wall, now] = [this.#campaign.wall(), this.#campaign.now()];
    return snapshotOf(
      { run, sessions, ownership, intake, takeovers, lost, events, wall, endedAt, now },
      total,
    );
  }
}
