import type { Clock } from 'etherconn';
import { Fleet } from '../dhcp/fleet.ts';
import { writeLeases } from '../dhcp/leases-file.ts';
import type { NamedFlow, PartTally } from '../metrics/result.ts';
import { pingFlows } from '../ping/ping-work.ts';
import { Pinger } from '../ping/pinger.ts';
import type { Client } from '../runner/client.ts';
import type { Engine } from '../runner/engine.ts';
import type { Stations } from '../runner/stations.ts';
import type { BatchListener } from '../udp/endpoints.ts';
import { flowList } from '../udp/flow-list.ts';
import { receiveAndEcho } from '../udp/receive-work.ts';
import { UdpReceiver } from '../udp/receiver.ts';
import type { SendSide } from '../udp/send.ts';
import type {
  DhcpPartPlan,
  PartPlan,
  PingPartPlan,
  UdpReceivePartPlan,
  UdpSendPartPlan,
} from './part-plan.ts';

/** What the latency of a part measures. Only latencies of one kind may be merged. */
export type LatencyKind = 'exchange' | 'one way' | 'round trip' | 'ping';

/** An open part, before it runs. */
export interface OpenPart {
  readonly plan: PartPlan;
  /** Null if the part measures none. */
  readonly latency: LatencyKind | null;
  readonly flows: number;
  /** Creates its clients, for a run that begins at `startAt` by the clock. */
  begin(startAt: number, epoch: number): RunningPart;
}

/** A client that has failed in a part, by its number in the scenario. */
export interface PartFailure {
  readonly client: number;
  readonly reason: string;
}

export interface RunningPart {
  readonly clients: readonly Client[];
  /** Whether the run waits for its end, even if its clients want no ticks. */
  readonly holds: boolean;
  /** Milliseconds from the start of the run after which its clients get no ticks; absent if they end by themselves. */
  readonly cutAt?: number | undefined;
  /** Its result, at the end. */
  tally(interrupted: boolean): PartTally;
  flowList(): NamedFlow[];
  /** Clients whose failure is known only at the end. */
  failures?(): Iterable<PartFailure>;
  finish?(): Promise<void>;
}

export function openDhcp(
  engine: Engine,
  plan: DhcpPartPlan,
  writesFiles: boolean,
  onFailure?: (failure: PartFailure) => void,
): OpenPart {
  return {
    plan,
    latency: 'exchange',
    flows: 0,
    begin(startAt) {
      const fleet = new Fleet(engine.relay, plan.fleet, startAt + plan.begin, (client, reason) =>
        onFailure?.({ client, reason }),
      );
      return {
        clients: [fleet],
        holds: false,
        tally: () => ({
          ...named(plan, 0),
          length: Math.max(0, fleet.activeLength),
          sends: true,
          receives: true,
          jitter: Number.NaN,
          clients: plan.fleet.clients,
        }),
        flowList: () => [],
        async finish() {
          if (writesFiles && plan.leases !== undefined) await writeLeases(plan.leases, fleet);
        },
      };
    },
  };
}

export function openSend(plan: UdpSendPartPlan, side: SendSide): OpenPart {
  const { roundTrip, flows } = plan.send;
  return {
    plan,
    latency: side.measures ? (roundTrip ? 'round trip' : 'one way') : null,
    flows: flows.count,
    begin(startAt, epoch) {
      const { sender, clients, receiver, failures } = side.run(plan.schedule, startAt + plan.begin, epoch);
      return {
        clients,
        holds: false,
        tally: (interrupted) => ({
          ...named(plan, flows.count),
          length: interrupted ? sender.lastAt : (plan.schedule.duration ?? sender.lastAt),
          sends: true,
          receives: side.measures,
          jitter: receiver?.flows.jitter() ?? Number.NaN,
        }),
        flowList: () => (receiver === null ? [] : flowList(receiver)),
        *failures() {
          for (const { flow, reason } of failures()) yield { client: flow, reason };
        },
      };
    },
  };
}

export function openPing(engine: Engine, plan: PingPartPlan, stations: Stations): OpenPart {
  const { machines, deadline } = plan.ping;
  return {
    plan,
    latency: 'ping',
    flows: machines.count,
    begin(startAt) {
      const pinger = new Pinger({
        clock: engine.clock,
        plan: plan.ping,
        hosts: machines.machines().map((machine) => stations.host(machine)),
        startAt: startAt + plan.begin,
      });
      return {
        clients: [pinger],
        cutAt: deadline === undefined ? undefined : plan.begin + deadline,
        holds: false,
        tally: () => {
          const endedAt = engine.clock.now() - startAt - plan.begin;
          return {
            ...named(plan, machines.count),
            length: Math.max(0, Math.min(deadline ?? endedAt, endedAt)),
            sends: true,
            receives: true,
            jitter: pinger.flows.jitter(),
            pings: true,
          };
        },
        flowList: () => pingFlows(pinger),
        failures: () => pinger.failures(),
      };
    },
  };
}

/** A receiver counts packets, and an echo answers them, from the begin of its part to its end. */
export class ReceivePart implements OpenPart {
  readonly plan: UdpReceivePartPlan;
  readonly latency = 'one way';
  readonly flows = 0;
  readonly #clock: Clock;
  #listener: BatchListener = () => {};

  constructor(clock: Clock, plan: UdpReceivePartPlan) {
    this.#clock = clock;
    this.plan = plan;
  }

  readonly onBatch: BatchListener = (batch) => this.#listener(batch);

  begin(startAt: number, epoch: number): RunningPart {
    const { plan } = this;
    const receiver = new UdpReceiver(this.#clock, epoch, plan.maxFlows);
    const listener = plan.type === 'udp-echo' ? receiveAndEcho(receiver) : receiver.onBatch;
    const from = startAt + plan.begin;
    const until = startAt + (plan.end ?? Number.POSITIVE_INFINITY);
    this.#listener = (batch) => {
      const now = this.#clock.now();
      if (now >= from && now < until) listener(batch);
    };
    return {
      clients: [receiver],
      holds: plan.end !== undefined,
      tally: () => ({
        ...named(plan, receiver.flows.size),
        length: receiver.span,
        sends: false,
        receives: true,
        jitter: receiver.flows.jitter(),
      }),
      flowList: () => flowList(receiver),
    };
  }
}

function named(
  { name, type, begin }: PartPlan,
  flows: number,
): Pick<PartTally, 'name' | 'type' | 'begin' | 'flows'> {
  return { name, type, begin, flows };
}
