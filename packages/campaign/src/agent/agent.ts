import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock, ClockTimer } from 'etherconn';
import { GoneError, type Hub, NoAnswerError, type Stop } from '../hub/hub.ts';
import { type Exchange, estimateOffset } from '../protocol/clock-offset.ts';
import {
  acknowledgedSchema,
  clockAnswerSchema,
  currentSchema,
  grantSchema,
  runSchema,
} from '../protocol/messages.ts';
import { bucketOf, CURRENT, Key, REGISTRY, Signal } from '../protocol/names.ts';
import type {
  AgentState,
  ClockOffset,
  Current,
  GrantedSpan,
  GrantRecord,
  ResultMessage,
  RunRecord,
} from '../protocol/records.ts';
import { clientsOf, numbersOf, rangeCount, toSpans } from '../protocol/spans.ts';
import { deleteOldJournals } from '../results/old-journals.ts';
import { Outbox } from '../results/outbox.ts';
import type { Executor } from './executor.ts';
import { Membership } from './membership.ts';
import { Publisher } from './publisher.ts';
import { Runs } from './runs.ts';

/** Exchanges by which a clock's offset is estimated, and milliseconds until it is estimated again. */
const EXCHANGES = 8;
const EXCHANGES_MAX = 64;
/** Milliseconds of error that more exchanges are not worth. */
const GOOD_ERROR = 0.25;
const CLOCK_INTERVAL = 120_000;
/** Milliseconds between looks at the store when nothing was heard, and after a failure. */
const LOOK = 30_000;
const RETRY = 500;

export interface AgentOptions {
  readonly hub: Hub;
  readonly clock: Clock;
  /** Milliseconds since the Unix epoch at time 0 of the clock, as this machine has it. */
  readonly epoch: number;
  readonly name: string;
  readonly executor: Executor;
  /** Where results are kept. */
  readonly folder: string;
  readonly log: (text: string) => void;
  /** Another agent has taken the name. This one is closed. */
  readonly onSuperseded?: () => void;
  /** Sends on after the end of a lease: for the test that must find it out. */
  readonly unfenced?: boolean;
}

/** Everything that belongs to one campaign. */
interface Engagement {
  run: RunRecord;
  generation: string;
  readonly publisher: Publisher;
  readonly stops: Stop[];
}

/** A life under one lease. */
interface Life {
  readonly engagement: Engagement;
  readonly membership: Membership;
  readonly runs: Runs;
  readonly outbox: Outbox;
  state: AgentState;
  reason: string | null;
  /** Revision of the grant that was heard of, and of that which is prepared. */
  asked: number;
  grant: number;
  preparing: Promise<void>;
  /** Ranges that it was given, as `number@epoch`. */
  readonly known: Set<string>;
  readonly waiting: GrantedSpan[];
  /** Campaign time up to which results have been told. */
  told: number;
  /** Since when it is being ended, until it has. */
  ending: Promise<void> | null;
}

/** Takes ranges of clients from a campaign's coordinator and runs them, for one campaign after the other. */
export class Agent {
  readonly #options: AgentOptions;
  #engagement: Engagement | null = null;
  #life: Life | null = null;
  #clock: ClockOffset | null = null;
  #clockAt = Number.NEGATIVE_INFINITY;
  #syncing = false;
  #syncAgain = false;
  /** Gives up the question what is current: what was asked of an earlier store may never be answered. */
  #giveUp: () => void = () => {};
  #closed = false;
  /** What the registry said when it was last looked at. */
  #current: Current | null = null;
  #timer: ClockTimer | null = null;
  #stepTimer: ClockTimer | null = null;
  readonly #stops: Stop[] = [];
  /** Results are written one after the other. */
  #writing: Promise<void> = Promise.resolve();
  /** Until the last campaign is left. */
  #leaving: Promise<void> = Promise.resolve();
  /** Messages that did not fit their schema. */
  malformed = 0;

  constructor(options: AgentOptions) {
    this.#options = options;
    mkdirSync(options.folder, { recursive: true });
  }

