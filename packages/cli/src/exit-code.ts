/** How the command ends. A signal that ends it gives 128 and the signal's number, as a shell says it. */
export const ExitCode = {
  OK: 0,
  /** The input is broken or cannot be read, or the work failed. */
  ERROR: 1,
  /** The command line is wrong. */
  USAGE: 2,
  /** The run went to its end, and a threshold of --fail-if was passed, or could not be judged. */
  THRESHOLD: 3,
} as const;
