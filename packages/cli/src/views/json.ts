import { fleetRatesOf } from '../figures/fleet-rates.ts';
import { ratesOf } from '../figures/rates.ts';
import { partRates, partsIn } from '../figures/series.ts';
import type { LineOutput } from '../line-output.ts';
import type { Second } from '../metrics/delta.ts';
import type { RunOutcome, View } from './view.ts';

/** One object at the end. With `perFlow`, it includes the flows. */
export function jsonView(output: LineOutput, perFlow: boolean): View {
  return {
    async end(outcome) {
      const flows = perFlow ? { perFlow: outcome.flows } : {};
      output.line(JSON.stringify({ ...resultWithSeconds(outcome), ...flows }));
      await output.flush();
    },
  };
}

/** One line with an object every second (`type` 'second'), then the result (`type` 'result'). */
export function ndjsonView(output: LineOutput, perFlow: boolean): View {
  let hasFleet = false;
  return {
    begin(info) {
      hasFleet = info.clients !== undefined;
    },
    second(second: Second) {
      const fleet = hasFleet ? fleetRatesOf(second) : {};
      output.line(
        JSON.stringify({
          type: 'second',
          length: second.length / 1000,
          ...ratesOf(second),
          ...fleet,
          ...(hasParts(second) ? { parts: partRates(second) } : {}),
        }),
      );
    },
    async end(outcome: RunOutcome) {
      const flows = perFlow ? { perFlow: outcome.flows } : {};
      output.line(JSON.stringify({ type: 'result', ...outcome.result, ...flows }));
      await output.flush();
    },
  };
}

function hasParts(second: Second): boolean {
  return partsIn(second).length > 0;
}

/** The result with the seconds of the run and of each part, for `etherconn compare`. */
export function resultWithSeconds({ result, series }: RunOutcome): object {
  const parts = Object.entries(result.parts ?? {}).map(([name, part]) => [
    name,
    { ...part, seconds: series?.parts.get(name)?.points ?? [] },
  ]);
  return {
    ...result,
    ...(parts.length === 0 ? {} : { parts: Object.fromEntries(parts) }),
    seconds: series?.total.points ?? [],
  };
}
