import { randomBytes } from 'node:crypto';
import type { ClockTimer } from 'etherconn';
import { GoneError, NoAnswerError, type Stop } from '../hub/hub.ts';
import { CURRENT, REGISTRY, Signal } from '../protocol/names.ts';
import { isOver, type RunRecord } from '../protocol/records.ts';
import { activeRun, CampaignError } from './active-run.ts';
import { Campaign, type CoordinatorOptions } from './campaign.ts';
import { LeaseWatch } from './lease-watch.ts';
import { SupersededError } from './ledger.ts';
import type { Plan } from './plan.ts';
import { type Outcome, Reporter } from './reporter.ts';
import { Start } from './start.ts';
import { type Memory, StateFile } from './state-file.ts';
import { Store } from './store.ts';

export type { CoordinatorOptions, Outcome };

/** Milliseconds between steps. */
const TICK = 100;

/**
 * Divides a campaign among agents, watches their leases, and adds up their results. It is the only writer of ownership.
 * The store and its own journal hold all that it needs to go on, so it may die at any time.
 */
export class Coordinator {
  readonly #campaign: Campaign;
  readonly #store: Store;
  readonly #start: Start;
  readonly #leases: LeaseWatch;
  readonly #reporter: Reporter;
  #clockService: Stop = () => {};
  #timer: ClockTimer | null = null;
  #wake: () => void = () => {};
  /** False when the campaign was over before this coordinator began, and its store is gone. */
  #hasStore = true;
  #stopReason: string | null = null;
  #finishBy: number | null = null;

  private constructor(options: CoordinatorOptions, state: StateFile, memory: Memory) {
    this.#campaign = new Campaign(options, state, memory);
    this.#store = new Store(this.#campaign, () => this.#wake());
    this.#start = new Start(this.#campaign, this.#store);
    this.#leases = new LeaseWatch(this.#campaign, this.#store);
    this.#reporter = new Reporter(this.#campaign, this.#store);
  }

  /** A new campaign. Throws when another one is under way. */
  static async begin(options: CoordinatorOptions, plan: Plan): Promise<Coordinator> {
    const { hub, folder } = options;
    await hub.createRegistry();
    const active = await activeRun(hub);
    if (active !== null) {
      throw new CampaignError(
        `campaign ${active.run} is under way here; stop it (etherconn campaign stop ${active.run}), or resume it if its coordinator has died (etherconn campaign resume ${active.run})`,
      );
    }
    const run = firstRecord(plan);
    const state = StateFile.create(folder, run.run, { plan, run });
    const empty = { ranges: [], results: [], takeovers: [], failures: [] };
    const coordinator = new Coordinator(options, state, { plan, run, ...empty });
    return coordinator.#prepared(async () => {
      await coordinator.#store.create(await hub.get(REGISTRY, CURRENT));
    });
  }

  /** Goes on with a campaign whose coordinator has died, from the store and from this machine's journal. */
  static async resume(options: CoordinatorOptions, id: string): Promise<Coordinator> {
    const { state, memory } = StateFile.open(options.folder, id);
    const coordinator = new Coordinator(options, state, memory);
    return coordinator.#prepared(async () => {
      coordinator.#hasStore = await coordinator.#store.takeUp();
    });
  }

  /** Closes everything when the preparation fails. Agents ask for the time as soon as they have heard of the campaign. */
  async #prepared(prepare: () => Promise<void>): Promise<this> {
    this.#clockService = this.#campaign.options.hub.serve(Signal.clock('*'), () => {
      const received = this.#campaign.wall();
      return { received, sent: this.#campaign.wall() };
    });
    try {
      await prepare();
      return this;
    } catch (error) {
      await this.#close();
      throw error;
    }
  }

  async #close(): Promise<void> {
    this.#clockService();
    this.#store.close();
    this.#timer?.cancel();
    await this.#campaign.state.close();
  }

  get run(): string {
    return this.#campaign.run.run;
  }

  /** Ends the campaign: agents drain, and the result is what they have counted. */
  stop(reason: string): void {
    this.#stopReason ??= reason;
    this.#wake();
  }

  /** Coordinates to the end. */
  async coordinate(): Promise<Outcome> {
    this.#store.watch();
    try {
      while (this.#campaign.endedAt === null) {
        await this.#step();
        await this.#pause();
      }
      return await this.#reporter.close();
    } finally {
      await this.#close();
    }
  }

  async #step(): Promise<void> {
    const campaign = this.#campaign;
    if (campaign.failure !== null) throw campaign.failure;
    if (!this.#hasStore) {
      campaign.endedAt = campaign.wall();
      return;
    }
    try {
      await this.#store.check();
      await this.#store.renew();
      await this.#store.writeOwnership();
      await this.#advance();
      this.#reporter.tell();
    } catch (error) {
      if (error instanceof SupersededError) throw error;
      // The next step tries again what found no store or no answer.
      if (error instanceof GoneError) this.#store.suspect();
      else if (!(error instanceof NoAnswerError)) throw error;
    }
    await campaign.state.sync();
    await campaign.state.compact(() => campaign.memory);
  }

  async #advance(): Promise<void> {
    const campaign = this.#campaign;
    if (this.#stopReason !== null && !isOver(campaign.run) && campaign.run.phase !== 'stopping')
      await this.#store.setPhase(campaign.run.startAt === null ? 'aborted' : 'stopping', this.#stopReason);
    const { phase } = campaign.run;
    if (phase === 'gathering') await this.#start.gather();
    else if (isOver(campaign.run)) this.#finish();
    else {
      await this.#leases.expire();
      // The phase may have changed meanwhile.
      if (campaign.run.phase !== phase) return;
      if (phase === 'preparing') await this.#start.startAll();
      else if (campaign.ownership.allEnded)
        await (phase === 'running'
          ? this.#store.setPhase('done', null)
          : this.#store.setPhase('aborted', campaign.run.reason));
    }
  }

  /** Waits one lease at most for the last results of agents that are still here. */
  #finish(): void {
    const campaign = this.#campaign;
    this.#finishBy ??= campaign.now() + campaign.run.lease;
    const sessions = [...campaign.roster.sessions];
    const here = new Set(sessions.filter(({ over }) => !over).map(({ agent }) => agent));
    const isOpen = campaign.intake.merger.incarnations.some(
      ({ complete, agent }) => !complete && here.has(agent),
    );
    if (!isOpen || campaign.now() >= this.#finishBy) campaign.endedAt = campaign.wall();
  }

  async #pause(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      this.#timer = this.#campaign.options.clock.setTimer(resolve, TICK);
    });
    this.#timer?.cancel();
  }
}

/** The record of a campaign that begins. */
function firstRecord(plan: Plan): RunRecord {
  const { name, scenario, clients, clientsPerRange, seed, policy, lease, margin, clockLimit, step } = plan;
  return {
    run: `c${randomBytes(5).toString('hex')}`,
    generation: randomBytes(5).toString('hex'),
    name,
    scenario,
    clients,
    clientsPerRange,
    seed,
    policy,
    lease,
    margin,
    clockLimit,
    step,
    phase: 'gathering',
    startAt: null,
    reason: null,
  };
}
