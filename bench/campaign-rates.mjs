/**
 * Whether coordination takes anything away from traffic: four agents at a fixed load, on interfaces of their own, beside four
 * runs of the same clients that nobody coordinates. They take turns in one run.
 *
 *   npm run bench:campaign-rates -- [--clients 1000] [--seconds 10] [--repetitions 3]
 *     --clients   of each agent
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
    clients: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '10' },
    repetitions: { type: 'string', default: '3' },
  },
});
const [clients, seconds, repetitions] = [values.clients, values.seconds, values.repetitions].map(Number);
const tool = fileURLToPath(new URL('../packages/cli/bin/etherconn.js', import.meta.url));
const AGENTS = 4;
/** Jiffies in a second, in /proc. */
const TICKS = 100;
/** Of each run, seconds at its begin that are not measured. */
const WARM = 3;

/** `clients` DHCP clients from number `first` on, each of which gives its lease back every second and asks for another. */
function scenario(first, count) {
  const mac = (0x20000000 + first).toString(16).match(/../g).join(':');
  return {
    clients: count,
    duration: `${seconds}s`,
    parts: {
      leases: { type: 'dhcp', macStart: `02:ec:${mac}`, rate: count, flap: '1s', release: true },
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
    ...{ name: 'rates', clientsPerRange: clients / 10, agents: AGENTS, lease: '9s', step: '2s', seed: 1 },
    scenario: scenario(0, AGENTS * clients),
  });
  const loads = await loadOf(stage.agents.map(({ child }) => child));
  const { fleet } = await stage.result(run);
  return { leases: fleet.leases, loads };
}

async function alone() {
  const runs = stage.agents.map(({ namespace, name }, i) => {
    const file = join(stage.folder, `${name}.json`);
    writeFileSync(file, JSON.stringify(scenario(i * clients, clients)));
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
  return { leases: results.reduce((sum, { fleet }) => sum + fleet.leases, 0), loads };
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
const results = { alone: [], coordinated: [] };
try {
  for (let i = 0; i < repetitions; i++) {
    results.alone.push(await alone());
    results.coordinated.push(await coordinated());
  }
} finally {
  await stage.close();
}
for (const [name, list] of Object.entries(results)) {
  const rates = list.map(({ leases }) => leases / seconds);
  const loads = list.flatMap((each) => each.loads.map((load) => load * 100));
  console.log(`${name}: ${range(rates, 0)} leases a second; ${range(loads, 1)} % of a core each`);
}
const ratio = results.alone.map(({ leases }, i) => results.coordinated[i].leases / leases);
console.log(`coordinated to alone: ${range(ratio, 3)} (goal ≥ 0.99)`);
