import { type LeaseTerms, WatchedLease } from '../protocol/lease.ts';
import type { AgentRecord } from '../protocol/records.ts';

/** One incarnation of an agent, as the coordinator sees it. */
export class Session {
  readonly agent: string;
  readonly incarnation: string;
  readonly lease: WatchedLease;
  record: AgentRecord;
  /** Revision of the record; 0 when this store has none. */
  revision: number;
  /** No renewal of it is accepted any more. */
  fenced = false;
  /** It has said itself that nothing of it runs any more. */
  resigned = false;
  /** Its ranges have been given away, or it has left in order. */
  over = false;

  constructor(record: AgentRecord, revision: number, terms: LeaseTerms, now: number) {
    this.agent = record.agent;
    this.incarnation = record.incarnation;
    this.record = record;
    this.revision = revision;
    this.lease = new WatchedLease(terms, now);
    this.fenced = record.fenced;
    this.resigned = record.fenced;
  }

  /** Whether a successor may start, once it is fenced. */
  isOver(now: number): boolean {
    return this.resigned || this.lease.isOver(now);
  }

  /** Whether it may get ranges. */
  isFit(clockLimit: number): boolean {
    const { clock, state } = this.record;
    return !this.fenced && !this.over && state !== 'failed' && clock !== null && clock.error <= clockLimit;
  }
}
