import type { LineOutput } from '../line-output.ts';
import type { Second } from '../metrics/delta.ts';
import { fleetRatesOf } from './fleet.ts';
import { ratesOf } from './rates.ts';
import type { RunOutcome, View } from './view.ts';

/** One object at the end. With `perFlow` it has the flows, too. */
export function jsonView(output: LineOutput, perFlow: boolean): View {
  return {
    async end(outcome) {
      const { result } = outcome;
      output.line(JSON.stringify(perFlow ? { ...result, perFlow: outcome.flows } : result));
      await output.flush();
    },
  };
}

/** One object a second and line (`type` 'second'), and the result as the last one (`type` 'result'). */
export function ndjsonView(output: LineOutput, perFlow: boolean): View {
  let hasFleet = false;
  return {
    begin(info) {
      hasFleet = info.clients !== undefined;
    },
    second(second: Second) {
      const fleet = hasFleet ? fleetRatesOf(second) : {};
      output.line(
        JSON.stringify({ type: 'second', length: second.length / 1000, ...ratesOf(second), ...fleet }),
      );
    },
    async end(outcome: RunOutcome) {
      const flows = perFlow ? { perFlow: outcome.flows } : {};
      output.line(JSON.stringify({ type: 'result', ...outcome.result, ...flows }));
      await output.flush();
    },
  };
}
