import { check } from '../scenario/problems.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { ScenarioError, ScenarioErrors } from '../scenario/scenario-error.ts';
import { outlineOf } from './plan.ts';

/**
 * Checks plain data, such as data from a network: against the schema, and whether one process or many can run it. Throws
 * ScenarioErrors, one for each mistake, whose options are paths like 'parts.voice.rate'.
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
