import { randomBytes } from 'node:crypto';
import type { Delta } from '@etherconn/cli/parts';
import type { Clock, ClockTimer } from 'etherconn';
import { ConflictError, GoneError, type Hub, NoAnswerError, type Stop } from '../hub/hub.ts';
import { renewalInterval } from '../protocol/lease.ts';
import {
  agentSchema,
  coordinatorSchema,
  currentSchema,
  grantSchema,
  rangeSchema,
  resultSchema,
  runSchema,
} from '../protocol/messages.ts';
import { bucketOf, CURRENT, Key, REGISTRY, Signal } from '../protocol/names.ts';
import type {
  AgentRecord,
  ClientFailure,
  DeltaData,
  GrantRecord,
  Phase,
  RangeRecord,
  ResultMessage,
  RunRecord,
} from '../protocol/records.ts';
import { clientsOf, numbersOf, rangeCount, toSpans } from '../protocol/spans.ts';
import { type Counted, ResultMerger } from '../results/merger.ts';
import { assign } from './assignment.ts';
import { Ledger, SupersededError } from './ledger.ts';
import type { Plan } from './plan.ts';
import { Session } from './session.ts';
import type { AgentRow, CampaignEvent, Snapshot, Takeover } from './snapshot.ts';
import { type Memory, StateFile } from './state-file.ts';

/** Milliseconds between looks at leases. */
const TICK = 100;
const SNAPSHOT = 1000;
/** Snapshots between those that are kept in the store. */
const KEPT = 5;
const ANNOUNCE = 5000;
const ACKNOWLEDGE = 4000;
/** From the decision to start until the start: so long the news may take. */
const START_DELAY = 1000;
const EVENTS_MAX = 1000;
const FAILURES_KEPT = 10_000;

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

interface Range {
  record: RangeRecord | null;
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
  readonly #ranges: Range[];
  /** Agents that had a range and epoch, by `number@epoch`. */
  readonly #owners = new Map<string, string>();
  readonly #merger: ResultMerger;
  readonly #takeovers: Takeover[];
  /** Incarnations that were lost while they had ranges. */
  readonly #lostOnes: Set<string>;
  readonly #events: CampaignEvent[] = [];
  readonly #failures: ClientFailure[] = [];
  readonly #stops: Stop[] = [];
  readonly #generationStops: Stop[] = [];
  #ledger: Ledger;
  #run: RunRecord;
  readonly #plan: Plan;
  #renewal = 0;
  #timer: ClockTimer | null = null;
  #wake: () => void = () => {};
  #storeIsSuspect = false;
  #endedAt: number | null = null;
  #malformed = 0;
  #rejected = 0;
  #messages = 0;
  #nextRenewal = 0;
  #nextSnapshot = 0;
  #snapshots = 0;
  #nextAnnounce = 0;
  #nextAcknowledge = 0;
  #gatherUntil: number;
  #finishBy: number | null = null;
  readonly #acknowledged = new Map<string, number>();

  private constructor(options: CoordinatorOptions, state: StateFile, memory: Memory) {
    const { plan, run, ranges, results, takeovers } = memory;
    this.#options = options;
    this.#state = state;
    this.#plan = plan;
    this.#run = run;
    this.#ledger = new Ledger(options.hub, bucketOf(run.generation));
    this.#ranges = Array.from({ length: rangeCount(run) }, () => ({ record: null }));
    this.#merger = new ResultMerger();
    for (const [number, record] of ranges) this.#setRange(number, record);
    for (const message of results) this.#count(message);
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
    const coordinator = new Coordinator(options, state, {
      plan,
      run,
      ranges: [],
      results: [],
      takeovers: [],
    });
    await coordinator.#found();
    return coordinator;
  }

