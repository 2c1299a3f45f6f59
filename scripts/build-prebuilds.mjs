/**
 * Builds the addon for every target that the package contains, on Debian, and checks what each build needs of the machine
 * that loads it (`npm run build:prebuilds`). Two builds of the same sources by the same compilers are the same bytes.
 *
 *   node scripts/build-prebuilds.mjs [--target linux-arm64-musl …] [--output FOLDER]
 *     --target  only these; default: all four
 *     --output  in place of packages/etherconn/prebuilds
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { addonFile, compile, nodeApiHeaders, prebuildsFolder, TARGETS } from './native/compile.mjs';
import { faultsOf, neededGlibc } from './native/inspect.mjs';
import { obstacle, toolchain } from './native/toolchain.mjs';

const { values } = parseArgs({
  options: {
    target: { type: 'string', multiple: true, default: TARGETS },
    output: { type: 'string', default: prebuildsFolder },
  },
});
const unknown = values.target.find((target) => !TARGETS.includes(target));
if (unknown !== undefined) fail(`--target must be one of ${TARGETS.join(', ')}, got ${unknown}`, 2);
if (nodeApiHeaders() === undefined) fail('the development dependency node-api-headers is not installed');

for (const target of values.target) {
  const missing = obstacle(target);
  if (missing !== undefined) fail(`${target}: ${missing}`);
  const file = addonFile(resolve(values.output), target);
  if (!compile({ ...toolchain(target), output: file })) fail(`${target}: the compiler failed`);
  const faults = faultsOf(file, target);
  if (faults.length > 0) fail(`${target}:\n  ${faults.join('\n  ')}`);
  const bytes = readFileSync(file);
  const sum = createHash('sha256').update(bytes).digest('hex');
  const glibc = neededGlibc(file);
  console.log(`${target}: ${bytes.length} bytes, ${glibc ? `glibc ${glibc}, ` : ''}sha256 ${sum}`);
}

function fail(reason, status = 1) {
  console.error(`prebuilt addon: ${reason}`);
  process.exit(status);
}
