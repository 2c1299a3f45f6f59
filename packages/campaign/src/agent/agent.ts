import { mkdirSync } from 'node:fs';
import type { ClockTimer } from 'etherconn';
import { GoneError, NoAnswerError, type Stop } from '../hub/hub.ts';
import { currentSchema, grantSchema, runSchema } from '../protocol/messages.ts';
import { bucketOf, CURRENT, Key, REGISTRY, Signal } from '../protocol/names.ts';
import {
  type AgentState,
  type Current,
  type GrantRecord,
  isOver,
  type RunRecord,
} from '../protocol/records.ts';
import type { AgentOptions } from './agent-options.ts';
import { CampaignClock } from './campaign-clock.ts';
import { Engagement } from './engagement.ts';
import { Incoming } from './incoming.ts';
import { Life } from './life.ts';

export type { AgentOptions };

/** Milliseconds until the next look at the store: when there is no news, and after a failure. */
const LOOK = 30_000;
const RETRY = 500;

/**
 * Takes ranges of clients from a campaign's coordinator and runs them, for one campaign after the other. It looks at
 * the store, engages with the campaign that is current, and begins a life in it; a life that loses its lease is
 * followed by another one.
 */
export class Agent {
  readonly #options: AgentOptions;
  readonly #incoming = new Incoming();
  readonly #clock: CampaignClock;
  readonly #stops: Stop[] = [];
  #engagement: Engagement | null = null;
  #life: Life | null = null;
  /** What the registry said at the last look. */
  #current: Current | null = null;
  #timer: ClockTimer | null = null;
  #isLooking = false;
  #looksAgain = false;
  /** Gives up the question what is current: nobody may ever answer what was asked of an earlier store. */
  #giveUp: () => void = () => {};
  /** Resolves when the last campaign is left. */
  #leaving: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: AgentOptions) {
    this.#options = options;
    this.#clock = new CampaignClock(options, this.#incoming);
    mkdirSync(options.folder, { recursive: true });
  }

  /** Waits for campaigns. */
  start(): void {
    const { hub } = this.#options;
    this.#stops.push(
      hub.onReconnected(() => this.#sync()),
      hub.on(Signal.ANNOUNCE, (value) => {
        const current = this.#incoming.check(currentSchema, value);
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

  /** Messages that did not fit their schema. */
  get malformed(): number {
    return this.#incoming.malformed;
  }

  /** Looks at the store, now and again after a while; one look at a time. */
  #sync = (): void => {
    if (this.#closed) return;
    if (this.#isLooking) {
      this.#looksAgain = true;
      this.#giveUp();
      return;
    }
    this.#isLooking = true;
    this.#timer?.cancel();
    this.#look().then(
      () => this.#looked(this.#lacksTime ? RETRY : LOOK),
      (error: unknown) => {
        const isExpected = error instanceof NoAnswerError || error instanceof GoneError;
        if (!isExpected) this.#options.log(`error: ${(error as Error).stack}`);
        this.#looked(RETRY);
      },
    );
  };

  /** The coordinator has not said its time. Without it the agent gets no clients. */
  get #lacksTime(): boolean {
    return this.#engagement !== null && this.#clock.isOld;
  }

  #looked(next: number): void {
    this.#isLooking = false;
    if (this.#closed) return;
    const delay = this.#looksAgain ? 0 : next;
    this.#looksAgain = false;
    this.#timer = this.#options.clock.setTimer(this.#sync, delay);
  }

  async #look(): Promise<void> {
    const { hub, name } = this.#options;
    const givenUp = new Promise<never>((_, reject) => {
      this.#giveUp = () => reject(new NoAnswerError('given up'));
    });
    const entry = await Promise.race([hub.get(REGISTRY, CURRENT), givenUp]);
    const current = this.#incoming.check(currentSchema, entry?.value);
    if (current === null) return;
    this.#current = current;
    const bucket = bucketOf(current.generation);
    const run = this.#incoming.check(runSchema, (await hub.get(bucket, Key.RUN))?.value);
    if (run === null || this.#closed) return;
    if (this.#engagement?.run.run !== current.run) await this.#engage(current, run);
    else if (this.#engagement.generation !== current.generation) this.#follow(current, run);
    if (this.#engagement === null) return;
    this.#runChanged(run);
    if (isOver(run)) return;
    if (this.#clock.isOld && (await this.#clock.measure())) this.#life?.renew();
    // The campaign may have ended meanwhile.
    if (this.#engagement === null || isOver(this.#engagement.run) || this.#closed) return;
    this.#life ??= this.#begin(this.#engagement);
    const granted = await hub.get(bucket, Key.grant(name));
    const grant = this.#incoming.check(grantSchema, granted?.value);
    if (grant !== null) this.#granted(grant, granted!.revision);
  }

  /** Leaves the campaign before, and takes part in this one. */
  async #engage({ generation }: Current, run: RunRecord): Promise<void> {
    await this.#endLife();
    await this.#disengage();
    if (isOver(run) || this.#closed) return;
    this.#options.log(`campaign ${run.run}`);
    const engagement = new Engagement(
      this.#options,
      this.#incoming,
      { run, generation },
      {
        onRun: (changed) => this.#runChanged(changed),
        onGrant: (grant, revision) => this.#granted(grant, revision),
        onStep: () => void (this.#life === null ? engagement.tell() : this.#life.step()),
      },
    );
    this.#engagement = engagement;
    this.#clock.outdate();
    await engagement.loadJournals();
    if (this.#engagement !== engagement) return;
    engagement.use(generation);
    engagement.scheduleSteps();
  }

  /** The store is another one: the campaign goes on in it, and the agent tells all results again. */
  #follow({ generation }: Current, run: RunRecord): void {
    const engagement = this.#engagement!;
    this.#options.log(`store ${generation}`);
    engagement.run = run;
    engagement.use(generation);
    this.#life?.join();
  }

  /** Joins the campaign as a new incarnation. */
  #begin(engagement: Engagement): Life {
    const life = new Life(this.#options, engagement, this.#clock, this.#incoming, {
      onLost: (isSuperseded) => {
        if (isSuperseded) void this.close().then(this.#options.onSuperseded);
        else void this.#endLife().then(this.#sync);
      },
      onGone: this.#sync,
    });
    life.join();
    return life;
  }

  #runChanged(run: RunRecord): void {
    const engagement = this.#engagement;
    if (engagement === null || run.run !== engagement.run.run) return;
    engagement.run = run;
    if (isOver(run)) void this.#endLife().then(() => this.#disengage());
    else if (run.phase === 'stopping') this.#life?.drain();
    else this.#life?.startWaiting();
  }

  #granted(grant: GrantRecord, revision: number): void {
    this.#life?.take(grant, revision);
  }

  async #endLife(): Promise<void> {
    const life = this.#life;
    if (life === null) return;
    await life.end();
    if (this.#life === life) this.#life = null;
  }

  #disengage(): Promise<void> {
    const engagement = this.#engagement;
    this.#engagement = null;
    if (engagement !== null) this.#leaving = engagement.leave();
    return this.#leaving;
  }
}