  /** Waits for campaigns. */
  start(): void {
    const { hub } = this.#options;
    this.#stops.push(
      hub.onReconnected(() => this.#sync()),
      hub.on(Signal.ANNOUNCE, (value) => {
        const current = this.#check(currentSchema, value);
        const { run, generation } = this.#current ?? {};
        if (current !== null && (current.run !== run || current.generation !== generation)) this.#sync();
      }),
    );
    this.#sync();
  }

  /** Ends what is running, tells its results, and leaves. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#timer?.cancel();
    for (const stop of this.#stops) stop();
    await this.#endLife();
    await this.#disengage();
  }

  get state(): AgentState {
    return this.#life?.state ?? 'idle';
  }

  /** Looks at what is there, now and again in a while; one look at a time. */
  #sync = (): void => {
    if (this.#closed) return;
    if (this.#syncing) {
      this.#syncAgain = true;
      this.#giveUp();
      return;
    }
    this.#syncing = true;
    this.#timer?.cancel();
    this.#look().then(
      () => this.#synced(LOOK),
      (error: unknown) => {
        const isExpected = error instanceof NoAnswerError || error instanceof GoneError;
        if (!isExpected) this.#options.log(`error: ${(error as Error).stack}`);
        this.#synced(RETRY);
      },
    );
  };

  #synced(next: number): void {
    this.#syncing = false;
    if (this.#closed) return;
    const delay = this.#syncAgain ? 0 : next;
    this.#syncAgain = false;
    this.#timer = this.#options.clock.setTimer(this.#sync, delay);
  }

  async #look(): Promise<void> {
    const { hub } = this.#options;
    const given = new Promise<never>((_, reject) => {
      this.#giveUp = () => reject(new NoAnswerError('given up'));
    });
    const entry = await Promise.race([hub.get(REGISTRY, CURRENT), given]);
    const current = this.#check(currentSchema, entry?.value);
    if (current === null) return;
    this.#current = current;
    const bucket = bucketOf(current.generation);
    const run = this.#check(runSchema, (await hub.get(bucket, Key.RUN))?.value);
    if (run === null || this.#closed) return;
    if (this.#engagement?.run.run !== current.run) await this.#engage(current, run);
    else if (this.#engagement.generation !== current.generation) await this.#follow(current, run);
    if (this.#engagement === null) return;
    this.#runChanged(run);
    if (this.#engagement === null) return;
    if (this.#clockIsOld()) await this.#measureClock();
    // The campaign may have ended meanwhile.
    if (this.#engagement === null || this.#closed) return;
    if (this.#life === null) this.#begin(this.#engagement);
    const grant = await hub.get(bucket, Key.grant(this.#options.name));
    if (grant !== null) this.#grantChanged(grant.value, grant.revision);
  }

  async #engage(current: Current, run: RunRecord): Promise<void> {
    await this.#endLife();
    await this.#disengage();
    if (isOver(run) || this.#closed) return;
    const { hub, clock, name, log } = this.#options;
    log(`campaign ${run.run}`);
    const publisher = new Publisher(hub, clock, name, (error) =>
      log(`results are not sent: ${error.message}`),
    );
    const engagement: Engagement = { run, generation: current.generation, publisher, stops: [] };
    this.#engagement = engagement;
    this.#clockAt = Number.NEGATIVE_INFINITY;
    deleteOldJournals(this.#options.folder, run.run, log);
    await this.#loadJournals(engagement);
    if (this.#engagement !== engagement) return;
    publisher.use(current.generation);
    this.#listen(engagement);
    this.#scheduleStep();
  }

  /** The store is another one: the campaign goes on in it, and all results are told again. */
  async #follow(current: Current, run: RunRecord): Promise<void> {
    const engagement = this.#engagement!;
    this.#options.log(`store ${current.generation}`);
    for (const stop of engagement.stops.splice(0)) stop();
    engagement.generation = current.generation;
    engagement.run = run;
    engagement.publisher.use(current.generation);
    this.#listen(engagement);
    if (this.#life === null) return;
    // Revisions begin anew.
    this.#life.asked = 0;
    this.#life.grant = 0;
    this.#life.membership.join(bucketOf(current.generation));
  }

  #listen({ generation, stops, publisher }: Engagement): void {
    const { hub, name } = this.#options;
    const bucket = bucketOf(generation);
    stops.push(
      hub.changes(bucket, Key.RUN, (_key, { value }) => {
        const run = this.#check(runSchema, value);
        if (run !== null) this.#runChanged(run);
      }),
      hub.changes(bucket, Key.grant(name), (_key, { value, revision }) =>
        this.#grantChanged(value, revision),
      ),
      hub.on(Signal.acknowledged(name), (value) => {
        const message = this.#check(acknowledgedSchema, value);
        if (message !== null) publisher.acknowledge(message.incarnation, message.generation, message.upTo);
      }),
    );
  }

  /** Results of earlier lives that the coordinator may lack. */
  async #loadJournals({ run, publisher }: Engagement): Promise<void> {
    const { folder } = this.#options;
    for (const file of readdirSync(folder)) {
      const [ofRun, incarnation] = file.split('.');
      if (ofRun !== run.run || !file.endsWith('.journal') || publisher.has(incarnation)) continue;
      const outbox = new Outbox(join(folder, file));
      const final = outbox.last;
      // It was killed. What is here is all that there is of it.
      if (final !== undefined && !final.last) await outbox.add(closingMessage(final));
      publisher.add(incarnation, outbox);
    }
  }

  /** Joins with a new incarnation. */
  #begin(engagement: Engagement): void {
    const { run, generation, publisher } = engagement;
    const { hub, clock, name, folder, executor, log, unfenced = false } = this.#options;
    const incarnation = randomBytes(6).toString('hex');
    const outbox = new Outbox(join(folder, `${run.run}.${incarnation}.journal`));
    publisher.add(incarnation, outbox);
    const membership = new Membership({
      hub,
      clock,
      terms: run,
      agent: name,
      incarnation,
      describe: () => ({
        state: life.state,
        reason: life.reason,
        interfaces: executor.interfaces,
        clock: this.#clock,
        grant: life.grant,
      }),
      onRenewed: (fenceAt) => executor.sendUntil(unfenced ? Number.POSITIVE_INFINITY : fenceAt),
      onLost: (why, superseded) => {
        log(`lost the lease of ${incarnation}: ${why}`);
        if (unfenced || this.#life !== life) return;
        // At once: nothing of it may be sent any more.
        executor.sendUntil(Number.NEGATIVE_INFINITY);
        if (superseded) void this.close().then(this.#options.onSuperseded);
        else void this.#endLife().then(this.#sync);
      },
      onGone: this.#sync,
      onTrouble: (error) => log(`the lease is not renewed: ${error.message}`),
    });
    const life: Life = {
      engagement,
      membership,
      runs: new Runs(
        executor,
        () => this.#stepSoon(),
        (error) => void this.#failed(life, error),
      ),
      outbox,
      state: 'idle',
      reason: null,
      asked: 0,
      grant: 0,
      preparing: Promise.resolve(),
      known: new Set(),
      waiting: [],
      told: 0,
      ending: null,
    };
    this.#life = life;
    log(`incarnation ${incarnation}`);
    membership.join(bucketOf(generation));
  }

  /** Others take over as soon as they hear of it. So first all that runs comes to its end. */
  async #failed(life: Life, error: unknown): Promise<void> {
    if (life.reason !== null) return;
    life.reason = (error as Error).message.slice(0, 1000);
    this.#options.log(`failed: ${life.reason}`);
    await life.runs.abandon();
    await this.#step(false);
    life.state = 'failed';
    life.membership.renew();
  }

  #runChanged(run: RunRecord): void {
    const engagement = this.#engagement;
    if (engagement === null || run.run !== engagement.run.run) return;
    engagement.run = run;
    if (isOver(run)) {
      void this.#endLife().then(() => this.#disengage());
      return;
    }
    if (run.phase === 'stopping') {
      if (this.#life !== null) this.#drain(this.#life);
      return;
    }
    this.#startWaiting();
  }

  /** Whatever it was given ends, also what is still being prepared. */
  #drain(life: Life): void {
    if (life.state === 'draining' || life.reason !== null) return;
    life.state = 'draining';
    void life.runs.finish();
  }

  #grantChanged(value: unknown, revision: number): void {
    const life = this.#life;
    const grant: GrantRecord | null = this.#check(grantSchema, value);
    if (
      life === null ||
      life.ending !== null ||
      grant === null ||
      grant.incarnation !== life.membership.incarnation
    )
      return;
    if (revision <= life.asked) return;
    const total = rangeCount(life.engagement.run);
    if (grant.spans.some(({ first, count }) => first + count > total)) {
      this.malformed++;
      return;
    }
    const fresh = grant.spans.flatMap((span) => freshIn(span, life.known));
    life.asked = revision;
    this.#prepare(life, revision, fresh);
  }

  /** Makes the clients of a grant, one grant after the other. */
  #prepare(life: Life, revision: number, spans: readonly GrantedSpan[]): void {
    life.preparing = life.preparing.then(async () => {
      const run = this.#engagement?.run;
      if (life !== this.#life || life.ending !== null || life.reason !== null || run === undefined) return;
      if (life.state === 'idle') life.state = 'preparing';
      try {
        await this.#options.executor.prepare(run.scenario);
        for (const { first, count, epoch } of spans)
          await life.runs.prepare({ first, count, epoch }, clientsOf(run, { first, count }), run.seed);
        // Once more just before the start: clocks drift while agents are waited for.
        if (this.#engagement?.run.startAt === null) await this.#measureClock();
      } catch (error) {
        await this.#failed(life, error);
        return;
      }
      if (life.state === 'draining') {
        await life.runs.finish();
        this.#stepSoon();
        return;
      }
      life.waiting.push(...spans);
      life.grant = Math.max(life.grant, revision);
      if (life.state === 'preparing') life.state = 'ready';
      this.#startWaiting();
      life.membership.renew();
    });
  }

  /** Starts what is prepared, once it is known when. */
  #startWaiting(): void {
    const life = this.#life;
    const run = this.#engagement?.run;
    if (
      life === null ||
      run === undefined ||
      life.ending !== null ||
      run.phase !== 'running' ||
      run.startAt === null
    )
      return;
    if (life.state !== 'ready' && life.state !== 'running') return;
    for (const { startAt, ...span } of life.waiting.splice(0)) {
      life.state = 'running';
      life.runs.start(span, this.#toLocal(Math.max(run.startAt, startAt ?? 0)));
    }
  }

  /** The coordinator's time as time of our clock, and back. */
  #toLocal(time: number): number {
    return time + (this.#clock?.offset ?? 0) - this.#options.epoch;
  }

  #toCampaign(local: number): number {
    return local - (this.#clock?.offset ?? 0) + this.#options.epoch;
  }

  #clockIsOld(): boolean {
    return this.#options.clock.now() - this.#clockAt > CLOCK_INTERVAL;
  }

  async #measureClock(): Promise<void> {
    const { hub, clock, epoch, name } = this.#options;
    const exchanges: Exchange[] = [];
    for (let i = 0; i < EXCHANGES_MAX; i++) {
      if (i >= EXCHANGES && (estimateOffset(exchanges)?.error ?? 0) <= GOOD_ERROR) break;
      const asked = clock.now() + epoch;
      let answer: unknown;
      try {
        answer = await hub.request(Signal.clock(name), null);
      } catch (error) {
        // Without a coordinator there is nobody to compare with.
        if (error instanceof NoAnswerError || error instanceof GoneError) break;
        throw error;
      }
      const answered = clock.now() + epoch;
      const times = this.#check(clockAnswerSchema, answer);
      if (times !== null) exchanges.push({ asked, ...times, answered });
    }
    const estimate = estimateOffset(exchanges);
    if (estimate === null) return;
    this.#clock = estimate;
    this.#clockAt = clock.now();
    this.#life?.membership.renew();
  }

  #scheduleStep(): void {
    this.#stepTimer?.cancel();
    const engagement = this.#engagement;
    if (engagement === null) return;
    this.#stepTimer = this.#options.clock.setTimer(() => {
      this.#scheduleStep();
      void this.#step(false);
    }, engagement.run.step);
  }

  /** A range has come to its end: the coordinator waits for that. */
  #stepSoon(): void {
    void this.#step(false);
  }

  /** Writes what was counted since the last time to the disk, and sends it. */
  #step(last: boolean): Promise<void> {
    const life = this.#life;
    const engagement = life?.engagement ?? this.#engagement;
    if (engagement === null) return Promise.resolve();
    this.#writing = this.#writing.then(async () => {
      if (life !== null) await this.#write(engagement, life, last);
      void engagement.publisher.send();
    });
    return this.#writing;
  }

  async #write({ run }: Engagement, life: Life, last: boolean): Promise<void> {
    const { delta, finished, failures } = life.runs.collect();
    const isEmpty = delta.counters.size === 0 && delta.histograms.size === 0 && finished.length === 0;
    if (isEmpty && !(last && life.outbox.nextSeq > 1)) return;
    const now = this.#toCampaign(this.#options.clock.now()) - (run.startAt ?? 0);
    const at = Math.min(Math.max(life.told, now - 2 * run.step), now);
    const seq = life.outbox.nextSeq;
    const message: ResultMessage = {
      run: run.run,
      agent: this.#options.name,
      incarnation: life.membership.incarnation,
      seq,
      from: seq,
      at,
      length: now - at,
      spans: [...life.runs.spans, ...finished],
      delta: delta.toJSON(),
      finished,
      failures,
      last,
    };
    life.told = now;
    try {
      await life.outbox.add(message);
    } catch (error) {
      // It is sent all the same: only a crash would lose it.
      this.#options.log(`results are not on disk: ${(error as Error).message}`);
    }
  }

  /** Ends all runs of this life, and writes their last results. */
  async #endLife(): Promise<void> {
    const life = this.#life;
    if (life === null) return;
    life.ending ??= this.#end(life);
    await life.ending;
  }

  async #end(life: Life): Promise<void> {
    // At once what runs, then also what was being prepared.
    await life.runs.abandon();
    await life.preparing;
    await life.runs.abandon();
    await this.#step(true);
    await life.membership.resign();
    if (this.#life === life) this.#life = null;
  }

  #disengage(): Promise<void> {
    const engagement = this.#engagement;
    if (engagement !== null) this.#leaving = this.#leave(engagement);
    return this.#leaving;
  }

  async #leave({ stops, publisher }: Engagement): Promise<void> {
    this.#engagement = null;
    this.#stepTimer?.cancel();
    for (const stop of stops.splice(0)) stop();
    await this.#writing;
    // What is being sent may have begun before the last of it was there.
    await publisher.send();
    await publisher.send();
    await publisher.close();
    await this.#options.executor.release();
  }

  /** Data from the network, or null when it is not what it should be. */
  #check<T>(schema: { safeParse(value: unknown): { success: boolean; data?: T } }, value: unknown): T | null {
    if (value === undefined || value === null) return null;
    const result = schema.safeParse(value);
    if (!result.success) this.malformed++;
    return result.success ? result.data! : null;
  }
}

function isOver({ phase }: RunRecord): boolean {
  return phase === 'done' || phase === 'aborted';
}

/** Ranges of a span that are not known yet; then they are. A grant says all that is open, in spans as they come. */
function freshIn(span: GrantedSpan, known: Set<string>): GrantedSpan[] {
  const { epoch, startAt } = span;
  const ranges: { number: number; epoch: number }[] = [];
  for (const number of numbersOf(span)) {
    const key = `${number}@${epoch}`;
    if (!known.has(key)) ranges.push({ number, epoch });
    known.add(key);
  }
  return toSpans(ranges).map((each) => ({ ...each, startAt }));
}

/** An end for the results of a life that had none. */
function closingMessage(final: ResultMessage): ResultMessage {
  const seq = final.seq + 1;
  const at = final.at + final.length;
  return {
    ...final,
    seq,
    from: seq,
    at,
    length: 0,
    spans: [],
    delta: { counters: {}, histograms: {} },
    finished: [],
    failures: [],
    last: true,
  };
}
