/** The package with its addons, installed by each package manager: they are found, and no script had to run. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bin, install, project, report, run, tarball } from './workshop.mjs';

/** pnpm as it is known to install from npm; newer ones depend on builds for every platform. */
const TOOLS = ['pnpm@12.4.2', '@yarnpkg/cli-dist@latest', 'bun@latest'];
const PROGRAM = `import { addonStatus } from 'etherconn';
const { available, reason } = addonStatus();
if (!available) throw new Error(reason);
`;

export function packageManagers() {
  const tools = project('package managers');
  install(tools, ...TOOLS);
  const yarn = bin(tools, 'yarn');
  const local = `etherconn@file:${tarball}`;
  const managers = [
    ['npm', 'npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', tarball], process.execPath],
    ['pnpm', bin(tools, 'pnpm'), ['add', tarball], process.execPath],
    ["Yarn, Plug'n'Play", yarn, ['add', local], yarn, { YARN_NODE_LINKER: 'pnp' }],
    ['Yarn, node_modules', yarn, ['add', local], yarn, { YARN_NODE_LINKER: 'node-modules' }],
    ['Bun', bin(tools, 'bun'), ['add', tarball], process.execPath],
  ];
  for (const [name, command, args, program, env = {}] of managers) {
    const home = project(`installed by ${name}`);
    writeFileSync(join(home, 'program.mjs'), PROGRAM);
    // Without its own, Yarn would take the project for a part of one further up.
    if (command === yarn) writeFileSync(join(home, 'yarn.lock'), '');
    const settings = { ...env, YARN_ENABLE_IMMUTABLE_INSTALLS: '0', YARN_ENABLE_TELEMETRY: '0' };
    if (!report(`${name} installs`, run(home, command, args, settings))) continue;
    const start = program === yarn ? ['node', 'program.mjs'] : ['program.mjs'];
    report(`${name}: the addon loads`, run(home, program, start, settings));
  }
}
