import { parseClientOption } from '../dhcp/client-options.ts';
import { DEFAULT_IN_FLIGHT, type FleetPlan } from '../dhcp/fleet-plan.ts';
import { parseThreshold, type Threshold } from '../metrics/threshold.ts';
import { checkReachable, PingMachines, type PingPlan } from '../ping/ping-plan.ts';
import { common, parseClients } from '../scenario/client-range.ts';
import { macOf } from '../scenario/default-mac.ts';
import { FlowPlan } from '../scenario/flow-plan.ts';
import { parseFrameSizes } from '../scenario/frame-sizes.ts';
import { parseCount, parseDuration, parseRate, parseRatio, prefixOf } from '../scenario/quantity.ts';
import { parseAddressRange, parseMacRange, parsePortRange, parseVlanRange } from '../scenario/range.ts';
import type {
  ClientRange,
  DhcpPart,
  Part,
  PingPart,
  Scenario,
  Text,
  UdpReceivePart,
  UdpSendPart,
} from '../scenario/scenario.ts';
import { ScenarioError, ScenarioErrors } from '../scenario/scenario-error.ts';
import type { ScheduleOptions } from '../scenario/schedule.ts';
import type { Target } from '../udp/endpoints.ts';
import { payloadsOf } from '../udp/frames.ts';
import type { SendPlan } from '../udp/send.ts';
import { claimOf, conflicts } from './conflicts.ts';

/** What a part does, for the clients of one run. */
interface AnyPartPlan {
  readonly name: string;
  /** Its clients that are in this run, and how many it has in the whole scenario. */
  readonly clients: ClientRange;
  readonly ofAll: number;
  /** Milliseconds from the start of the run; without an end the part ends by itself, or with the run. */
  readonly begin: number;
  readonly end?: number | undefined;
}

export interface DhcpPartPlan extends AnyPartPlan {
  readonly type: 'dhcp';
  readonly fleet: FleetPlan;
  readonly leases?: string | undefined;
}

export interface UdpSendPartPlan extends AnyPartPlan {
  readonly type: 'udp-send';
  readonly send: SendPlan;
  readonly schedule: Omit<ScheduleOptions, 'frameSize'>;
}

export interface UdpReceivePartPlan extends AnyPartPlan {
  readonly type: 'udp-receive' | 'udp-echo';
  readonly targets: readonly Target[];
  readonly version: 4 | 6;
  readonly prefix: number;
  readonly gateway?: string | undefined;
  readonly maxFlows: number;
}

export interface PingPartPlan extends AnyPartPlan {
  readonly type: 'ping';
  readonly ping: PingPlan;
}

export type PartPlan = DhcpPartPlan | UdpSendPartPlan | UdpReceivePartPlan | PingPartPlan;

/** A scenario as it is run: for all of its clients, or for some. */
export interface ScenarioPlan {
  readonly clients: ClientRange;
  readonly duration?: number | undefined;
  /** Those that have clients in this run. */
  readonly parts: readonly PartPlan[];
  readonly failIf: readonly Threshold[];
  /** Seconds; of the DHCP server of a network in memory. */
  readonly leaseTime: number;
}

export interface PlanOptions {
  /** The clients of this run, as part of the scenario's. Default: all. */
  readonly clients?: ClientRange | undefined;
  /** Default: the scenario's, or 0. */
  readonly seed?: number | undefined;
}

const DEFAULT_PORT = 9464;
const DEFAULT_MAC = '02:ec:00:00:00:01';
const DEFAULT_LEASE = 3_600_000;
/** Milliseconds that a part sends for when nothing says how long. */
const DEFAULT_DURATION = 10_000;

/** Clients of one run: each has memory of its own, and the transaction ids of a fleet's have 20 bits for its number. */
const RUN_MAX = 2 ** 20;
/** Clients of whom it is checked whether they reach their destinations, before there is a run. */
const OUTLINE = 2 ** 16;

/**
 * What the clients of a scenario do, as a function of their numbers: two runs with different clients of one scenario do
 * together what one run with all of them does. Throws ScenarioErrors whose options are paths, like 'parts.voice.rate'.
 */
export function planOf(scenario: Scenario, options: PlanOptions = {}): ScenarioPlan {
  const count = options.clients?.count ?? scenario.clients;
  if (count > RUN_MAX)
    throw new ScenarioError(
      'clients',
      `must be at most ${RUN_MAX} in one process, got ${count}; etherconn campaign divides them among many`,
    );
  const plan = plannedFor(scenario, options);
  return { ...plan, parts: plan.parts.filter(({ clients }) => clients.count > 0) };
}

