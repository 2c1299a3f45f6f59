import { check } from '../scenario/problems.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { ScenarioError, ScenarioErrors } from '../scenario/scenario-error.ts';
import { outlineOf } from './plan.ts';

/**
 * Checks plain data, as it comes over a network: against the schema, and whether it can be run, in one process or by many. Throws ScenarioErrors, one
 * for each thing that is wrong, whose options are paths like 'parts.voice.rate'.
 */
export function checkScenario(data: unknown): Scenario {
  const checked = check(data);
  if ('problems' in checked)
    throw new ScenarioErrors(
      checked.problems.map(({ path, message }) => new ScenarioError(path.join('.') || 'scenario', message)),
    );
  outlineOf(checked.scenario);
  return checked.scenario;
}
