/**
 * `node scripts/pictures.mjs`, after a build: takes the pictures of the live view and of reports that are in docs/images, from
 * real runs over a network in memory. Needs Debian's chromium and pngquant, and script of util-linux for the terminal.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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

const UDP =
  'udp send mem --engine memory --from 10.0.0.10+100 --to 10.0.0.2 --rate 2kpps --impair loss=0.5%,delay=3ms';

try {
  writeFileSync(join(folder, 'scenario.yaml'), SCENARIO);
  await campaign();
  const udp = await onTerminal(
    `stty cols ${COLUMNS} rows 30; node ${bin} ${UDP} --duration 20s --report udp.html`,
  );
  const slower = ['--set', 'memory.impair=loss=0.3%,delay=4ms,jitter=1ms', '--report', 'after.html'];
  const [seen] = await Promise.all([
    onTerminal(`stty cols ${COLUMNS} rows 30; node ${bin} run scenario.yaml --report before.html`),
    ended(spawn('node', [bin, 'run', 'scenario.yaml', ...slower], { cwd: folder, stdio: 'ignore' })),
  ]);
  spawnSync('node', [bin, 'compare', 'before.html', 'after.html', '--report', 'compare.html'], {
    cwd: folder,
  });
  writeFileSync(
    join(folder, 'live.html'),
    terminalPage('etherconn run scenario.yaml', lastFrame(seen, 'calls')),
  );
  writeFileSync(
    join(folder, 'udp-live.html'),
    terminalPage(`etherconn ${UDP.slice(0, 80)} …`, lastFrame(udp, 'latency')),
  );
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu'],
  });
  const shoot = async (file, colorScheme, picture, height) => {
    const page = await browser.newPage({ colorScheme, viewport: { width: 900, height: height ?? 100 } });
    await page.goto(`file://${join(folder, file)}`);
    await page.screenshot({ path: join(images, picture), fullPage: height === undefined });
    shrink(join(images, picture));
    await page.close();
  };
  await shoot('live.html', 'dark', 'run-live.png');
  await shoot('udp-live.html', 'dark', 'udp-live.png');
  for (const scheme of ['light', 'dark']) {
    await shoot('before.html', scheme, `run-report-${scheme}.png`, 1400);
    await shoot('udp.html', scheme, `udp-report-${scheme}.png`, 1250);
    await shoot('campaign.html', scheme, `campaign-report-${scheme}.png`, 1640);
    await shoot('compare.html', scheme, `compare-report-${scheme}.png`, 1250);
  }
  await browser.close();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** A campaign of four agents, one of which is killed while clients come. */
async function campaign() {
  spawnSync('node', [bin, 'init', 'campaign.yaml', '--template', 'campaign'], { cwd: folder });
  const agents = ['--interfaces', 'north,east,south,west', '--engine', 'memory', '--state', 'state'];
  const args = [bin, 'campaign', 'run', 'campaign.yaml', ...agents, '--report', 'campaign.html'];
  const run = spawn('node', args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  run.stderr.setEncoding('utf8').on('data', (text) => {
    if (text.includes('running')) setTimeout(() => process.kill(agentOf(run.pid, 'east'), 'SIGKILL'), 4500);
  });
  await ended(run);
}

/** The process of an agent that a campaign has started. */
function agentOf(parent, name) {
  for (const pid of readdirSync('/proc').filter((each) => /^\d+$/.test(each))) {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      if (words.includes(name) && words.includes('agent') && status.includes(`PPid:\t${parent}\n`))
        return Number(pid);
    } catch {
      // It has ended meanwhile.
    }
  }
  throw new Error(`there is no agent ${name}`);
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
function lastFrame(text, word) {
  const frames = text.split(`${ESCAPE}[J`).filter((frame) => frame.includes(word));
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

/** Fewer colors: packages carry the pictures, and have a budget of bytes. */
function shrink(picture) {
  const { error, status, stderr } = spawnSync(
    'pngquant',
    ['--force', '--ext', '.png', '--strip', '--quality', '80-98', picture],
    { encoding: 'utf8' },
  );
  if (error !== undefined || status !== 0)
    throw new Error(`pngquant on ${picture}: ${error?.message ?? stderr} (apt-get install pngquant)`);
}
