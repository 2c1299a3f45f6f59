import { randomBytes } from 'node:crypto';
import { type Entry, GoneError, type Stop } from '../hub/hub.ts';
import { renewalInterval } from '../protocol/lease.ts';
import { coordinatorSchema, currentSchema, rangeSchema, runSchema } from '../protocol/messages.ts';
import { bucketOf, CURRENT, Key, REGISTRY, Signal } from '../protocol/names.ts';
import { isOver, type Phase } from '../protocol/records.ts';
import { activeRun, CampaignError } from './active-run.ts';
import type { Campaign } from './campaign.ts';
import { Ledger, SupersededError } from './ledger.ts';

/**
 * The campaign's generation of the store: the coordinator creates it or adopts it, listens to it, writes to it, and
 * creates another one when it is lost.
 */
export class Store {
  readonly #campaign: Campaign;
  /** Makes the coordinator take its next step now. */
  readonly #wake: () => void;
  readonly #instance: string = randomBytes(6).toString('hex');
  readonly #stops: Stop[] = [];
  readonly #generationStops: Stop[] = [];
  #ledger: Ledger;
  /** Counts the renewals of the coordinator's own lease. */
  #renewal = 0;
  #nextRenewal = 0;
  #isSuspect = false;
  /** The phase that is being written. */
  #writing: Phase | null = null;

  constructor(campaign: Campaign, wake: () => void) {
    this.#campaign = campaign;
    this.#wake = wake;
    this.#ledger = new Ledger(campaign.options.hub, this.#bucket);
  }

  get #bucket(): string {
    return bucketOf(this.#campaign.run.generation);
  }

  /** Watches for signs that the store is another one. */
  watch(): void {
    const { hub } = this.#campaign.options;
    this.#stops.push(
      hub.onReconnected(() => {
        this.#isSuspect = true;
        this.#campaign.roster.deafUntil = this.#campaign.now();
        this.#wake();
      }),
      hub.changes(REGISTRY, CURRENT, (_key, { value }) => {
        const generation = currentSchema.safeParse(value).data?.generation;
        if (generation === this.#campaign.run.generation) return;
        this.#isSuspect = true;
        this.#wake();
      }),
    );
  }

