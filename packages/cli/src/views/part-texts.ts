import { scaled, time } from '../figures/format.ts';
import { partRates } from '../figures/series.ts';
import type { Second } from '../metrics/delta.ts';

/** The activity of each part of a scenario in a second, as short text and as a number for a sparkline. */
export class PartTexts {
  /** Leases held, by part. */
  readonly #bound = new Map<string, number>();

  texts(second: Second): { readonly name: string; readonly text: string; readonly value: number }[] {
    return Object.entries(partRates(second)).map(([name, rates]) => {
      const { sent, received, lost, p99, leases } = rates;
      if (leases !== undefined) {
        const bound = (this.#bound.get(name) ?? 0) + rates.bound!;
        this.#bound.set(name, bound);
        const failed = rates.failed! > 0 ? `  failed ${rates.failed}` : '';
        return { name, text: `bound ${bound}  ${scaled(leases)} leases/s${failed}`, value: leases };
      }
      const texts = [
        ...(sent > 0 ? [`sent ${scaled(sent, 'pps')}`] : []),
        ...(received > 0 ? [`received ${scaled(received, 'pps')}`] : []),
        ...(lost > 0 ? [`lost ${lost}`] : []),
        ...(p99 === null ? [] : [`p99 ${time(p99)}`]),
      ];
      return { name, text: texts.join('  ') || 'nothing', value: received > 0 ? received : sent };
    });
  }
}
