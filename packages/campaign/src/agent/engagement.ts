import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ClockTimer } from 'etherconn';
import type { Stop } from '../hub/hub.ts';
import { acknowledgedSchema, grantSchema, runSchema } from '../protocol/messages.ts';
import { bucketOf, Key, Signal } from '../protocol/names.ts';
import type { GrantRecord, ResultMessage, RunRecord } from '../protocol/records.ts';
import { deleteOldJournals } from '../results/old-journals.ts';
import { Outbox } from '../results/outbox.ts';
import type { AgentOptions } from './agent-options.ts';
import type { Incoming } from './incoming.ts';
import { Publisher } from './publisher.ts';

export interface EngagementHost {
  readonly onRun: (run: RunRecord) => void;
  readonly onGrant: (grant: GrantRecord, revision: number) => void;
  /** It is time to tell results. */
  readonly onStep: () => void;
}

/** What an agent has of one campaign, over all its lives: the campaign's record, the journals, and their publisher. */
export class Engagement {
  readonly #options: AgentOptions;
  readonly #incoming: Incoming;
  readonly #host: EngagementHost;
  readonly #publisher: Publisher;
  readonly #stops: Stop[] = [];
  #stepTimer: ClockTimer | null = null;
  /** Writes results one after the other. */
  #writing: Promise<void> = Promise.resolve();
  run: RunRecord;
  generation: string;

  constructor(
    options: AgentOptions,
    incoming: Incoming,
    { run, generation }: { readonly run: RunRecord; readonly generation: string },
    host: EngagementHost,
  ) {
    const { hub, clock, name, log } = options;
    this.#options = options;
    this.#incoming = incoming;
    this.#host = host;
    this.run = run;
    this.generation = generation;
    this.#publisher = new Publisher(hub, clock, name, (error) =>
      log(`results are not sent: ${error.message}`),
    );
  }

  /** Loads results of earlier lives that the coordinator may lack, and deletes those of earlier campaigns. */
  async loadJournals(): Promise<void> {
    const { folder, log } = this.#options;
    deleteOldJournals(folder, this.run.run, log);
    for (const file of readdirSync(folder)) {
      const [ofRun, incarnation] = file.split('.');
      if (ofRun !== this.run.run || !file.endsWith('.journal') || this.#publisher.has(incarnation)) continue;
      const outbox = new Outbox(join(folder, file));
      const final = outbox.last;
      // A journal without an end is that of a process that was killed. Nothing follows.
      if (final !== undefined && !final.last) await outbox.add(closingMessage(final));
      this.#publisher.add(incarnation, outbox);
    }
  }

  /** Opens the journal of a new incarnation. */
  openOutbox(incarnation: string): Outbox {
    const outbox = new Outbox(join(this.#options.folder, `${this.run.run}.${incarnation}.journal`));
    this.#publisher.add(incarnation, outbox);
    return outbox;
  }

  /** Listens to a generation of the store, and sends all results to it. */
  use(generation: string): void {
    for (const stop of this.#stops.splice(0)) stop();
    this.generation = generation;
    this.#publisher.use(generation);
    const { hub, name } = this.#options;
    const bucket = bucketOf(generation);
    this.#stops.push(
      hub.changes(bucket, Key.RUN, (_key, { value }) => {
        const run = this.#incoming.check(runSchema, value);
        if (run !== null) this.#host.onRun(run);
      }),
      hub.changes(bucket, Key.grant(name), (_key, { value, revision }) => {
        const grant = this.#incoming.check(grantSchema, value);
        if (grant !== null) this.#host.onGrant(grant, revision);
      }),
      hub.on(Signal.acknowledged(name), (value) => {
        const message = this.#incoming.check(acknowledgedSchema, value);
        if (message !== null)
          this.#publisher.acknowledge(message.incarnation, message.generation, message.upTo);
      }),
    );
  }

  /** Calls `onStep` once in each step of the campaign. */
  scheduleSteps(): void {
    this.#stepTimer = this.#options.clock.setTimer(() => {
      this.scheduleSteps();
      this.#host.onStep();
    }, this.run.step);
  }

  /** Writes results to the disk, when earlier ones are written, and begins to send them. */
  tell(write: () => Promise<void> = async () => {}): Promise<void> {
    this.#writing = this.#writing.then(async () => {
      await write();
      void this.#publisher.send();
    });
    return this.#writing;
  }

  /** Sends the last results, and leaves the campaign. */
  async leave(): Promise<void> {
    this.#stepTimer?.cancel();
    for (const stop of this.#stops.splice(0)) stop();
    await this.#writing;
    // The first call may join one that began before the last result was written.
    await this.#publisher.send();
    await this.#publisher.send();
    await this.#publisher.close();
    await this.#options.executor.release();
  }
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
