import type { Clock, ClockTimer } from 'etherconn';
import { ConflictError, GoneError, type Hub, NoAnswerError } from '../hub/hub.ts';
import { HeldLease, type LeaseTerms } from '../protocol/lease.ts';
import { agentSchema } from '../protocol/messages.ts';
import { Key } from '../protocol/names.ts';
import type { AgentRecord } from '../protocol/records.ts';

/** Renewals whose sending time is remembered, in case their answers are lost. */
const REMEMBERED = 16;

export interface MembershipOptions {
  readonly hub: Hub;
  readonly clock: Clock;
  readonly terms: LeaseTerms;
  readonly agent: string;
  readonly incarnation: string;
  /** What the record says besides. */
  readonly describe: () => Omit<AgentRecord, 'agent' | 'incarnation' | 'renewal' | 'fenced'>;
  /** The lease was renewed until then, by the clock. */
  readonly onRenewed: (fenceAt: number) => void;
  /** The lease is over: all that is run under it stops now. Called once; `superseded` when another has the name. */
  readonly onLost: (why: string, superseded: boolean) => void;
  /** The store is gone. */
  readonly onGone: () => void;
  /** Gets unexpected errors of the server. The renewal is tried again. */
  readonly onTrouble: (error: Error) => void;
}

/**
 * An agent's record, whose renewal is its lease. Each write is a compare-and-set on the one before, so once the
 * coordinator has written that the lease is over, none of ours is accepted any more.
 */
export class Membership {
  readonly incarnation: string;
  readonly #options: MembershipOptions;
  readonly #lease: HeldLease;
  readonly #sentAt = new Map<number, number>();
  #bucket = '';
  #revision = 0;
  #renewal = 0;
  #lastSentAt = Number.NEGATIVE_INFINITY;
  /** An answer was lost, so the record in the store is unknown. */
  #uncertain = false;
  #lost = false;
  #joined = false;
  #busy = false;
  /** Counts joins, so that answers of an earlier store are ignored. */
  #joins = 0;
  /** This store is not known to have a record of this incarnation. */
  #isNewHere = true;
  #again = false;
  #renewTimer: ClockTimer | null = null;
  #fenceTimer: ClockTimer | null = null;

  constructor(options: MembershipOptions) {
    this.#options = options;
    this.incarnation = options.incarnation;
    this.#lease = new HeldLease(options.terms);
  }

  /** Writes the record into a bucket where this incarnation has none yet, and keeps it renewed. */
  join(bucket: string): void {
    this.#bucket = bucket;
    this.#revision = 0;
    // An earlier incarnation's record may be there, to be written over, or an end of our own lease.
    this.#uncertain = true;
    this.#joined = true;
    this.#joins++;
    this.#isNewHere = true;
    this.#busy = false;
    this.renew();
  }

