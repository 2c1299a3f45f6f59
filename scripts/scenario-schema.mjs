/**
 * Writes what is made from the schema of scenarios (`npm run schema`): the JSON Schema that editors use, and the tables of keys
 * in docs/scenarios.md. With --check it only says whether they are current. A test holds them to the schema, too.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { scenarioJsonSchema } from '../packages/cli/dist/scenario/schema.js';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Files and what they are to be. */
export function madeFromSchema() {
  const schema = scenarioJsonSchema();
  const page = readFileSync(`${root}docs/scenarios.md`, 'utf8');
  return new Map([
    [`${root}packages/cli/assets/scenario.schema.json`, `${JSON.stringify(schema, null, 2)}\n`],
    [`${root}docs/scenarios.md`, withTables(page, schema)],
  ]);
}

/** Fills each `<!-- keys: NAME -->` … `<!-- /keys -->` of a page. */
function withTables(page, schema) {
  const parts = new Map(
    schema.properties.parts.additionalProperties.oneOf.map((part) => [part.properties.type.const, part]),
  );
  const { memory, outputs } = schema.properties;
  const objects = new Map([['scenario', schema], ['memory', memory], ['outputs', outputs], ...parts]);
  return page.replace(/<!-- keys: (\S+) -->\n[\s\S]*?<!-- \/keys -->/g, (_all, name) => {
    const object = objects.get(name);
    if (object === undefined) throw new Error(`docs/scenarios.md: there are no keys of ${name}`);
    return `<!-- keys: ${name} -->\n\n${table(object)}\n\n<!-- /keys -->`;
  });
}

function table({ properties, required = [] }) {
  const rows = Object.entries(properties).map(([key, { description, examples = [], enum: values }]) => {
    const shown = (values ?? examples).map((each) => `\`${each}\``).join(', ');
    return `| \`${key}\`${required.includes(key) ? ' (required)' : ''} | ${escaped(description)} | ${escaped(shown)} |`;
  });
  return ['| key | meaning | examples |', '| --- | --- | --- |', ...rows].join('\n');
}

function escaped(text) {
  return text.replaceAll('|', '\\|');
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
