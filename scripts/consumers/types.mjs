/**
 * The programs of tests/consumers, compiled with different versions of TypeScript and @types/node and each kind of module
 * resolution, library declarations checked, and what was compiled is run.
 */
import { cpSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bin, install, project, report, root, run, tarball } from './workshop.mjs';

/** The oldest TypeScript that can be used, the last one before 7, and the newest, with types of the oldest and newest Node. */
const PROJECTS = [
  { typescript: '5.4', types: '20' },
  { typescript: '5.9', types: '20' },
  { typescript: 'latest', types: '20' },
  { typescript: 'latest', types: 'latest' },
];
const RESOLUTIONS = ['node16', 'nodenext', 'bundler'];

export function types(quick) {
  const projects = quick ? [PROJECTS[0], PROJECTS.at(-1)] : PROJECTS;
  const resolutions = quick ? ['nodenext'] : RESOLUTIONS;
  for (const { typescript, types } of projects) {
    const home = project(`typescript-${typescript}-types-${types}`);
    install(home, tarball, `typescript@${typescript}`, `@types/node@${types}`);
    for (const resolution of resolutions) check(home, resolution, `@types/node ${types}`);
  }
}

/** Compiles all programs with one kind of resolution, and runs them. */
function check(home, resolution, types) {
  const folder = join(home, resolution);
  cpSync(join(root, 'tests/consumers'), folder, { recursive: true });
  // Only with these does TypeScript let CommonJS load ES modules, as Node has since 20.19.
  const version = run(home, bin(home, 'tsc'), ['-v']).stdout.match(/(\d+)\.(\d+)/);
  const canRequire = resolution === 'nodenext' && Number(version[1]) * 100 + Number(version[2]) >= 508;
  if (!canRequire) rmSync(join(folder, 'common-js.cts'));
  const compilerOptions = {
    target: 'es2022',
    lib: ['es2022', 'esnext.disposable'],
    module: resolution === 'bundler' ? 'esnext' : resolution,
    moduleResolution: resolution,
    types: ['node'],
    strict: true,
    skipLibCheck: false,
    rootDir: '.',
    outDir: 'out',
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, exclude: ['out'] }));
  const name = `TypeScript ${version[0]}, ${types}, ${resolution}`;
  if (!report(name, run(home, bin(home, 'tsc'), ['-p', folder]))) return;
  for (const file of readdirSync(join(folder, 'out'))) {
    report(`${name}: ${file}`, run(home, process.execPath, [join(folder, 'out', file)]));
  }
}
