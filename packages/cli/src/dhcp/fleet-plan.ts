import { formatMac, parseMac, type Vlan } from 'etherconn/wire';
import type { Range } from '../scenario/range.ts';
import type { ClientOption } from './client-options.ts';

/** A transaction id has the number of its client in this many bits. */
export const NUMBER_BITS = 20;
export const CLIENTS_MAX: number = 2 ** NUMBER_BITS;

/** Clients that ask at the same time when all may begin at once: about as many messages fit in the queue of a socket. */
export const DEFAULT_IN_FLIGHT: number = 256;

/** What a fleet of DHCP clients is told. Times are milliseconds. */
export interface FleetPlan {
  readonly clients: number;
  /** Number of the first client; the others follow. Default 0. What a client is and does goes by its number. */
  readonly first?: number | undefined;
  /** Clients that begin in a second; Infinity for all at once. */
  readonly rate: number;
  /** Clients that ask and have no lease yet, at most; Infinity for no limit. See `InFlight`. */
  readonly inFlight: number;
  readonly mac: Range<string>;
  readonly vlan?: Range<readonly number[]> | undefined;
  readonly options: readonly ClientOption[];
  /** Asks the server to answer by broadcast. */
  readonly broadcast: boolean;
  /** Renews at T1 and rebinds at T2. Without a duration the run ends when each client has renewed once. */
  readonly renew: boolean;
  /** Gives leases back at the end, and when flapping. */
  readonly release: boolean;
  /** Gives up a lease that old, and begins again. */
  readonly flap?: number | undefined;
  /** Part of the clients, 0 to 1, that decline the first address that they get. */
  readonly decline: number;
  /** Without one the run ends when every client has what it is to have. */
  readonly duration?: number | undefined;
  /** Wait for the first answer; doubles with each retry. */
  readonly timeout: number;
  readonly retries: number;
  readonly seed: number;
}

/** Who the clients are, in flat arrays: there may be a million. */
export class Members {
  readonly count: number;
  /** Number of the first one; rows count from 0. */
  readonly first: number;
  readonly macs: Uint8Array;
  /** Different stacks of tags, and which of them each client has. */
  readonly vlans: readonly (readonly Vlan[])[];
  readonly vlanOf: Uint32Array;

  constructor({ clients, first = 0, mac, vlan }: Pick<FleetPlan, 'clients' | 'first' | 'mac' | 'vlan'>) {
    this.count = clients;
    this.first = first;
    this.macs = new Uint8Array(6 * clients);
    this.vlanOf = new Uint32Array(clients);
    const stacks: (readonly Vlan[])[] = [];
    const known = new Map<string, number>();
    for (let n = 0; n < clients; n++) {
      this.macs.set(parseMac(mac.at(first + n)), 6 * n);
      const ids = vlan?.at(first + n) ?? [];
      const key = ids.join('.');
      let index = known.get(key);
      if (index === undefined) {
        index = stacks.push(ids.map((id) => ({ id }))) - 1;
        known.set(key, index);
      }
      this.vlanOf[n] = index;
    }
    this.vlans = stacks;
  }

  mac(n: number): Uint8Array {
    return this.macs.subarray(6 * n, 6 * n + 6);
  }

  macText(n: number): string {
    return formatMac(this.mac(n));
  }

  vlanText(n: number): string {
    return this.vlans[this.vlanOf[n]].map(({ id }) => id).join('.');
  }
}
