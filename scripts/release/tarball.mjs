/** What is wrong with a package as it would be published. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { linksOf, placeLinksOf, placesOf } from '../../tests/markdown.mjs';
import { TARGETS } from '../native/compile.mjs';

/** Bytes, packed and unpacked: above what the packages have, with room for a release or two. Who goes past raises them, and says why. */
const BUDGETS = {
  // Hosts have TCP now.
  etherconn: { packed: 2_400_000, unpacked: 10_000_000 },
  // The command runs scenarios, has a lab, filters and replays.
  '@etherconn/cli': { packed: 800_000, unpacked: 3_200_000 },
  '@etherconn/campaign': { packed: 200_000, unpacked: 900_000 },
};
const ALWAYS = ['package.json', 'README.md', 'LICENSE'];
const LIBRARY = [
  'CHANGELOG.md',
  'SECURITY.md',
  ...TARGETS.map((target) => `prebuilds/${target}/etherconn.node`),
];
const FORBIDDEN = /\.test\.|\.tsbuildinfo$|(^|\/)(test-support|node_modules|\.env|\.git)|\.tgz$|~$/;
const SCRIPTS = ['preinstall', 'install', 'postinstall', 'prepare'];

/** One sentence for each fault of the package unpacked in `folder`, packed in `packed` bytes. `root`: the workspace. */
export function tarballFaults(folder, packed, root) {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath ?? entry.path, entry.name)));
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const read = (file) => readFileSync(join(folder, file), 'utf8');
  return [
    ...contentFaults(files, manifest),
    ...manifestFaults(folder, manifest),
    ...sizeFaults(folder, files, manifest.name, packed),
    ...files.flatMap((file) => textFaults(file, read, folder, root)),
    ...(read('LICENSE') === readFileSync(join(root, 'LICENSE'), 'utf8')
      ? []
      : ['LICENSE is not that of the workspace']),
  ];
}

function contentFaults(files, { name }) {
  const wanted = name === 'etherconn' ? [...ALWAYS, ...LIBRARY] : ALWAYS;
  return [
    ...wanted.filter((file) => !files.includes(file)).map((file) => `${file} is missing`),
    ...files.filter((file) => FORBIDDEN.test(file)).map((file) => `${file} does not belong there`),
  ];
}

function manifestFaults(folder, manifest) {
  const faults = [];
  const { license, scripts = {}, exports = {}, bin = {}, dependencies = {} } = manifest;
  if (license !== 'Apache-2.0') faults.push(`its licence is ${license}`);
  for (const script of SCRIPTS) if (scripts[script] !== undefined) faults.push(`it has the script ${script}`);
  const targets = (value) => (typeof value === 'string' ? [value] : Object.values(value).flatMap(targets));
  for (const file of targets(exports)) {
    if (!existsSync(join(folder, file))) faults.push(`exports names ${file}, which is missing`);
  }
  for (const file of Object.values(bin)) {
    const program = join(folder, file);
    if (!existsSync(program)) faults.push(`bin names ${file}, which is missing`);
    else if (!readFileSync(program, 'utf8').startsWith('#!/usr/bin/env node\n'))
      faults.push(`${file} has no #! line`);
  }
  for (const [name, range] of Object.entries(dependencies)) {
    if (/^(file|link|workspace|git|https?):/.test(range)) faults.push(`it depends on ${name} at ${range}`);
  }
  return faults;
}

function sizeFaults(folder, files, name, packed) {
  const unpacked = files.reduce((sum, file) => sum + statSync(join(folder, file)).size, 0);
  const budget = BUDGETS[name];
  return Object.entries({ packed, unpacked })
    .filter(([kind, bytes]) => bytes > budget[kind])
    .map(([kind, bytes]) => `${bytes} bytes ${kind} are more than its budget of ${budget[kind]}`);
}

function textFaults(file, read, folder, root) {
  if (!/\.(md|js|ts|map|json)$/.test(file)) return [];
  const text = read(file);
  const there = (target) => existsSync(resolve(folder, dirname(file), target));
  const faults = [];
  const dead = (kind, targets) => {
    for (const target of targets.filter((target) => !there(target)))
      faults.push(`${file}: ${kind} ${target}, which is missing`);
  };
  if (text.includes(root)) faults.push(`${file} names the machine's folder ${root}`);
  if (file.endsWith('.md')) {
    dead('links to', linksOf(text));
    for (const { file: target, place } of placeLinksOf(text)) {
      const page = target === '' ? file : join(dirname(file), target);
      if (there(target || '.') && !placesOf(read(page)).has(place)) {
        faults.push(`${file}: links to ${target}#${place}, which is no heading there`);
      }
    }
  }
  if (file.endsWith('.d.ts')) {
    if (text.includes('@internal')) faults.push(`${file} has declarations that are internal`);
    const imports = [...text.matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)].map(([, target]) => target);
    dead(
      'imports',
      imports.map((target) => target.replace(/(?<!\.d)\.ts$/, '.d.ts').replace(/\.js$/, '.d.ts')),
    );
  }
  if (file.endsWith('.map')) dead('is made of', JSON.parse(text).sources);
  return faults;
}
