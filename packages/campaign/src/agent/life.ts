import { randomBytes } from 'node:crypto';
import { bucketOf } from '../protocol/names.ts';
import type { AgentState, GrantedSpan, GrantRecord, ResultMessage } from '../protocol/records.ts';
import { clientsOf, numbersOf, rangeCount, toSpans } from '../protocol/spans.ts';
import type { Outbox } from '../results/outbox.ts';
import type { AgentOptions } from './agent-options.ts';
import type { CampaignClock } from './campaign-clock.ts';
import type { Engagement } from './engagement.ts';
import type { Incoming } from './incoming.ts';
import { Membership } from './membership.ts';
import { Runs } from './runs.ts';

export interface LifeHost {
  /** The lease is lost. `isSuperseded` says that another agent has the name. */
  readonly onLost: (isSuperseded: boolean) => void;
  /** The store is gone. */
  readonly onGone: () => void;
}

/** One incarnation of an agent: it lives under one lease, runs what it is given, and writes what that counts. */
export class Life {
  readonly #options: AgentOptions;
  readonly #engagement: Engagement;
  readonly #clock: CampaignClock;
  readonly #incoming: Incoming;
  readonly #incarnation: string = randomBytes(6).toString('hex');
  readonly #membership: Membership;
  readonly #runs: Runs;
  readonly #outbox: Outbox;
  #state: AgentState = 'idle';
  /** Why it has failed. */
  #reason: string | null = null;
  /** Revisions of the last grant that came, and of the last one that is prepared. */
  #received = 0;
  #prepared = 0;
  #preparing: Promise<void> = Promise.resolve();
  /** Ranges that it was given, as `number@epoch`. */
  readonly #known = new Set<string>();
  /** Spans that are prepared and not started. */
  readonly #waiting: GrantedSpan[] = [];
  /** Campaign time up to which results have been told. */
  #told = 0;
  /** Resolves when it has ended; null as long as nobody ends it. */
  #ending: Promise<void> | null = null;

