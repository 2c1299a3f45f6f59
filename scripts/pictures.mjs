/**
 * `node scripts/pictures.mjs`, after a build: takes the pictures of the live view and of reports that are in docs/images, from
 * real runs over a network in memory. Needs Debian's chromium, and script of util-linux for the terminal.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const images = fileURLToPath(new URL('../docs/images', import.meta.url));
const bin = fileURLToPath(new URL('../packages/cli/bin/etherconn.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'etherconn-'));
const ESCAPE = String.fromCharCode(27);
const COLUMNS = 96;
const SCENARIO = `
clients: 120
engine: memory
memory:
  impair: loss=0.3%,delay=2ms,jitter=1ms
parts:
  leases: { type: dhcp, clients: 100, rate: 5, renew: false }
  calls: { type: udp-send, from: 10.0.0.10+120, to: 10.0.0.2, rate: 500pps, ramp: 10s, end: 20s, roundTrip: true }
  bulk: { type: udp-send, from: 10.0.0.10+20, to: 10.0.0.3, rate: 300pps, size: imix, begin: 4s, end: 20s, roundTrip: true }
  checks: { type: ping, clients: 0-9, from: 10.0.0.10+20, to: 10.0.0.2, interval: 500ms, end: 19s }
failIf: [calls.loss>2%, calls.p99>60ms, leases.leases<100]
`;

try {
  writeFileSync(join(folder, 'scenario.yaml'), SCENARIO);
  const slower = ['--set', 'memory.impair=loss=0.3%,delay=4ms,jitter=1ms', '--report', 'after.html'];
  const [seen] = await Promise.all([
    onTerminal(`stty cols ${COLUMNS} rows 30; node ${bin} run scenario.yaml --report before.html`),
    ended(spawn('node', [bin, 'run', 'scenario.yaml', ...slower], { cwd: folder, stdio: 'ignore' })),
  ]);
  spawnSync('node', [bin, 'compare', 'before.html', 'after.html', '--report', 'compare.html'], {
    cwd: folder,
  });
  writeFileSync(join(folder, 'live.html'), terminalPage('etherconn run scenario.yaml', lastFrame(seen)));
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu'],
  });
  const shoot = async (file, colorScheme, picture, height) => {
    const page = await browser.newPage({ colorScheme, viewport: { width: 900, height: height ?? 100 } });
    await page.goto(`file://${join(folder, file)}`);
    await page.screenshot({ path: join(images, picture), fullPage: height === undefined });
    await page.close();
  };
  await shoot('live.html', 'dark', 'run-live.png');
  for (const scheme of ['light', 'dark']) {
    await shoot('before.html', scheme, `run-report-${scheme}.png`, 1400);
    await shoot('compare.html', scheme, `compare-report-${scheme}.png`, 1250);
  }
  await browser.close();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function ended(child) {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
}

async function onTerminal(command) {
  const env = { ...process.env, TERM: 'xterm', FORCE_COLOR: '1', SHELL: '/bin/sh' };
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    cwd: folder,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    text += chunk;
  });
  await ended(child);
  return text;
}

/** What the view showed while everything was under way: a few seconds before the end. */
function lastFrame(text) {
  const frames = text.split(`${ESCAPE}[J`).filter((frame) => frame.includes('calls'));
  return frames[Math.max(0, frames.length - 5)]
    .replaceAll('\r', '')
    .replace(new RegExp(`${ESCAPE}\\[\\d*A`), '')
    .trimEnd();
}

function terminalPage(command, frame) {
  const html = frame
    .replace(/[&<>]/g, (character) => `&#${character.charCodeAt(0)};`)
    .replaceAll(`${ESCAPE}[1m`, '<b>')
    .replaceAll(`${ESCAPE}[22m`, '</b>')
    .replaceAll(`${ESCAPE}[36m`, '<i>')
    .replaceAll(`${ESCAPE}[39m`, '</i>');
  return `<!doctype html><meta charset="utf-8"><style>
    body { margin: 0; background: #16181d; color: #e8e9eb; }
    pre { margin: 0; padding: 16px 20px; font: 14.5px/20px "DejaVu Sans Mono", monospace; }
    i { font-style: normal; color: #4fd6be; }
  </style><pre>$ ${command}\n${html}</pre>`;
}
