/** How the command ends. */
export const ExitCode = {
  OK: 0,
  /** The input is broken or cannot be read, or the work failed. */
  ERROR: 1,
  /** The command line is wrong. */
  USAGE: 2,
} as const;
