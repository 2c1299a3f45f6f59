import { macOf } from './default-mac.ts';
import type { Range } from './range.ts';
import { ScenarioError } from './scenario-error.ts';

/** One flow: who sends to whom. */
export interface Flow {
  readonly number: number;
  readonly mac: string;
  readonly vlans: readonly number[];
  readonly address: string;
  readonly port: number;
  readonly toAddress: string;
  readonly toPort: number;
  /** MAC address of the next hop; undefined when it is to be asked for. */
  readonly toMac: string | undefined;
}

/** The ranges of a plan: all advance together, flow by flow, and begin again where they end. */
export interface FlowRanges {
  readonly from: Range<string> & { readonly version: 4 | 6 };
  readonly fromPort: Range<number>;
  readonly fromMac?: Range<string> | undefined;
  readonly vlan?: Range<readonly number[]> | undefined;
  readonly to: Range<string> & { readonly version: 4 | 6 };
  readonly toPort: Range<number>;
  readonly toMac?: Range<string> | undefined;
}

/** Flows at most: each is a header template and a row. */
export const FLOWS_MAX = 1_000_000;

/**
 * Flows as a function of their number. Without `count` there are as many as the longest range has values; a part of a
 * plan (`first`, `count`) has the same flows as the whole one under the same numbers.
 */
export class FlowPlan {
  readonly count: number;
  readonly first: number;
  readonly version: 4 | 6;
  readonly #ranges: FlowRanges;

  constructor(ranges: FlowRanges, count?: number, first = 0) {
    if (ranges.from.version !== ranges.to.version) {
      throw new ScenarioError(
        '--to',
        `must be of IPv${ranges.from.version} as --from is, got '${ranges.to.text}'`,
      );
    }
    this.#ranges = ranges;
    this.version = ranges.from.version;
    this.first = first;
    this.count =
      count ??
      Math.max(...Object.values(ranges).map((range: Range<unknown> | undefined) => range?.count ?? 0));
    if (this.count > FLOWS_MAX)
      throw new ScenarioError('--flows', `must be at most ${FLOWS_MAX}, the ranges make ${this.count}`);
  }

  flow(number: number): Flow {
    const { from, fromPort, fromMac, vlan, to, toPort, toMac } = this.#ranges;
    const address = from.at(number);
    return {
      number,
      mac: fromMac?.at(number) ?? macOf(address),
      vlans: vlan?.at(number) ?? [],
      address,
      port: fromPort.at(number),
      toAddress: to.at(number),
      toPort: toPort.at(number),
      toMac: toMac?.at(number),
    };
  }

  flows(): Flow[] {
    return Array.from({ length: this.count }, (_, i) => this.flow(this.first + i));
  }
}
