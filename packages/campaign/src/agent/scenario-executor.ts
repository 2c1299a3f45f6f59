import {
  checkScenario,
  type Engine,
  type EngineName,
  openScenario,
  type Scenario,
  type Work,
} from '@etherconn/cli/parts';
import { systemClock } from 'etherconn/link';
import type { AgentInterface, ClientFailure, Json } from '../protocol/records.ts';
import type { ClientSpan } from '../protocol/spans.ts';
import type { Execution, Executor, Prepared } from './executor.ts';
import { Gate } from './gate-link.ts';
import { openGatedEngine, queuesOf } from './gated-engine.ts';

export interface ScenarioExecutorOptions {
  readonly interfaces: readonly string[];
  readonly engine: EngineName;
  readonly netns?: string | undefined;
  /** Packets per second that this process is good for, as measured. */
  readonly rate: number;
}

/** Runs scenarios by the runner of the command, on one or more interfaces of this machine. */
export class ScenarioExecutor implements Executor {
  readonly #options: ScenarioExecutorOptions;
  readonly #gate = new Gate(systemClock);
  #interfaces: readonly AgentInterface[];
  #engines: readonly Engine[] = [];
  #scenario: Scenario | null = null;
  #preparing: Promise<void> | null = null;

  constructor(options: ScenarioExecutorOptions) {
    this.#options = options;
    const { engine, rate } = options;
    this.#interfaces = options.interfaces.map((name) => ({ name, engine, queues: queuesOf(name), rate }));
  }

  get interfaces(): readonly AgentInterface[] {
    return this.#interfaces;
  }

  get refused(): number {
    return this.#gate.refused;
  }

  sendUntil(time: number): void {
    this.#gate.until = time;
  }

  prepare(scenario: Json): Promise<void> {
    this.#preparing ??= this.#open(scenario).catch((error: unknown) => {
      this.#preparing = null;
      throw error;
    });
    return this.#preparing;
  }

  async #open(scenario: Json): Promise<void> {
    // It comes from the network: whatever it says is checked again here.
    this.#scenario = checkScenario(scenario);
    const { engine, interfaces, netns } = this.#options;
    const seed = this.#scenario.seed ?? 0;
    const engines: Engine[] = [];
    try {
      for (const interfaceName of interfaces)
        engines.push(await openGatedEngine({ engine, interfaceName, netns, seed }, this.#gate));
    } catch (error) {
      await Promise.all(engines.map((each) => each.close()));
      throw error;
    }
    this.#engines = engines;
    this.#interfaces = this.#interfaces.map((each, i) => ({ ...each, engine: engines[i].description }));
  }

  async open(clients: ClientSpan, seed: number): Promise<Prepared> {
    const works: PreparedWork[] = [];
    try {
      for (const [i, share] of divide(clients, this.#engines.length).entries())
        for (const piece of pieces(share)) {
          works.push(await this.#openPiece(i, piece, seed));
          await new Promise<void>((resolve) => systemClock.setTimer(resolve, PAUSE));
        }
    } catch (error) {
      await Promise.all(works.map((work) => work.close()));
      throw error;
    }
    return {
      async run(execution) {
        await Promise.all(works.map((work) => work.run(execution)));
      },
      async close() {
        await Promise.all(works.map((work) => work.close()));
      },
    };
  }

  /** In memory each piece has a wire, and a server, of its own: clients of one agent could not share the server's names. */
  async #openPiece(index: number, clients: ClientSpan, seed: number): Promise<PreparedWork> {
    const { engine, interfaces } = this.#options;
    if (engine !== 'memory') return PreparedWork.open(this.#engines[index], this.#scenario!, clients, seed);
    const own = await openGatedEngine({ engine, interfaceName: interfaces[index], seed }, this.#gate);
    return PreparedWork.open(own, this.#scenario!, clients, seed, () => own.close());
  }

  async release(): Promise<void> {
    const engines = this.#engines;
    this.#engines = [];
    this.#preparing = null;
    await Promise.all(engines.map((engine) => engine.close()));
  }
}

/** Clients on one engine. */
class PreparedWork implements Prepared {
  readonly #work: Work;
  readonly #start: (execution: Execution) => void;

  readonly #closeEngine: () => Promise<void>;

  private constructor(work: Work, start: (execution: Execution) => void, closeEngine: () => Promise<void>) {
    this.#work = work;
    this.#start = start;
    this.#closeEngine = closeEngine;
  }

  static async open(
    engine: Engine,
    scenario: Scenario,
    clients: ClientSpan,
    seed: number,
    closeEngine: () => Promise<void> = async () => {},
  ): Promise<PreparedWork> {
    let execution: Execution | null = null;
    const options = {
      clients,
      seed,
      // Known when it is run, which is when it is asked for.
      get startAt() {
        return execution?.startAt ?? Number.NaN;
      },
      onFailure: (failure: ClientFailure) => execution?.onFailure(failure),
    };
    const work = await openScenario(engine, scenario, options);
    const start = (each: Execution): void => {
      execution = each;
    };
    return new PreparedWork(work, start, closeEngine);
  }

  async run(execution: Execution): Promise<void> {
    const { signal, onDelta } = execution;
    this.#start(execution);
    try {
      await this.#work.run(({ delta }) => onDelta(delta), signal);
    } finally {
      await this.close();
    }
  }

  async close(): Promise<void> {
    await this.#work.close();
    await this.#closeEngine();
  }
}

/** Clients that are made in one go: fewer than would keep the event loop from renewing a lease. */
const PIECE = 500;
/** Milliseconds between them, in which answers arrive. */
const PAUSE = 5;

function* pieces({ first, count }: ClientSpan): Generator<ClientSpan> {
  for (let from = 0; from < count; from += PIECE)
    yield { first: first + from, count: Math.min(PIECE, count - from) };
}

/** In as many parts as there are interfaces, as equal as can be; fewer when there are not enough clients. */
export function divide({ first, count }: ClientSpan, parts: number): ClientSpan[] {
  return Array.from({ length: parts }, (_, i) => {
    const from = Math.floor((count * i) / parts);
    return { first: first + from, count: Math.floor((count * (i + 1)) / parts) - from };
  }).filter((part) => part.count > 0);
}
