/** The software bill of materials: the packages and what comes with them, as a user's npm installs them. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';

/** What may come with the packages. */
const LICENCES = ['Apache-2.0', 'MIT', 'ISC', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD', 'Zlib', 'Unlicense'];

/** CycloneDX, as text, of tarballs installed in `folder`. Throws when npm cannot. */
export function billOfMaterials(folder, tarballs, name, version) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/package.json`, JSON.stringify({ name, version, private: true }));
  npm(
    folder,
    'install',
    '--omit=dev',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--silent',
    ...tarballs,
  );
  const bill = JSON.parse(npm(folder, 'sbom', '--sbom-format', 'cyclonedx', '--omit', 'dev'));
  // Where it was made is of no interest to anybody.
  const text = JSON.stringify(bill, null, 2).replaceAll(folder, '.');
  return `${text}\n`;
}

/** What is wrong with a bill, one sentence each. */
export function billFaults(text, names) {
  const { components } = JSON.parse(text);
  const faults = names
    .filter(
      (name) =>
        !components.some(
          (component) => component.name === name || `${component.group}/${component.name}` === name,
        ),
    )
    .map((name) => `the bill of materials lacks ${name}`);
  for (const { name, licenses = [] } of components) {
    // An SPDX expression: of its parts, all must do.
    const parts = ({ license, expression }) =>
      expression?.match(/[\w.+-]+/g)?.filter((part) => !/^(AND|OR)$/.test(part)) ?? [
        license.id ?? license.name,
      ];
    const ids = licenses.flatMap(parts);
    if (ids.length === 0 || !ids.every((id) => LICENCES.includes(id)))
      faults.push(`${name} has the licence ${ids.join(', ') || 'unknown'}`);
  }
  return faults;
}

function npm(cwd, ...args) {
  const { status, stdout, stderr } = spawnSync('npm', args, { cwd, encoding: 'utf8' });
  if (status === 0) return stdout;
  throw new Error(`npm ${args.join(' ')}: ${stderr.trim()}`);
}
