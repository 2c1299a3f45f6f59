import type { SystemError } from '../errors.ts';
import { SteeringProgram } from '../link/xdp/program.ts';
import { loadAddon } from '../native/addon.ts';
import { requireNamespaces } from '../testing/namespaces.ts';
import { orSkip } from '../testing/strict.ts';

let cached: string | false | undefined;

/** Why tests that load XDP programs cannot run here; false when they can. In the form of node:test's `skip` option. */
export function requireBpf(): string | false {
  cached ??= requireNamespaces() || findObstacle();
  return orSkip(cached);
}

function findObstacle(): string | false {
  try {
    const options = { endpoints: 1, queues: 1, frags: false };
    SteeringProgram.load(loadAddon(), options).close();
    return false;
  } catch (error) {
    // The machine lacks the privilege or the system call; anything else that fails is no reason to skip a test.
    const { code, message } = error as SystemError;
    if (!['EPERM', 'EACCES', 'ENOSYS'].includes(code)) throw error;
    return message;
  }
}