/**
 * All parts of a scenario of any size, planned for the first clients; throws as `planOf` does, and for parts that cannot be on
 * one network. The cost does not grow with the clients.
 */
export function outlineOf(scenario: Scenario): ScenarioPlan {
  const plan = plannedFor(scenario, { clients: { first: 0, count: Math.min(scenario.clients, OUTLINE) } });
  const all = { first: 0, count: scenario.clients };
  const claims = Object.entries(scenario.parts).map(([name, part]) =>
    claimOf(name, part, ownOf(part, all), macsOf(part, all), DEFAULT_PORT),
  );
  const problems = conflicts(claims);
  if (problems.length > 0) throw new ScenarioErrors(problems);
  return plan;
}

function plannedFor(scenario: Scenario, options: PlanOptions): ScenarioPlan {
  const all = { first: 0, count: scenario.clients };
  const clients = options.clients ?? all;
  if (common(clients, all).count !== clients.count || clients.count < 1)
    throw new ScenarioError(
      'clients',
      `must be in 0-${all.count - 1}, got ${clients.first}+${clients.count}`,
    );
  const seed = options.seed ?? scenario.seed ?? 0;
  const duration = durationOf(scenario.duration);
  const problems: ScenarioError[] = [];
  const attempt = <T>(path: string, work: () => T): T | undefined => {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof ScenarioError)) throw error;
      problems.push(new ScenarioError(pathOf(path, error.option), bare(error)));
      return undefined;
    }
  };
  const parts = Object.entries(scenario.parts).flatMap(
    ([name, part], index) =>
      attempt(`parts.${name}`, () => partOf(name, part, { all, clients, duration, seed: seed + index })) ??
      [],
  );
  if (Object.keys(scenario.parts).length === 0)
    problems.push(new ScenarioError('parts', 'must have at least one part'));
  const failIf = (scenario.failIf ?? []).flatMap(
    (text, i) => attempt(`failIf.${i}`, () => thresholdOf(text, scenario)) ?? [],
  );
  if (problems.length > 0) throw new ScenarioErrors(problems);
  const leaseTime = Math.max(1, Math.round((durationOf(scenario.memory?.leaseTime) ?? DEFAULT_LEASE) / 1000));
  return { clients, duration, parts, failIf, leaseTime };
}

/** A threshold of a scenario, which may name one of its parts. */
export function thresholdOf(text: string, scenario: Scenario, option = ''): Threshold {
  const threshold = parseThreshold(option, text);
  const names = Object.keys(scenario.parts);
  if (threshold.part !== undefined && !names.includes(threshold.part))
    throw new ScenarioError(option, `there is no part '${threshold.part}'; there are ${names.join(', ')}`);
  return threshold;
}

/** 'parts.voice' and '--from-port' are 'parts.voice.fromPort'. */
function pathOf(path: string, option: string): string {
  const key = option.replace(/^--/, '').replace(/-(.)/g, (_all, letter: string) => letter.toUpperCase());
  return key === '' ? path : `${path}.${key}`;
}

/** A ScenarioError's message without the option that it begins with. */
function bare({ option, message }: ScenarioError): string {
  return message.slice(option.length + 2);
}

interface Whole {
  readonly all: ClientRange;
  readonly clients: ClientRange;
  readonly duration: number | undefined;
  readonly seed: number;
}

function partOf(name: string, part: Part, whole: Whole): PartPlan {
  const { all, clients, duration } = whole;
  const begin = offsetOf(part.begin);
  const end = durationOf(part.end) ?? duration;
  if (duration !== undefined && end !== undefined && end > duration)
    throw new ScenarioError('end', `must not be after the scenario's duration (${duration / 1000}s)`);
  if (end !== undefined && begin >= end)
    throw new ScenarioError('begin', `must be before the end (${end / 1000}s)`);
  const own = ownOf(part, all);
  if (common(own, all).count !== own.count)
    throw new ScenarioError(
      part.clients === undefined ? 'address' : 'clients',
      `there are ${own.first + own.count} of them, but the scenario has ${all.count} clients; raise its clients`,
    );
  const shared = { name, clients: common(own, clients), ofAll: own.count, begin, end };
  if (part.type === 'dhcp') return dhcpOf(part, shared, whole);
  if (part.type === 'ping') return pingOf(part, shared);
  return part.type === 'udp-send' ? sendOf(part, shared, whole) : receiveOf(part, shared);
}

