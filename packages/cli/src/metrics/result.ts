import type { Delta } from './delta.ts';
import { type FleetResult, fleetResultOf } from './fleet-result.ts';
import type { FlowSummary } from './flow-table.ts';
import { type LatencyResult, latencyOf } from './latency-result.ts';
import { type PingResult, pingResultOf } from './ping-result.ts';
import type { ReplayResult } from './replay-result.ts';
import type { Measured, Threshold, Verdict } from './threshold.ts';

/** What a run was, known before it begins. */
export interface RunInfo {
  /** 'udp send'. */
  readonly command: string;
  /** As it was typed. */
  readonly commandLine: string;
  readonly version: string;
  readonly engine: string;
  readonly interface: string;
  /** ISO 8601. */
  readonly started: string;
  readonly seed: number;
  readonly flows: number;
  /** Clients of a fleet; not there when there is none. */
  readonly clients?: number;
  /** Node.js and the operating system. */
  readonly environment: string;
  /** What the reader must know about the figures. */
  readonly notes: readonly string[];
}

export interface SentResult {
  readonly packets: number;
  /** Of whole frames, FCS included. */
  readonly bytes: number;
  readonly pps: number;
  readonly bps: number;
  /** Scheduled packets that could not be sent in time. */
  readonly unsent: number;
  /** Times that there was no room to send. */
  readonly noRoom: number;
}

export interface ReceivedResult {
  /** Different packets. */
  readonly packets: number;
  readonly bytes: number;
  readonly pps: number;
  readonly bps: number;
  readonly lost: number;
  /** Part of the packets sent that were lost, 0 to 1; null when nothing is known to have been sent. */
  readonly loss: number | null;
  readonly duplicates: number;
  readonly reordered: number;
  /** So late that it is not known whether they are duplicates. They count as lost. */
  readonly late: number;
  /** Datagrams that are not of a sender of ours. */
  readonly foreign: number;
  /** Packets of flows beyond those that are measured. */
  readonly overLimit: number;
  /** Frames that the interface has dropped because this process was too slow. They count as lost. */
  readonly linkDropped: number;
}

/** One try at a rate. */
export interface Trial {
  /** Packets per second that were asked for, and that were sent. */
  readonly rate: number;
  readonly sent: number;
  readonly loss: number;
  readonly passed: boolean;
  /** Why not. */
  readonly reason: string | null;
}

/** What a search for the highest rate has found. */
export interface FoundRate {
  /** The highest rate that has passed, packets per second; null when none has. */
  readonly rate: number | null;
  readonly trials: readonly Trial[];
}

/** What a run has found: the object of `--json`. */
export interface RunResult extends RunInfo {
  /** Seconds in which packets were sent, or received. */
  readonly duration: number;
  readonly interrupted: boolean;
  readonly sent: SentResult | null;
  readonly received: ReceivedResult | null;
  readonly latency: LatencyResult | null;
  /** Milliseconds; the mean of the flows' smoothed jitter. */
  readonly jitter: number | null;
  /** Milliseconds by which the sender was behind its schedule. */
  readonly behind: LatencyResult | null;
  readonly thresholds: readonly Verdict[];
  readonly passed: boolean;
  /** With --find-rate: then the rest is of the best trial. */
  readonly foundRate?: FoundRate;
  /** What a fleet's clients have got: then `latency` is that of whole exchanges. */
  readonly fleet?: FleetResult;
  /** What became of pings besides replies. */
  readonly ping?: PingResult;
  /** What became of a capture that was replayed. */
  readonly replay?: ReplayResult;
  /** What each part of a scenario has found, by its name; then the rest is of all parts together. */
  readonly parts?: Readonly<Record<string, PartResult>>;
  /** What a responder has been asked. */
  readonly responder?: ResponderResult;
}

/** What is measured of a run, or of a part of it. */
export type Found = Pick<
  RunResult,
  'sent' | 'received' | 'latency' | 'jitter' | 'behind' | 'fleet' | 'ping' | 'responder'
>;

/** What a part of a scenario has found. */
export interface PartResult extends Found {
  readonly type: string;
  /** Seconds from the start of the run at which it began, and in which packets were sent, or received. */
  readonly begin: number;
  readonly duration: number;
  readonly flows: number;
}

/** What a responder has answered; what it sends are answers. */
export interface ResponderResult {
  /** Frames and messages by kind. */
  readonly counts: Readonly<Record<string, number>>;
  /** Of a DHCP server: leases that are held at the end, and addresses that are free. */
  readonly leases?: { readonly held: number; readonly free: number };
}

/** A flow of the table, with who it is. */
export interface NamedFlow extends FlowSummary {
  readonly name: string;
}

/** What is known of a run, or of a part of it, besides what it has counted. */
interface Extent {
  /** Milliseconds that packets were sent, or received, for. */
  readonly length: number;
  readonly sends: boolean;
  readonly receives: boolean;
  /** Mean jitter of the flows, microseconds. */
  readonly jitter: number;
  /** Clients of a fleet. */
  readonly clients?: number;
  /** It has sent pings. */
  readonly pings?: true;
  readonly responder?: ResponderResult;
}

/** What was counted in a run, from which its result is made. */
export interface Tally extends Extent {
  readonly total: Delta;
  readonly interrupted: boolean;
  /** Parts of a scenario; what they have counted is in `total` under their names ({@link Delta.part}). */
  readonly parts?: readonly PartTally[];
}

export interface PartTally extends Extent {
  readonly name: string;
  readonly type: string;
  /** Milliseconds from the start of the run. */
  readonly begin: number;
  readonly flows: number;
}

