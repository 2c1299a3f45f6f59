import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';

/** Set in the environment of the process that runs inside the user namespace. */
const INSIDE = 'ETHERCONN_DEMO_INSIDE';

/** Whether this process may make network namespaces as it is. */
export function hasRights(): boolean {
  return process.getuid?.() === 0 || process.env[INSIDE] === '1';
}

/** Why an ordinary user cannot have a user namespace here; undefined when he can. */
export function userNamespaceObstacle(): string | undefined {
  const probe = spawnSync('unshare', ['-Urn', 'true'], { encoding: 'utf8' });
  return probe.status === 0 ? undefined : (probe.error?.message ?? probe.stderr.trim());
}

/**
 * Runs this very command line again inside a user namespace, in which an ordinary user is root of networks
 * of his own (Node cannot enter one itself: it has threads). Resolves with its exit code.
 */
export async function runInUserNamespace(): Promise<number> {
  const child = spawn('unshare', ['-Urn', process.execPath, ...process.execArgv, ...process.argv.slice(1)], {
    stdio: 'inherit',
    env: { ...process.env, [INSIDE]: '1' },
  });
  // The terminal sends its signals to both; the one inside cleans up, and this one waits for it.
  const forward = (signal: NodeJS.Signals) => child.kill(signal);
  process.on('SIGTERM', forward).on('SIGINT', forward);
  const [code] = await once(child, 'exit');
  return code ?? 1;
}
