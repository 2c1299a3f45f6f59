import type { Json, Policy } from '../protocol/records.ts';

/** What a campaign is to do, as its file says. Times are milliseconds. */
export interface Plan {
  readonly name: string;
  readonly scenario: Json;
  readonly clients: number;
  readonly clientsPerRange: number;
  readonly seed: number;
  readonly policy: Policy;
  readonly lease: number;
  readonly margin: number;
  readonly clockLimit: number;
  readonly step: number;
  /** Agents that are waited for, and how long. */
  readonly agents: number;
  readonly wait: number;
  readonly thresholds: readonly string[];
}
