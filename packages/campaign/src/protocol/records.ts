/**
 * What crosses the network: plain data. Times are milliseconds; absolute ones are since the Unix epoch by the
 * coordinator's clock. `messages.ts` checks all of it.
 */

/** Ranges in a row that have the same epoch. */
export interface Span {
  readonly first: number;
  readonly count: number;
  readonly epoch: number;
}

/** Which campaign and generation of the store is current. */
export interface Current {
  readonly run: string;
  readonly generation: string;
}

export type Phase = 'gathering' | 'preparing' | 'running' | 'stopping' | 'done' | 'aborted';
/** What happens with the ranges of an agent that is lost. */
export type Policy = 'reassign' | 'continue' | 'abort';

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** What is run, and on what terms. Times are milliseconds. */
export interface CampaignTerms {
  readonly name: string;
  /** Checked against the scenario's own schema by who runs it. */
  readonly scenario: Json;
  readonly clients: number;
  readonly clientsPerRange: number;
  readonly seed: number;
  readonly policy: Policy;
  /** How long an agent may be silent. */
  readonly lease: number;
  /** An agent stops that long before the end of its lease, and its successor starts that long after it. */
  readonly margin: number;
  /** How far the offset of an agent's clock may be wrong. */
  readonly clockLimit: number;
  /** Between messages of results. */
  readonly step: number;
}

/** A campaign, and how far it is. */
export interface RunRecord extends CampaignTerms {
  readonly run: string;
  readonly generation: string;
  readonly phase: Phase;
  /** When all start; null until it is decided. */
  readonly startAt: number | null;
  /** Why it ended early. */
  readonly reason: string | null;
}

export function isOver({ phase }: Pick<RunRecord, 'phase'>): boolean {
  return phase === 'done' || phase === 'aborted';
}

export type AgentState = 'idle' | 'preparing' | 'ready' | 'running' | 'draining' | 'failed';

export interface AgentInterface {
  readonly name: string;
  /** 'AF_XDP native on eth0'; the engine's name before it is open. */
  readonly engine: string;
  readonly queues: number;
  /** Packets per second that this process has made and read in memory: what its processor is good for. */
  readonly rate: number;
}

export interface ClockOffset {
  /** Milliseconds that a clock shows more than the coordinator's. */
  readonly offset: number;
  /** The offset is wrong by no more than this. */
  readonly error: number;
}

/** An agent under one lease. */
export interface AgentRecord {
  readonly agent: string;
  /** One life of an agent under one lease. */
  readonly incarnation: string;
  /** Counts renewals, so that one whose answer was lost is recognized. */
  readonly renewal: number;
  readonly state: AgentState;
  /** Why it has failed. */
  readonly reason: string | null;
  readonly interfaces: readonly AgentInterface[];
  /** Null until it is known. */
  readonly clock: ClockOffset | null;
  /** Revision of the grant that it has prepared. */
  readonly grant: number;
  /** Set by the coordinator: the lease is over, and nothing more can be renewed. */
  readonly fenced: boolean;
}

/** Who owns a range. */
export interface RangeRecord {
  readonly agent: string;
  readonly incarnation: string;
  readonly epoch: number;
  readonly phase: 'given' | 'done' | 'lost';
  /** When its clients begin; null for when all start. */
  readonly startAt: number | null;
}

export interface GrantedSpan extends Span {
  /** When its clients begin; null for when all start. */
  readonly startAt: number | null;
}

/** All that an agent owns. */
export interface GrantRecord {
  readonly incarnation: string;
  readonly spans: readonly GrantedSpan[];
}

export interface CoordinatorRecord {
  readonly instance: string;
  readonly renewal: number;
}

export interface HistogramData {
  readonly count: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  readonly hdr: string;
}

export interface DeltaData {
  readonly counters: Readonly<Record<string, number>>;
  readonly histograms: Readonly<Record<string, HistogramData>>;
}

/** A client that failed: its number in the campaign, in which part of the scenario, and why. */
export interface ClientFailure {
  readonly client: number;
  readonly part: string;
  readonly reason: string;
}

/** What an agent has counted since its last message, for all of its ranges together. */
export interface ResultMessage {
  readonly run: string;
  readonly agent: string;
  readonly incarnation: string;
  /** Numbers messages of an incarnation from 1. */
  readonly seq: number;
  /** First message in this one: less than `seq` for what a journal has put together. */
  readonly from: number;
  /** Milliseconds of the campaign at which this span begins, and how long it is. */
  readonly at: number;
  readonly length: number;
  readonly spans: readonly Span[];
  readonly delta: DeltaData;
  /** Ranges that have come to their end. */
  readonly finished: readonly Span[];
  /** Clients that failed, by number; never more than a few. */
  readonly failures: readonly ClientFailure[];
  /** Nothing follows of this incarnation. */
  readonly last: boolean;
}

/** Up to which message the coordinator has counted an incarnation. */
export interface Acknowledged {
  readonly incarnation: string;
  readonly generation: string;
  readonly upTo: number;
}

/** The coordinator's clock when it got, and answered, a question. */
export interface ClockAnswer {
  readonly received: number;
  readonly sent: number;
}
