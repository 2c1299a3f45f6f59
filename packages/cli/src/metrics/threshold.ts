import { parseDuration } from '../scenario/quantity.ts';
import { ScenarioError } from '../scenario/scenario-error.ts';
import type { FleetResult } from './fleet-result.ts';

/** What a run has measured, as thresholds name it. Null where nothing was measured. */
export interface Measured {
  /** Parts of what was sent (loss) or received, 0 to 1. */
  readonly loss: number | null;
  readonly duplicates: number | null;
  readonly reordered: number | null;
  /** Milliseconds. */
  readonly min: number | null;
  readonly mean: number | null;
  readonly max: number | null;
  readonly jitter: number | null;
  /** Milliseconds that this part (0 to 1) of the packets, or of a phase of a fleet's exchanges, took at most. */
  quantile(part: number, phase?: string): number | null;
  /** Packets per second. */
  readonly sent: number | null;
  readonly received: number | null;
  /** What a fleet of clients has got. */
  readonly fleet?: Pick<FleetResult, (typeof FLEET_METRICS)[number]>;
}

/** A limit that fails the run when it is passed: 'loss>0.1%', 'p99>5ms', 'received<10kpps'. */
export interface Threshold {
  readonly text: string;
  /** The part of a scenario that it is about; undefined for the whole run. */
  readonly part?: string | undefined;
  readonly metric: string;
  /** Whether the run fails. Null: nothing was measured. */
  readonly judge: (measured: Measured) => Verdict;
}

export interface Verdict {
  readonly text: string;
  readonly state: 'met' | 'missed' | 'not measured';
  /** What was measured, in the unit of the limit, as text. */
  readonly actual: string;
}

/** Metrics of a fleet: part of the attempts that failed (0 to 1), and numbers. */
const FLEET_METRICS = ['failed', 'leases', 'bound', 'retries', 'naks'] as const;

type Unit = 'ratio' | 'time' | 'rate' | 'count';

const UNITS: Readonly<Record<string, Unit>> = {
  loss: 'ratio',
  duplicates: 'ratio',
  reordered: 'ratio',
  min: 'time',
  mean: 'time',
  max: 'time',
  jitter: 'time',
  sent: 'rate',
  received: 'rate',
  failed: 'ratio',
  leases: 'count',
  bound: 'count',
  retries: 'count',
  naks: 'count',
};

/**
 * Parses [PART.]METRIC OPERATOR VALUE; a phase stands before its percentile, like ack-p99 or ack.p99. Throws a ScenarioError
 * that names what is allowed.
 */
export function parseThreshold(option: string, text: string): Threshold {
  const match =
    /^\s*(?:(?!(?:offer|ack|renew|rebind)\.)([a-z][\w-]*)\.)?([a-z]+(?:[-.]p)?[\d.]*)\s*(>=|<=|>|<)\s*([\d.]+\s*[a-zA-Z%]*)\s*$/.exec(
      text,
    );
  if (match === null) {
    throw new ScenarioError(
      option,
      `must be a metric, an operator and a value, like 'loss>0.1%', got '${text}'`,
    );
  }
  const [, ofPart, metric, operator, value] = match;
  const [, phase, part] = /^(?:(offer|ack|renew|rebind)[-.])?p(\d{1,2}(?:\.\d+)?)$/.exec(metric) ?? [];
  const unit = part === undefined ? UNITS[metric] : 'time';
  if (unit === undefined) {
    const known = [...Object.keys(UNITS), 'p50', 'p99', 'p99.9', 'offer-p99', 'ack-p99'].join(', ');
    throw new ScenarioError(option, `'${metric}' is not measured; there are ${known}`);
  }
  const limit = parseLimit(option, value.replace(/\s/g, ''), unit, text);
  const read = (measured: Measured): number | null => {
    if (part !== undefined) return measured.quantile(Number(part) / 100, phase);
    const ofFleet = FLEET_METRICS.find((name) => name === metric);
    if (ofFleet !== undefined) return measured.fleet?.[ofFleet] ?? null;
    return measured[metric as Exclude<keyof Measured, 'quantile' | 'fleet'>];
  };
  return {
    text,
    part: ofPart,
    metric,
    judge(measured) {
      const actual = read(measured);
      if (actual === null) return { text, state: 'not measured', actual: 'not measured' };
      return { text, state: isPast(actual, operator, limit) ? 'missed' : 'met', actual: show(actual, unit) };
    },
  };
}

function isPast(actual: number, operator: string, limit: number): boolean {
  if (operator === '>') return actual > limit;
  if (operator === '>=') return actual >= limit;
  if (operator === '<') return actual < limit;
  return actual <= limit;
}

function parseLimit(option: string, value: string, unit: Unit, text: string): number {
  if (unit === 'time') {
    if (/^0(ms|us|s)?$/.test(value)) return 0;
    if (!/[a-z]$/.test(value))
      throw new ScenarioError(option, `needs a unit of time, like 5ms, got '${text}'`);
    return parseDuration(option, value);
  }
  if (unit === 'count') {
    if (/^\d+$/.test(value)) return Number(value);
    throw new ScenarioError(option, `needs a whole number, got '${text}'`);
  }
  const match = /^(\d+(?:\.\d+)?)(%|k?pps|Mpps)?$/.exec(value);
  const suffix = match?.[2] ?? '';
  const isRate = suffix.endsWith('pps');
  if (match === null || (unit === 'ratio' ? isRate : !isRate)) {
    const example = unit === 'ratio' ? '0.1%' : '10kpps';
    throw new ScenarioError(option, `needs a value like ${example}, got '${text}'`);
  }
  if (unit === 'rate') return Number(match[1]) * { pps: 1, kpps: 1e3, Mpps: 1e6 }[suffix as 'pps']!;
  // 'loss>0' is as good as 'loss>0%'; any other number without % would be read in two ways.
  if (suffix === '' && Number(match[1]) !== 0)
    throw new ScenarioError(option, `needs a percentage, like 0.1%, got '${text}'`);
  return Number(match[1]) / 100;
}

function show(value: number, unit: Unit): string {
  if (unit === 'ratio') return `${Number((100 * value).toPrecision(4))}%`;
  if (unit === 'time') return `${Number(value.toPrecision(4))}ms`;
  return unit === 'count' ? `${value}` : `${Math.round(value)}pps`;
}
