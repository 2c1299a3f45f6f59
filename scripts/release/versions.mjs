/** The versions of the packages, which move together, and the changelog's section for them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const PACKAGES = ['packages/etherconn', 'packages/cli', 'packages/campaign'];

const VERSION = /^\d+\.\d+\.\d+(-[a-z]+\.\d+)?$/;
const UNRELEASED = '## [Unreleased]';
/** Keep a Changelog 1.1.0. */
const KINDS = ['Added', 'Changed', 'Deprecated', 'Removed', 'Fixed', 'Security'];

export function readManifest(root, folder) {
  return JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
}

/** What is wrong with the versions, one sentence each: of the packages, of the lock file, and of what depends on what. */
export function versionFaults(root) {
  const manifests = PACKAGES.map((folder) => readManifest(root, folder));
  const [{ name: library, version }] = manifests;
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  const faults = [];
  if (!VERSION.test(version)) faults.push(`${version} is no version`);
  for (const [index, { name, version: own, dependencies = {} }] of manifests.entries()) {
    if (own !== version) faults.push(`${name} has version ${own}, ${library} has ${version}`);
    const locked = lock[PACKAGES[index]];
    if (locked?.version !== own) faults.push(`package-lock.json has ${name} ${locked?.version}`);
    const wanted = dependencies[library];
    if (wanted !== undefined && wanted !== version) faults.push(`${name} depends on ${library} ${wanted}`);
    if (wanted !== undefined && locked?.dependencies?.[library] !== wanted) {
      faults.push(`package-lock.json has ${name} depend on ${library} ${locked?.dependencies?.[library]}`);
    }
  }
  return faults;
}

/** What is wrong with the changelog whatever is released; with a version, also what keeps it from being released. */
export function changelogFaults(text, version) {
  const faults = [];
  const sections = [...text.matchAll(/^## (.*)$/gm)].map(([, title]) => title);
  if (sections[0] !== '[Unreleased]') faults.push(`the first section is '${sections[0]}', not [Unreleased]`);
  for (const title of sections.slice(1)) {
    if (!/^\[\d+\.\d+\.\d+(-[a-z]+\.\d+)?\] - \d{4}-\d{2}-\d{2}$/.test(title))
      faults.push(`no version and date: '${title}'`);
  }
  for (const [, kind] of text.matchAll(/^### (.*)$/gm)) {
    if (!KINDS.includes(kind)) faults.push(`'### ${kind}' is none of ${KINDS.join(', ')}`);
  }
  if (version === undefined) return faults;
  if (!sections.some((title) => title.startsWith(`[${version}]`)))
    faults.push(`there is no section for ${version}`);
  if (/^\s*(###|-) /m.test(unreleased(text))) faults.push('the section [Unreleased] is not empty');
  return faults;
}

/** The text of the section with what is not released. */
function unreleased(text) {
  const from = text.indexOf(UNRELEASED) + UNRELEASED.length;
  const to = text.indexOf('\n## ', from);
  return text.slice(from, to < 0 ? undefined : to);
}

/** Gives all packages a version, and what is not released its section. `date` is YYYY-MM-DD. */
export function setVersion(root, version, date) {
  if (!VERSION.test(version)) throw new Error(`${version} is no version (1.2.3, 1.2.3-beta.1)`);
  const write = (file, change) => {
    const data = JSON.parse(readFileSync(join(root, file), 'utf8'));
    change(data);
    writeFileSync(join(root, file), `${JSON.stringify(data, null, 2)}\n`);
  };
  const [library] = PACKAGES.map((folder) => readManifest(root, folder).name);
  const move = (data) => {
    data.version = version;
    if (data.dependencies?.[library] !== undefined) data.dependencies[library] = version;
  };
  for (const folder of PACKAGES) write(join(folder, 'package.json'), move);
  write('package-lock.json', ({ packages }) => {
    for (const folder of PACKAGES) move(packages[folder]);
  });
  const changelog = join(root, 'CHANGELOG.md');
  const text = readFileSync(changelog, 'utf8');
  writeFileSync(changelog, text.replace(UNRELEASED, `${UNRELEASED}\n\n## [${version}] - ${date}`));
}
