import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

test('nothing of Node and no floor above is imported, so it loads in a browser', () => {
  const files = readdirSync(new URL('.', import.meta.url)).filter((name) => /^[a-z0-9-]+\.js$/.test(name));
  assert.ok(files.length > 15);
  for (const name of files) {
    const text = readFileSync(new URL(name, import.meta.url), 'utf8');
    for (const [, from] of text.matchAll(/ from '([^']+)'/g))
      assert.match(
        from!,
        /^(\.\/[a-z0-9-]+|\.\.\/wire\/[a-z0-9-]+|\.\.\/(errors|options))\.js$/,
        `${name}: ${from}`,
      );
    assert.doesNotMatch(text, /\b(Buffer|process|require)\b\s*[.(]/, name);
  }
});
