import { State } from './client-state.ts';
import type { Members } from './fleet-plan.ts';
import { OwnerTable } from './owner-table.ts';
import type { ServerMessage } from './server-message.ts';

/** The states and leases of a fleet's clients, in flat arrays: there may be a million. Times are milliseconds of the run. */
export class LeaseTable {
  readonly states: Uint8Array;
  /** Of a lease, or of the offer that was taken; 0 for none. */
  readonly addresses: Uint32Array;
  readonly servers: Uint32Array;
  /** Seconds; Infinity for a lease that does not end. */
  readonly leaseTimes: Float64Array;
  /** When each lease was acquired or renewed, and how long the first exchange took. */
  readonly boundAt: Float64Array;
  readonly took: Float64Array;
  /** T1 and T2. */
  readonly renewAt: Float64Array;
  readonly rebindAt: Float64Array;
  readonly #vlanOf: Uint32Array;
  readonly #owners: OwnerTable;

  constructor({ count, vlanOf }: Members) {
    this.states = new Uint8Array(count);
    this.addresses = new Uint32Array(count);
    this.servers = new Uint32Array(count);
    this.leaseTimes = new Float64Array(count);
    this.boundAt = new Float64Array(count);
    this.took = new Float64Array(count);
    this.renewAt = new Float64Array(count);
    this.rebindAt = new Float64Array(count);
    this.#vlanOf = vlanOf;
    this.#owners = new OwnerTable(this.addresses, vlanOf);
  }

  has(n: number): boolean {
    const state = this.states[n];
    return state === State.BOUND || state === State.RENEWING || state === State.REBINDING;
  }

  endOf(n: number): number {
    return this.boundAt[n] + 1000 * this.leaseTimes[n];
  }

  /** The client that has a lease of the address; -1 for none. */
  ownerOf(address: number, vlanIndex: number): number {
    return this.#owners.find(address, vlanIndex);
  }

  /** Whether another client has the address that client `n` is given. */
  isTaken(n: number): boolean {
    const owner = this.ownerOf(this.addresses[n], this.#vlanOf[n]);
    return owner >= 0 && owner !== n;
  }

  /** Client `n` has its address, for the first time or for longer: `message` acknowledges what it asked for at `askedAt`. */
  bind(n: number, askedAt: number, { leaseTime, renewalTime, rebindingTime }: ServerMessage): void {
    if (this.states[n] === State.REQUESTING) this.#owners.add(n);
    this.states[n] = State.BOUND;
    this.leaseTimes[n] = leaseTime;
    this.boundAt[n] = askedAt;
    // RFC 2131 §4.4.5: half and seven eighths of the lease, when the server does not say.
    const t2 = Math.min(given(rebindingTime, 0.875 * leaseTime), leaseTime);
    const t1 = Math.min(given(renewalTime, 0.5 * leaseTime), t2);
    this.renewAt[n] = askedAt + 1000 * t1;
    this.rebindAt[n] = askedAt + 1000 * t2;
  }

  /** The lease of client `n` is over. */
  lose(n: number): void {
    this.#owners.remove(n);
    this.states[n] = State.IDLE;
  }

  /** Client `n`, which has no lease, forgets the address and the server that it has tried. */
  forget(n: number): void {
    this.addresses[n] = 0;
    this.servers[n] = 0;
  }
}

/** A time that the server gives; `otherwise` when it gives none. */
function given(time: number, otherwise: number): number {
  return Number.isNaN(time) ? otherwise : time;
}
