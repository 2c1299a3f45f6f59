/**
 * `npm run docs`: the pages of docs/ and the API reference, which is made from the docstrings, as one static site in
 * site/.vitepress/dist. Fails on a link that leads nowhere.
 *
 *   node site/build.mjs [--serve]   --serve: shows it on localhost, and follows changes of pages
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PAGES } from './pages.mjs';
import { writeTextFiles } from './text-files.mjs';

const site = fileURLToPath(new URL('.', import.meta.url));
const root = join(site, '..');
const generated = join(site, '.generated');

/** Pages that lie beside docs/ in a checkout, and where they are in the site. */
const BESIDE = {
  'CHANGELOG.md': 'project/changelog.md',
  'CONTRIBUTING.md': 'project/contributing.md',
  'SECURITY.md': 'project/security-policy.md',
};

if (!existsSync(join(site, 'node_modules'))) run('npm', ['ci', '--no-audit', '--no-fund']);
rmSync(generated, { recursive: true, force: true });
mkdirSync(generated);
run('npx', ['typedoc', '--logLevel', 'Warn']);
copyPages();
writeFileSync(join(generated, 'sidebar.json'), JSON.stringify(sidebar(), undefined, 1));
writeTextFiles(generated);
run('npx', ['vitepress', process.argv.includes('--serve') ? 'dev' : 'build']);
if (!process.argv.includes('--serve')) console.log('the site is in site/.vitepress/dist');

function copyPages() {
  cpSync(join(root, 'docs'), generated, { recursive: true });
  cpSync(join(site, 'home.md'), join(generated, 'index.md'));
  rmSync(join(generated, 'README.md'));
  for (const [page, target] of Object.entries(BESIDE)) cpSync(join(root, page), join(generated, target));
  for (const file of readdirSync(generated, { recursive: true }).map(String)) {
    if (!file.endsWith('.md') || file.startsWith('api/')) continue;
    const path = join(generated, file);
    writeFileSync(path, sitewards(readFileSync(path, 'utf8')));
  }
}

/** Links of a checkout as links of the site. */
function sitewards(text) {
  return text
    .replaceAll(
      /\]\((?:\.\.\/)?((?:CHANGELOG|CONTRIBUTING|SECURITY)\.md)/g,
      (_, page) => `](/${BESIDE[page]}`,
    )
    .replaceAll(/\]\(docs\//g, '](/')
    .replaceAll(/\]\((?:\.\.\/)?README\.md\)/g, '](/)');
}

/**
 * What stands beside each page. The reference has hundreds of pages: beside them are only those of the same entry point,
 * for a sidebar is written into every page.
 */
function sidebar() {
  const pages = PAGES.map(({ text, pages }) => ({
    text,
    items: pages.map(([title, link]) => ({ text: title, link: `/${link}` })),
  }));
  const entries = readdirSync(join(generated, 'api'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => ({
      text: name === 'index' ? 'etherconn' : `etherconn/${name}`,
      link: `/api/${name}/`,
      name,
    }));
  const links = entries.map(({ text, link }) => ({ text, link }));
  const reference = entries.map(({ text, link, name }) => [
    link,
    [
      { text, link, items: members(name) },
      { text: 'Other entry points', items: links },
    ],
  ]);
  return {
    '/': [...pages, { text: 'API reference', items: links }],
    '/api/': [{ text: 'API reference', items: links }],
    ...Object.fromEntries(reference),
  };
}

/** The pages of an entry point's exports, by kind. */
function members(entry) {
  const folder = join(generated, 'api', entry);
  return readdirSync(folder, { withFileTypes: true })
    .filter((kind) => kind.isDirectory())
    .map(({ name: kind }) => ({
      text: kind,
      collapsed: true,
      items: readdirSync(join(folder, kind)).map((file) => ({
        text: file.slice(0, -3),
        link: `/api/${entry}/${kind}/${file.slice(0, -3)}`,
      })),
    }));
}

function run(command, args) {
  const { status } = spawnSync(command, args, { cwd: site, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
