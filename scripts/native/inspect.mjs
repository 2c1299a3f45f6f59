/** What a prebuilt addon may need of the machine that loads it. Read with binutils' readelf, which knows every machine. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { sourceFolder } from './compile.mjs';
import { muslFolders, partsOf } from './toolchain.mjs';

/** The oldest glibc that the addon loads with. Node's own builds need 2.28; others exist for 2.17. */
export const OLDEST_GLIBC = '2.17';

const MACHINES = { x64: 'Advanced Micro Devices X86-64', arm64: 'AArch64' };
const LIBRARIES = { glibc: 'libc.so.6', musl: 'libc.so' };
const EXPORTS = ['napi_register_module_v1', 'node_api_module_get_api_version_v1'];
/** As NAPI_VERSION in compile.mjs. */
const NODE_API = 'v8';
/** Weak, and there for profilers and transactional memory: absent everywhere, and that is well. */
const OPTIONAL = /^(_ITM_(de)?registerTMCloneTable|__gmon_start__)$/;

/** What is wrong with a build for a target, one sentence each. */
export function faultsOf(file, target) {
  const { arch, libc } = partsOf(target);
  const header = readelf('-h', file);
  const segments = readelf('-l', file);
  const dynamic = readelf('-d', file);
  const symbols = symbolsOf(file);
  const faults = [];
  const expect = (right, fault) => right || faults.push(fault);

  const machine = header.match(/Machine:\s+(.*)/)[1];
  expect(machine === MACHINES[arch], `it is for ${machine}`);
  expect(/Type:\s+DYN/.test(header), 'it is no shared library');
  expect(!/INTERP/.test(segments), 'it names a program interpreter');
  expect(/GNU_STACK.*\n.*RW /.test(segments), 'its stack is executable');
  expect(!/RPATH|RUNPATH|TEXTREL/.test(dynamic), 'it has a run path, or code that is relocated');
  const needed = [...dynamic.matchAll(/NEEDED.*\[(.*)\]/g)].map(([, name]) => name);
  expect(needed.join() === LIBRARIES[libc], `it needs ${needed.join(', ') || 'no library'}`);

  const exported = symbols.filter(({ section }) => section !== 'UND').map(({ name }) => name);
  expect(exported.sort().join() === EXPORTS.join(), `it exports ${exported.join(', ')}`);
  const nodeNames = namesOfNode();
  const libcNames = libc === 'musl' ? namesOfMusl(target) : undefined;
  for (const { name, version, section } of symbols) {
    if (section !== 'UND' || nodeNames.has(name) || OPTIONAL.test(name)) continue;
    if (libcNames !== undefined) expect(libcNames.has(name), `musl has no ${name}`);
    else expect(version !== undefined, `neither Node-API nor glibc has ${name}`);
    if (version !== undefined) {
      expect(
        !newer(version, OLDEST_GLIBC),
        `${name} needs glibc ${version}, and ${OLDEST_GLIBC} is promised`,
      );
    }
  }
  return faults;
}

/** The newest version of glibc that something in the file needs; undefined for musl. */
export function neededGlibc(file) {
  const versions = symbolsOf(file)
    .map(({ version }) => version)
    .filter(Boolean);
  return versions.sort((a, b) => (newer(a, b) ? -1 : 1))[0];
}

/** What the file takes from others. */
export function neededSymbols(file) {
  return symbolsOf(file)
    .filter(({ section }) => section === 'UND')
    .map(({ name }) => name);
}

/** Symbols that are exported and that are needed. */
function symbolsOf(file) {
  const lines = readelf('-W', '--dyn-syms', file).matchAll(
    /^\s+\d+: \w+\s+\d+ (?:FUNC|OBJECT|NOTYPE)\s+(?:GLOBAL|WEAK)\s+\w+\s+(?:\[.*?\]\s+)?(\w+) (.+)$/gm,
  );
  return [...lines].map(([, section, text]) => {
    const [name, version] = text.trim().split(/@+/);
    return { section, name, version: version?.match(/^GLIBC_([\d.]+)/)?.[1] };
  });
}

/** What Node-API has in the version that the addon asks for, and what of libuv is declared in native/libuv.h. */
function namesOfNode() {
  const { js_native_api_symbols, node_api_symbols } = createRequire(import.meta.url)('node-api-headers')
    .symbols[NODE_API];
  const libuv = readFileSync(join(sourceFolder, 'libuv.h'), 'utf8').match(/\buv_\w+(?=\()/g);
  return new Set([...js_native_api_symbols, ...node_api_symbols, ...libuv]);
}

function namesOfMusl(target) {
  const library = join(muslFolders(target).lib, 'libc.so');
  return new Set(
    symbolsOf(library)
      .filter(({ section }) => section !== 'UND')
      .map(({ name }) => name),
  );
}

function newer(version, than) {
  const [a, b] = [version, than].map((text) => text.split('.').map(Number));
  return a[0] !== b[0] ? a[0] > b[0] : a[1] > b[1];
}

function readelf(...args) {
  const { status, stdout, stderr, error } = spawnSync('readelf', args, {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
    maxBuffer: 2 ** 26,
  });
  if (status === 0) return stdout;
  throw new Error(`readelf ${args.join(' ')}: ${error?.message ?? stderr.trim()}`);
}