function ownOf(part: Part, all: ClientRange): ClientRange {
  return part.clients === undefined ? stationsOf(part, all) : parseClients('clients', `${part.clients}`);
}

/** The range of a fleet's MAC addresses. */
function macsOf(part: Part, { count }: ClientRange): string {
  return `${(part as DhcpPart).macStart ?? DEFAULT_MAC}+${count}`;
}

/** All clients; of a receiver as many as its ranges have values. */
function stationsOf(part: Part, all: ClientRange): ClientRange {
  if (part.type !== 'udp-receive' && part.type !== 'udp-echo') return all;
  const { address, port, mac, vlan } = part;
  const ranges = [
    parseAddressRange('address', address),
    ...(port === undefined ? [] : [parsePortRange('port', `${port}`)]),
    ...(mac === undefined ? [] : [parseMacRange('mac', mac)]),
    ...(vlan === undefined ? [] : [parseVlanRange('vlan', `${vlan}`)]),
  ];
  return { first: 0, count: Math.max(...ranges.map(({ count }) => count)) };
}

function dhcpOf(part: DhcpPart, shared: AnyPartPlan, { all, seed }: Whole): DhcpPartPlan {
  const { begin, end, clients, ofAll } = shared;
  const rate = startsOf('rate', part.rate, 100);
  const inFlight = startsOf(
    'inFlight',
    part.inFlight,
    Number.isFinite(rate) ? Number.POSITIVE_INFINITY : DEFAULT_IN_FLIGHT,
  );
  const flap = durationOf(part.flap);
  if (flap !== undefined && end !== undefined && flap >= end - begin)
    throw new ScenarioError('flap', 'must be less than the time from begin to end');
  return {
    ...shared,
    type: 'dhcp',
    leases: part.leases,
    fleet: {
      clients: clients.count,
      first: clients.first,
      rate: (rate * clients.count) / ofAll,
      inFlight: Number.isFinite(inFlight) ? Math.max(1, shareOf(inFlight, shared)) : inFlight,
      mac: parseMacRange('macStart', macsOf(part, all)),
      vlan: part.vlan === undefined ? undefined : parseVlanRange('vlan', `${part.vlan}`),
      options: (part.options ?? []).map((text, i) => parseClientOption(`options.${i}`, text)),
      broadcast: part.broadcast === true,
      renew: part.renew === true,
      release: part.release === true,
      flap,
      decline: part.decline === undefined ? 0 : parseRatio('decline', part.decline),
      duration: end === undefined ? undefined : end - begin,
      timeout: durationOf(part.timeout) ?? 4000,
      retries: part.retries ?? 4,
      seed,
    },
  };
}

function sendOf(part: UdpSendPart, shared: AnyPartPlan, { seed }: Whole): UdpSendPartPlan {
  const { begin, end, clients, ofAll } = shared;
  const optional = <T>(text: Text | undefined, parse: (option: string, text: string) => T): T | undefined =>
    text === undefined ? undefined : parse('', `${text}`);
  const ranges = {
    from: parseAddressRange('from', part.from),
    fromPort: parsePortRange('fromPort', `${part.fromPort ?? DEFAULT_PORT}`),
    fromMac: optional(part.fromMac, parseMacRange),
    to: parseAddressRange('to', part.to),
    toPort: parsePortRange('toPort', `${part.toPort ?? DEFAULT_PORT}`),
    toMac: optional(part.toMac, parseMacRange),
    vlan: optional(part.vlan, parseVlanRange),
  };
  // With no clients in this run it is only checked.
  const flows = new FlowPlan(ranges, Math.max(1, clients.count), clients.first);
  const rate = parseRate('rate', part.rate ?? '1kpps');
  const rampFrom = optional(part.rampFrom, parseRate);
  const ramp = durationOf(part.ramp);
  if (rampFrom !== undefined && ramp === undefined) throw new ScenarioError('rampFrom', 'needs ramp');
  if (rampFrom !== undefined && rampFrom.unit !== rate.unit)
    throw new ScenarioError('rampFrom', `must be in ${rate.unit} as rate is`);
  if (ramp !== undefined && rate.value === Number.POSITIVE_INFINITY)
    throw new ScenarioError('ramp', 'needs a rate to climb to');
  const sizes = optional(part.size, parseFrameSizes);
  payloadsOf(sizes, flows.version, flows.flow(flows.first).vlans.length, 'size');
  const share = clients.count / ofAll;
  const of = (value: number): number => (share === 0 ? 0 : value * share);
  const total = part.count === undefined ? undefined : countOf('count', part.count, 0);
  const duration = end !== undefined ? end - begin : total === undefined ? DEFAULT_DURATION : undefined;
  return {
    ...shared,
    type: 'udp-send',
    send: {
      flows,
      prefix: prefixOf('prefix', part.prefix, flows.version),
      gateway: part.gateway,
      sizes,
      sizeOption: `parts.${shared.name}.size`,
      roundTrip: part.roundTrip === true,
      seed,
    },
    schedule: {
      rate: { value: of(rate.value), unit: rate.unit },
      ...(ramp === undefined ? {} : { ramp, rampFrom: of(rampFrom?.value ?? 0) }),
      ...(duration === undefined ? {} : { duration }),
      ...(total === undefined ? {} : { count: shareOf(total, shared) }),
    },
  };
}

