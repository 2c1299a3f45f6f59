import { MemoryRelay } from 'etherconn';
import { DhcpResponder, memoryServerPlan } from '../dhcp/server/dhcp-responder.ts';
import { DhcpServer } from '../dhcp/server/dhcp-server.ts';
import type { NamedFlow, PartTally } from '../metrics/result.ts';
import { pingTargets } from '../ping/ping-work.ts';
import type { Client } from '../runner/client.ts';
import { countedRun } from '../runner/counted-run.ts';
import type { Engine } from '../runner/engine.ts';
import { epochOf } from '../runner/wall-clock.ts';
import { DRAIN, type Work } from '../runner/work.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { UdpStage } from '../udp/stage.ts';
import { PartClient } from './part-client.ts';
import type { PartPlan, UdpSendPartPlan } from './part-plan.ts';
import { type PlanOptions, planOf, type ScenarioPlan } from './plan.ts';
import {
  type LatencyKind,
  type OpenPart,
  openDhcp,
  openPing,
  openSend,
  type PartFailure,
  ReceivePart,
  type RunningPart,
} from './running-part.ts';

/** A client that has failed, with its part and the reason. */
export interface ClientFailure extends PartFailure {
  readonly part: string;
}

export interface OpenOptions extends PlanOptions {
  /** Time 0 of the run by the clock of the engine's relay; may be in the future. Default: the call of `run`. */
  readonly startAt?: number | undefined;
  /** Ends the opening early. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Called for each client that fails, with its number in the scenario. With it, a client without a next hop fails alone.
   * Without it, or if no client has a next hop, opening throws.
   */
  readonly onFailure?: ((failure: ClientFailure) => void) | undefined;
  /** Writes the files that parts name, such as leases. Default false, because scenarios also come over networks. */
  readonly writesFiles?: boolean | undefined;
}

/**
 * Opens what the parts of a scenario need on an engine, for all or some of its clients. All parts share the relay. The
 * deltas of each second have the counts of each part under its name (`Delta.part`), and those of all parts in the total.
 */
export async function openScenario(
  engine: Engine,
  scenario: Scenario,
  options: OpenOptions = {},
): Promise<Work> {
  const plan = planOf(scenario, options);
  const { clock } = engine;
  const { signal = new AbortController().signal, writesFiles = false, onFailure } = options;
  const sending = plan.parts.filter((part): part is UdpSendPartPlan => part.type === 'udp-send');
  const receiving = plan.parts.flatMap((part) =>
    part.type === 'udp-receive' || part.type === 'udp-echo' ? new ReceivePart(clock, part) : [],
  );
  const pinging = plan.parts.flatMap((part) => (part.type === 'ping' ? part.ping : []));
  const stage = await UdpStage.open(
    engine,
    sending.map(({ send }) => send),
    receiving.map(({ plan: part, onBatch }) => ({ ...part, listener: onBatch })),
    signal,
    {
      near: pinging.map(({ machines, prefix, gateway }) => ({
        stations: machines.machines(),
        prefix,
        gateway,
      })),
      far: pinging.map((ping) => ({ stations: pingTargets(ping), prefix: ping.prefix })),
    },
    onFailure !== undefined,
  );
  const responder = respond(engine, plan);
  const parts = plan.parts.map((part): OpenPart => {
    if (part.type === 'dhcp')
      return openDhcp(engine, part, writesFiles, (each) => onFailure?.({ ...each, part: part.name }));
    if (part.type === 'ping') return openPing(engine, part, stage.near);
    if (part.type === 'udp-send') return openSend(part, stage.sends[sending.indexOf(part)]);
    return receiving.find(({ plan: own }) => own === part)!;
  });
  const kinds = new Set(parts.flatMap(({ latency }) => latency ?? []));
  const fleets = plan.parts.flatMap((part) => (part.type === 'dhcp' ? part.fleet.clients : []));
  return {
    flows: parts.reduce((sum, { flows }) => sum + flows, 0),
    ...(fleets.length === 0 ? {} : { clients: fleets.reduce((sum, count) => sum + count) }),
    notes: notesOf(parts, kinds),
    async run(onSecond, stop) {
      const epoch = epochOf(clock);
      const startAt = options.startAt ?? clock.now();
      const running = parts.map((part) => ({ ...part.begin(startAt, epoch), plan: part.plan }));
      const clients = running.flatMap((part) =>
        part.clients.map((client) => {
          const { name, begin, end } = part.plan;
          return new PartClient(client, {
            part: name,
            begin,
            end,
            sharesLatency: kinds.size === 1,
            holds: part.holds,
            cutAt: part.cutAt,
          });
        }),
      );
      const drain = receiving.length + sending.length === 0 ? 0 : DRAIN;
      const { total, length, interrupted } = await countedRun(engine, {
        clients: waitsForever(parts) ? [...clients, FOR_EVER] : clients,
        startAt,
        ...(drain === 0 ? {} : { drain }),
        signal: stop,
        onSecond,
      });
      for (const part of running) await part.finish?.();
      if (onFailure !== undefined)
        for (const { plan: each, failures } of running)
          for (const failure of failures?.() ?? []) onFailure({ ...failure, part: each.name });
      const tallies = running.map((part) => part.tally(interrupted));
      return {
        total,
        length: Math.max(0, length - drain),
        interrupted: interrupted && !waitsForever(parts),
        sends: tallies.some(({ sends }) => sends),
        receives: tallies.some(({ receives }) => receives),
        jitter: kinds.size === 1 ? meanJitter(tallies) : Number.NaN,
        get flows() {
          return flowsOf(running);
        },
        parts: tallies,
        ...(pinging.length === 0 ? {} : { pings: true as const }),
        ...(fleets.length === 0 ? {} : { clients: fleets.reduce((sum, count) => sum + count) }),
      };
    },
    async close() {
      await responder?.close();
      await stage.close();
    },
  };
}

