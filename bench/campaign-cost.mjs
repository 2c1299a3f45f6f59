/**
 * What coordination costs on a real NATS server: processor time of the server, and of an agent whose clients cost nothing.
 *
 *   npm run bench:campaign-cost -- [--agents 100] [--seconds 20]
 */
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { systemClock } from 'etherconn/link';
import { COORDINATOR, makeKeys, serverConfig, WATCHER } from '../packages/campaign/dist/hub/server-config.js';
import { Agent, Coordinator, connectNats } from '../packages/campaign/dist/index.js';
import { QuietExecutor } from '../packages/campaign/dist/test-support/quiet-executor.js';
import { epochOf } from '../packages/cli/dist/parts.js';

const { values } = parseArgs({
  options: {
    agents: { type: 'string', default: '100' },
    seconds: { type: 'string', default: '20' },
    child: { type: 'string' },
    url: { type: 'string' },
    folder: { type: 'string' },
  },
});
const TICKS = 100;
const connection = { timeout: 3000, pingInterval: 1000 };

/** Agents in this process, which says on demand what processor time it has used. */
async function beAgents(names) {
  for (const name of names) {
    const hub = await connectNats({
      ...connection,
      url: values.url,
      name,
      creds: credsOf(values.folder, name),
    });
    const executor = new QuietExecutor(systemClock);
    const folder = join(values.folder, name);
    new Agent({
      hub,
      clock: systemClock,
      epoch: epochOf(systemClock),
      name,
      executor,
      folder,
      log() {},
    }).start();
  }
  process.on('message', () => process.send(process.cpuUsage()));
  process.send('ready');
}

async function startAgents(names, url, folder) {
  const child = fork(fileURLToPath(import.meta.url), [
    '--child',
    names.join(','),
    '--url',
    url,
    '--folder',
    folder,
  ]);
  await once(child, 'message');
  return child;
}

async function cpuOf(child) {
  child.send('cpu');
  const [{ user, system }] = await once(child, 'message');
  return (user + system) / 1e6;
}

function cpuOfProcess(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

async function traffic(monitor) {
  const { in_msgs, out_msgs } = await (await fetch(`${monitor}/varz`)).json();
  return in_msgs + out_msgs;
}

const credsOf = (folder, name) => join(folder, `${name}.nk`);

/** As campaigns have it: an account with permissions for each client. */
async function startServer(folder, names) {
  const config = join(folder, 'nats.conf');
  const [port, http] = [14_222, 18_222];
  const keys = Object.fromEntries([COORDINATOR, WATCHER, ...names].map((name) => [name, makeKeys()]));
  for (const [name, { seed }] of Object.entries(keys)) writeFileSync(credsOf(folder, name), seed);
  const text = serverConfig({
    listen: `127.0.0.1:${port}`,
    storeFolder: join(folder, 'store'),
    coordinator: keys[COORDINATOR].publicKey,
    watcher: keys[WATCHER].publicKey,
    agents: Object.fromEntries(names.map((name) => [name, keys[name].publicKey])),
  });
  writeFileSync(config, `${text}\nhttp: "127.0.0.1:${http}"\n`);
  const child = spawn('nats-server', ['-c', config], { stdio: ['ignore', 'ignore', 'pipe'] });
  await new Promise((resolve, reject) => {
    child.stderr.on('data', (chunk) => `${chunk}`.includes('Server is ready') && resolve());
    child.once('exit', () => reject(new Error('nats-server has ended')));
  });
  return { child, url: `nats://127.0.0.1:${port}`, monitor: `http://127.0.0.1:${http}` };
}

async function measure(count, clients) {
  const folder = mkdtempSync(join(tmpdir(), 'etherconn-cost-'));
  const names = Array.from({ length: count }, (_, i) => `a${i}`);
  const server = await startServer(folder, names);
  const agents = await startAgents(names, server.url, folder);
  try {
    const hub = await connectNats({
      ...{ ...connection, url: server.url, name: COORDINATOR },
      creds: credsOf(folder, COORDINATOR),
    });
    const plan = {
      ...{ name: 'cost', scenario: null, clients, clientsPerRange: clients / 1000, seed: 1 },
      ...{ policy: 'reassign', lease: 9000, margin: 200, clockLimit: 1000, step: 2000 },
      ...{ agents: count, wait: 120_000, thresholds: [] },
    };
    let phase = '';
    const coordinator = await Coordinator.begin(
      {
        ...{ hub, clock: systemClock, epoch: epochOf(systemClock), folder: join(folder, 'state'), log() {} },
        onSnapshot: (snapshot) => {
          phase = snapshot.phase;
        },
      },
      plan,
    );
    const ended = coordinator.coordinate();
    while (phase !== 'running') await sleep(200);
    await sleep(5000);
    const from = [await cpuOf(agents), cpuOfProcess(server.child.pid), await traffic(server.monitor)];
    const own = process.cpuUsage();
    const at = performance.now();
    await sleep(Number(values.seconds) * 1000);
    const length = (performance.now() - at) / 1000;
    const to = [await cpuOf(agents), cpuOfProcess(server.child.pid), await traffic(server.monitor)];
    const { user, system } = process.cpuUsage(own);
    const [agent, nats, messages] = to.map((value, i) => (value - from[i]) / length);
    coordinator.stop('measured');
    await ended;
    await hub.close();
    return { agent: agent / count, nats, messages, coordinator: (user + system) / 1e6 / length };
  } finally {
    for (const child of [agents, server.child]) {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    }
    rmSync(folder, { recursive: true, force: true });
  }
}

const percent = (value) => `${(value * 100).toFixed(2)} %`;

if (values.child !== undefined) await beAgents(values.child.split(','));
else {
  const one = await measure(1, 100_000);
  console.log(`one agent with 100,000 clients: ${percent(one.agent)} of a core (goal < 2 %)`);
  const count = Number(values.agents);
  const many = await measure(count, 1_000_000);
  console.log(`${count} agents, 1,000,000 clients:`);
  console.log(
    `  nats-server: ${percent(many.nats)} of a core (goal < 10 %), ${many.messages.toFixed(0)} messages a second, both ways (goal ≤ 400)`,
  );
  console.log(`  coordinator: ${percent(many.coordinator)} of a core; each agent: ${percent(many.agent)}`);
}
