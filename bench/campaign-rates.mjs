/**
 * Whether coordination takes anything away from traffic: four agents at a fixed load, on interfaces of their own, beside four
 * runs of the same clients that nobody coordinates. They take turns in one run.
 *
 *   npm run bench:campaign-rates -- [--rate 5000] [--seconds 10] [--repetitions 3]
 *     --rate   packets per second of each agent; 5,000 are about a tenth of a core
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { requireCommand, requireNamespaces } from 'etherconn/testing';
import { spawnWithUs } from '../tests/campaign/children.mjs';
import { Stage } from '../tests/campaign/stage.mjs';

const { values } = parseArgs({
  options: {
    rate: { type: 'string', default: '5000' },
    seconds: { type: 'string', default: '10' },
    repetitions: { type: 'string', default: '3' },
  },
});
const [rate, seconds, repetitions] = [values.rate, values.seconds, values.repetitions].map(Number);
const tool = fileURLToPath(new URL('../packages/cli/bin/etherconn.js', import.meta.url));
const AGENTS = 4;
const CLIENTS = 1000;
/** Jiffies in a second, in /proc. */
const TICKS = 100;
/** Of each run, seconds at its begin that are not measured. */
const WARM = 3;

/** `clients` clients from number `first` on, which together send `packets` a second to nobody who answers. */
function scenario(first, clients, packets) {
  const address = 0x0a00000a + first;
  const dotted = [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff).join('.');
  const mac = (0x20000000 + first).toString(16).match(/../g).join(':');
  return {
    clients,
    duration: `${seconds}s`,
    parts: {
      traffic: {
        type: 'udp-send',
        from: `${dotted}+${clients}`,
        fromMac: `02:ec:${mac}+${clients}`,
        to: '10.251.0.2',
        toMac: sink,
        prefix: 8,
        rate: `${packets}pps`,
      },
    },
  };
}

function cpuOf({ pid }) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** Share of a core that each of these processes takes, in the middle of a run. */
async function loadOf(children) {
  await sleep(WARM * 1000);
  const before = children.map(cpuOf);
  const at = performance.now();
  await sleep((seconds - WARM - 1) * 1000);
  const length = (performance.now() - at) / 1000;
  return children.map((child, i) => (cpuOf(child) - before[i]) / length);
}

async function coordinated() {
  const run = await stage.run({
    ...{ name: 'rates', clientsPerRange: CLIENTS / 10, agents: AGENTS, lease: '9s', step: '2s', seed: 1 },
    scenario: scenario(0, AGENTS * CLIENTS, AGENTS * rate),
  });
  const loads = await loadOf(stage.agents.map(({ child }) => child));
  const { sent } = await stage.result(run);
  return { packets: sent.packets, loads };
}

async function alone() {
  const runs = stage.agents.map(({ namespace, name }, i) => {
    const file = join(stage.folder, `${name}.json`);
    writeFileSync(file, JSON.stringify(scenario(i * CLIENTS, CLIENTS, rate)));
    const child = spawnWithUs(namespace, process.execPath, tool, 'run', file, 'eth0', '--json');
    let [text, errors] = ['', ''];
    child.stdout.on('data', (chunk) => {
      text += chunk;
    });
    child.stderr.on('data', (chunk) => {
      errors += chunk;
    });
    const ended = new Promise((resolve, reject) => {
      child.once('close', (code) =>
        code === 0 ? resolve(JSON.parse(text)) : reject(new Error(`run ended with ${code}: ${errors}`)),
      );
    });
    return { child, ended };
  });
  await sleep(500);
  const loads = await loadOf(runs.map(({ child }) => child));
  const results = await Promise.all(runs.map(({ ended }) => ended));
  return { packets: results.reduce((sum, { sent }) => sum + sent.packets, 0), loads };
}

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const range = (list, digits) =>
  `${median(list).toFixed(digits)} (${Math.min(...list).toFixed(digits)}–${Math.max(...list).toFixed(digits)})`;

const obstacle = requireNamespaces() || requireCommand('nats-server');
if (obstacle) {
  console.log(`skipped: ${obstacle}`);
  process.exit(0);
}
const stage = await Stage.open({ agents: AGENTS });
const [{ address: sink }] = JSON.parse(stage.servers.run('ip', '-json', 'link', 'show', 'dhcp').stdout);
const results = { alone: [], coordinated: [] };
try {
  for (let i = 0; i < repetitions; i++) {
    results.alone.push(await alone());
    results.coordinated.push(await coordinated());
  }
} finally {
  await stage.close();
}
const offered = AGENTS * rate * seconds;
for (const [name, list] of Object.entries(results)) {
  const rates = list.map(({ packets }) => packets / offered);
  const loads = list.flatMap(({ loads }) => loads.map((load) => load * 100));
  console.log(`${name}: ${range(rates, 4)} of ${offered} packets sent; ${range(loads, 1)} % of a core each`);
}
const ratio = results.alone.map(({ packets }, i) => results.coordinated[i].packets / packets);
console.log(`coordinated to alone: ${range(ratio, 4)} (goal ≥ 0.99)`);
