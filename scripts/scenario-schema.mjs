/**
 * Writes what is made from the schemas of scenarios and campaigns (`npm run schema`): the JSON Schemas that editors use, and the
 * tables of keys in docs/scenarios.md and docs/campaigns.md. With --check it only says whether they are current. A test holds them to the schema, too.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { campaignJsonSchema } from '../packages/campaign/dist/plan/campaign-file.js';
import { scenarioJsonSchema } from '../packages/cli/dist/scenario/schema.js';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Files and what they are to be. */
export function madeFromSchema() {
  const schema = scenarioJsonSchema();
  const campaign = campaignJsonSchema();
  return new Map([
    [`${root}packages/cli/assets/scenario.schema.json`, `${JSON.stringify(schema, null, 2)}\n`],
    [`${root}packages/campaign/assets/campaign.schema.json`, `${JSON.stringify(campaign, null, 2)}\n`],
    [`${root}docs/scenarios.md`, withTables('docs/scenarios.md', scenarioObjects(schema))],
    [`${root}docs/campaigns.md`, withTables('docs/campaigns.md', new Map([['campaign', campaign]]))],
  ]);
}

/** The objects of a scenario whose keys have tables, by name. */
function scenarioObjects(schema) {
  const parts = new Map(
    schema.properties.parts.additionalProperties.oneOf.map((part) => [part.properties.type.const, part]),
  );
  const { memory, outputs } = schema.properties;
  return new Map([['scenario', schema], ['memory', memory], ['outputs', outputs], ...parts]);
}

/** Fills each `<!-- keys: NAME -->` … `<!-- /keys -->` of a page. */
function withTables(path, objects) {
  const page = readFileSync(`${root}${path}`, 'utf8');
  return page.replace(/<!-- keys: (\S+) -->\n[\s\S]*?<!-- \/keys -->/g, (_all, name) => {
    const object = objects.get(name);
    if (object === undefined) throw new Error(`${path}: there are no keys of ${name}`);
    return `<!-- keys: ${name} -->\n\n${table(object)}\n\n<!-- /keys -->`;
  });
}

function table({ properties, required = [] }) {
  const rows = Object.entries(properties).map(([key, { description, examples = [], enum: values }]) => {
    const shown = (values ?? examples)
      .map((each) => `\`${typeof each === 'object' ? JSON.stringify(each) : each}\``)
      .join(', ');
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
