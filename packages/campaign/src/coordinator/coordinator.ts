import { randomBytes } from 'node:crypto';
import type { Delta, DeltaJson } from '@etherconn/cli/parts';
import type { Clock, ClockTimer } from 'etherconn';
import { ConflictError, type Entry, GoneError, type Hub, NoAnswerError, type Stop } from '../hub/hub.ts';
import { renewalInterval } from '../protocol/lease.ts';
import {
  agentSchema,
  coordinatorSchema,
  currentSchema,
  rangeSchema,
  runSchema,
} from '../protocol/messages.ts';
import { bucketOf, CURRENT, Key, REGISTRY, Signal } from '../protocol/names.ts';
import type { AgentRecord, ClientFailure, Phase, RunRecord } from '../protocol/records.ts';
import type { Counted } from '../results/merger.ts';
import { activeRun, CampaignError, isOver } from './active-run.ts';
import { assign } from './assignment.ts';
import { Intake } from './intake.ts';
import { Ledger, SupersededError } from './ledger.ts';
import { Ownership } from './ownership.ts';
import type { Plan } from './plan.ts';
import { briefOf, snapshotOf } from './portrait.ts';
import { Session } from './session.ts';
import type { CampaignEvent, Snapshot, Takeover } from './snapshot.ts';
import { type Memory, StateFile } from './state-file.ts';

/** Milliseconds between looks at leases. */
const TICK = 100;
const SNAPSHOT = 1000;
/** Snapshots between those that are kept in the store. */
const KEPT = 5;
const ANNOUNCE = 5000;
const ACKNOWLEDGE = 4000;
/** From the decision to start until the start: so long the news may take. */
const START_DELAY = 500;
const EVENTS_MAX = 1000;

export interface CoordinatorOptions {
  readonly hub: Hub;
  readonly clock: Clock;
  /** Milliseconds since the Unix epoch at time 0 of the clock. */
  readonly epoch: number;
  /** Keeps what is needed to go on after a crash, also when the store is lost. */
  readonly folder: string;
  readonly log: (text: string) => void;
  readonly onSnapshot?: (snapshot: Snapshot, total: Delta) => void;
  /** Told what was counted in each step of an agent, for views. */
  readonly onResult?: (result: Counted) => void;
}

/** How a campaign ended. */
export interface Outcome {
  readonly snapshot: Snapshot;
  readonly total: Delta;
  readonly failures: readonly ClientFailure[];
  readonly interrupted: boolean;
}

/**
 * Divides a campaign among agents, watches their leases, and adds up their results. It is the only writer of ownership.
 * Whatever it must know to go on is in the store and in its own journal, so it may die at any time.
 */
export class Coordinator {
  readonly #options: CoordinatorOptions;
  readonly #state: StateFile;
  readonly #instance: string = randomBytes(6).toString('hex');
  readonly #sessions = new Map<string, Session>();
  readonly #ownership: Ownership;
  readonly #intake: Intake;
  readonly #takeovers: Takeover[];
  /** Incarnations that were lost while they had ranges. */
  readonly #lostOnes: Set<string>;
  /** Agents that cannot run this scenario, and why: they get no ranges any more. */
  readonly #failed = new Map<string, string>();
  readonly #events: CampaignEvent[] = [];
  readonly #stops: Stop[] = [];
  readonly #generationStops: Stop[] = [];
  #ledger: Ledger;
  #run: RunRecord;
  readonly #plan: Plan;
  #renewal = 0;
  #timer: ClockTimer | null = null;
  #wake: () => void = () => {};
  #storeIsSuspect = false;
  /** Changes before that may not have been heard. */
  #deafUntil = Number.NEGATIVE_INFINITY;
  /** It was over before this coordinator began, and its store is gone. */
  #hasNoStore = false;
  #endedAt: number | null = null;
  #nextRenewal = 0;
  #nextSnapshot = 0;
  #snapshots = 0;
  #nextAnnounce = 0;
  #nextAcknowledge = 0;
  #gatherUntil: number;
  #finishBy: number | null = null;
  /** Since when there are ranges that nobody can take. */
  #orphanedSince: number | null = null;
  /** Why results cannot be kept. */
  #failure: Error | null = null;
  /** The phase that is being written. */
  #writing: Phase | null = null;