  constructor(
    options: AgentOptions,
    engagement: Engagement,
    clock: CampaignClock,
    incoming: Incoming,
    host: LifeHost,
  ) {
    const { executor, log } = options;
    this.#options = options;
    this.#engagement = engagement;
    this.#clock = clock;
    this.#incoming = incoming;
    this.#outbox = engagement.openOutbox(this.#incarnation);
    this.#membership = this.#newMembership(host);
    this.#runs = new Runs(
      executor,
      // The coordinator waits for the end of ranges.
      () => void this.step(),
      (error) => void this.#fail(error),
    );
    log(`incarnation ${this.#incarnation}`);
  }

  #newMembership({ onLost, onGone }: LifeHost): Membership {
    const { hub, clock, name, executor, log, unfenced = false } = this.#options;
    return new Membership({
      hub,
      clock,
      terms: this.#engagement.run,
      agent: name,
      incarnation: this.#incarnation,
      describe: () => ({
        state: this.#state,
        reason: this.#reason,
        interfaces: executor.interfaces,
        clock: this.#clock.offset,
        grant: this.#prepared,
      }),
      onRenewed: (fenceAt) => executor.sendUntil(unfenced ? Number.POSITIVE_INFINITY : fenceAt),
      onLost: (why, isSuperseded) => {
        log(`lost the lease of ${this.#incarnation}: ${why}`);
        if (unfenced) return;
        // Nothing may be sent from now on.
        executor.sendUntil(Number.NEGATIVE_INFINITY);
        onLost(isSuperseded);
      },
      onGone,
      onTrouble: (error) => log(`the lease is not renewed: ${error.message}`),
    });
  }

  get state(): AgentState {
    return this.#state;
  }

  /** Writes its record into the store of the engagement. In another store, revisions begin anew. */
  join(): void {
    this.#received = 0;
    this.#prepared = 0;
    this.#membership.join(bucketOf(this.#engagement.generation));
  }

  /** Tells the coordinator what has changed in its record. */
  renew(): void {
    this.#membership.renew();
  }

  /** Compares the clocks, and tells the coordinator. */
  async #measureClock(): Promise<void> {
    if (await this.#clock.measure()) this.renew();
  }

  /** A grant says all ranges that the agent has. Prepares those that are new. */
  take(grant: GrantRecord, revision: number): void {
    if (this.#ending !== null || grant.incarnation !== this.#incarnation) return;
    if (revision <= this.#received) return;
    const total = rangeCount(this.#engagement.run);
    if (grant.spans.some(({ first, count }) => first + count > total)) {
      this.#incoming.malformed++;
      return;
    }
    const fresh = grant.spans.flatMap((span) => freshIn(span, this.#known));
    this.#received = revision;
    this.#preparing = this.#preparing.then(() => this.#prepare(revision, fresh));
  }

  /** Makes the clients of a grant, when those of the grants before are made. */
  async #prepare(revision: number, spans: readonly GrantedSpan[]): Promise<void> {
    if (this.#ending !== null || this.#reason !== null) return;
    const { run } = this.#engagement;
    if (this.#state === 'idle') this.#state = 'preparing';
    try {
      await this.#options.executor.prepare(run.scenario);
      for (const { first, count, epoch } of spans)
        await this.#runs.prepare({ first, count, epoch }, clientsOf(run, { first, count }), run.seed);
      // Once more just before the start: clocks drift while agents are waited for.
      if (this.#engagement.run.startAt === null) await this.#measureClock();
    } catch (error) {
      await this.#fail(error);
      return;
    }
    if (this.#isDraining) {
      await this.#runs.finish();
      void this.step();
      return;
    }
    this.#waiting.push(...spans);
    this.#prepared = Math.max(this.#prepared, revision);
    if (this.#state === 'preparing') this.#state = 'ready';
    this.startWaiting();
    this.renew();
  }

  /** Starts what is prepared, when the campaign has a time to start. */
  startWaiting(): void {
    const { phase, startAt: allStartAt } = this.#engagement.run;
    if (this.#ending !== null || phase !== 'running' || allStartAt === null) return;
    if (this.#state !== 'ready' && this.#state !== 'running') return;
    for (const { startAt, ...span } of this.#waiting.splice(0)) {
      this.#state = 'running';
      this.#runs.start(span, this.#clock.toLocal(Math.max(allStartAt, startAt ?? 0)));
    }
  }

  get #isDraining(): boolean {
    return this.#state === 'draining';
  }

  /** Finishes all that it was given, also what is still being prepared. */
  drain(): void {
    if (this.#isDraining || this.#reason !== null) return;
    this.#state = 'draining';
    void this.#runs.finish();
  }

  /** Others take over as soon as they hear of a failure. So everything that runs ends first. */
  async #fail(error: unknown): Promise<void> {
    if (this.#reason !== null) return;
    this.#reason = (error as Error).message.slice(0, 1000);
    this.#options.log(`failed: ${this.#reason}`);
    await this.#runs.abandon();
    await this.step();
    this.#state = 'failed';
    this.renew();
  }

  /** Ends everything that runs, writes the last results, and resigns. */
  end(): Promise<void> {
    this.#ending ??= this.#end();
    return this.#ending;
  }

  async #end(): Promise<void> {
    // First what runs, at once; then what was being prepared meanwhile.
    await this.#runs.abandon();
    await this.#preparing;
    await this.#runs.abandon();
    await this.#engagement.tell(() => this.#write(true));
    await this.#membership.resign();
  }

  /** Tells what was counted since the last time. */
  step(): Promise<void> {
    return this.#engagement.tell(() => this.#write(false));
  }

  async #write(last: boolean): Promise<void> {
    const { run } = this.#engagement;
    const { delta, finished, failures } = this.#runs.collect();
    const isEmpty = delta.counters.size === 0 && delta.histograms.size === 0 && finished.length === 0;
    const seq = this.#outbox.nextSeq;
    if (isEmpty && !(last && seq > 1)) return;
    const now = this.#clock.toCampaign(this.#options.clock.now()) - (run.startAt ?? 0);
    const at = Math.min(Math.max(this.#told, now - 2 * run.step), now);
    const message: ResultMessage = {
      run: run.run,
      agent: this.#options.name,
      incarnation: this.#incarnation,
      seq,
      from: seq,
      at,
      length: now - at,
      spans: [...this.#runs.spans, ...finished],
      delta: delta.toJSON(),
      finished,
      failures,
      last,
    };
    this.#told = now;
    try {
      await this.#outbox.add(message);
    } catch (error) {
      // It is sent all the same: only a crash would lose it.
      this.#options.log(`results are not on disk: ${(error as Error).message}`);
    }
  }
}

/** The ranges of a span that are not known yet. They are known from now on. */
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
