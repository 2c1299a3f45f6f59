/**
 * Programs as users write them (tests/consumers), against the package as it would be published (`npm run test:consumers`):
 * packs it, installs it into temporary projects with different versions of TypeScript and @types/node, compiles the
 * programs with each kind of module resolution, library declarations checked, and runs what was compiled. Also with a
 * bundler (tests/bundled) and under jest (tests/jest).
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const programs = join(root, 'tests', 'consumers');

/** The oldest TypeScript that can be used, the last one before 7, and the newest, with types of the oldest and newest Node. */
const PROJECTS = [
  { typescript: '5.4', types: '20' },
  { typescript: '5.9', types: '20' },
  { typescript: 'latest', types: '20' },
  { typescript: 'latest', types: 'latest' },
];
const RESOLUTIONS = ['node16', 'nodenext', 'bundler'];

const folder = mkdtempSync(join(tmpdir(), 'etherconn-consumers-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const tarball = join(
  folder,
  run('npm', ['pack', '--silent', '--pack-destination', folder], `${root}packages/etherconn`),
);

let failed = 0;
for (const { typescript, types } of PROJECTS) {
  const project = join(folder, `typescript-${typescript}-types-${types}`);
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }\n');
  install(project, tarball, `typescript@${typescript}`, `@types/node@${types}`);
  for (const resolution of RESOLUTIONS) check(project, resolution);
}
bundled(mkdirIn('bundled'));
underJest(mkdirIn('jest'));
console.log(failed === 0 ? '\nall consumers are content' : `\n${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

function mkdirIn(name) {
  const project = join(folder, name);
  mkdirSync(project);
  cpSync(join(root, 'tests', name), project, { recursive: true });
  return project;
}

/** A program over the memory network, in one file; opening an interface says why that cannot be. */
function bundled(project) {
  install(project, tarball, 'esbuild@latest');
  for (const format of ['cjs', 'esm']) {
    const file = join(project, `out.${format === 'cjs' ? 'cjs' : 'mjs'}`);
    const args = [
      '--bundle',
      '--platform=node',
      `--format=${format}`,
      `--outfile=${file}`,
      '--log-level=error',
    ];
    const options = { cwd: project, encoding: 'utf8' };
    const made = spawnSync('node_modules/.bin/esbuild', ['memory.js', ...args], options);
    report(`esbuild, ${format}`, made);
    if (made.status === 0) report(`esbuild, ${format}: runs`, spawnSync(process.execPath, [file], options));
  }
}

/** The ways that docs/installation.md names for versions of Node on which jest cannot `require` ES modules. */
function underJest(project) {
  install(project, tarball, 'jest@latest', '@swc/jest@latest', '@swc/core@latest');
  const jest = (name, args, env = {}) =>
    report(
      `jest, ${name}`,
      spawnSync('node_modules/.bin/jest', args, {
        cwd: project,
        encoding: 'utf8',
        env: { ...process.env, NODE_OPTIONS: '', ...env },
      }),
    );
  jest('@swc/jest', ['-c', 'swc.json']);
  jest('ES modules', ['-c', 'modules.json'], { NODE_OPTIONS: '--experimental-vm-modules' });
}

/** Compiles all programs with one kind of resolution, and runs them. */
function check(project, resolution) {
  const folder = join(project, resolution);
  cpSync(programs, folder, { recursive: true });
  // Only with these does TypeScript let CommonJS load ES modules, as Node has since 20.19.
  const version = run(join(project, 'node_modules/.bin/tsc'), ['-v'], project).match(/(\d+)\.(\d+)/);
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
  const name = `TypeScript ${version[0]}, ${project.slice(project.lastIndexOf('types-'))}, ${resolution}`;
  const compiled = spawnSync(join(project, 'node_modules/.bin/tsc'), ['-p', folder], { encoding: 'utf8' });
  report(name, compiled);
  if (compiled.status !== 0) return;
  for (const file of readdirSync(join(folder, 'out'))) {
    report(
      `${name}: ${file}`,
      spawnSync(process.execPath, [join(folder, 'out', file)], { encoding: 'utf8' }),
    );
  }
}

function report(name, { status, stdout, stderr }) {
  console.log(`${status === 0 ? 'ok  ' : 'FAIL'} ${name}`);
  if (status === 0) return;
  failed++;
  console.log(`${stdout}${stderr}`.trim());
}

function install(project, ...packages) {
  run('npm', ['install', '--silent', '--no-audit', '--no-fund', ...packages], project);
}

function run(command, args, cwd) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status === 0) return stdout.trim();
  console.error(`${command} ${args.join(' ')}\n${stdout}${stderr}`);
  process.exit(1);
}