export function resultOf(info: RunInfo, tally: Tally, thresholds: readonly Threshold[]): RunResult {
  const parts = tally.parts?.map((part) => ({ part, ...foundIn(tally.total.part(part.name), part) }));
  const whole = foundIn(tally.total, tally);
  const found = parts === undefined ? whole.found : { ...whole.found, ...summed(whole.found, parts) };
  const measured = measuredIn(found, tally.total);
  const verdicts = thresholds.map((threshold) => {
    if (threshold.part === undefined) return threshold.judge(measured);
    const part = parts?.find(({ part: { name } }) => name === threshold.part);
    return threshold.judge(part === undefined ? NOTHING : measuredIn(part.found, part.total));
  });
  const { fleet, ping, ...rest } = found;
  return {
    ...info,
    duration: tally.length / 1000,
    interrupted: tally.interrupted,
    ...rest,
    thresholds: verdicts,
    passed: verdicts.every(({ state }) => state === 'met'),
    ...(fleet === undefined ? {} : { fleet }),
    ...(ping === undefined ? {} : { ping }),
    ...(parts === undefined
      ? {}
      : {
          parts: Object.fromEntries(
            parts.map(({ part: { name, type, begin, length, flows }, found: own }) => [
              name,
              { type, begin: begin / 1000, duration: length / 1000, flows, ...own },
            ]),
          ),
        }),
  };
}

function foundIn(total: Delta, extent: Extent): { readonly found: Found; readonly total: Delta } {
  const { sends, receives, clients, pings, responder } = extent;
  const seconds = extent.length / 1000;
  const perSecond = (amount: number): number => (seconds === 0 ? 0 : amount / seconds);
  const sent: SentResult | null = !sends
    ? null
    : {
        packets: total.get('sent'),
        bytes: total.get('sentBytes'),
        pps: perSecond(total.get('sent')),
        bps: 8 * perSecond(total.get('sentBytes')),
        unsent: total.get('unsent'),
        noRoom: total.get('noRoom'),
      };
  // What a fleet sends are questions, and what a responder sends are answers: neither is what the other side receives.
  const known = clients === undefined && responder === undefined ? sent : null;
  const received = receives ? receivedOf(total, known, perSecond) : null;
  const jitter =
    received !== null && received.packets > 0 && Number.isFinite(extent.jitter) ? extent.jitter / 1000 : null;
  const fleet = clients === undefined ? undefined : fleetResultOf(total, clients, seconds);
  return {
    found: {
      sent,
      received,
      latency: received === null ? null : latencyOf(total.histograms.get('latency')),
      jitter,
      behind: latencyOf(total.histograms.get('behind')),
      ...(fleet === undefined ? {} : { fleet }),
      ...(pings === undefined ? {} : { ping: pingResultOf(total) }),
      ...(responder === undefined ? {} : { responder }),
    },
    total,
  };
}

/** What parts that measure have lost: other parts have sent, too, and nobody knows what arrived of that. */
function summed(whole: Found, parts: readonly { readonly found: Found }[]): Pick<Found, 'received'> {
  if (whole.received === null) return { received: null };
  const measuring = parts.flatMap(({ found: { received } }) => received ?? []);
  const lost = measuring.reduce((sum, part) => sum + part.lost, 0);
  // A part without packets that it waits for has no loss.
  const expected = measuring.reduce((sum, part) => sum + (part.loss === null ? 0 : expectedOf(part)), 0);
  return { received: { ...whole.received, lost, loss: expected === 0 ? null : lost / expected } };
}

function expectedOf({ lost, loss, packets }: ReceivedResult): number {
  return loss === null || loss === 0 ? packets : lost / loss;
}

function receivedOf(
  total: Delta,
  sent: SentResult | null,
  perSecond: (amount: number) => number,
): ReceivedResult {
  const packets = total.get('received');
  // Who has sent himself knows how many, whatever has arrived.
  const expected = sent?.packets ?? total.get('expected');
  const lost = Math.max(0, expected - packets);
  return {
    packets,
    bytes: total.get('receivedBytes'),
    pps: perSecond(packets),
    bps: 8 * perSecond(total.get('receivedBytes')),
    lost,
    loss: expected === 0 ? null : lost / expected,
    duplicates: total.get('duplicates'),
    reordered: total.get('reordered'),
    late: total.get('late'),
    foreign: total.get('foreign'),
    overLimit: total.get('overLimit'),
    linkDropped: total.get('linkDropped'),
  };
}

/** A part that has not been run. */
const NOTHING: Measured = {
  loss: null,
  duplicates: null,
  reordered: null,
  min: null,
  mean: null,
  max: null,
  jitter: null,
  quantile: () => null,
  sent: null,
  received: null,
};

function measuredIn({ sent, received, jitter, fleet }: Found, total: Delta): Measured {
  const latency = total.histograms.get('latency');
  const hasLatency = received !== null && latency !== undefined && latency.count > 0;
  const part = (amount: number): number | null =>
    received === null || received.packets === 0 ? null : amount / received.packets;
  return {
    loss: received?.loss ?? null,
    duplicates: received === null ? null : part(received.duplicates),
    reordered: received === null ? null : part(received.reordered),
    min: hasLatency ? latency.min / 1000 : null,
    mean: hasLatency ? latency.mean / 1000 : null,
    max: hasLatency ? latency.max / 1000 : null,
    jitter,
    quantile(quantile, phase) {
      if (phase === undefined) return hasLatency ? latency.quantile(quantile) / 1000 : null;
      const histogram = fleet === undefined ? undefined : total.histograms.get(phase);
      return histogram === undefined || histogram.count === 0 ? null : histogram.quantile(quantile) / 1000;
    },
    sent: sent?.pps ?? null,
    received: received?.pps ?? null,
    ...(fleet === undefined ? {} : { fleet }),
  };
}
