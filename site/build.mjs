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

/** The pages in the order of site/pages.mjs, then the reference by entry point and kind. */
function sidebar() {
  const pages = PAGES.map(({ text, pages }) => ({
    text,
    items: pages.map(([title, link]) => ({ text: title, link: `/${link}` })),
  }));
  return [...pages, { text: 'API reference', items: reference() }];
}

function reference() {
  const folder = join(generated, 'api');
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => ({
      text: name === 'index' ? 'etherconn' : `etherconn/${name}`,
      link: `/api/${name}/`,
      collapsed: true,
      items: readdirSync(join(folder, name), { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .flatMap((kind) =>
          readdirSync(join(folder, name, kind.name))
            .map((file) => file.slice(0, -3))
            .map((member) => ({ text: member, link: `/api/${name}/${kind.name}/${member}` })),
        ),
    }));
}

function run(command, args) {
  const { status } = spawnSync(command, args, { cwd: site, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