/** The share of these clients in a whole number, so that the shares of all clients are the total. */
function shareOf(total: number, { clients: { first, count }, ofAll }: AnyPartPlan): number {
  return Math.floor((total * (first + count)) / ofAll) - Math.floor((total * first) / ofAll);
}

function receiveOf(part: UdpReceivePart, shared: AnyPartPlan): UdpReceivePartPlan {
  const address = parseAddressRange('address', part.address);
  const port = parsePortRange('port', `${part.port ?? DEFAULT_PORT}`);
  const mac = part.mac === undefined ? undefined : parseMacRange('mac', part.mac);
  const vlan = part.vlan === undefined ? undefined : parseVlanRange('vlan', `${part.vlan}`);
  const { first, count } = shared.clients;
  return {
    ...shared,
    type: part.type,
    targets: Array.from({ length: count }, (_, i) => {
      const n = first + i;
      const own = address.at(n);
      return { address: own, mac: mac?.at(n) ?? macOf(own), vlans: vlan?.at(n) ?? [], port: port.at(n) };
    }),
    version: address.version,
    prefix: prefixOf('prefix', part.prefix, address.version),
    gateway: part.gateway,
    maxFlows: countOf('maxFlows', part.maxFlows, 65_536),
  };
}

function pingOf(part: PingPart, shared: AnyPartPlan): PingPartPlan {
  const { begin, end, clients } = shared;
  const ranges = {
    from: parseAddressRange('from', part.from),
    fromMac: part.fromMac === undefined ? undefined : parseMacRange('fromMac', part.fromMac),
    to: parseAddressRange('to', part.to),
    vlan: part.vlan === undefined ? undefined : parseVlanRange('vlan', `${part.vlan}`),
  };
  // With no clients in this run it is only checked.
  const machines = new PingMachines(ranges, Math.max(1, clients.count), clients.first);
  if (part.flood === true && part.interval !== undefined)
    throw new ScenarioError('interval', 'does not go with flood');
  const count = part.count === undefined ? undefined : countOf('count', part.count, 0);
  const ping: PingPlan = {
    machines,
    prefix: prefixOf('prefix', part.prefix, machines.version),
    gateway: part.gateway,
    interval: durationOf(part.interval) ?? 1000,
    flood: part.flood === true,
    count,
    timeout: durationOf(part.timeout) ?? 10_000,
    deadline: end === undefined ? (count === undefined ? DEFAULT_DURATION : undefined) : end - begin,
    size: part.size ?? 56,
    ttl: part.ttl ?? 64,
    tos: part.tos ?? 0,
    fragments: part.pmtudisc ?? 'want',
  };
  checkReachable(ping);
  return { ...shared, type: 'ping', ping };
}

function durationOf(text: Text | undefined): number | undefined {
  return text === undefined ? undefined : parseDuration('', `${text}`);
}

function offsetOf(text: Text | undefined): number {
  return text === undefined || /^0[a-z]*$/.test(`${text}`) ? 0 : parseDuration('begin', `${text}`);
}

function countOf(option: string, text: Text | undefined, otherwise: number): number {
  return text === undefined ? otherwise : parseCount(option, `${text}`);
}

function startsOf(option: string, text: Text | undefined, otherwise: number): number {
  return text === 'max' ? Number.POSITIVE_INFINITY : countOf(option, text, otherwise);
}
