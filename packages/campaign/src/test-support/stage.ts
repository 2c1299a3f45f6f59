import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Delta } from '@etherconn/cli/parts';
import { VirtualClock } from 'etherconn';
import { Agent } from '../agent/agent.ts';
import type { Executor } from '../agent/executor.ts';
import { Coordinator, type CoordinatorOptions, type Outcome } from '../coordinator/coordinator.ts';
import type { Plan } from '../coordinator/plan.ts';
import type { Snapshot } from '../coordinator/snapshot.ts';
import { Journal } from '../results/journal.ts';
import { Outbox } from '../results/outbox.ts';
import { type Activity, FakeExecutor } from './fake-executor.ts';
import { type MemoryHub, MemoryServer } from './memory-hub.ts';

const DEFAULTS: Plan = {
  name: 'test',
  scenario: null,
  clients: 1000,
  clientsPerRange: 10,
  seed: 1,
  policy: 'reassign',
  lease: 3000,
  margin: 200,
  clockLimit: 5,
  step: 1000,
  agents: 4,
  wait: 10_000,
  thresholds: [],
};

export interface StagedAgent {
  readonly name: string;
  readonly agent: Agent;
  readonly hub: MemoryHub;
  readonly executor: Executor;
}

/** One whose clients leave traces. */
export type StagedClients = StagedAgent & { readonly executor: FakeExecutor };

export interface StagedOptions {
  readonly clockOffset?: number;
  readonly unfenced?: boolean;
}

/** A campaign in virtual time: a server, agents and a coordinator in this process, whose connections can be cut. */
export class Stage {
  readonly clock: VirtualClock = new VirtualClock();
  readonly server: MemoryServer = new MemoryServer(this.clock);
  readonly folder: string = mkdtempSync(join(tmpdir(), 'etherconn-stage-'));
  readonly agents: StagedAgent[] = [];
  readonly executors: FakeExecutor[] = [];
  readonly log: string[] = [];
  coordinator: Coordinator | null = null;
  coordinatorHub: MemoryHub | null = null;
  outcome: Outcome | null = null;
  /** Told each snapshot of the coordinator. */
  onSnapshot: (snapshot: Snapshot) => void = () => {};
  failure: unknown = null;

  constructor() {
    this.clock.addActivity(() => Journal.syncs > 0);
  }

  /** @param length milliseconds that each client runs */
  addAgent(name: string, options: StagedOptions & { length?: number } = {}): StagedClients {
    const executor = new FakeExecutor(this.clock, name, options.length ?? 10_000);
    this.executors.push(executor);
    return { ...this.addExecutor(name, executor, options), executor };
  }

  addExecutor(name: string, executor: Executor, options: StagedOptions = {}): StagedAgent {
    const { clockOffset = 0, unfenced = false } = options;
    const hub = this.server.client(true);
    const agent = new Agent({
      hub,
      clock: this.clock,
      epoch: this.clock.wallTime() - this.clock.now() + clockOffset,
      name,
      executor,
      folder: join(this.folder, name),
      log: (text) => this.log.push(`${this.clock.now().toFixed(0)} ${name}: ${text}`),
      unfenced,
    });
    agent.start();
    const staged = { name, agent, hub, executor };
    this.agents.push(staged);
    return staged;
  }

  /** As SIGKILL: its process does nothing any more. */
  kill({ hub, executor }: StagedAgent): void {
    hub.cutIn = true;
    hub.cutOut = true;
    if (executor instanceof FakeExecutor) executor.dead = true;
  }

  async begin(plan: Partial<Plan> = {}): Promise<void> {
    await this.#coordinate((options) => Coordinator.begin(options, { ...DEFAULTS, ...plan }));
  }

  /** As if the coordinator's process were started anew. */
  async resume(): Promise<void> {
    const id = this.coordinator!.run;
    this.killCoordinator();
    await this.#coordinate((options) => Coordinator.resume(options, id));
  }

  killCoordinator(): void {
    this.coordinatorHub!.cutIn = true;
    this.coordinatorHub!.cutOut = true;
    void this.coordinatorHub!.close();
  }

  async #coordinate(make: (options: CoordinatorOptions) => Promise<Coordinator>): Promise<void> {
    const hub = this.server.client();
    this.coordinatorHub = hub;
    const making = make({
      hub,
      clock: this.clock,
      epoch: this.clock.wallTime() - this.clock.now(),
      folder: join(this.folder, 'coordinator'),
      log: (text: string) => this.log.push(`${this.clock.now().toFixed(0)} coordinator: ${text}`),
      onSnapshot: (snapshot) => this.onSnapshot(snapshot),
    });
    let made: Coordinator | null = null;
    making.then(
      (coordinator) => {
        made = coordinator;
      },
      (error) => {
        this.failure = error;
      },
    );
    await this.until(() => made !== null || this.failure !== null);
    if (this.failure !== null) throw this.failure;
    this.coordinator = made!;
    void this.coordinator.coordinate().then(
      (outcome) => {
        if (this.coordinatorHub === hub) this.outcome = outcome;
      },
      (error) => {
        if (this.coordinatorHub === hub) this.failure = error;
      },
    );
  }

  async until(predicate: () => boolean, limit = 600_000): Promise<void> {
    if (!(await this.clock.runUntil(predicate, this.clock.now() + limit)))
      throw new Error(`nothing after ${limit} ms:\n${this.log.join('\n')}`);
  }

  async end(): Promise<Outcome> {
    await this.until(() => this.outcome !== null || this.failure !== null);
    if (this.failure !== null) throw this.failure;
    return this.outcome!;
  }

  get activities(): Activity[] {
    return this.executors.flatMap(({ activities }) => activities).sort((a, b) => a.at - b.at);
  }

  /** Times that a client ran at an agent after it had begun at another one: what fencing is to make impossible. */
  overlaps(): string[] {
    const owner = new Map<number, string>();
    const former = new Set<string>();
    const found: string[] = [];
    for (const { agent, client, at } of this.activities) {
      const before = owner.get(client);
      if (before !== undefined && before !== agent) former.add(`${client} ${before}`);
      if (former.has(`${client} ${agent}`)) found.push(`client ${client} at ${agent} again at ${at}`);
      owner.set(client, agent);
    }
    return found;
  }

  /** The sum of all that is in the journals of the agents. */
  journals(): Delta {
    const total = new Delta();
    for (const name of new Set(this.agents.map((each) => each.name))) {
      const folder = join(this.folder, name);
      for (const file of readdirSync(folder)) {
        const outbox = new Outbox(join(folder, file));
        for (const { delta } of outbox.messages) total.merge(Delta.fromJSON(delta));
        void outbox.close();
      }
    }
    return total;
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
