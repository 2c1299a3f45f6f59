import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Delta, SeededRandom } from '@etherconn/cli/parts';
import { VirtualClock } from 'etherconn';
import { Agent } from '../agent/agent.ts';
import { CampaignError } from '../coordinator/active-run.ts';
import { Coordinator, type CoordinatorOptions, type Outcome } from '../coordinator/coordinator.ts';
import { SupersededError } from '../coordinator/ledger.ts';
import type { Plan } from '../coordinator/plan.ts';
import { StateFile } from '../coordinator/state-file.ts';
import { ConflictError, GoneError, NoAnswerError } from '../hub/hub.ts';
import { bucketOf, CURRENT, Key, REGISTRY } from '../protocol/names.ts';
import type { Policy, RunRecord } from '../protocol/records.ts';
import { Journal } from '../results/journal.ts';
import { Outbox } from '../results/outbox.ts';
import { FakeExecutor } from './fake-executor.ts';
import { type MemoryHub, MemoryServer } from './memory-hub.ts';
import { VirtualProcess, type VirtualProcessOptions } from './virtual-process.ts';

/** Choices that follow from a seed. */
export class Dice {
  readonly #random: SeededRandom;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
  }

  /** From 0, below 1. */
  get next(): number {
    return this.#random.next();
  }

  between(low: number, high: number): number {
    return low + this.next * (high - low);
  }

  whole(below: number): number {
    return Math.floor(this.next * below);
  }

  one<T>(of: readonly T[]): T {
    return of[this.whole(of.length)];
  }
}

const KINDS = [
  'kill',
  'kill',
  'stop',
  'stop',
  'cut',
  'cut',
  'cut',
  'stall',
  'stall',
  'late',
  'twin',
  'broken',
  'failing',
  'restart hub',
  'lose store',
  'kill coordinator',
  'stop coordinator',
  'cut coordinator',
  'stall coordinator',
  'resume twice',
  'stop campaign',
] as const;

/** Something that goes wrong, from `at`, for `length` milliseconds. */
export interface Fault {
  readonly at: number;
  readonly kind: (typeof KINDS)[number];
  readonly agent: number;
  readonly length: number;
  readonly out: boolean;
  readonly into: boolean;
}

/** What happens in a campaign, as it follows from a seed. */
export interface Schedule {
  readonly seed: number;
  readonly policy: Policy;
  readonly agents: number;
  readonly clients: number;
  readonly length: number;
  readonly faults: readonly Fault[];
}

/** Faults begin in this time. */
const TROUBLE = 25_000;
/** So long after the last fault a campaign has ended, whatever has happened. */
const END = 150_000;
const LEASE = 3000;
const PER_RANGE = 5;

export function scheduleOf(seed: number): Schedule {
  const dice = new Dice(seed);
  const policy = dice.one(['reassign', 'reassign', 'reassign', 'continue', 'abort'] as const);
  const agents = 2 + dice.whole(3);
  const faults = Array.from({ length: 1 + dice.whole(9) }, (): Fault => {
    const way = dice.whole(3);
    return {
      at: dice.between(0, dice.one([6000, 12_000, TROUBLE])),
      kind: dice.one(KINDS),
      agent: dice.whole(agents),
      length: dice.one([dice.between(10, 1000), dice.between(500, LEASE), dice.between(LEASE, 4 * LEASE)]),
      out: way !== 1,
      into: way !== 0,
    };
  });
  return {
    ...{ seed, policy, agents },
    clients: 20 + dice.whole(60),
    length: dice.between(2000, 15_000),
    faults: faults.sort((a, b) => a.at - b.at),
  };
}

interface ChaosAgent {
  readonly name: string;
  readonly folder: string;
  readonly process: VirtualProcess;
  readonly hub: MemoryHub;
  readonly executor: FakeExecutor;
  readonly agent: Agent;
  /** Another one has its name. */
  isSuperseded: boolean;
}

