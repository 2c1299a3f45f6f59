import { ExitCode } from '../exit-code.ts';
import type { NamedFlow } from '../metrics/result.ts';
import { countedRun } from '../runner/counted-run.ts';
import type { Engine } from '../runner/engine.ts';
import { type Station, Stations } from '../runner/stations.ts';
import type { Work } from '../runner/work.ts';
import { macOf } from '../scenario/default-mac.ts';
import { checkReachable, type PingPlan } from './ping-plan.ts';
import { Pinger, type PingListener } from './pinger.ts';

/** The hosts of a plan, over which one or more runs go. */
export class PingSide {
  readonly #engine: Engine;
  readonly #plan: PingPlan;
  readonly #stations: Stations;
  /** Who answers, over a network in memory. */
  readonly #targets: Stations | null;

  /** Throws a ScenarioError when a destination cannot be reached. */
  constructor(engine: Engine, plan: PingPlan) {
    checkReachable(plan);
    this.#engine = engine;
    this.#plan = plan;
    const { machines, prefix, gateway } = plan;
    const each = machines.machines();
    this.#stations = new Stations(engine.relay, [{ stations: each, prefix, gateway }]);
    this.#targets =
      engine.farRelay === null
        ? null
        : new Stations(engine.farRelay, [{ stations: pingTargets(plan), prefix }]);
  }

  /** The client of one run, which begins at `startAt` by the relay's clock. */
  client(startAt: number, listener?: PingListener): Pinger {
    const hosts = this.#plan.machines.machines().map((machine) => this.#stations.host(machine));
    return new Pinger({ clock: this.#engine.clock, plan: this.#plan, hosts, startAt, listener });
  }

  async close(): Promise<void> {
    await this.#stations.close();
    await this.#targets?.close();
  }
}

/** Who is pinged. */
export function pingTargets({ machines }: PingPlan): Station[] {
  const targets = new Map<string, Station>();
  for (const { vlans, toAddress } of machines.machines())
    targets.set(`${vlans.join('.')} ${toAddress}`, { mac: macOf(toAddress), vlans, address: toAddress });
  return [...targets.values()];
}

/** `ping`: one run of a plan. Without any reply it has failed. */
export function pingWork(engine: Engine, plan: PingPlan, listener?: PingListener): Work {
  const side = new PingSide(engine, plan);
  return {
    flows: plan.machines.count,
    notes: ['Latency is the round trip, from the moment of sending.'],
    async run(onSecond, signal) {
      const startAt = engine.clock.now();
      const pinger = side.client(startAt, listener);
      const { total, length, interrupted } = await countedRun(engine, {
        clients: [pinger],
        startAt,
        signal,
        duration: plan.deadline,
        onSecond,
      });
      return {
        total,
        length,
        interrupted,
        sends: true,
        receives: true,
        jitter: pinger.flows.jitter(),
        flows: pingFlows(pinger),
        pings: true,
        failed: total.get('received') === 0,
        failedWith: ExitCode.ERROR,
      };
    },
    close: () => side.close(),
  };
}

/** What each machine has got, the worst first. */
export function pingFlows(pinger: Pinger): NamedFlow[] {
  return pinger.names
    .map((name, row) => ({ ...pinger.flows.summary(row), name }))
    .sort((a, b) => b.lost - a.lost || (b.max ?? 0) - (a.max ?? 0));
}
