/** Something that the user asked for is wrong; `option` names what, and the message says what is allowed. */
export class ScenarioError extends Error {
  readonly option: string;

  constructor(option: string, message: string) {
    super(`${option}: ${message}`);
    this.option = option;
  }
}

/** Several things are wrong: a line each. */
export class ScenarioErrors extends ScenarioError {
  readonly errors: readonly ScenarioError[];

  constructor(errors: readonly ScenarioError[]) {
    super(errors[0].option, '');
    this.message = errors.map(({ message }) => message).join('\n');
    this.errors = errors;
  }
}
