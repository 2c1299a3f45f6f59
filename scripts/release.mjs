/**
 * Makes a release, or shows what it would be (`npm run release -- --dry-run`). Everything is built anew: the packages, the
 * addons for all targets, the bill of materials and the checksums. Then everything is inspected.
 *
 *   node scripts/release.mjs --set 1.2.3               gives all packages the version, and the changelog its section
 *   node scripts/release.mjs --dry-run [--output DIR]  builds and inspects; what only the release itself needs is told
 *   node scripts/release.mjs [--output DIR]            the same, all of it needed, and publishes with provenance
 *
 * Publishing is for a CI job: npm takes the provenance from its identity (`id-token: write`), and the token for the registry
 * from there as well.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { TARGETS } from './native/compile.mjs';
import { obstacle } from './native/toolchain.mjs';
import { billFaults, billOfMaterials } from './release/bill.mjs';
import { tarballFaults } from './release/tarball.mjs';
import { changelogFaults, PACKAGES, readManifest, setVersion, versionFaults } from './release/versions.mjs';

const root = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');
const { values } = parseArgs({
  options: {
    set: { type: 'string' },
    'dry-run': { type: 'boolean', default: false },
    output: { type: 'string', default: join(root, 'node_modules/.cache/release') },
  },
});
const dryRun = values['dry-run'];
const output = resolve(values.output);
const scratch = mkdtempSync(join(tmpdir(), 'etherconn-release-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));

if (values.set !== undefined) {
  setVersion(root, values.set, new Date().toISOString().slice(0, 10));
  console.log(`version ${values.set}: look at the diff, run npm run api, commit, and tag v${values.set}`);
  process.exit(0);
}

const { version } = readManifest(root, PACKAGES[0]);
let failed = 0;

const changelog = readFileSync(join(root, 'CHANGELOG.md'), 'utf8');
console.log(`etherconn ${version}${dryRun ? ', as it would be' : ''}\n`);
check('versions move together', versionFaults(root));
check('the changelog has its form', changelogFaults(changelog));
check(`the changelog is of ${version}`, changelogFaults(changelog, version), 'release');
check('the tree is clean', lines('git', 'status', '--porcelain'), 'release');
check(`the commit is tagged v${version}`, tagFaults(), 'release');
check('a repository is named, for provenance', repositoryFaults(), 'release');
check('it builds', build());
const missing = TARGETS.map(obstacle).filter((reason) => reason !== undefined);
check('the addons for all targets are built', missing.length > 0 ? missing : buildAddons(), 'release');

rmSync(output, { recursive: true, force: true });
mkdirSync(output, { recursive: true });
const tarballs = PACKAGES.map((folder) => inspected(folder));
const names = PACKAGES.map((folder) => readManifest(root, folder).name);
const bill = billOfMaterials(join(scratch, 'bill'), tarballs, 'etherconn-release', version);
writeFileSync(join(output, 'sbom.cdx.json'), bill);
check('the bill of materials has known licences', billFaults(bill, names));
const sums = [...tarballs, join(output, 'sbom.cdx.json')].map(
  (file) => `${createHash('sha256').update(readFileSync(file)).digest('hex')}  ${basename(file)}\n`,
);
writeFileSync(join(output, 'SHA256SUMS'), sums.join(''));
console.log(`\nin ${output}:\n${sums.join('')}`);
if (failed > 0) {
  console.log(`${failed} checks failed`);
  process.exit(1);
}
if (!dryRun) for (const file of tarballs) publish(file);

/** `kind` 'release': what a dry run only tells. */
function check(name, faults, kind = 'always') {
  const open = dryRun && kind === 'release';
  if (faults.length > 0 && !open) failed++;
  console.log(`${faults.length === 0 ? 'ok  ' : open ? 'open' : 'FAIL'} ${name}`);
  for (const fault of faults.slice(0, 20)) console.log(`     ${fault}`);
  if (faults.length > 20) console.log(`     and ${faults.length - 20} more`);
}

function build() {
  for (const folder of PACKAGES) {
    rmSync(join(root, folder, 'dist'), { recursive: true, force: true });
    rmSync(join(root, folder, 'tsconfig.tsbuildinfo'), { force: true });
  }
  return faultsOfRun('npm', 'run', '--silent', 'build');
}

function buildAddons() {
  return faultsOfRun(process.execPath, 'scripts/build-prebuilds.mjs');
}

/** Packs a package twice, inspects it, and returns where it is. */
function inspected(folder) {
  const { name } = readManifest(root, folder);
  const pack = (to) =>
    join(to, lines('npm', 'pack', '--silent', '--pack-destination', to, `./${folder}`).at(-1));
  const again = join(scratch, 'again');
  const unpacked = join(scratch, basename(folder));
  mkdirSync(again, { recursive: true });
  mkdirSync(unpacked);
  const file = pack(output);
  const same = readFileSync(file).equals(readFileSync(pack(again)));
  check(`${name}: packed twice it is the same bytes`, same ? [] : ['they differ']);
  lines('tar', '-xzf', file, '-C', unpacked, '--strip-components=1');
  const { size } = statSync(file);
  // Without a cross compiler, builds are missing: told above already.
  const faults = tarballFaults(unpacked, size, root).filter(
    (fault) => !(dryRun && missing.length > 0 && /^prebuilds\/.* is missing$/.test(fault)),
  );
  check(`${name}: its ${size} bytes are what they should be`, faults);
  return file;
}

function tagFaults() {
  const tags = lines('git', 'tag', '--points-at', 'HEAD');
  return tags.includes(`v${version}`) ? [] : [`its tags: ${tags.join(', ') || 'none'}`];
}

/** npm compares it with the repository that the CI job runs in. */
function repositoryFaults() {
  return PACKAGES.map((folder) => readManifest(root, folder))
    .filter(({ repository }) => repository?.url === undefined)
    .map(({ name }) => `the package.json of ${name} has no repository.url`);
}

function publish(file) {
  const { status } = spawnSync('npm', ['publish', file, '--provenance', '--access', 'public'], {
    stdio: 'inherit',
  });
  if (status !== 0) process.exit(1);
}

/** What a program prints, line by line; ends everything when it fails. */
function lines(command, ...args) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: root, encoding: 'utf8' });
  if (status !== 0) {
    console.error(`${command} ${args.join(' ')}: ${stderr.trim()}`);
    process.exit(1);
  }
  return stdout.split('\n').filter((line) => line !== '');
}

function faultsOfRun(command, ...args) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: root, encoding: 'utf8' });
  return status === 0 ? [] : `${stdout}${stderr}`.trim().split('\n');
}
