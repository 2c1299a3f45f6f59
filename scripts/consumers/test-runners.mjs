/** Unit tests over the memory network, in virtual time, under jest and vitest. */
import { bin, install, project, report, run, tarball } from './workshop.mjs';

export function testRunners(quick) {
  const vitest = project('vitest', 'vitest');
  install(vitest, tarball, 'vitest@latest');
  report('vitest', run(vitest, bin(vitest, 'vitest'), ['run']));
  if (!quick) underJest();
}

/** The ways that docs/installation.md names for versions of Node on which jest cannot `require` ES modules. */
function underJest() {
  const home = project('jest', 'jest');
  install(home, tarball, 'jest@latest', '@swc/jest@latest', '@swc/core@latest');
  const jest = (...args) => run(home, bin(home, 'jest'), ...args);
  report('jest, @swc/jest', jest(['-c', 'swc.json']));
  report('jest, ES modules', jest(['-c', 'modules.json'], { NODE_OPTIONS: '--experimental-vm-modules' }));
}