  close(): void {
    for (const stop of [...this.#stops.splice(0), ...this.#generationStops.splice(0)]) stop();
  }

  /** The next step checks which store is there. */
  suspect(): void {
    this.#isSuspect = true;
  }

  /**
   * Creates a generation of the store, and writes all that is known into it.
   * @param before the registry's entry when there was no generation: whoever replaces it first is the coordinator
   */
  async create(before: Entry | null): Promise<void> {
    const campaign = this.#campaign;
    const { hub } = campaign.options;
    const generation = randomBytes(5).toString('hex');
    campaign.run = { ...campaign.run, generation };
    await campaign.state.run(campaign.run);
    await hub.createRegistry();
    await hub.createGeneration(generation);
    this.#ledger = new Ledger(hub, bucketOf(generation));
    campaign.roster.forgetRevisions();
    campaign.intake.forgetAcknowledged();
    campaign.ownership.forgetWritten();
    await this.#listen(generation);
    await this.#ledger.write(Key.RUN, campaign.run);
    await this.#writeRenewal();
    await this.writeOwnership();
    // The registry comes last: who reads it finds all the rest.
    const { run } = campaign.run;
    const active = await activeRun(hub);
    if (active !== null && active.run !== run)
      throw new CampaignError(`campaign ${active.run} is under way here`);
    const registry = new Ledger(hub, REGISTRY);
    registry.know(CURRENT, before?.revision ?? 0);
    await registry.write(CURRENT, { run, generation });
    this.announce();
  }

  /** Goes on with the campaign in the store that is there, or creates one. Returns false when an ended campaign has none. */
  async takeUp(): Promise<boolean> {
    const { options, run } = this.#campaign;
    const { hub } = options;
    await hub.createRegistry();
    const entry = await hub.get(REGISTRY, CURRENT);
    const current = currentSchema.safeParse(entry?.value).data;
    this.#campaign.note('the coordinator was started again');
    if (current?.run === run.run && (await hub.hasGeneration(current.generation))) {
      await this.#checkNobodyCoordinates(bucketOf(current.generation));
      await this.#adopt(current.generation);
      return true;
    }
    if (isOver(run)) return false;
    await this.create(entry);
    return true;
  }

  /** A coordinator that runs renews its lease within the time that this takes. */
  async #checkNobodyCoordinates(bucket: string): Promise<void> {
    const { options, run } = this.#campaign;
    const { hub, clock } = options;
    const before = await hub.get(bucket, Key.COORDINATOR);
    if (before === null) return;
    await new Promise<void>((resolve) => clock.setTimer(resolve, renewalInterval(run) * 2));
    const after = await hub.get(bucket, Key.COORDINATOR);
    if (after?.revision !== before.revision)
      throw new CampaignError(
        `the coordinator of campaign ${run.run} is running; etherconn campaign watch ${run.run} shows it`,
      );
  }

  /** Takes over a generation that is there. */
  async #adopt(generation: string): Promise<void> {
    const campaign = this.#campaign;
    const { ownership, options } = campaign;
    const bucket = bucketOf(generation);
    this.#ledger = new Ledger(options.hub, bucket);
    await this.#listen(generation);
    ownership.forgetWritten();
    const { ranges } = ownership.unwritten;
    for (const [key, entry] of await options.hub.all(bucket)) {
      const [kind, name] = key.split('.');
      if (kind === 'agents') {
        campaign.roster.changed(name, entry.value, entry.revision);
        continue;
      }
      this.#ledger.know(key, entry.revision);
      if (key === Key.RUN) campaign.run = runSchema.parse(entry.value);
      if (key === Key.COORDINATOR) this.#renewal = coordinatorSchema.parse(entry.value).renewal;
      if (kind === 'ranges') {
        // The store does not say which ranges are done: results do.
        const found = rangeSchema.parse(entry.value);
        const epoch = ownership.get(Number(name))?.epoch ?? 0;
        if (found.epoch > epoch) ownership.set(Number(name), found);
        if (found.epoch >= epoch) ranges.delete(Number(name));
      }
    }
    await this.#writeRenewal();
    this.announce();
  }

