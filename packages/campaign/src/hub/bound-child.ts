import { type ChildProcess, spawn, spawnSync } from 'node:child_process';

/**
 * A child that ends with this process, however that ends, where setpriv (util-linux) is there. Ctrl-C on the terminal does
 * not reach it: it is ended in order. Its standard error is a pipe.
 */
export function spawnWithUs(command: string, args: readonly string[]): ChildProcess {
  const hasSetpriv = spawnSync('setpriv', ['--version']).error === undefined;
  const [program, ...rest] = hasSetpriv
    ? ['setpriv', '--pdeathsig', 'TERM', command, ...args]
    : [command, ...args];
  return spawn(program, rest, { stdio: ['ignore', 'ignore', 'pipe'], detached: true });
}
