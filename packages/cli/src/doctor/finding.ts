/** One thing that was looked at. */
export interface Finding {
  readonly name: string;
  /** `warning`: works, but disturbs tests; `missing`: does not work or is not there; `unknown`: could not be found out. */
  readonly state: 'ok' | 'warning' | 'missing' | 'unknown';
  readonly detail: string;
  /** What to do, when there is something. */
  readonly advice?: string;
  /** A command that does it, to copy. */
  readonly repair?: string;
  /** Nothing works until this is repaired. */
  readonly prevents?: true;
}