  /** Renews now: the record says something new, or it is time. */
  renew(): void {
    if (!this.#joined || this.#lost) return;
    if (this.#busy) this.#again = true;
    else void this.#renewOnce();
  }

  /** Stops renewing, so that the lease runs out. */
  leave(): void {
    this.#lost = true;
    this.#renewTimer?.cancel();
    this.#fenceTimer?.cancel();
  }

  /** Says that nothing runs under this lease any more, so that nobody waits for its end. */
  async resign(): Promise<void> {
    if (this.#lost) return;
    const { hub, agent, incarnation, describe } = this.#options;
    this.leave();
    const record: AgentRecord = {
      ...describe(),
      agent,
      incarnation,
      renewal: ++this.#renewal,
      fenced: true,
    };
    try {
      await hub.put(this.#bucket, Key.agent(agent), record, this.#revision);
    } catch {
      // Then its lease runs out.
    }
  }

  async #renewOnce(): Promise<void> {
    this.#busy = true;
    this.#renewTimer?.cancel();
    const joins = this.#joins;
    const isCurrent = (): boolean => joins === this.#joins;
    try {
      if (this.#uncertain) await this.#readAgain(isCurrent);
      if (isCurrent() && !this.#lost) await this.#write(isCurrent);
    } catch (error) {
      if (!isCurrent()) return;
      if (error instanceof ConflictError || error instanceof NoAnswerError) this.#uncertain = true;
      else if (error instanceof GoneError) this.#options.onGone();
      else {
        this.#uncertain = true;
        this.#options.onTrouble(error as Error);
      }
    }
    if (!isCurrent()) return;
    this.#busy = false;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#lost) return;
    if (this.#again || this.#uncertain) {
      // Soon after a lost answer, but not in a tight loop.
      const delay = this.#uncertain ? this.#lease.interval / 4 : 0;
      this.#again = false;
      this.#renewTimer = this.#options.clock.setTimer(() => this.renew(), delay);
      return;
    }
    // Counted from when the last one was sent: a slow answer must not make the next renewal late.
    const delay = Math.max(0, this.#lastSentAt + this.#lease.interval - this.#options.clock.now());
    this.#renewTimer = this.#options.clock.setTimer(() => this.renew(), delay);
  }

  async #write(isCurrent: () => boolean): Promise<void> {
    const { hub, clock, agent, incarnation, describe } = this.#options;
    const sentAt = clock.now();
    // Whoever ended the lease has said so in the earlier store. As long as it holds nobody has.
    if (this.#isNewHere && this.#wasWritten && !this.#lease.holds(sentAt)) {
      this.#lose('it was over when the store was made anew');
      return;
    }
    const renewal = ++this.#renewal;
    this.#lastSentAt = sentAt;
    this.#sentAt.set(renewal, sentAt);
    this.#sentAt.delete(renewal - REMEMBERED);
    const record: AgentRecord = { ...describe(), agent, incarnation, renewal, fenced: false };
    const revision = await hub.put(this.#bucket, Key.agent(agent), record, this.#revision);
    if (!isCurrent()) return;
    this.#isNewHere = false;
    this.#revision = revision;
    this.#renewed(sentAt);
  }

  /** Reads the record: the server may have applied a write whose answer was lost. */
  async #readAgain(isCurrent: () => boolean): Promise<void> {
    const { hub, agent, incarnation } = this.#options;
    const entry = await hub.get(this.#bucket, Key.agent(agent));
    if (!isCurrent()) return;
    this.#uncertain = false;
    if (entry === null) return;
    const record = agentSchema.safeParse(entry.value);
    if (!record.success || record.data.incarnation !== incarnation) {
      // Nothing of ours was ever written: another incarnation's record is to be written over. Otherwise it has done so.
      if (!this.#wasWritten) this.#revision = entry.revision;
      else this.#lose('another agent has this name', true);
      return;
    }
    if (record.data.fenced) {
      this.#lose('the coordinator has ended the lease');
      return;
    }
    this.#isNewHere = false;
    this.#revision = entry.revision;
    const sentAt = this.#sentAt.get(record.data.renewal);
    if (sentAt !== undefined) this.#renewed(sentAt);
  }

  get #wasWritten(): boolean {
    return this.#lease.fenceAt > Number.NEGATIVE_INFINITY;
  }

  #renewed(sentAt: number): void {
    const { clock, onRenewed } = this.#options;
    // The answer came too late: what ran under the lease has stopped.
    if (this.#lost) return;
    this.#lease.renewed(sentAt);
    onRenewed(this.#lease.fenceAt);
    this.#fenceTimer?.cancel();
    this.#fenceTimer = clock.setTimer(() => this.#lastChance(), this.#lease.fenceAt - clock.now());
  }

  /**
   * The time to send is over, so nothing leaves. But as long as the coordinator has not ended the lease, a renewal makes it
   * hold again: a process that was kept from running has an answer, or an attempt, still before it.
   */
  #lastChance(): void {
    const { clock } = this.#options;
    if (this.#lost || this.#lease.holds(clock.now())) return;
    this.renew();
    this.#fenceTimer = clock.setTimer(() => {
      if (!this.#lease.holds(clock.now())) this.#lose('the lease could not be renewed in time');
    }, this.#lease.interval);
  }

  #lose(why: string, superseded = false): void {
    if (this.#lost) return;
    this.leave();
    this.#options.onLost(why, superseded);
  }
}
