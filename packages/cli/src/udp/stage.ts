import { abortable } from '../abortable.ts';
import type { Engine } from '../runner/engine.ts';
import { type StationGroup, type StationOptions, Stations } from '../runner/stations.ts';
import { macOf } from '../scenario/default-mac.ts';
import { Arrivals } from './arrivals.ts';
import { type BatchListener, type ReadyFlow, Sources, type Target, Targets, targetsOf } from './endpoints.ts';
import { findNextHops } from './next-hops.ts';
import { type SendPlan, SendSide } from './send.ts';

/** Stations of our own that receive. */
export interface ReceiveSide extends StationOptions {
  readonly targets: readonly Target[];
  readonly version: 4 | 6;
  readonly listener: BatchListener;
}

const NOBODY = { near: [], far: [] };

/**
 * All UDP senders and receivers of a run, over the same relays. They share hosts and ports, so that one machine may belong to
 * two senders.
 */
export class UdpStage {
  /** In the order of the plans. */
  readonly sends: readonly SendSide[];
  /** The stations of our own side. */
  readonly near: Stations;
  readonly #stations: readonly Stations[];

  private constructor(sends: readonly SendSide[], near: Stations, stations: readonly Stations[]) {
    this.sends = sends;
    this.near = near;
    this.#stations = stations;
  }

  /**
   * Opens everything, and `others`, which neither send nor receive UDP. It also opens the destinations if this process has
   * their side of the wire. Finds next hops, which may take a while; with `mayLack`, it leaves out flows without one.
   */
  static async open(
    engine: Engine,
    plans: readonly SendPlan[],
    receives: readonly ReceiveSide[],
    signal: AbortSignal,
    others: { readonly near: readonly StationGroup[]; readonly far: readonly StationGroup[] } = NOBODY,
    mayLack = false,
  ): Promise<UdpStage> {
    const { relay, farRelay } = engine;
    const stations: Stations[] = [];
    const open = (group: readonly StationGroup[], on: Engine['relay']): Stations => {
      const opened = new Stations(on, group);
      stations.push(opened);
      return opened;
    };
    try {
      const arrivals = new Arrivals();
      const farArrivals = new Arrivals();
      const flows = plans.map((plan) => plan.flows.flows());
      if (farRelay !== null && plans.length + others.far.length > 0) {
        const groups = plans.map((plan, i) => ({ ...groupOf(plan), stations: targetsOf(flows[i], macOf) }));
        // Only senders use routers: destinations answer to the MAC address that a packet came from.
        const far = open(
          [...groups.map(({ stations: targets, prefix }) => ({ stations: targets, prefix })), ...others.far],
          farRelay,
        );
        for (const version of [4, 6] as const) {
          const targets = groups
            .filter((group) => group.version === version)
            .flatMap((group) => group.stations);
          if (targets.length > 0) await Targets.open(far, targets, version, farArrivals.onBatch);
        }
      }
      const ready: ReadyFlow[][] = [];
      for (const [i, plan] of plans.entries()) {
        const nextHop = await abortable(findNextHops(relay, flows[i], { ...groupOf(plan), mayLack }), signal);
        ready.push(flows[i].map((flow) => ({ ...flow, toMac: nextHop(flow) })));
      }
      const near = open(
        [
          ...plans.map((plan, i) => ({ ...groupOf(plan), stations: flows[i] })),
          ...receives.map((side) => ({ ...side, stations: side.targets })),
          ...others.near,
        ],
        relay,
      );
      const sources = new Sources(near, ready.flat());
      for (const { targets, version, listener } of receives)
        await Targets.open(near, targets, version, listener);
      if (plans.some(({ roundTrip }) => roundTrip)) sources.listen(arrivals.onBatch);
      const starts = flows.map((_, i) => flows.slice(0, i).reduce((sum, each) => sum + each.length, 0));
      const sends = plans.map((plan, i) => {
        const peers = sources.peers.slice(starts[i], starts[i] + flows[i].length);
        return new SendSide(engine, plan, peers, { near: arrivals, far: farArrivals });
      });
      return new UdpStage(sends, near, stations);
    } catch (error) {
      await Promise.all(stations.map((each) => each.close()));
      throw error;
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#stations.map((each) => each.close()));
  }
}

function groupOf({ flows: { version }, prefix, gateway }: SendPlan): StationOptions & { version: 4 | 6 } {
  return { version, prefix, gateway };
}
