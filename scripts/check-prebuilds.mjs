/** Before packing: a package without the native addon for the usual targets would only fail at its users'. */
import { existsSync } from 'node:fs';
import { addonFile, prebuildsFolder, TARGETS } from './native/compile.mjs';

const missing = TARGETS.filter((target) => !existsSync(addonFile(prebuildsFolder, target)));
if (missing.length === TARGETS.length) {
  console.error('no prebuilt addon in packages/etherconn/prebuilds: run npm run build:native first');
  process.exit(1);
}
for (const target of missing) {
  console.error(`not in this package: the addon for ${target} (npm run build:prebuilds)`);
}