  async #listen(generation: string): Promise<void> {
    const { roster, options } = this.#campaign;
    const { hub } = options;
    const bucket = bucketOf(generation);
    for (const stop of this.#generationStops.splice(0)) stop();
    this.#generationStops.push(
      hub.changes(bucket, Key.agent('*'), (key, { value, revision }) => {
        roster.changed(key.slice(Key.agent('').length), value, revision);
        this.#wake();
      }),
      hub.changes(bucket, Key.RUN, (_key, { value, revision }) => this.#runChanged(value, revision)),
    );
    this.#generationStops.push(
      await hub.results(generation, (value, sender) => {
        this.#campaign.takeResult(value, sender);
        this.#wake();
      }),
    );
  }

  /** After a reconnection the store may be another one, or may have told changes that the coordinator missed. */
  async check(): Promise<void> {
    if (!this.#isSuspect) return;
    const campaign = this.#campaign;
    const { hub } = campaign.options;
    const entry = await this.#current();
    const current = currentSchema.safeParse(entry?.value).data;
    const exists = current !== undefined && (await hub.hasGeneration(current.generation));
    if (exists && current.generation !== campaign.run.generation) throw new SupersededError(CURRENT);
    if (!exists) {
      campaign.note('the store is gone: it is made anew');
      await this.create(entry);
    } else {
      const agents = Key.agent('');
      for (const [key, { value, revision }] of await hub.all(this.#bucket)) {
        if (key.startsWith(agents)) campaign.roster.changed(key.slice(agents.length), value, revision);
        if (key === Key.RUN) this.#runChanged(value, revision);
      }
      // A consumer of results may have ended without a word.
      await this.#listen(campaign.run.generation);
    }
    this.#isSuspect = false;
  }

  /** The registry's entry; null when there is no registry. */
  async #current(): Promise<Entry | null> {
    try {
      return await this.#campaign.options.hub.get(REGISTRY, CURRENT);
    } catch (error) {
      if (error instanceof GoneError) return null;
      throw error;
    }
  }

  /** Tells agents which campaign and generation is current. */
  announce(): void {
    const { run, generation } = this.#campaign.run;
    this.#campaign.options.hub.send(Signal.ANNOUNCE, { run, generation });
  }

  /** Renews the coordinator's own lease, when it is time. */
  async renew(): Promise<void> {
    const campaign = this.#campaign;
    if (campaign.now() < this.#nextRenewal) return;
    await this.#writeRenewal();
    this.#nextRenewal = campaign.now() + renewalInterval(campaign.run);
  }

  async #writeRenewal(): Promise<void> {
    await this.#ledger.write(Key.COORDINATOR, { instance: this.#instance, renewal: ++this.#renewal });
  }

  /** Writes the ranges and grants that the store lacks. The next step tries again what fails. */
  async writeOwnership(): Promise<void> {
    const { ownership, state } = this.#campaign;
    const { ranges, grants } = ownership.unwritten;
    if (ranges.size === 0 && grants.size === 0) return;
    // This machine's disk comes first: an epoch is never given twice, whatever becomes of the store.
    await state.sync();
    const ledger = this.#ledger;
    await Promise.all(
      [...ranges].map(async (number) => {
        const record = ownership.get(number)!;
        await ledger.write(Key.range(number), record);
        if (ownership.get(number)!.epoch === record.epoch) ranges.delete(number);
      }),
    );
    await Promise.all(
      [...grants].map(async ([agent, incarnation]) => {
        await ledger.write(Key.grant(agent), ownership.grantOf(incarnation));
        if (grants.get(agent) === incarnation) grants.delete(agent);
      }),
    );
  }

  /** Keeps a snapshot for watchers that come late. */
  async writeStatus(snapshot: unknown): Promise<void> {
    await this.#ledger.write(Key.STATUS, snapshot);
  }

  /** Moves the campaign to a phase, unless somebody stops it at the same moment. */
  async setPhase(
    phase: Phase,
    reason: string | null,
    startAt: number | null = this.#campaign.run.startAt,
  ): Promise<void> {
    const campaign = this.#campaign;
    const run = { ...campaign.run, phase, reason, startAt };
    this.#writing = phase;
    try {
      await this.#ledger.write(Key.RUN, run);
    } catch (error) {
      if (!(error instanceof SupersededError)) throw error;
      // Somebody may have stopped it just now.
      this.#writing = null;
      const before = campaign.run;
      const entry = await campaign.options.hub.get(this.#bucket, Key.RUN);
      if (entry !== null) this.#runChanged(entry.value, entry.revision);
      if (campaign.run === before) throw error;
      return;
    } finally {
      this.#writing = null;
    }
    campaign.run = run;
    await campaign.state.run(run);
    campaign.note(reason === null ? phase : `${phase}: ${reason}`);
  }

  /** `etherconn campaign stop` writes the campaign's record, too. Before the start it aborts the campaign at once. */
  #runChanged(value: unknown, revision: number): void {
    const campaign = this.#campaign;
    const { data: run } = runSchema.safeParse(value);
    if (run === undefined || isOver(campaign.run)) return;
    if (run.phase === campaign.run.phase || run.phase === this.#writing) return;
    if (run.phase !== 'stopping' && run.phase !== 'aborted') return;
    this.#ledger.know(Key.RUN, revision);
    campaign.run = run;
    void campaign.state.run(run);
    campaign.note(run.reason ?? 'stopped');
    this.#wake();
  }
}
