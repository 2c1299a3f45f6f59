import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PAGES } from './pages.mjs';

/**
 * Files for programs that read: llms.txt names every page in a line each, llms-full.txt is all of them and the whole
 * reference as one text of Markdown.
 */
export function writeTextFiles(generated) {
  const index = ['# etherconn', '', readIntroduction(generated), ''];
  const whole = [];
  for (const { text, pages } of PAGES) {
    index.push(`## ${text}`, '');
    for (const [title, page] of pages) {
      const file = join(generated, `${page}.md`);
      if (!existsSync(file)) continue;
      index.push(`- [${title}](/${page}.md)`);
      whole.push(readFileSync(file, 'utf8'));
    }
    index.push('');
  }
  index.push('## API reference', '');
  for (const entry of readdirSync(join(generated, 'api'), { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const name = entry.name === 'index' ? 'etherconn' : `etherconn/${entry.name}`;
    index.push(`- [${name}](/api/${entry.name}/index.md)`);
    for (const file of readdirSync(join(generated, 'api', entry.name), { recursive: true })
      .map(String)
      .sort()) {
      if (file.endsWith('.md')) whole.push(readFileSync(join(generated, 'api', entry.name, file), 'utf8'));
    }
  }
  const folder = join(generated, 'public');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'llms.txt'), `${index.join('\n')}\n`);
  writeFileSync(join(folder, 'llms-full.txt'), `${whole.join('\n\n')}\n`);
}

/** The first sentence of the home page. */
function readIntroduction(generated) {
  const text = readFileSync(join(generated, 'index.md'), 'utf8');
  return /tagline: (.*)/.exec(text)?.[1] ?? '';
}
