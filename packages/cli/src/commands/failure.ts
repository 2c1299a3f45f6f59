import { EtherconnError } from 'etherconn';
import { ExitCode } from '../exit-code.ts';
import { ScenarioError, ScenarioErrors } from '../scenario/scenario-error.ts';

/** Says in one sentence what has failed; with `verbose` where, too. Returns the exit code. */
export function explainFailure(error: unknown, verbose: boolean): number {
  if (error instanceof ScenarioErrors && !verbose) {
    for (const { message } of error.errors) process.stderr.write(`etherconn: ${message}\n`);
    return ExitCode.USAGE;
  }
  const isExpected = error instanceof Error && isForPeople(error);
  const message = `${error instanceof Error ? error.message : String(error)}${remedyOf(error)}`;
  const hint = isExpected ? '' : ' (this is a bug of etherconn; --verbose shows where)';
  process.stderr.write(`etherconn: ${message.replace(/\s*\n\s*/g, ' ')}${verbose ? '' : hint}\n`);
  if (verbose && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  return error instanceof ScenarioError ? ExitCode.USAGE : ExitCode.ERROR;
}

/** Errors whose message says what to do; anything else is a mistake of ours. */
function isForPeople(error: Error): boolean {
  return (
    error instanceof ScenarioError ||
    error instanceof EtherconnError ||
    error.name === 'NoNextHop' ||
    'syscall' in error ||
    'code' in error
  );
}

/** What to do about an error of the library, which does not know the command line. */
function remedyOf(error: unknown): string {
  if ((error as Partial<NodeJS.ErrnoException> | null)?.code !== 'ENODEV') return '';
  return '; etherconn interfaces lists those that are here, and --netns NAME takes one of another network namespace';
}

/** Does `work`. What is wrong with options together is told like what is wrong with one of them. */
export async function guarded(verbose: boolean, work: () => Promise<number>): Promise<number> {
  try {
    return await work();
  } catch (error) {
    return explainFailure(error, verbose);
  }
}