/** A campaign in virtual time in which things go wrong. Throws what must never be. */
export class Chaos {
  readonly log: string[] = [];
  readonly #schedule: Schedule;
  readonly #dice: Dice;
  readonly #clock = new VirtualClock();
  readonly #server = new MemoryServer(this.#clock);
  readonly #folder = mkdtempSync(join(tmpdir(), 'etherconn-chaos-'));
  readonly #machines: VirtualProcessOptions[];
  readonly #ever: ChaosAgent[] = [];
  /** Those that run now, by place. */
  readonly #agents: ChaosAgent[] = [];
  readonly #coordinators = new Map<VirtualProcess, MemoryHub>();
  #campaign = '';
  #outcome: Outcome | null = null;
  #violation: unknown = null;
  #isStopped = false;

  constructor(schedule: Schedule) {
    this.#schedule = schedule;
    this.#dice = new Dice(~schedule.seed);
    this.#clock.addActivity(() => Journal.syncs > 0);
    this.#machines = Array.from({ length: schedule.agents + 2 }, () => ({
      offset: this.#dice.between(0, 1e9),
      rate: this.#dice.between(0.99, 1.01),
    }));
  }

  async run(): Promise<void> {
    try {
      for (let i = 0; i < this.#schedule.agents; i++) this.#startAgent(i);
      this.#coordinate((options) => Coordinator.begin(options, this.#plan()));
      await this.#until('it begins', () => this.#campaign !== '', 20_000);
      for (const fault of this.#schedule.faults) this.#clock.setTimer(() => this.#happen(fault), fault.at);
      await this.#clock.advance(TROUBLE);
      this.#heal();
      await this.#until('it ends', () => this.#outcome !== null, END);
      await this.#clock.advance(5000);
      this.#check(this.#outcome!);
      await this.#closeAll();
    } catch (error) {
      throw this.#violation ?? error;
    } finally {
      rmSync(this.#folder, { recursive: true, force: true });
    }
  }

  #plan(): Plan {
    const { policy, agents, clients, seed } = this.#schedule;
    return {
      ...{ name: 'chaos', scenario: null, clients, clientsPerRange: PER_RANGE, seed, policy, agents },
      ...{ lease: LEASE, margin: 200, clockLimit: 50, step: 1000, wait: 10_000, thresholds: [] },
    };
  }

  async #until(what: string, predicate: () => boolean, limit: number): Promise<void> {
    const isOver = (): boolean => this.#violation !== null || predicate();
    const ended = await this.#clock.runUntil(isOver, this.#clock.now() + limit);
    if (this.#violation !== null) throw this.#violation;
    if (!ended) throw new Error(`${what}: not within ${limit} ms`);
  }

  #note(text: string): void {
    this.log.push(`${this.#clock.now().toFixed(0)} ${text}`);
  }

  #wrong(what: string, error?: unknown): void {
    this.#note(`WRONG: ${what}`);
    this.#violation ??= error ?? new Error(what);
  }

  #latency(): () => number {
    const dice = new Dice(this.#dice.whole(2 ** 31));
    return () => (dice.next < 0.02 ? dice.between(1, 300) : dice.between(0.05, 2));
  }

  /** @param folder whose journals it finds */
  #startAgent(place: number, name = `a${place}`, folder = name): void {
    const machine = this.#machines[place % this.#machines.length];
    const process = new VirtualProcess(this.#clock, machine);
    const hub = this.#server.client(true, process);
    hub.latency = this.#latency();
    const label = `${name}#${this.#ever.length}`;
    const executor = new FakeExecutor(process, label, this.#schedule.length, this.#clock);
    const agent = new Agent({
      ...{ hub, clock: process, name, executor, folder: join(this.#folder, folder) },
      epoch: this.#clock.wallTime() - process.now() + this.#dice.between(-1e7, 1e7),
      log: (text) => {
        this.#note(`${label}: ${text}`);
        if (/^error|not sent|not renewed/.test(text)) this.#wrong(`${label}: ${text}`);
      },
      onSuperseded: () => {
        staged.isSuperseded = true;
      },
    });
    const staged = { name, folder, process, hub, executor, agent, isSuperseded: false };
    this.#agents[place] = staged;
    this.#ever.push(staged);
    agent.start();
  }

  #kill(place: number): void {
    const { process, hub } = this.#agents[place];
    process.kill();
    void hub.close();
  }

  #coordinate(make: (options: CoordinatorOptions) => Promise<Coordinator>): void {
    const process = new VirtualProcess(this.#clock, this.#machines.at(-1));
    const hub = this.#server.client(false, process);
    hub.latency = this.#latency();
    this.#coordinators.set(process, hub);
    const work = async (): Promise<Outcome> => {
      const coordinator = await make({
        hub,
        clock: process,
        epoch: this.#clock.wallTime() - process.now(),
        folder: join(this.#folder, 'coordinator'),
        log: (text) => this.#note(`coordinator ${this.#coordinators.size}: ${text}`),
      });
      this.#campaign = coordinator.run;
      return coordinator.coordinate();
    };
    work().then(
      (outcome) => {
        this.#note(`outcome: ${outcome.snapshot.phase} ${outcome.snapshot.reason ?? ''}`);
        this.#outcome ??= outcome;
        this.#ended(process);
      },
      (error: Error) => {
        this.#note(`coordinator ended: ${error.message}`);
        const isExpected =
          error instanceof SupersededError ||
          error instanceof NoAnswerError ||
          error instanceof GoneError ||
          (error instanceof CampaignError && error.message.includes('is running'));
        if (!isExpected) this.#wrong(`coordinator: ${error.stack}`, error);
        this.#ended(process);
      },
    );
  }

  /** Whoever looks after it starts it again when there is none. */
  #ended(process: VirtualProcess): void {
    process.kill();
    const hub = this.#coordinators.get(process);
    if (hub === undefined) return;
    const left = hub.subscriptions;
    if (left.length > 0) this.#wrong(`a coordinator that has ended listens to ${left}`);
    void hub.close();
    this.#coordinators.delete(process);
    if (this.#outcome === null && this.#coordinators.size === 0)
      this.#resumeIn(this.#dice.between(100, 4000));
  }

  #resumeIn(delay: number): void {
    this.#clock.setTimer(() => {
      if (this.#outcome === null && this.#coordinators.size === 0) this.#resume();
    }, delay);
  }

  #resume(): void {
    this.#note('resume');
    this.#coordinate((options) => Coordinator.resume(options, this.#campaign));
  }

  #happen(fault: Fault): void {
    const { kind, agent: place, length, out, into } = fault;
    this.#note(`--- ${kind} a${place} ${length.toFixed(0)} ms${out ? ' out' : ''}${into ? ' in' : ''}`);
    const chosen = this.#agents[place];
    const later = (what: () => void): void => void this.#clock.setTimer(what, length);
    const coordinators = [...this.#coordinators];
    switch (kind) {
      case 'kill':
        this.#kill(place);
        later(() => {
          if (this.#agents[place].process.isDead) this.#startAgent(place);
        });
        break;
      case 'stop':
        chosen.process.stop();
        later(() => chosen.process.continue());
        break;
      case 'cut':
        cut(chosen.hub, out, into);
        later(() => mend(chosen.hub));
        break;
      case 'stall':
        chosen.hub.stall(out, into);
        later(() => chosen.hub.stall(false, false));
        break;
      case 'late':
        this.#startAgent(this.#agents.length, `late${this.#agents.length}`);
        break;
      case 'twin':
        this.#startAgent(this.#agents.length, `a${place}`, `twin${this.#agents.length}`);
        break;
      case 'broken':
        chosen.executor.broken = true;
        break;
      case 'failing':
        chosen.executor.failing = true;
        later(() => {
          chosen.executor.failing = false;
        });
        break;
      case 'restart hub':
      case 'lose store':
        for (const hub of this.#server.clients) cut(hub, true, true);
        if (kind === 'lose store') {
          this.#server.buckets.clear();
          this.#server.streams.clear();
        }
        later(() => {
          for (const hub of this.#server.clients) mend(hub);
        });
        break;
      case 'kill coordinator':
        for (const [process] of coordinators) this.#killCoordinator(process);
        this.#resumeIn(length);
        break;
      case 'stop coordinator':
        for (const [process] of coordinators) process.stop();
        later(() => {
          for (const [process] of coordinators) process.continue();
        });
        break;
      case 'cut coordinator':
        for (const [, hub] of coordinators) cut(hub, out, into);
        later(() => {
          for (const [, hub] of coordinators) mend(hub);
        });
        break;
      case 'stall coordinator':
        for (const [, hub] of coordinators) hub.stall(out, into);
        later(() => {
          for (const [, hub] of coordinators) hub.stall(false, false);
        });
        break;
      case 'resume twice':
        if (this.#outcome !== null) break;
        this.#resume();
        this.#resume();
        break;
      case 'stop campaign':
        this.#isStopped = true;
        void this.#stopCampaign();
    }
  }

  #killCoordinator(process: VirtualProcess): void {
    process.kill();
    void this.#coordinators.get(process)?.close();
    this.#coordinators.delete(process);
  }

  /** As the command does it. */
  async #stopCampaign(): Promise<void> {
    const hub = this.#server.client();
    try {
      const current = (await hub.get(REGISTRY, CURRENT))?.value as { generation: string } | undefined;
      if (current === undefined) return;
      const bucket = bucketOf(current.generation);
      const entry = await hub.get(bucket, Key.RUN);
      const run = entry?.value as RunRecord | undefined;
      if (run === undefined || run.phase === 'done' || run.phase === 'aborted') return;
      const phase = run.startAt === null ? 'aborted' : 'stopping';
      await hub.put(bucket, Key.RUN, { ...run, phase, reason: 'stopped' }, entry!.revision);
    } catch (error) {
      const isExpected =
        error instanceof NoAnswerError || error instanceof GoneError || error instanceof ConflictError;
      if (!isExpected) this.#wrong('stop', error);
    } finally {
      await hub.close();
    }
  }

  #heal(): void {
    this.#note('--- calm');
    for (const [place, { process, hub, executor, isSuperseded }] of this.#agents.entries()) {
      if (process.isDead && this.#dice.next < 0.7) this.#startAgent(place);
      process.continue();
      hub.stall(false, false);
      mend(hub);
      executor.failing = false;
      if (isSuperseded) this.#note(`${place} was superseded`);
    }
    for (const [process, hub] of this.#coordinators) {
      process.continue();
      hub.stall(false, false);
      mend(hub);
    }
    if (this.#coordinators.size === 0) this.#resumeIn(100);
  }

  #check({ snapshot, total }: Outcome): void {
    const { policy } = this.#schedule;
    const { ranges, phase } = snapshot;
    for (const overlap of this.#overlaps()) throw new Error(overlap);
    if (phase !== 'done' && phase !== 'aborted') throw new Error(`it ended while ${phase}`);
    const hasStarted = snapshot.startAt !== null;
    if (hasStarted && ranges.done + ranges.lost !== ranges.total)
      throw new Error(`ended with ${JSON.stringify(ranges)}`);
    if (phase === 'done' && policy === 'reassign' && ranges.lost > 0)
      throw new Error(`done with ${ranges.lost} lost ranges`);
    if (phase === 'done' && snapshot.reason !== null) throw new Error(`done because ${snapshot.reason}`);
    if (phase === 'done' && !this.#isStopped) this.#checkCompleted(ranges.done);
    // Of two coordinators the one that goes on does not know what the other one gave.
    const wereTwo = this.#schedule.faults.some(({ kind }) => kind === 'resume twice');
    const { malformed, rejected } = snapshot.results;
    if (malformed + (wereTwo ? 0 : rejected) > 0)
      throw new Error(`results ${JSON.stringify(snapshot.results)}`);
    this.#checkResults(total, snapshot.gaps.length);
  }

  /** Who ran a client before another one did may not run it again. */
  #overlaps(): string[] {
    const current = new Map<number, string>();
    const former = new Set<string>();
    const all = this.#ever.flatMap(({ executor }) => executor.activities).sort((a, b) => a.at - b.at);
    for (const { agent, client, run, at } of all) {
      const who = `${agent} run ${run}`;
      const before = current.get(client);
      if (before !== undefined && before !== who) former.add(`${client} ${before}`);
      if (former.has(`${client} ${who}`))
        return [`client ${client} at ${who} again at ${at.toFixed(0)}, after ${before}`];
      current.set(client, who);
    }
    return [];
  }

  #checkCompleted(done: number): void {
    const completed = new Set<number>();
    for (const { executor } of this.#ever)
      for (const { first, count } of executor.completed)
        for (let client = first; client < first + count; client += PER_RANGE)
          completed.add(Math.floor(client / PER_RANGE));
    if (completed.size < done)
      throw new Error(`${done} ranges are done, but ${completed.size} came to their end`);
  }

  /** What the coordinator says is the sum of what it has kept, which is what agents have written. */
  #checkResults(total: Delta, gaps: number): void {
    const { state, memory } = StateFile.open(join(this.#folder, 'coordinator'), this.#campaign);
    void state.close();
    const counted = new Map<string, number>();
    for (const { incarnation, seq } of memory.results)
      counted.set(incarnation, Math.max(seq, counted.get(incarnation) ?? 0));
    const sum = new Delta();
    let untold = 0;
    for (const folder of new Set(this.#ever.map((each) => each.folder)))
      for (const file of readdirSync(join(this.#folder, folder))) {
        const outbox = new Outbox(join(this.#folder, folder, file));
        void outbox.close();
        const upTo = counted.get(file.split('.')[1]) ?? 0;
        for (const message of outbox.messages)
          if (message.seq <= upTo) sum.merge(Delta.fromJSON(message.delta));
        if (outbox.messages.some(({ seq }) => seq > upTo) && upTo > 0) untold++;
      }
    const [have, want] = [total, sum].map((each) => ({
      counters: Object.fromEntries([...each.counters].sort()),
      latency: `${each.histograms.get('latency')?.counts ?? ''}`,
    }));
    if (JSON.stringify(have) !== JSON.stringify(want))
      throw new Error(
        `the total is ${JSON.stringify(have.counters)}, the journals say ${JSON.stringify(want.counters)}`,
      );
    if (untold > gaps) throw new Error(`${untold} journals are not told whole, but there are ${gaps} gaps`);
  }

  async #closeAll(): Promise<void> {
    for (const { process, hub, agent } of this.#ever) {
      if (process.isDead) continue;
      let isClosed = false;
      void agent.close().then(() => {
        isClosed = true;
      });
      await this.#until('an agent closes', () => isClosed, 20_000);
      await this.#clock.advance(4000);
      if (hub.subscriptions.length > 0) throw new Error(`a closed agent listens to ${hub.subscriptions}`);
      if (process.pendingTimers > 0) throw new Error(`a closed agent has ${process.pendingTimers} timers`);
      await hub.close();
    }
  }
}

function cut(hub: MemoryHub, out: boolean, into: boolean): void {
  hub.cutOut ||= out;
  hub.cutIn ||= into;
}

/** Whatever was lost, a connection was: the client connects again. */
function mend(hub: MemoryHub): void {
  if (!hub.cutOut && !hub.cutIn) return;
  hub.cutOut = false;
  hub.cutIn = false;
  hub.tellReconnected();
}

/** Runs a schedule, and when something is wrong throws with the log of it. */
export async function runChaos(schedule: Schedule): Promise<void> {
  const chaos = new Chaos(schedule);
  try {
    await chaos.run();
  } catch (error) {
    throw new Error(`seed ${schedule.seed}: ${(error as Error).message}\n${chaos.log.join('\n')}`, {
      cause: error,
    });
  }
}

/** The fewest faults of a schedule that still go wrong. */
export async function shrunk(schedule: Schedule): Promise<Schedule> {
  let least = schedule;
  for (let i = least.faults.length - 1; i >= 0; i--) {
    const fewer = { ...least, faults: least.faults.filter((_, at) => at !== i) };
    if (!(await isRight(fewer))) least = fewer;
  }
  return least;
}

async function isRight(schedule: Schedule): Promise<boolean> {
  try {
    await runChaos(schedule);
    return true;
  } catch {
    return false;
  }
}
