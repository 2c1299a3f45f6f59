import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { checkCircles } from '../scripts/check-circles.mjs';
import { checkLayers } from '../scripts/check-layers.mjs';

/**
 * What a check says of a folder of these files, and what it prints.
 * @param {import('node:test').TestContext} t
 * @param {Record<string, string>} files
 * @param {(folder: string) => boolean} run
 */
function check(t, files, run = checkCircles) {
  const folder = mkdtempSync(join(tmpdir(), 'etherconn-imports-'));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  }
  const log = t.mock.method(console, 'log', () => undefined);
  const isClean = run(folder);
  log.mock.restore();
  return [isClean, ...log.mock.calls.map(({ arguments: [line] }) => line)];
}

const LEAF = 'export const leaf = 1;\n';

test('a circle is refused and named, whichever way its files import each other', (t) => {
  const ways = {
    value: "import { b } from '../b.ts';",
    several: "import {\n  b,\n  type B,\n} from '../b.ts';",
    type: "import type { B } from '../b.ts';",
    'type in place': "export type A = import('../b.ts').B;",
    dynamic: "export const later = () => import('../b.ts');",
    'side effects': "import '../b.ts';",
    're-export': "export * from '../b.ts';",
  };
  for (const [way, line] of Object.entries(ways)) {
    const files = {
      'room/a.ts': `${line}\n`,
      'b.ts': "import { c } from './c.ts';\n",
      'c.ts': "import { a } from './room/a.ts';\nimport { leaf } from './leaf.ts';\n",
      'leaf.ts': LEAF,
      'above.ts': "import { c } from './c.ts';\n",
    };
    const said = 'these import each other in a circle: b.ts → c.ts → room/a.ts → b.ts';
    assert.deepEqual(check(t, files), [false, said], way);
  }
});

test('every circle is named, a file that imports itself as well', (t) => {
  const files = {
    'a.ts': "import { b } from './b.ts';\n",
    'b.ts': "import { a } from './a.ts';\n",
    'c.ts': "import { c } from './c.ts';\n",
  };
  const said = ['a.ts → b.ts → a.ts', 'c.ts → c.ts'].map(
    (path) => `these import each other in a circle: ${path}`,
  );
  assert.deepEqual(check(t, files), [false, ...said]);
});

test('two ways to one file, examples in comments and tests are no circles', (t) => {
  const files = {
    'top.ts': "import { left } from './left.ts';\nimport { right } from './right.ts';\n",
    'left.ts': "import { leaf } from './leaf.ts';\n",
    'right.ts': "import { leaf } from './leaf.ts';\n",
    'leaf.ts': `/**\n * import { top } from './top.ts';\n */\n// import { top } from './top.ts';\n${LEAF}`,
    'leaf.test.ts': "import { leaf } from './leaf.ts';\nimport './leaf.test.ts';\n",
  };
  assert.deepEqual(check(t, files), [true]);
});

test('nothing of ours imports in a circle', () => {
  for (const name of ['etherconn', 'cli', 'campaign']) {
    const source = new URL(`../packages/${name}/src`, import.meta.url);
    assert.ok(checkCircles(source.pathname), name);
  }
});

test('imports that point up or to a neighbor are refused and named, in each package', (t) => {
  const source = 'packages/etherconn/src';
  const files = {
    [`${source}/wire/ip.ts`]: "import { b } from '../host/ip/b.ts';\n",
    [`${source}/host/ip/b.ts`]:
      "import { state } from '../state.ts';\nimport { ip } from '../../wire/ip.ts';\n",
    [`${source}/host/udp/c.ts`]: "import { Stack } from '../stack.ts';\nimport { b } from '../ip/b.ts';\n",
    [`${source}/host/host.ts`]: "import { Stack } from './stack.ts';\n",
    [`${source}/host/stack.ts`]: "import { c } from './udp/c.ts';\nimport '../options.ts';\n",
    [`${source}/host/state.ts`]: LEAF,
    [`${source}/index.ts`]: "export * from './host/host.ts';\n",
    'packages/cli/src/dhcp/a.ts': "import { b } from '../udp/b.ts';\nimport { c } from './c.ts';\n",
    'packages/cli/src/metrics/d.ts': "const later = () => import('../commands/e.ts');\n",
    'packages/cli/src/commands/e.ts': "import { d } from '../metrics/d.ts';\n",
    'packages/campaign/src/hub/hub.ts': "import { agent } from '../agent/agent.ts';\n",
  };
  assert.deepEqual(check(t, files, checkLayers), [
    false,
    `${source}: wire/ip.ts imports host/ip/b.ts`,
    `${source}: host/ip/b.ts imports host/state.ts`,
    `${source}: host/udp/c.ts imports host/stack.ts`,
    'packages/cli/src: dhcp/a.ts imports udp/b.ts',
    'packages/cli/src: metrics/d.ts imports commands/e.ts',
    'packages/campaign/src: hub/hub.ts imports agent/agent.ts',
  ]);
});

test('nothing of ours points up', () => {
  assert.ok(checkLayers(new URL('..', import.meta.url).pathname));
});
