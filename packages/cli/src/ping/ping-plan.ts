import { parseIp } from 'etherconn/wire';
import { macOf } from '../scenario/default-mac.ts';
import type { Range } from '../scenario/range.ts';
import { ScenarioError } from '../scenario/scenario-error.ts';

/** Addresses of one IP version. */
export type AddressRange = Range<string> & { readonly version: 4 | 6 };

/** A machine that pings, and whom. */
export interface Pinging {
  readonly number: number;
  readonly mac: string;
  readonly vlans: readonly number[];
  readonly address: string;
  readonly toAddress: string;
}

/** The ranges of a plan: all advance together, machine by machine, and begin again where they end. */
export interface PingRanges {
  readonly from: AddressRange;
  readonly fromMac?: Range<string> | undefined;
  readonly vlan?: Range<readonly number[]> | undefined;
  readonly to: AddressRange;
}

/** Machines at most: each is a host. */
export const CLIENTS_MAX = 100_000;

/** Who pings whom, by the machine's number. Any process can make any part of it. */
export class PingMachines {
  readonly count: number;
  readonly first: number;
  readonly version: 4 | 6;
  readonly #ranges: PingRanges;

  /** @param count default: as many as the longest range has values */
  constructor(ranges: PingRanges, count?: number, first = 0) {
    const { from, to } = ranges;
    if (from.version !== to.version)
      throw new ScenarioError(
        '--from',
        `must be of IPv${to.version} as the destination is, got '${from.text}'`,
      );
    this.#ranges = ranges;
    this.version = from.version;
    this.first = first;
    this.count =
      count ??
      Math.max(...Object.values(ranges).map((range: Range<unknown> | undefined) => range?.count ?? 0));
    if (this.count > CLIENTS_MAX)
      throw new ScenarioError('--clients', `must be at most ${CLIENTS_MAX}, the ranges make ${this.count}`);
  }

  machine(number: number): Pinging {
    const { from, fromMac, vlan, to } = this.#ranges;
    const address = from.at(number);
    return {
      number,
      mac: fromMac?.at(number) ?? macOf(address),
      vlans: vlan?.at(number) ?? [],
      address,
      toAddress: to.at(number),
    };
  }

  machines(): Pinging[] {
    return Array.from({ length: this.count }, (_, i) => this.machine(this.first + i));
  }
}

/** What is pinged, how often and with what. Times are milliseconds. */
export interface PingPlan {
  readonly machines: PingMachines;
  readonly prefix: number;
  readonly gateway?: string | undefined;
  /** Between the requests of a machine. */
  readonly interval: number;
  /** The next request goes out as soon as a reply comes, and at least every {@link FLOOD_INTERVAL}. */
  readonly flood: boolean;
  /** Requests of each machine; undefined for no end. */
  readonly count?: number | undefined;
  /** How long the last replies are waited for. */
  readonly timeout: number;
  /** Ends the run, whatever has been sent and received. */
  readonly deadline?: number | undefined;
  /** Bytes of data. */
  readonly size: number;
  readonly ttl: number;
  readonly tos: number;
  /** `do`: never fragmented; `want`: fragmented here if the path is known to be narrower; `dont`: by routers, too. */
  readonly fragments: 'do' | 'want' | 'dont';
}

/** A flood sends that often even when nothing comes back. */
export const FLOOD_INTERVAL = 10;

/** Throws a ScenarioError if a destination is outside of its machine's network and there is no gateway. */
export function checkReachable({ machines, prefix, gateway }: PingPlan): void {
  if (gateway !== undefined) return;
  for (const { address, toAddress } of machines.machines()) {
    if (isLinkLocal(toAddress) || isSameNetwork(address, toAddress, prefix)) continue;
    throw new ScenarioError(
      '--gateway',
      `is needed: ${toAddress} is not in the network of ${address}/${prefix}`,
    );
  }
}

function isLinkLocal(address: string): boolean {
  return /^fe[89ab]/i.test(address) || /^(ff|22[4-9]|23\d|255\.255\.255\.255)/i.test(address);
}

function isSameNetwork(a: string, b: string, prefix: number): boolean {
  const bits = (address: string): bigint => BigInt(`0x${Buffer.from(parseIp(address)).toString('hex')}`);
  const length = a.includes(':') ? 128 : 32;
  return bits(a) >> BigInt(length - prefix) === bits(b) >> BigInt(length - prefix);
}
