import { ScenarioError } from '../scenario/scenario-error.ts';

/** A filter expression that is wrong, and where. */
export class FilterError extends ScenarioError {
  /** Characters before the place, from 0. */
  readonly position: number;

  constructor(position: number, message: string) {
    super('expression', `at character ${position + 1}: ${message}`);
    this.position = position;
  }
}