  private constructor(options: CoordinatorOptions, state: StateFile, memory: Memory) {
    const { plan, run, ranges, results, takeovers } = memory;
    this.#options = options;
    this.#state = state;
    this.#plan = plan;
    this.#run = run;
    this.#ledger = new Ledger(options.hub, bucketOf(run.generation));
    this.#ownership = new Ownership(run);
    this.#intake = new Intake(run.run, this.#ownership);
    for (const [number, record] of ranges) this.#ownership.set(number, record);
    for (const message of results) this.#intake.count(message);
    this.#intake.failures.push(...memory.failures);
    this.#takeovers = [...takeovers];
    this.#lostOnes = new Set(takeovers.map(({ incarnation }) => incarnation));
    this.#gatherUntil = this.#now() + plan.wait;
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
    const run: RunRecord = {
      run: `c${randomBytes(5).toString('hex')}`,
      generation: randomBytes(5).toString('hex'),
      name: plan.name,
      scenario: plan.scenario,
      clients: plan.clients,
      clientsPerRange: plan.clientsPerRange,
      seed: plan.seed,
      policy: plan.policy,
      lease: plan.lease,
      margin: plan.margin,
      clockLimit: plan.clockLimit,
      step: plan.step,
      phase: 'gathering',
      startAt: null,
      reason: null,
    };
    const state = StateFile.create(folder, run.run, { plan, run });
    const empty = { ranges: [], results: [], takeovers: [], failures: [] };
    const coordinator = new Coordinator(options, state, { plan, run, ...empty });
    return coordinator.#prepared(async () => {
      await coordinator.#found(await hub.get(REGISTRY, CURRENT));
    });
  }

  /** Itself, when it could begin; otherwise nothing of it is left. */
  async #prepared(prepare: () => Promise<void>): Promise<this> {
    try {
      await prepare();
      return this;
    } catch (error) {
      await this.#stopAll();
      throw error;
    }
  }

  async #stopAll(): Promise<void> {
    for (const stop of [...this.#stops.splice(0), ...this.#generationStops.splice(0)]) stop();
    this.#timer?.cancel();
    await this.#state.close();
  }

  /** Goes on with a campaign whose coordinator has died, from the store and from what this machine has kept. */
  static async resume(options: CoordinatorOptions, id: string): Promise<Coordinator> {
    const { state, memory } = StateFile.open(options.folder, id);
    const coordinator = new Coordinator(options, state, memory);
    return coordinator.#prepared(() => coordinator.#takeUp());
  }

  /** Goes on in the store that is there, or makes one. */
  async #takeUp(): Promise<void> {
    const { hub, clock } = this.#options;
    const id = this.#run.run;
    await hub.createRegistry();
    const entry = await hub.get(REGISTRY, CURRENT);
    const current = currentSchema.safeParse(entry?.value).data;
    this.#note('the coordinator was started again');
    const exists = current?.run === id && (await hub.hasGeneration(current.generation));
    if (!exists) {
      if (isOver(this.#run)) this.#hasNoStore = true;
      else await this.#found(entry);
      return;
    }
    const bucket = bucketOf(current.generation);
    // Whoever coordinates writes again within this time.
    const before = await hub.get(bucket, Key.COORDINATOR);
    if (before !== null) {
      await new Promise<void>((resolve) => clock.setTimer(resolve, renewalInterval(this.#run) * 2));
      const after = await hub.get(bucket, Key.COORDINATOR);
      if (after?.revision !== before.revision)
        throw new CampaignError(
          `the coordinator of campaign ${id} is running; etherconn campaign watch ${id} shows it`,
        );
    }
    await this.#adopt(current.generation);
  }

  get run(): string {
    return this.#run.run;
  }

  /** Coordinates to the end. */
  async coordinate(): Promise<Outcome> {
    const { hub } = this.#options;
    this.#stops.push(
      hub.onReconnected(() => {
        this.#storeIsSuspect = true;
        this.#deafUntil = this.#now();
        this.#wake();
      }),
      hub.changes(REGISTRY, CURRENT, (_key, { value }) => {
        const generation = currentSchema.safeParse(value).data?.generation;
        if (generation === this.#run.generation) return;
        this.#storeIsSuspect = true;
        this.#wake();
      }),
      hub.serve(Signal.clock('*'), () => {
        const received = this.#wall();
        return { received, sent: this.#wall() };
      }),
    );
    try {
      while (this.#endedAt === null) {
        await this.#step();
        await this.#pause();
      }
      return await this.#close();
    } finally {
      await this.#stopAll();
    }
  }

  /** Ends the campaign: agents drain, and what they have counted is the result. */
  stop(reason: string): void {
    this.#stopReason ??= reason;
    this.#wake();
  }

  #stopReason: string | null = null;

  #now(): number {
    return this.#options.clock.now();
  }

  #wall(): number {
    return this.#now() + this.#options.epoch;
  }

  #note(text: string): void {
    this.#options.log(text);
    this.#events.push({ time: this.#wall(), text });
    if (this.#events.length > EVENTS_MAX) this.#events.shift();
  }

  async #pause(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      this.#timer = this.#options.clock.setTimer(resolve, TICK);
    });
    this.#timer?.cancel();
  }

  /**
   * Makes a generation of the store, and writes into it all that is known.
   * @param before what the registry said when there was none: whoever founds one first is the coordinator
   */
  async #found(before: Entry | null): Promise<void> {
    const { hub } = this.#options;
    const generation = randomBytes(5).toString('hex');
    this.#run = { ...this.#run, generation };
    await this.#state.run(this.#run);
    await hub.createRegistry();
    await hub.createGeneration(generation);
    this.#ledger = new Ledger(hub, bucketOf(generation));
    for (const session of this.#sessions.values()) {
      session.revision = 0;
      // The last renewals may have gone with the store.
      if (!session.fenced) session.lease.seen(this.#now());
    }
    this.#intake.forgetAcknowledged();
    this.#ownership.forgetWritten();
    await this.#listen();
    await this.#ledger.write(Key.RUN, this.#run);
    await this.#ledger.write(Key.COORDINATOR, { instance: this.#instance, renewal: ++this.#renewal });
    await this.#writeOwnership();
    // Last, so that who reads it finds all the rest.
    const active = await activeRun(hub);
    if (active !== null && active.run !== this.#run.run)
      throw new CampaignError(`campaign ${active.run} is under way here`);
    const registry = new Ledger(hub, REGISTRY);
    registry.know(CURRENT, before?.revision ?? 0);
    await registry.write(CURRENT, { run: this.#run.run, generation });
    hub.send(Signal.ANNOUNCE, { run: this.#run.run, generation });
  }

  /** Takes over a generation that is there. */
  async #adopt(generation: string): Promise<void> {
    const { hub } = this.#options;
    const bucket = bucketOf(generation);
    this.#ledger = new Ledger(hub, bucket);
    await this.#listen(generation);
    this.#ownership.forgetWritten();
    const { ranges } = this.#ownership.unwritten;
    for (const [key, entry] of await hub.all(bucket)) {
      const [kind, name] = key.split('.');
      if (kind === 'agents') this.#agentChanged(name, entry.value, entry.revision);
      else {
        this.#ledger.know(key, entry.revision);
        if (key === Key.RUN) this.#run = runSchema.parse(entry.value);
        if (kind === 'ranges') {
          // The store does not say which ranges are done: results do.
          const found = rangeSchema.parse(entry.value);
          const epoch = this.#ownership.get(Number(name))?.epoch ?? 0;
          if (found.epoch > epoch) this.#ownership.set(Number(name), found);
          if (found.epoch >= epoch) ranges.delete(Number(name));
        }
        if (key === Key.COORDINATOR) this.#renewal = coordinatorSchema.parse(entry.value).renewal;
      }
    }
    await this.#ledger.write(Key.COORDINATOR, { instance: this.#instance, renewal: ++this.#renewal });
    hub.send(Signal.ANNOUNCE, { run: this.#run.run, generation });
  }

  async #listen(generation: string = this.#run.generation): Promise<void> {
    const { hub } = this.#options;
    const bucket = bucketOf(generation);
    for (const stop of this.#generationStops.splice(0)) stop();
    this.#generationStops.push(
      hub.changes(bucket, Key.agent('*'), (key, { value, revision }) => {
        this.#agentChanged(key.slice(Key.agent('').length), value, revision);
        this.#wake();
      }),
      hub.changes(bucket, Key.RUN, (_key, { value, revision }) => this.#runChanged(value, revision)),
    );
    this.#generationStops.push(
      await hub.results(generation, (value, sender) => this.#resultCame(value, sender)),
    );
  }

  /** Whoever stops a campaign writes its record, too: before the start it is aborted at once. */
  #runChanged(value: unknown, revision: number): void {
    const { data: run } = runSchema.safeParse(value);
    if (
      run === undefined ||
      isOver(this.#run) ||
      run.phase === this.#run.phase ||
      run.phase === this.#writing
    )
      return;
    if (run.phase !== 'stopping' && run.phase !== 'aborted') return;
    this.#ledger.know(Key.RUN, revision);
    this.#run = run;
    void this.#state.run(run);
    this.#note(run.reason ?? 'stopped');
    this.#wake();
  }

  /** @param name who was allowed to write it */
  #agentChanged(name: string, value: unknown, revision: number): void {
    const parsed = agentSchema.safeParse(value);
    if (!parsed.success || parsed.data.agent !== name) {
      this.#intake.refuse();
      return;
    }
    const record = parsed.data;
    const session = this.#sessions.get(record.incarnation);
    if (session === undefined) {
      this.#newSession(record, revision);
      return;
    }
    if (session.agent !== name) {
      // It speaks for another one.
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
      session.lease.seen(this.#now());
    }
  }

  #newSession(record: AgentRecord, revision: number): void {
    const others = [...this.#sessions.values()].filter(({ agent }) => agent === record.agent);
    if (others.some((other) => other.revision >= revision)) return;
    for (const other of others) {
      // Its record is written over, so an earlier incarnation can renew nothing any more. Before that it may have.
      if (!other.fenced) other.lease.seen(this.#deafUntil);
      other.fenced = true;
      // One that has had nothing leaves nothing.
      if (!this.#ownership.knows(other.incarnation)) this.#sessions.delete(other.incarnation);
    }
    this.#sessions.set(record.incarnation, new Session(record, revision, this.#run, this.#now()));
    if (!record.fenced) this.#note(`agent ${record.agent} is here (${record.incarnation})`);
  }

  #resultCame(value: unknown, sender: string): void {
    // What comes after the end is in the journal of its agent.
    if (this.#endedAt !== null) return;
    try {
      for (const counted of this.#intake.came(value, sender)) {
        this.#state.result(counted.message);
        this.#options.onResult?.(counted);
      }
    } catch (error) {
      // The disk may be full. Whoever coordinates says so and ends: it can be resumed.
      this.#failure ??= error as Error;
    }
    this.#wake();
  }

  async #step(): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    if (this.#hasNoStore) {
      this.#endedAt = this.#wall();
      return;
    }
    try {
      if (this.#storeIsSuspect) await this.#checkStore();
      await this.#renew();
      await this.#writeOwnership();
      await this.#advance();
      this.#tell();
    } catch (error) {
      if (error instanceof SupersededError) throw error;
      if (error instanceof GoneError) this.#storeIsSuspect = true;
      else if (!(error instanceof NoAnswerError)) throw error;
    }
    await this.#state.sync();
    await this.#state.compact(() => ({
      plan: this.#plan,
      run: this.#run,
      ranges: this.#ownership.history,
      results: this.#intake.merger.incarnations.map((each) => each.asMessage(this.#run.run)),
      takeovers: this.#takeovers,
      failures: this.#intake.failures,
    }));
  }

  /** After a reconnection the store may be another one, or have told changes that nobody heard. */
  async #checkStore(): Promise<void> {
    const { hub } = this.#options;
    const entry = await this.#currentOfStore();
    const current = currentSchema.safeParse(entry?.value).data;
    const exists = current !== undefined && (await hub.hasGeneration(current.generation));
    if (exists && current.generation !== this.#run.generation) throw new SupersededError(CURRENT);
    if (!exists) {
      this.#note('the store is gone: it is made anew');
      await this.#found(entry);
    } else {
      const agents = Key.agent('');
      for (const [key, { value, revision }] of await hub.all(bucketOf(this.#run.generation))) {
        if (key.startsWith(agents)) this.#agentChanged(key.slice(agents.length), value, revision);
        if (key === Key.RUN) this.#runChanged(value, revision);
      }
      // A consumer of results may have ended without a word.
      await this.#listen();
    }
    this.#storeIsSuspect = false;
  }

  /** What the registry says; nothing when there is none. */
  async #currentOfStore(): Promise<Entry | null> {
    try {
      return await this.#options.hub.get(REGISTRY, CURRENT);
    } catch (error) {
      if (error instanceof GoneError) return null;
      throw error;
    }
  }

  async #renew(): Promise<void> {
    if (this.#now() < this.#nextRenewal) return;
    await this.#ledger.write(Key.COORDINATOR, { instance: this.#instance, renewal: ++this.#renewal });
    this.#nextRenewal = this.#now() + renewalInterval(this.#run);
  }

  async #advance(): Promise<void> {
    if (this.#stopReason !== null && !isOver(this.#run) && this.#run.phase !== 'stopping')
      await this.#setPhase(this.#run.startAt === null ? 'aborted' : 'stopping', this.#stopReason);
    switch (this.#run.phase) {
      case 'gathering':
        await this.#gather();
        break;
      case 'preparing':
        await this.#expire();
        if (this.#run.phase === 'preparing') await this.#startAll();
        break;
      case 'running':
        await this.#expire();
        // Somebody may have stopped it meanwhile.
        if (this.#run.phase === 'running' && this.#ownership.allEnded) await this.#setPhase('done', null);
        break;
      case 'stopping':
        await this.#expire();
        if (this.#run.phase === 'stopping' && this.#ownership.allEnded)
          await this.#setPhase('aborted', this.#run.reason);
        break;
      case 'done':
      case 'aborted':
        this.#finish();
    }
  }

  async #setPhase(
    phase: Phase,
    reason: string | null,
    startAt: number | null = this.#run.startAt,
  ): Promise<void> {
    const run = { ...this.#run, phase, reason, startAt };
    this.#writing = phase;
    try {
      await this.#ledger.write(Key.RUN, run);
    } catch (error) {
      if (!(error instanceof SupersededError)) throw error;
      // Somebody may have stopped it just now.
      this.#writing = null;
      const before = this.#run;
      const entry = await this.#options.hub.get(bucketOf(this.#run.generation), Key.RUN);
      if (entry !== null) this.#runChanged(entry.value, entry.revision);
      if (this.#run === before) throw error;
      return;
    } finally {
      this.#writing = null;
    }
    this.#run = run;
    await this.#state.run(run);
    this.#note(reason === null ? phase : `${phase}: ${reason}`);
  }

  /** Waits for the agents; then each gets its ranges. */
  async #gather(): Promise<void> {
    const fit = this.#fitSessions();
    const { unowned } = this.#ownership;
    // They were given before, and the store did not take it.
    if (unowned.length > 0) {
      if (fit.length < this.#plan.agents) {
        if (this.#now() < this.#gatherUntil) return;
        await this.#setPhase('aborted', this.#whatLacks(fit.length));
        return;
      }
      this.#give(unowned, fit, null);
    }
    await this.#writeOwnership();
    await this.#setPhase('preparing', null);
  }

  #whatLacks(fit: number): string {
    const { clockLimit } = this.#run;
    const here = [...this.#sessions.values()].filter(({ fenced, over }) => !fenced && !over);
    const why = here.flatMap(({ agent, record: { clock, state, reason } }) => {
      if (state === 'failed' && !this.#failed.has(agent)) return [`${agent}: ${reason}`];
      if (clock === null) return [`${agent}: its clock could not be compared`];
      if (clock.error <= clockLimit) return [];
      return [
        `${agent}: its clock is known to ±${clock.error.toFixed(2)} ms only, and the limit is ${clockLimit} ms`,
      ];
    });
    return [`${fit} of ${this.#plan.agents} agents are ready to start`, ...why, ...this.#whyFailed].join(
      '; ',
    );
  }

  get #whyFailed(): string[] {
    return [...this.#failed].map(([agent, reason]) => `${agent}: ${reason}`);
  }

  #fitSessions(): Session[] {
    return [...this.#sessions.values()]
      .filter((session) => session.isFit(this.#run.clockLimit) && !this.#failed.has(session.agent))
      .sort((a, b) => (a.agent < b.agent ? -1 : 1));
  }

  /** Gives ranges to agents, in a new epoch. Returns how many each of them got. */
  #give(
    numbers: readonly number[],
    sessions: readonly Session[],
    startAt: number | null,
  ): Record<string, number> {
    const bySession = new Map(sessions.map((session) => [session.agent, session]));
    const candidates = sessions.map(({ agent, incarnation }) => ({
      agent,
      load: this.#ownership.openOf(incarnation).length,
    }));
    const counts: Record<string, number> = {};
    for (const [agent, share] of assign(numbers, candidates)) {
      const { incarnation } = bySession.get(agent)!;
      counts[agent] = share.length;
      for (const number of share) this.#ownership.give(number, agent, incarnation, startAt);
    }
    for (const number of numbers) this.#state.range(number, this.#ownership.get(number)!);
    return counts;
  }

  /** Brings to the store what it lacks. What fails is tried again with the next step. */
  async #writeOwnership(): Promise<void> {
    const { ranges, grants } = this.#ownership.unwritten;
    if (ranges.size === 0 && grants.size === 0) return;
    // On our own disk first: an epoch is never given twice, whatever becomes of the store.
    await this.#state.sync();
    const ledger = this.#ledger;
    await Promise.all(
      [...ranges].map(async (number) => {
        const record = this.#ownership.get(number)!;
        await ledger.write(Key.range(number), record);
        if (this.#ownership.get(number)!.epoch === record.epoch) ranges.delete(number);
      }),
    );
    await Promise.all(
      [...grants].map(async ([agent, incarnation]) => {
        await ledger.write(Key.grant(agent), this.#ownership.grantOf(incarnation));
        if (grants.get(agent) === incarnation) grants.delete(agent);
      }),
    );
  }

  /** All start at once, when all have prepared what they own. */
  async #startAll(): Promise<void> {
    if (this.#orphans().length > 0) return;
    for (const session of this.#sessions.values()) {
      if (session.over || this.#ownership.openOf(session.incarnation).length === 0) continue;
      if (session.record.state !== 'ready') return;
    }
    await this.#setPhase('running', null, this.#wall() + START_DELAY);
  }

  /** Ranges whose owner is lost and that nobody could take yet. */
  #orphans(): number[] {
    return [...this.#ownership.owners.keys()].flatMap((incarnation) =>
      this.#sessions.get(incarnation)?.over === true ? this.#ownership.openOf(incarnation) : [],
    );
  }

  /** Ends leases that nobody has renewed, and gives the ranges to others. */
  async #expire(): Promise<void> {
    for (const session of this.#sessions.values()) {
      if (session.over) continue;
      const hasFailed = session.record.state === 'failed';
      if (!hasFailed && !session.isOver(this.#now())) continue;
      if (!session.fenced && !(await this.#fence(session))) continue;
      session.over = true;
      if (hasFailed) this.#hasFailed(session);
      await this.#lost(session);
    }
    await this.#adoptOrphans();
    // An agent that nobody has seen in this life of the coordinator had its chance, too.
    this.#missing();
  }

  /** It would only fail again. */
  #hasFailed({ agent, record: { reason } }: Session): void {
    this.#failed.set(agent, reason ?? 'failed');
    this.#note(`agent ${agent} cannot run this: ${reason}`);
  }

  /** Ranges that nobody could take are taken by who comes, or end the campaign when nobody does. */
  async #adoptOrphans(): Promise<void> {
    const orphans = this.#run.policy === 'reassign' ? this.#orphans() : [];
    if (orphans.length === 0) {
      this.#orphanedSince = null;
      return;
    }
    if (this.#run.phase !== 'stopping' && this.#fitSessions().length > 0) {
      this.#takeOver(orphans, null);
      await this.#writeOwnership();
      return;
    }
    this.#orphanedSince ??= this.#now();
    const isStopping = this.#run.phase === 'stopping';
    if (!isStopping && this.#now() < this.#orphanedSince + this.#plan.wait) return;
    if (isStopping) {
      for (const number of orphans) this.#lose(number);
      return;
    }
    // First the phase: what is lost and not said would look like an end in order.
    const why = [`nobody has taken ${orphans.length} ranges`, ...this.#whyFailed].join('; ');
    await this.#setPhase(this.#run.startAt === null ? 'aborted' : 'stopping', why);
  }

  #lose(number: number): void {
    this.#ownership.lose(number);
    this.#state.range(number, this.#ownership.get(number)!);
  }

  /** Owners that are in no record of the store: their leases count from when this coordinator began. */
  #missing(): void {
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
      this.#sessions.set(incarnation, new Session(silent, 0, this.#run, this.#now()));
    }
  }

  /** Makes further renewals impossible; false when there was one in time. */
  async #fence(session: Session): Promise<boolean> {
    const { hub } = this.#options;
    const bucket = bucketOf(this.#run.generation);
    const key = Key.agent(session.agent);
    try {
      const record = { ...session.record, fenced: true };
      session.revision = await hub.put(bucket, key, record, session.revision);
    } catch (error) {
      if (!(error instanceof ConflictError || error instanceof NoAnswerError)) throw error;
      const entry = await hub.get(bucket, key);
      if (entry !== null) this.#agentChanged(session.agent, entry.value, entry.revision);
      // Another incarnation has written over its record: then it can renew nothing any more either.
      const writer = agentSchema.safeParse(entry?.value).data?.incarnation;
      session.fenced ||= writer !== undefined && writer !== session.incarnation;
      if (!session.fenced) return false;
    }
    session.fenced = true;
    return true;
  }

  async #lost(session: Session): Promise<void> {
    const numbers = this.#ownership.openOf(session.incarnation);
    if (numbers.length === 0) return;
    this.#lostOnes.add(session.incarnation);
    this.#note(`agent ${session.agent} is lost (${session.incarnation}), with ${numbers.length} ranges`);
    if (this.#run.policy === 'reassign' && this.#run.phase !== 'stopping') {
      this.#takeOver(numbers, session);
      await this.#writeOwnership();
      return;
    }
    for (const number of numbers) this.#lose(number);
    this.#tookOver(session, numbers, {});
    await this.#writeOwnership();
    if (this.#run.policy === 'abort' && this.#run.phase !== 'stopping')
      await this.#setPhase('stopping', `agent ${session.agent} is lost`);
  }

  #takeOver(numbers: readonly number[], from: Session | null): void {
    const fit = this.#fitSessions();
    if (fit.length === 0) {
      this.#note(`nobody can take ${numbers.length} ranges; they wait for an agent`);
      if (from !== null) this.#tookOver(from, numbers, {});
      return;
    }
    const startAt = this.#run.startAt === null ? null : this.#wall();
    const to = this.#give(numbers, fit, startAt);
    const names = Object.entries(to).map(([agent, count]) => `${count} to ${agent}`);
    this.#note(`ranges taken over: ${names.join(', ')}`);
    if (from !== null) this.#tookOver(from, numbers, to);
  }

  #tookOver(session: Session, numbers: readonly number[], to: Record<string, number>): void {
    const takeover: Takeover = {
      at: this.#run.startAt === null ? 0 : this.#wall() - this.#run.startAt,
      agent: session.agent,
      incarnation: session.incarnation,
      ranges: numbers.length,
      clients: this.#ownership.clientsIn(numbers),
      silent: this.#now() - session.lease.seenAt,
      to,
    };
    this.#takeovers.push(takeover);
    this.#state.takeover(takeover);
  }

  /** Waits a little for the last results of those that are still here. */
  #finish(): void {
    this.#finishBy ??= this.#now() + this.#run.lease;
    const here = new Set([...this.#sessions.values()].filter(({ over }) => !over).map(({ agent }) => agent));
    const open = this.#intake.merger.incarnations.filter(
      ({ complete, agent }) => !complete && here.has(agent),
    );
    if (open.length === 0 || this.#now() >= this.#finishBy) this.#endedAt = this.#wall();
  }

  /** What watchers and agents want to hear regularly. */
  #tell(): void {
    const { hub, onSnapshot } = this.#options;
    const now = this.#now();
    if (now >= this.#nextAnnounce) {
      this.#nextAnnounce = now + ANNOUNCE;
      hub.send(Signal.ANNOUNCE, { run: this.#run.run, generation: this.#run.generation });
    }
    if (now >= this.#nextAcknowledge || isOver(this.#run)) {
      this.#nextAcknowledge = now + ACKNOWLEDGE;
      this.#intake.acknowledge(hub, this.#run.generation);
    }
    if (now < this.#nextSnapshot) return;
    this.#nextSnapshot = now + SNAPSHOT;
    // Encoding histograms takes time: they are told at the end.
    const total = this.#total();
    const snapshot = this.#snapshot({ counters: Object.fromEntries(total.counters), histograms: {} });
    onSnapshot?.(snapshot, total);
    const brief = briefOf(snapshot);
    this.#show(brief);
    if (this.#snapshots++ % KEPT === 0) this.#keep(brief);
  }

  /** Watchers see nothing when it is more than the server takes. All else goes on. */
  #show(brief: Snapshot): void {
    try {
      this.#options.hub.send(Signal.STATUS, brief);
    } catch (error) {
      this.#options.log(`watchers are not told: ${(error as Error).message}`);
    }
  }

  #keep(snapshot: Snapshot): void {
    this.#ledger.write(Key.STATUS, snapshot).catch(() => {
      // It is only what watchers see first. Whoever writes ownership finds out what is wrong.
    });
  }

  /** Tells the result, and keeps it. */
  async #close(): Promise<Outcome> {
    this.#intake.acknowledge(this.#options.hub, this.#run.generation);
    const total = this.#total();
    const snapshot = this.#snapshot(total.toJSON());
    this.#options.onSnapshot?.(snapshot, total);
    await this.#state.end(snapshot);
    const brief = briefOf(snapshot);
    this.#show(brief);
    try {
      await this.#ledger.write(Key.STATUS, brief);
    } catch {
      // The report on this machine has it.
    }
    return {
      snapshot,
      total,
      failures: this.#intake.failures,
      interrupted: this.#run.phase === 'aborted',
    };
  }

  /** What is held by clients of lost agents counts no more: their successors' clients began anew. */
  #total(): Delta {
    return this.#intake.merger.total((incarnation) => !this.#lostOnes.has(incarnation));
  }

  #snapshot(total: DeltaJson): Snapshot {
    const subject = {
      run: this.#run,
      sessions: this.#sessions.values(),
      ownership: this.#ownership,
      intake: this.#intake,
      takeovers: this.#takeovers,
      lost: this.#lostOnes,
      events: this.#events,
      wall: this.#wall(),
      endedAt: this.#endedAt,
      now: this.#now(),
    };
    return snapshotOf(subject, total);
  }
}
