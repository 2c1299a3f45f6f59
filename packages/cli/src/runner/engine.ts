import { existsSync } from 'node:fs';
import { type Clock, type KernelRelay, MemoryNetwork, type MemoryRelay, Relay } from 'etherconn';
import type { Impairments } from 'etherconn/link';
import type { Delta } from '../metrics/delta.ts';
import { ScenarioError } from '../scenario/scenario-error.ts';
import type { Client } from './client.ts';

/** How frames are sent and received: AF_XDP, AF_PACKET, the better of the two, or a network in this process. */
export type EngineName = 'auto' | 'xdp' | 'packet' | 'memory';

export interface EngineOptions {
  readonly engine: EngineName;
  readonly interfaceName: string;
  /** Network namespace: a name of `ip netns`, a process id, or a path. */
  readonly netns?: string | undefined;
  /** A second interface that receives, and its namespace (default: that of the first). */
  readonly receiveOn?: string | undefined;
  readonly receiveNetns?: string | undefined;
  /** Engine of the second interface (default: that of the first). */
  readonly receiveEngine?: EngineName | undefined;
  /** Faults of a memory network. */
  readonly impair?: Impairments | undefined;
  /** Most simulated machines: the relay gets room for them. */
  readonly stations?: number | undefined;
  readonly seed: number;
}

/** Stations that a relay over AF_XDP has room for by default. */
const STATIONS = 131_072;

/** Opened relays. */
export interface Engine {
  /** 'AF_XDP native on veth0'. */
  readonly description: string;
  readonly clock: Clock;
  readonly relay: KernelRelay | MemoryRelay;
  /** The relay on the other side of the wire, if this process has opened it. */
  readonly farRelay: KernelRelay | MemoryRelay | null;
  /** Why the engine is not the best one. */
  readonly notes: readonly string[];
  close(): Promise<void>;
}

/** Frames that the port of a memory network queues. */
const MEMORY_QUEUE = 262_144;

export async function openEngine(options: EngineOptions): Promise<Engine> {
  return options.engine === 'memory' ? openMemory(options) : openKernel(options);
}

function openMemory({ impair, seed }: EngineOptions): Engine {
  const network = new MemoryNetwork({ seed, impair: impair ?? {} });
  const port = { txSlots: 4096, rxFrames: MEMORY_QUEUE, rxBytes: 512 * 2 ** 20 };
  const relay = network.relay(port).ref();
  const farRelay = network.relay(port);
  return {
    description: 'a network in memory',
    clock: network.clock,
    relay,
    farRelay,
    notes: [],
    close: () => network.close(),
  };
}

async function openKernel(options: EngineOptions): Promise<Engine> {
  if (options.impair !== undefined) throw new ScenarioError('--impair', 'is for --engine memory');
  const netns = namespacePath('--netns', options.netns);
  const relay = await openRelay(options.interfaceName, options, netns);
  let farRelay: KernelRelay | null = null;
  try {
    const { receiveOn, receiveNetns, receiveEngine = options.engine } = options;
    if (receiveOn !== undefined) {
      const path = receiveNetns === undefined ? netns : namespacePath('--receive-netns', receiveNetns);
      farRelay = await openRelay(receiveOn, { engine: receiveEngine }, path);
    }
  } catch (error) {
    await relay.close();
    throw error;
  }
  const relays = farRelay === null ? [relay] : [relay, farRelay];
  return {
    description: relays.map(describe).join(', '),
    clock: relay.clock,
    relay,
    farRelay,
    notes: relays
      .flatMap((each) => (each.info().fallback as string | undefined) ?? [])
      .map((why) => `AF_PACKET instead of AF_XDP: ${why}`),
    async close() {
      await Promise.all(relays.map((each) => each.close()));
    },
  };
}

async function openRelay(
  name: string,
  { engine, stations = 0 }: Pick<EngineOptions, 'engine' | 'stations'>,
  netns: string | undefined,
): Promise<KernelRelay> {
  return Relay.open(name, {
    engine: engine as 'auto' | 'xdp' | 'packet',
    sendingMode: 'batch',
    ...(netns === undefined ? {} : { netns }),
    ...(stations > STATIONS ? { maxEndpoints: stations } : {}),
  });
}

function describe(relay: KernelRelay): string {
  const info = relay.info();
  const mode = info.kind === 'xdp' ? `AF_XDP ${info.mode ?? ''}`.trim() : 'AF_PACKET';
  return `${mode} on ${info.interfaceName}`;
}

/** The path of a namespace, from its name, a process id or a path. */
export function namespacePath(option: string, netns: string | undefined): string | undefined {
  if (netns === undefined) return undefined;
  const path = netns.includes('/')
    ? netns
    : /^\d+$/.test(netns)
      ? `/proc/${netns}/ns/net`
      : `/run/netns/${netns}`;
  if (!existsSync(path)) {
    throw new ScenarioError(
      option,
      `there is no network namespace '${netns}' (${path}); ip netns list shows the names`,
    );
  }
  return path;
}

/** Counts frames that the kernel, or the queue of a memory network's port, drops before we read them: our own loss. */
export class LinkCounters implements Client {
  readonly isPatient = true;
  readonly #relays: readonly (KernelRelay | MemoryRelay)[];
  #told: number;

  constructor({ relay, farRelay }: Engine) {
    this.#relays = farRelay === null ? [relay] : [relay, farRelay];
    this.#told = this.#dropped();
  }

  start(): number {
    return Number.POSITIVE_INFINITY;
  }

  tick(): number {
    return Number.POSITIVE_INFINITY;
  }

  counters(into: Delta): void {
    const dropped = this.#dropped();
    into.add('linkDropped', dropped - this.#told);
    this.#told = dropped;
  }

  stop(): void {}

  #dropped(): number {
    return this.#relays.reduce((sum, relay) => sum + relay.stats().link.rxDropped, 0);
  }
}
