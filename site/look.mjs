/**
 * `npm run docs:look`, after `npm run docs`: opens pages of the site in headless Chromium (Debian's package chromium), in
 * light and dark and as wide as a phone, searches, and takes pictures into site/.generated/pictures. Fails on an error in
 * the browser's console and where a search finds nothing.
 */
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const BROWSER = '/usr/bin/chromium';
const TYPES = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
  '.json': 'application/json',
};
const LOOKS = [
  ['light', {}],
  ['dark', { colorScheme: 'dark' }],
  ['phone', { viewport: { width: 390, height: 844 } }],
];
const PAGES = [
  '/',
  '/hosts.html',
  '/performance.html',
  '/api/',
  '/api/index/classes/Host.html',
  '/api/wire/',
];

const site = fileURLToPath(new URL('.', import.meta.url));
const dist = join(site, '.vitepress/dist');
if (!existsSync(BROWSER)) {
  console.log('skipped: there is no chromium (Debian package chromium)');
  process.exit(0);
}
const server = createServer(serve).listen(0, '127.0.0.1');
await new Promise((resolve) => server.on('listening', resolve));
const base = `http://127.0.0.1:${server.address().port}`;
const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
];
const browser = await chromium.launch({ executablePath: BROWSER, args });
const pictures = join(site, '.generated/pictures');
mkdirSync(pictures, { recursive: true });
const errors = [];
for (const [look, options] of LOOKS) {
  const context = await browser.newContext(options);
  for (const path of PAGES) {
    const page = await open(context, path);
    const name = path === '/' ? 'home' : path.replace('.html', '').split('/').filter(Boolean).join('-');
    await page.screenshot({ path: join(pictures, `${name}-${look}.png`) });
    const { scroll, width } = await page.evaluate(() => ({
      scroll: document.documentElement.scrollWidth,
      width: document.documentElement.clientWidth,
    }));
    if (scroll > width) errors.push(`${path}, ${look}: wider than the window (${scroll} > ${width})`);
    await page.close();
  }
  await context.close();
}
await search('RUDPConn');
await browser.close();
server.close();
for (const error of errors) console.log(error);
console.log(errors.length === 0 ? `pictures are in ${pictures}` : `${errors.length} errors`);
process.exit(errors.length === 0 ? 0 : 1);

async function open(context, path) {
  const page = await context.newPage();
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(`${path}: ${message.text()}`);
  });
  page.on('pageerror', (error) => errors.push(`${path}: ${error.message}`));
  await page.goto(base + path, { waitUntil: 'networkidle' });
  return page;
}

async function search(what) {
  const page = await open(browser, '/');
  await page.keyboard.press('Control+k');
  await page.locator('.VPLocalSearchBox input').fill(what);
  try {
    await page.locator('.VPLocalSearchBox .result').first().waitFor({ timeout: 10_000 });
  } catch {
    errors.push(`a search for ${what} finds nothing`);
  }
  await page.screenshot({ path: join(pictures, 'search.png') });
}

function serve(request, response) {
  let path = join(dist, decodeURIComponent(new URL(request.url, 'http://localhost').pathname));
  if (existsSync(path) && statSync(path).isDirectory()) path = join(path, 'index.html');
  if (!existsSync(path)) {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(200, { 'content-type': TYPES[extname(path)] ?? 'application/octet-stream' });
  response.end(readFileSync(path));
}