  /** Goes on with a campaign whose coordinator has died, from the store and from what this machine has kept. */
  static async resume(options: CoordinatorOptions, id: string): Promise<Coordinator> {
    const { hub, folder, clock } = options;
    const { state, memory } = StateFile.open(folder, id);
    await hub.createRegistry();
    const current = currentSchema.safeParse((await hub.get(REGISTRY, CURRENT))?.value).data;
    const coordinator = new Coordinator(options, state, memory);
    coordinator.#note('the coordinator was started again');
    const exists = current?.run === id && (await hub.hasGeneration(current.generation));
    if (!exists) {
      await coordinator.#found();
      return coordinator;
    }
    const bucket = bucketOf(current.generation);
    // Whoever coordinates writes again within this time.
    const before = await hub.get(bucket, Key.COORDINATOR);
    if (before !== null) {
      await new Promise<void>((resolve) => clock.setTimer(resolve, renewalInterval(memory.run) * 2));
      const after = await hub.get(bucket, Key.COORDINATOR);
      if (after?.revision !== before.revision)
        throw new CampaignError(
          `the coordinator of campaign ${id} is running; etherconn campaign watch ${id} shows it`,
        );
    }
    await coordinator.#adopt(current.generation);
    return coordinator;
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
      for (const stop of [...this.#stops, ...this.#generationStops]) stop();
      this.#timer?.cancel();
      await this.#state.close();
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

  /** Makes a generation of the store, and writes into it all that is known. */
  async #found(): Promise<void> {
    const { hub } = this.#options;
    const generation = randomBytes(5).toString('hex');
    this.#run = { ...this.#run, generation };
    await this.#state.run(this.#run);
    await hub.createRegistry();
    await hub.createGeneration(generation);
    this.#ledger = new Ledger(hub, bucketOf(generation));
    for (const session of this.#sessions.values()) session.revision = 0;
    this.#acknowledged.clear();
    await this.#listen();
    await this.#ledger.write(Key.RUN, this.#run);
    await this.#ledger.write(Key.COORDINATOR, { instance: this.#instance, renewal: ++this.#renewal });
    const given = this.#ranges.flatMap(({ record }, number) => (record === null ? [] : [{ number, record }]));
    await Promise.all(given.map(({ number, record }) => this.#ledger.write(Key.range(number), record)));
    const owners = new Map(given.map(({ record }) => [record.agent, record.incarnation]));
    for (const [agent, incarnation] of owners) await this.#writeGrant(agent, incarnation);
    // Last, so that who reads it finds all the rest.
    const entry = await hub.get(REGISTRY, CURRENT);
    await hub.put(REGISTRY, CURRENT, { run: this.#run.run, generation }, entry?.revision ?? 0);
    hub.send(Signal.ANNOUNCE, { run: this.#run.run, generation });
  }

  /** Takes over a generation that is there. */
  async #adopt(generation: string): Promise<void> {
    const { hub } = this.#options;
    const bucket = bucketOf(generation);
    this.#ledger = new Ledger(hub, bucket);
    await this.#listen(generation);
    for (const [key, entry] of await hub.all(bucket)) {
      const [kind, name] = key.split('.');
      if (kind === 'agents') this.#agentChanged(entry.value, entry.revision);
      else {
        this.#ledger.know(key, entry.revision);
        if (key === Key.RUN) this.#run = runSchema.parse(entry.value);
        if (kind === 'ranges') this.#rangeFound(Number(name), rangeSchema.parse(entry.value));
        if (key === Key.COORDINATOR) this.#renewal = coordinatorSchema.parse(entry.value).renewal;
      }
    }
    await this.#ledger.write(Key.COORDINATOR, { instance: this.#instance, renewal: ++this.#renewal });
    // A grant may lack what its ranges say already.
    const owners = new Map(
      this.#ranges.flatMap(({ record }) =>
        record === null ? [] : [[record.agent, record.incarnation] as const],
      ),
    );
    for (const [agent, incarnation] of owners) await this.#writeGrant(agent, incarnation);
    hub.send(Signal.ANNOUNCE, { run: this.#run.run, generation });
  }

  async #listen(generation: string = this.#run.generation): Promise<void> {
    const { hub } = this.#options;
    const bucket = bucketOf(generation);
    for (const stop of this.#generationStops.splice(0)) stop();
    this.#generationStops.push(
      hub.changes(bucket, Key.agent('*'), (_key, { value, revision }) => {
        this.#agentChanged(value, revision);
        this.#wake();
      }),
      hub.changes(bucket, Key.RUN, (_key, { value, revision }) => this.#runChanged(value, revision)),
      await hub.results(generation, (value) => this.#resultCame(value)),
    );
  }

  /** Whoever stops a campaign writes its record, too. */
  #runChanged(value: unknown, revision: number): void {
    const parsed = runSchema.safeParse(value);
    if (
      !parsed.success ||
      parsed.data.phase !== 'stopping' ||
      this.#run.phase === 'stopping' ||
      isOver(this.#run)
    )
      return;
    this.#ledger.know(Key.RUN, revision);
    this.#run = parsed.data;
    this.#note(parsed.data.reason ?? 'stopped');
    this.#wake();
  }

  #agentChanged(value: unknown, revision: number): void {
    const parsed = agentSchema.safeParse(value);
    if (!parsed.success) {
      this.#malformed++;
      return;
    }
    const record = parsed.data;
    const session = this.#sessions.get(record.incarnation);
    if (session === undefined) {
      this.#newSession(record, revision);
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
    // Its record is written over, so an earlier incarnation can renew nothing any more.
    for (const other of this.#sessions.values())
      if (other.agent === record.agent && other.incarnation !== record.incarnation) other.fenced = true;
    this.#sessions.set(record.incarnation, new Session(record, revision, this.#run, this.#now()));
    // Epochs go on from the highest that anybody has had.
    for (const span of record.spans)
      for (const number of numbersOf(span)) {
        const range = this.#ranges[number];
        if (range === undefined || (range.record?.epoch ?? 0) >= span.epoch) continue;
        const { agent, incarnation } = record;
        this.#setRange(number, { agent, incarnation, epoch: span.epoch, phase: 'given', startAt: null });
      }
    if (!record.fenced) this.#note(`agent ${record.agent} is here (${record.incarnation})`);
  }

  #setRange(number: number, record: RangeRecord): void {
    const range = this.#ranges[number];
    if (range === undefined) return;
    range.record = record;
    this.#owners.set(`${number}@${record.epoch}`, record.incarnation);
  }

  /** The store does not say which ranges are done: results do. */
  #rangeFound(number: number, found: RangeRecord): void {
    const known = this.#ranges[number]?.record ?? null;
    if (known === null || found.epoch > known.epoch) this.#setRange(number, found);
  }

  #resultCame(value: unknown): void {
    const parsed = resultSchema.safeParse(value);
    if (!parsed.success) {
      this.#malformed++;
      return;
    }
    const message = parsed.data;
    if (message.run !== this.#run.run || !this.#isOwned(message)) {
      this.#rejected++;
      return;
    }
    for (const counted of this.#count(message)) {
      this.#state.result(counted.message);
      this.#options.onResult?.(counted);
    }
    this.#wake();
  }

  /** Whether its sender had the ranges that it speaks of, in these epochs. */
  #isOwned({ spans, finished, incarnation }: ResultMessage): boolean {
    for (const span of [...spans, ...finished])
      for (const number of numbersOf(span))
        if (this.#owners.get(`${number}@${span.epoch}`) !== incarnation) return false;
    return true;
  }

  #count(message: ResultMessage): readonly Counted[] {
    const counted = this.#merger.add(message);
    this.#messages += counted.length;
    for (const {
      message: { finished, failures, incarnation },
    } of counted) {
      for (const failure of failures) if (this.#failures.length < FAILURES_KEPT) this.#failures.push(failure);
      for (const span of finished)
        for (const number of numbersOf(span)) {
          const { record } = this.#ranges[number] ?? { record: null };
          if (record?.incarnation === incarnation && record.epoch === span.epoch)
            this.#setRange(number, { ...record, phase: 'done' });
        }
    }
    return counted;
  }

  async #step(): Promise<void> {
    try {
      if (this.#storeIsSuspect) await this.#checkStore();
      await this.#renew();
      await this.#advance();
      this.#tell();
    } catch (error) {
      if (error instanceof SupersededError) throw error;
      if (error instanceof GoneError) this.#storeIsSuspect = true;
      else if (!(error instanceof NoAnswerError)) throw error;
    }
    await this.#state.sync();
  }

  /** After a reconnection the store may be another one, or have told changes that nobody heard. */
  async #checkStore(): Promise<void> {
    const { hub } = this.#options;
    if (!(await hub.hasGeneration(this.#run.generation))) {
      this.#note('the store is gone: it is made anew');
      await this.#found();
    } else {
      for (const [key, { value, revision }] of await hub.all(bucketOf(this.#run.generation)))
        if (key.startsWith('agents.')) this.#agentChanged(value, revision);
      // A consumer of results may have ended without a word.
      await this.#listen();
    }
    this.#storeIsSuspect = false;
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
        await this.#startAll();
        break;
      case 'running':
        await this.#expire();
        if (this.#allRangesEnded()) await this.#setPhase('done', null);
        break;
      case 'stopping':
        await this.#expire();
        if (this.#allRangesEnded()) await this.#setPhase('aborted', this.#run.reason);
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
    await this.#ledger.write(Key.RUN, run);
    this.#run = run;
    await this.#state.run(run);
    this.#note(reason === null ? phase : `${phase}: ${reason}`);
  }

  /** Waits for the agents; then each gets its ranges. */
  async #gather(): Promise<void> {
    const fit = this.#fitSessions();
    if (fit.length < this.#plan.agents) {
      if (this.#now() < this.#gatherUntil) return;
      await this.#setPhase('aborted', this.#whatLacks(fit.length));
      return;
    }
    const numbers = this.#ranges.map((_, number) => number);
    await this.#give(numbers, fit, null);
    await this.#setPhase('preparing', null);
  }

  #whatLacks(fit: number): string {
    const { clockLimit } = this.#run;
    const here = [...this.#sessions.values()].filter(({ fenced, over }) => !fenced && !over);
    const why = here.flatMap(({ agent, record: { clock, state, reason } }) => {
      if (state === 'failed') return [`${agent}: ${reason}`];
      if (clock === null) return [`${agent}: its clock could not be compared`];
      if (clock.error <= clockLimit) return [];
      return [
        `${agent}: its clock is known to ±${clock.error.toFixed(2)} ms only, and the limit is ${clockLimit} ms`,
      ];
    });
    return [`${fit} of ${this.#plan.agents} agents are ready to start`, ...why].join('; ');
  }

  #fitSessions(): Session[] {
    return [...this.#sessions.values()]
      .filter((session) => session.isFit(this.#run.clockLimit))
      .sort((a, b) => (a.agent < b.agent ? -1 : 1));
  }

  /** Gives ranges to agents, in a new epoch. Returns how many each of them got. */
  async #give(
    numbers: readonly number[],
    sessions: readonly Session[],
    startAt: number | null,
  ): Promise<Record<string, number>> {
    const bySession = new Map(sessions.map((session) => [session.agent, session]));
    const candidates = sessions.map(({ agent, incarnation }) => ({
      agent,
      load: this.#rangesOf(incarnation).length,
    }));
    const counts: Record<string, number> = {};
    for (const [agent, share] of assign(numbers, candidates)) {
      const { incarnation } = bySession.get(agent)!;
      counts[agent] = share.length;
      for (const number of share) {
        const epoch = (this.#ranges[number].record?.epoch ?? 0) + 1;
        this.#setRange(number, { agent, incarnation, epoch, phase: 'given', startAt });
      }
    }
    // On our own disk first: an epoch is never given twice, whatever becomes of the store.
    for (const number of numbers) this.#state.range(number, this.#ranges[number].record!);
    await this.#state.sync();
    await Promise.all(
      numbers.map((number) => this.#ledger.write(Key.range(number), this.#ranges[number].record)),
    );
    for (const agent of Object.keys(counts)) await this.#writeGrant(agent, bySession.get(agent)!.incarnation);
    return counts;
  }

  async #writeGrant(agent: string, incarnation: string): Promise<void> {
    const owned = this.#rangesOf(incarnation).map((number) => ({ number, ...this.#ranges[number].record! }));
    const byStart = groupedByStart(owned);
    const spans = [...byStart].flatMap(([startAt, ranges]) =>
      toSpans(ranges).map((span) => ({ ...span, startAt })),
    );
    const grant: GrantRecord = { incarnation, spans };
    await this.#ledger.write(Key.grant(agent), grantSchema.parse(grant));
  }

  /** Ranges that an incarnation owns and has not finished. */
  #rangesOf(incarnation: string): number[] {
    return this.#ranges.flatMap(({ record }, number) =>
      record?.incarnation === incarnation && record.phase === 'given' ? [number] : [],
    );
  }

  /** All start at once, when all have prepared what they own. */
  async #startAll(): Promise<void> {
    if (this.#orphans().length > 0) return;
    for (const session of this.#sessions.values()) {
      if (session.over || this.#rangesOf(session.incarnation).length === 0) continue;
      if (session.record.state !== 'ready') return;
    }
    await this.#setPhase('running', null, this.#wall() + START_DELAY);
  }

  /** Ranges whose owner is lost and that nobody could take yet. */
  #orphans(): number[] {
    return this.#ranges.flatMap(({ record }, number) => {
      if (record === null || record.phase !== 'given') return [];
      return this.#sessions.get(record.incarnation)?.over === true ? [number] : [];
    });
  }

  /** Ends leases that nobody has renewed, and gives the ranges to others. */
  async #expire(): Promise<void> {
    for (const session of this.#sessions.values()) {
      if (session.over) continue;
      if (!session.isOver(this.#now())) continue;
      if (!session.fenced && !(await this.#fence(session))) continue;
      session.over = true;
      await this.#lost(session);
    }
    if (this.#run.policy === 'reassign' && this.#orphans().length > 0 && this.#fitSessions().length > 0)
      await this.#takeOver(this.#orphans(), null);
    // An agent that nobody has seen in this life of the coordinator had its chance, too.
    this.#missing();
  }

  /** Owners that are in no record of the store: their leases count from when this coordinator began. */
  #missing(): void {
    for (const { record } of this.#ranges) {
      if (record === null || record.phase !== 'given' || this.#sessions.has(record.incarnation)) continue;
      const { agent, incarnation } = record;
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
        spans: [],
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
      if (entry !== null) this.#agentChanged(entry.value, entry.revision);
      if (!session.fenced) return false;
    }
    session.fenced = true;
    return true;
  }

  async #lost(session: Session): Promise<void> {
    const numbers = this.#rangesOf(session.incarnation);
    if (numbers.length === 0) return;
    this.#lostOnes.add(session.incarnation);
    this.#note(`agent ${session.agent} is lost (${session.incarnation}), with ${numbers.length} ranges`);
    if (this.#run.policy === 'reassign' && this.#run.phase !== 'stopping') {
      await this.#takeOver(numbers, session);
      return;
    }
    for (const number of numbers) this.#setRange(number, { ...this.#ranges[number].record!, phase: 'lost' });
    for (const number of numbers) this.#state.range(number, this.#ranges[number].record!);
    this.#tookOver(session, numbers, {});
    await Promise.all(
      numbers.map((number) => this.#ledger.write(Key.range(number), this.#ranges[number].record)),
    );
    if (this.#run.policy === 'abort' && this.#run.phase !== 'stopping')
      await this.#setPhase('stopping', `agent ${session.agent} is lost`);
  }

  async #takeOver(numbers: readonly number[], from: Session | null): Promise<void> {
    const fit = this.#fitSessions();
    if (fit.length === 0) {
      this.#note(`nobody can take ${numbers.length} ranges; they wait for an agent`);
      if (from !== null) this.#tookOver(from, numbers, {});
      return;
    }
    const startAt = this.#run.startAt === null ? null : this.#wall();
    const to = await this.#give(numbers, fit, startAt);
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
      clients: this.#clientsIn(numbers),
      silent: this.#now() - session.lease.seenAt,
      to,
    };
    this.#takeovers.push(takeover);
    this.#state.takeover(takeover);
  }

  #clientsIn(numbers: readonly number[]): number {
    return numbers.reduce((sum, first) => sum + clientsOf(this.#run, { first, count: 1 }).count, 0);
  }

  #allRangesEnded(): boolean {
    return this.#ranges.every(({ record }) => record !== null && record.phase !== 'given');
  }

  /** Waits a little for the last results of those that are still here. */
  #finish(): void {
    this.#finishBy ??= this.#now() + this.#run.lease;
    const open = [...this.#sessions.values()].filter(({ over, incarnation }) => {
      const told = this.#merger.get(incarnation);
      return !over && told !== undefined && !told.complete;
    });
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
      this.#acknowledge();
    }
    if (now < this.#nextSnapshot) return;
    this.#nextSnapshot = now + SNAPSHOT;
    // Encoding histograms takes time: they are told at the end.
    const total = this.#total();
    const snapshot = this.#snapshot({ counters: Object.fromEntries(total.counters), histograms: {} });
    onSnapshot?.(snapshot, total);
    const brief = briefOf(snapshot);
    hub.send(Signal.STATUS, brief);
    if (this.#snapshots++ % KEPT === 0) this.#keep(brief);
  }

  #keep(snapshot: Snapshot): void {
    this.#ledger.write(Key.STATUS, snapshot).catch(() => {
      // It is only what watchers see first. Whoever writes ownership finds out what is wrong.
    });
  }

  #acknowledge(): void {
    const { generation } = this.#run;
    for (const { agent, incarnation, upTo } of this.#merger.incarnations) {
      if (this.#acknowledged.get(incarnation) === upTo) continue;
      this.#acknowledged.set(incarnation, upTo);
      this.#options.hub.send(Signal.acknowledged(agent), { incarnation, generation, upTo });
    }
  }

  /** Tells the result, and keeps it. */
  async #close(): Promise<Outcome> {
    this.#acknowledge();
    const total = this.#total();
    const snapshot = this.#snapshot(total.toJSON());
    this.#options.onSnapshot?.(snapshot, total);
    await this.#state.end(snapshot);
    const brief = briefOf({ ...snapshot, total: { ...snapshot.total, histograms: {} } });
    this.#options.hub.send(Signal.STATUS, brief);
    try {
      await this.#ledger.write(Key.STATUS, brief);
    } catch {
      // The report on this machine has it.
    }
    return {
      snapshot,
      total,
      failures: this.#failures,
      interrupted: this.#run.phase === 'aborted',
    };
  }

  /** What is held by clients of lost agents counts no more: their successors' clients began anew. */
  #total(): Delta {
    return this.#merger.total((incarnation) => !this.#lostOnes.has(incarnation));
  }

  #snapshot(total: DeltaData): Snapshot {
    const { run, name, phase, policy, reason, generation, startAt, clients, lease, clockLimit } = this.#run;
    const now = this.#wall();
    const phases = this.#ranges.map(({ record }) => record?.phase);
    const count = (wanted: RangeRecord['phase']): number => phases.filter((each) => each === wanted).length;
    const end = this.#endedAt ?? now;
    return {
      run,
      name,
      phase,
      policy,
      reason,
      generation,
      now,
      startAt,
      elapsed: startAt === null ? 0 : Math.max(0, end - startAt),
      clients,
      ranges: { total: phases.length, given: count('given'), done: count('done'), lost: count('lost') },
      lease,
      clockLimit,
      agents: [...this.#sessions.values()]
        .map((session) => this.#row(session))
        .sort((x, y) => (x.agent < y.agent ? -1 : x.agent > y.agent ? 1 : 0)),
      takeovers: this.#takeovers,
      gaps: this.#merger.incarnations
        .filter(
          ({ waiting, complete, incarnation }) =>
            waiting > 0 || (!complete && this.#sessions.get(incarnation)?.over !== false),
        )
        .map(({ agent, incarnation, upTo, waiting }) => ({ agent, incarnation, upTo, waiting })),
      results: {
        messages: this.#messages,
        duplicates: this.#merger.duplicates,
        malformed: this.#malformed,
        rejected: this.#rejected,
      },
      total,
      events: this.#events,
    };
  }

  #row(session: Session): AgentRow {
    const { agent, incarnation, record, lease } = session;
    const lost = this.#lostOnes.has(incarnation);
    const told = this.#merger.get(incarnation);
    const numbers = this.#ranges.flatMap((range, number) =>
      range.record?.incarnation === incarnation ? [number] : [],
    );
    return {
      agent,
      incarnation,
      state: stateOf(session, lost, told?.complete === true),
      interfaces: record.interfaces.map((each) => `${each.name} (${each.engine}, ${each.queues} queues)`),
      rate: record.interfaces.reduce((sum, { rate }) => sum + rate, 0),
      clockOffset: record.clock?.offset ?? null,
      clockError: record.clock?.error ?? null,
      ranges: numbers.length,
      clients: this.#clientsIn(numbers),
      silent: this.#now() - lease.seenAt,
      lost,
      messages: told?.upTo ?? 0,
      counters: Object.fromEntries(told?.total.counters ?? []),
    };
  }
}

/** Something that whoever runs a campaign must know. */
export class CampaignError extends Error {
  readonly code: string = 'ERR_CAMPAIGN';

  constructor(message: string) {
    super(message);
    this.name = 'CampaignError';
  }
}

/** The campaign that is under way, if there is one. */
export async function activeRun(hub: Hub): Promise<RunRecord | null> {
  try {
    const current = currentSchema.safeParse((await hub.get(REGISTRY, CURRENT))?.value).data;
    if (current === undefined || !(await hub.hasGeneration(current.generation))) return null;
    const run = runSchema.safeParse((await hub.get(bucketOf(current.generation), Key.RUN))?.value).data;
    return run === undefined || isOver(run) ? null : run;
  } catch (error) {
    if (error instanceof GoneError) return null;
    throw error;
  }
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
function briefOf(snapshot: Snapshot): Snapshot {
  const agents = snapshot.agents.map((row) => ({
    ...row,
    counters: Object.fromEntries(Object.entries(row.counters).filter(([name]) => TOLD.includes(name))),
  }));
  return { ...snapshot, agents, events: snapshot.events.slice(-LAST_EVENTS) };
}

export function isOver({ phase }: RunRecord): boolean {
  return phase === 'done' || phase === 'aborted';
}

/** Node.js 20 has no Map.groupBy. */
function groupedByStart<T extends { readonly startAt: number | null }>(
  items: readonly T[],
): Map<number | null, T[]> {
  const groups = new Map<number | null, T[]>();
  for (const item of items) {
    const group = groups.get(item.startAt);
    if (group === undefined) groups.set(item.startAt, [item]);
    else group.push(item);
  }
  return groups;
}
