/** Something that the user asked for is wrong; `option` names what, and the message says what is allowed. */
export class ScenarioError extends Error {
  readonly option: string;

  constructor(option: string, message: string) {
    super(`${option}: ${message}`);
    this.option = option;
  }
}