/** The DHCP server of a network in memory. On a real network, this process must not serve. */
function respond({ farRelay, clock }: Engine, { parts, leaseTime }: ScenarioPlan): DhcpResponder | null {
  if (!(farRelay instanceof MemoryRelay)) return null;
  const stacks = new Map<string, readonly number[]>();
  let all = 0;
  for (const part of parts) {
    if (part.type !== 'dhcp') continue;
    const { clients, first = 0, vlan } = part.fleet;
    all += clients;
    for (let n = first; n < first + clients; n++) {
      const ids = vlan?.at(n) ?? [];
      stacks.set(ids.join('.'), ids);
    }
  }
  if (all === 0) return null;
  const server = new DhcpServer(memoryServerPlan(all, leaseTime), () => clock.now());
  return new DhcpResponder(farRelay, server, [...stacks.values()]);
}

/** Whether all parts are receivers without an end, so that the run continues until it is interrupted. */
function waitsForever(parts: readonly OpenPart[]): boolean {
  return parts.every((part) => part instanceof ReceivePart && part.plan.end === undefined);
}

const FOR_EVER: Client = {
  isPatient: true,
  start: (now) => now + 1000,
  tick: (now) => now + 1000,
  counters() {},
  stop() {},
};

/** The mean of all flows. */
function meanJitter(tallies: readonly PartTally[]): number {
  const measured = tallies.filter(({ jitter, flows }) => Number.isFinite(jitter) && flows > 0);
  const flows = measured.reduce((sum, part) => sum + part.flows, 0);
  return measured.reduce((sum, part) => sum + part.jitter * part.flows, 0) / flows;
}

/** The flows of all parts, the worst first. */
function flowsOf(running: readonly (RunningPart & { readonly plan: PartPlan })[]): NamedFlow[] {
  const lists = running.map((part) => ({ name: part.plan.name, flows: part.flowList() }));
  return lists
    .flatMap(({ name, flows }) => flows.map((flow) => ({ ...flow, name: `${name}: ${flow.name}` })))
    .sort((a, b) => b.lost - a.lost || (b.max ?? 0) - (a.max ?? 0));
}

function notesOf(parts: readonly OpenPart[], kinds: ReadonlySet<LatencyKind>): string[] {
  const unmeasured = parts.filter(({ latency }) => latency === null).map(({ plan }) => plan.name);
  return [
    ...[...kinds].map((kind) => LATENCIES[kind]),
    ...(kinds.size > 1
      ? ['Latencies of the parts differ in kind, so there is none of the whole: see each part.']
      : []),
    ...(unmeasured.length > 0
      ? [
          `What arrives of ${unmeasured.join(', ')} is not measured here: give roundTrip or receiveOn, or run etherconn udp receive there.`,
        ]
      : []),
  ];
}

const LATENCIES: Readonly<Record<LatencyKind, string>> = {
  exchange: 'Latency of DHCP is that of whole exchanges: from the first discover to the acknowledgement.',
  'round trip': 'Round-trip latency is there and back, from the scheduled time of sending.',
  ping: 'Latency of pings is the round trip, from the moment of sending.',
  'one way':
    'One-way latency is from the scheduled time of sending: as exact as the clocks of both sides agree.',
};
