import type { DeltaData, Phase, Policy } from '../protocol/records.ts';

/** What watchers are told, and what the report and `--json` have. Times are milliseconds. */
export interface Snapshot {
  readonly run: string;
  readonly name: string;
  readonly phase: Phase;
  readonly policy: Policy;
  readonly reason: string | null;
  readonly generation: string;
  /** Since the Unix epoch, by the coordinator's clock. */
  readonly now: number;
  readonly startAt: number | null;
  /** From the start to now, or to the end. */
  readonly elapsed: number;
  readonly clients: number;
  readonly ranges: RangeCounts;
  readonly lease: number;
  readonly clockLimit: number;
  readonly agents: readonly AgentRow[];
  readonly takeovers: readonly Takeover[];
  /** Results that are missing, as far as it is known. */
  readonly gaps: readonly Gap[];
  readonly results: ResultCounts;
  /** All that was counted. Histograms in the last one alone. */
  readonly total: DeltaData;
  readonly events: readonly CampaignEvent[];
}

export interface RangeCounts {
  readonly total: number;
  readonly given: number;
  readonly done: number;
  readonly lost: number;
}

export interface AgentRow {
  readonly agent: string;
  readonly incarnation: string;
  readonly state: string;
  readonly interfaces: readonly string[];
  /** Packets per second that its processor is good for. */
  readonly rate: number;
  readonly clockOffset: number | null;
  readonly clockError: number | null;
  readonly ranges: number;
  readonly clients: number;
  /** Since its last renewal was seen. */
  readonly silent: number;
  readonly lost: boolean;
  readonly messages: number;
  readonly counters: Readonly<Record<string, number>>;
}

export interface Takeover {
  /** Campaign time at which the ranges were given to others. */
  readonly at: number;
  readonly agent: string;
  readonly incarnation: string;
  readonly ranges: number;
  readonly clients: number;
  /** From its last renewal that was seen until its ranges were given to others. */
  readonly silent: number;
  /** Ranges by who got them; empty when nobody did. */
  readonly to: Readonly<Record<string, number>>;
}

export interface Gap {
  readonly agent: string;
  readonly incarnation: string;
  /** Counted up to this message. */
  readonly upTo: number;
  /** Messages that have come out of turn and wait for those between. */
  readonly waiting: number;
}

export interface ResultCounts {
  readonly messages: number;
  readonly duplicates: number;
  readonly malformed: number;
  /** Of ranges and epochs that the sender never had. */
  readonly rejected: number;
}

export interface CampaignEvent {
  /** Since the Unix epoch. */
  readonly time: number;
  readonly text: string;
}
