import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { madeFromSchema } from '../scripts/scenario-schema.mjs';

for (const [file, text] of madeFromSchema())
  test(`${file.slice(file.lastIndexOf('/') + 1)} is what the schema of scenarios says: npm run schema`, () => {
    assert.equal(readFileSync(file, 'utf8'), text);
  });
