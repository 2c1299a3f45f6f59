/**
 * Writes what is made from the schema of scenarios (`npm run schema`): the JSON Schema that editors use. With --check it only says whether they are current. A test holds them to the schema, too.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { scenarioJsonSchema } from '../packages/cli/dist/scenario/schema.js';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Files and what they are to be. */
export function madeFromSchema() {
  const schema = scenarioJsonSchema();
  return new Map([
    [`${root}packages/cli/assets/scenario.schema.json`, `${JSON.stringify(schema, null, 2)}\n`],
  ]);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const isCheck = process.argv.includes('--check');
  for (const [file, text] of madeFromSchema()) {
    if (readFileSync(file, { encoding: 'utf8', flag: 'a+' }) === text) continue;
    if (isCheck) {
      console.error(`${file} is not current: npm run schema`);
      process.exitCode = 1;
    } else writeFileSync(file, text);
  }
}
