/**
 * Runs the tests on every line of Node that is supported (`npm run test:matrix`).
 *
 * The versions come as npm's package `node` into node_modules/.cache/node, where the next run finds them. As root what
 * is missing fails (ETHERCONN_TEST_STRICT), so that green means that everything was tried.
 *
 *   node scripts/matrix.mjs [--node SPEC …] [PATTERN …]
 *     --node   versions, as npm understands them; default: 20.19 (the oldest supported), 20, 22, 24, latest
 *     PATTERN  as of `npm test`
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const DEFAULT = ['20.19', '20', '22', '24', 'latest'];

const root = fileURLToPath(new URL('..', import.meta.url));
const { values, positionals: patterns } = parseArgs({
  allowPositionals: true,
  options: { node: { type: 'string', multiple: true, default: DEFAULT } },
});

const results = values.node.map((spec) => {
  const node = provide(spec);
  if (node === undefined) return { spec, version: 'not to be had', green: false };
  const version = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim();
  console.log(`\n=== Node ${version}\n`);
  return { spec, version, green: test(node) };
});
console.log('\nTests by version of Node:');
for (const { spec, version, green } of results) {
  console.log(`  ${green ? 'passed' : 'FAILED'}  ${version} (${spec})`);
}
process.exit(results.every(({ green }) => green) ? 0 : 1);

/** The executable of a version, which is fetched when there is a newer one; undefined when there is none. */
function provide(spec) {
  const folder = join(root, 'node_modules/.cache/node', spec);
  mkdirSync(folder, { recursive: true });
  // Without it npm would install into the workspace.
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  const args = ['install', '--no-audit', '--no-fund', '--no-save', '--silent', `node@${spec}`];
  const { status } = spawnSync('npm', args, { cwd: folder, stdio: 'inherit' });
  const executable = join(folder, 'node_modules/node/bin/node');
  if (status !== 0)
    console.log(
      `npm could not install node@${spec}${existsSync(executable) ? ': the one there is used' : ''}`,
    );
  return existsSync(executable) ? executable : undefined;
}

function test(node) {
  const strict = process.getuid?.() === 0 ? { ETHERCONN_TEST_STRICT: '1' } : {};
  // Programs that tests start by name, too.
  const PATH = [join(node, '..'), process.env.PATH].join(delimiter);
  const args = [join(root, 'scripts/test.mjs'), ...patterns];
  return (
    spawnSync(node, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...strict, PATH } })
      .status === 0
  );
}
