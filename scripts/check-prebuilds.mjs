/** Before packing: a package without the native addon for the usual targets would only fail at its users'. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const TARGETS = ['linux-x64-glibc', 'linux-x64-musl', 'linux-arm64-glibc', 'linux-arm64-musl'];
const folder = new URL('../packages/etherconn/prebuilds/', import.meta.url);
const missing = TARGETS.filter(
  (target) => !existsSync(fileURLToPath(new URL(`${target}/etherconn.node`, folder))),
);
if (missing.length === TARGETS.length) {
  console.error('no prebuilt addon in packages/etherconn/prebuilds: run npm run build:native first');
  process.exit(1);
}
for (const target of missing) {
  console.error(
    `not in this package: the addon for ${target} (npm run build:native -- --target ${target} --cc …)`,
  );
}
