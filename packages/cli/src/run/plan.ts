import { parseThreshold, type Threshold } from '../metrics/threshold.ts';
import { common, parseClients } from '../scenario/client-range.ts';
import type { ClientRange, Part, Scenario } from '../scenario/scenario.ts';
import { ScenarioError, ScenarioErrors } from '../scenario/scenario-error.ts';
import { claimOf, conflicts } from './conflicts.ts';
import { dhcpOf, macsOf } from './dhcp-part.ts';
import type { PartPlan, Whole } from './part-plan.ts';
import { DEFAULT_PORT, durationOf, offsetOf } from './part-values.ts';
import { pingOf } from './ping-part.ts';
import { receiveOf, receiversOf } from './udp-receive-part.ts';
import { sendOf } from './udp-send-part.ts';

/** The plan of a run: for all clients of a scenario, or for some. */
export interface ScenarioPlan {
  readonly clients: ClientRange;
  readonly duration?: number | undefined;
  /** The parts that have clients in this run. */
  readonly parts: readonly PartPlan[];
  readonly failIf: readonly Threshold[];
  /** Seconds, for the DHCP server of a network in memory. */
  readonly leaseTime: number;
}

export interface PlanOptions {
  /** The clients of this run, as part of the scenario's. Default: all. */
  readonly clients?: ClientRange | undefined;
  /** Default: the scenario's, or 0. */
  readonly seed?: number | undefined;
}

const DEFAULT_LEASE = 3_600_000;

/** Most clients of one run: each takes memory, and the transaction ids of a fleet have 20 bits for a client's number. */
const RUN_MAX = 2 ** 20;
/** Clients that are checked before a run: whether they can reach their destinations. */
const OUTLINE = 2 ** 16;

/**
 * Plans what the clients of a scenario do, as a function of their numbers. Two runs with different clients of a scenario
 * together do the same as one run with all of them. Throws ScenarioErrors whose options are paths, like 'parts.voice.rate'.
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
 * Plans all parts of a scenario of any size, for its first clients. Throws as `planOf` does, and for parts that cannot share
 * a network. The cost does not grow with the number of clients.
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
  const duration = durationOf('duration', scenario.duration);
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
  const leaseTime = Math.max(
    1,
    Math.round((durationOf('memory.leaseTime', scenario.memory?.leaseTime) ?? DEFAULT_LEASE) / 1000),
  );
  return { clients, duration, parts, failIf, leaseTime };
}

/** Parses a threshold of a scenario, which may name one of its parts. */
export function thresholdOf(text: string, scenario: Scenario, option = ''): Threshold {
  const threshold = parseThreshold(option, text);
  const names = Object.keys(scenario.parts);
  if (threshold.part !== undefined && !names.includes(threshold.part))
    throw new ScenarioError(option, `there is no part '${threshold.part}'; there are ${names.join(', ')}`);
  return threshold;
}

/** Joins 'parts.voice' and '--from-port' to 'parts.voice.fromPort'. */
function pathOf(path: string, option: string): string {
  const key = option.replace(/^--/, '').replace(/-(.)/g, (_all, letter: string) => letter.toUpperCase());
  return key === '' ? path : `${path}.${key}`;
}

/** A ScenarioError's message without the option that it begins with. */
function bare({ option, message }: ScenarioError): string {
  return message.slice(option.length + 2);
}

function partOf(name: string, part: Part, whole: Whole): PartPlan {
  const { all, clients, duration } = whole;
  const begin = offsetOf('begin', part.begin);
  const end = durationOf('end', part.end) ?? duration;
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

/** The clients of a part in the whole scenario. By default a receiver has one for each address, any other part has all. */
function ownOf(part: Part, all: ClientRange): ClientRange {
  if (part.clients !== undefined) return parseClients('clients', `${part.clients}`);
  return part.type === 'udp-receive' || part.type === 'udp-echo' ? receiversOf(part) : all;
}
