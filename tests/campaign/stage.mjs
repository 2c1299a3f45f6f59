/**
 * Namespaces for campaigns: a hub with the NATS server and the coordinator, agents, and a bridge with a DHCP server and an
 * echo behind it. Control connections have wires of their own, which can be cut in each direction. A capture at each port of
 * the bridge says which agent a frame came from.
 */
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { addVethPair, openNamespace } from 'etherconn/testing';
import { Outbox } from '../../packages/campaign/dist/results/outbox.js';
import { Delta } from '../../packages/cli/dist/parts.js';
import { spawnWithUs } from './children.mjs';
import { Capture } from './oracle.mjs';

const tool = fileURLToPath(new URL('../../packages/cli/bin/etherconn.js', import.meta.url));
const server = fileURLToPath(new URL('server.mjs', import.meta.url));

/** Where clients send to, and what it is. */
export const ECHO = { address: '10.251.0.1', mac: '02:ee:00:00:00:01' };
const PORT = 4222;

export class Stage {
  folder = mkdtempSync(join(tmpdir(), 'etherconn-campaign-'));
  agents = [];
  log = [];
  #namespaces = [];
  #children = [];

  /** @param options.unfenced agents that send on after the end of their lease */
  static async open({ agents = 4, clockOffsets = {}, unfenced = false, engine = 'auto' } = {}) {
    const stage = new Stage();
    try {
      await stage.#build(agents);
      const starts = stage.agents.map(({ name }, i) =>
        stage.startAgent(i, { clockOffset: clockOffsets[name] ?? 0, unfenced, engine }),
      );
      await Promise.all(starts);
      return stage;
    } catch (error) {
      await stage.close();
      throw error;
    }
  }

  async #namespace() {
    const namespace = await openNamespace();
    this.#namespaces.push(namespace);
    return namespace;
  }

  async #build(count) {
    this.hub = await this.#namespace();
    this.wire = await this.#namespace();
    this.servers = await this.#namespace();
    this.wire.run('ip', 'link', 'add', 'br0', 'type', 'bridge');
    this.wire.run('ip', 'link', 'set', 'br0', 'up');
    const join_ = (port) => this.wire.run('ip', 'link', 'set', port, 'master', 'br0');
    for (const name of ['dhcp', 'echo']) {
      addVethPair({ namespace: this.servers, name }, { namespace: this.wire, name: `to-${name}` });
      join_(`to-${name}`);
    }
    for (let i = 0; i < count; i++) {
      const name = `a${i + 1}`;
      const namespace = await this.#namespace();
      addVethPair({ namespace, name: 'eth0' }, { namespace: this.wire, name });
      join_(name);
      const [here, there] = [`10.99.${i}.2`, `10.99.${i}.1`];
      addVethPair(
        { namespace, name: 'ctl', addresses: [`${here}/30`] },
        { namespace: this.hub, name: `ctl${i}`, addresses: [`${there}/30`] },
      );
      this.agents.push({ name, namespace, here, there, child: null });
    }
    this.#tool(
      this.hub,
      'campaign',
      'keys',
      this.keys,
      ...this.agents.map(({ name }) => name),
      '--store',
      this.store,
    );
    const config = join(this.keys, 'nats.conf');
    writeFileSync(config, readFileSync(config, 'utf8').replace('0.0.0.0:4222', `0.0.0.0:${PORT}`));
    await this.startServer();
    await this.#start(this.servers, 'ready', process.execPath, server, 'dhcp');
    await this.#start(
      this.servers,
      null,
      ...[process.execPath, tool, 'udp', 'echo', 'echo', '--engine', 'packet', '--json'],
      ...['--address', ECHO.address, '--mac', ECHO.mac, '--prefix', '8'],
    );
  }

  get keys() {
    return join(this.folder, 'keys');
  }

  get store() {
    return join(this.folder, 'store');
  }

  #tool(namespace, ...args) {
    return namespace.run(process.execPath, tool, ...args);
  }

  /** A process whose output goes to the log. */
  async #start(namespace, ready, command, ...args) {
    const child = spawnWithUs(namespace, command, ...args);
    this.#children.push(child);
    let said = () => {};
    const isReady = new Promise((resolve, reject) => {
      said = resolve;
      child.once('exit', (code) => reject(new Error(`${args.join(' ')} ended with ${code}\n${this.text}`)));
    });
    isReady.catch(() => {});
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => {
        this.log.push(`${chunk}`);
        if (ready !== null && `${chunk}`.includes(ready)) said();
      });
    if (ready !== null) await isReady;
    return child;
  }

  get text() {
    return this.log.join('');
  }

  async startServer() {
    this.server = await this.#start(
      this.hub,
      'Server is ready',
      'nats-server',
      '-c',
      join(this.keys, 'nats.conf'),
    );
  }

  /** SIGKILL, and its store is deleted. */
  async loseServer() {
    await kill(this.server);
    rmSync(this.store, { recursive: true, force: true });
  }

  /** Resolves when it waits for campaigns. */
  async startAgent(index, { clockOffset = 0, unfenced = false, engine = 'auto' } = {}) {
    const agent = this.agents[index];
    const { name, namespace, there } = agent;
    agent.child = await this.#start(
      namespace,
      'waits for campaigns',
      process.execPath,
      ...[tool, 'agent', 'eth0', '--name', name, '--engine', engine, '--verbose'],
      ...['--nats', `nats://${there}:${PORT}`, '--creds', join(this.keys, `${name}.nk`)],
      ...['--state', join(this.folder, name), '--test-clock-offset', `${clockOffset}`],
      ...(unfenced ? ['--test-unfenced'] : []),
    );
  }

  /** Begins to coordinate; resolves when all clients have been told when to start. */
  async run(campaign, ...options) {
    const file = join(this.folder, 'campaign.yaml');
    writeFileSync(file, JSON.stringify(campaign));
    return this.#coordinate('run', file, ...options);
  }

  async resume(id) {
    return this.#coordinate('resume', id);
  }

  async #coordinate(...args) {
    const child = spawnWithUs(
      this.hub,
      process.execPath,
      ...[tool, 'campaign', ...args, '--json', '--verbose', '--state', join(this.folder, 'hub')],
      ...['--nats', `nats://127.0.0.1:${PORT}`, '--creds', join(this.keys, 'coordinator.nk')],
    );
    this.#children.push(child);
    const run = { child, id: '', text: '', json: '', started: null, ended: null };
    child.stdout.on('data', (chunk) => {
      run.json += chunk;
    });
    run.ended = new Promise((resolve) => child.once('close', (code) => resolve(code)));
    run.started = new Promise((resolve, reject) => {
      child.stderr.on('data', (chunk) => {
        this.log.push(`${chunk}`);
        run.text += chunk;
        run.id ||= /campaign (c[0-9a-f]+)/.exec(run.text)?.[1] ?? '';
        if (/etherconn: running/.test(run.text) || args[0] === 'resume') resolve();
      });
      child.once('close', () => reject(new Error(`the coordinator has ended:\n${this.text}`)));
    });
    run.started.catch(() => {});
    await run.started;
    return run;
  }

  /** The result of a coordinator that has ended well. */
  async result(run) {
    const code = await run.ended;
    if (code !== 0) throw new Error(`the coordinator ended with ${code}:\n${this.text}`);
    return JSON.parse(run.json);
  }

  /** Cuts the control connection of an agent: 'out' is from the agent to the hub. */
  cut({ namespace, here, there }, directions) {
    if (directions.includes('out')) namespace.run('ip', 'route', 'add', 'blackhole', `${there}/32`);
    if (directions.includes('in')) this.hub.run('ip', 'route', 'add', 'blackhole', `${here}/32`);
  }

  mend({ namespace, here, there }, directions) {
    if (directions.includes('out')) namespace.run('ip', 'route', 'del', 'blackhole', `${there}/32`);
    if (directions.includes('in')) this.hub.run('ip', 'route', 'del', 'blackhole', `${here}/32`);
  }

  async capture() {
    const ports = this.agents.map(({ name }) => name);
    return Capture.start(this.wire, ports, this.folder);
  }

  /** What all journals of the agents hold together. */
  journals() {
    const total = new Delta();
    for (const { name } of this.agents) {
      const folder = join(this.folder, name, 'agents', name);
      for (const file of readdirSync(folder)) {
        const outbox = new Outbox(join(folder, file));
        for (const { delta } of outbox.messages) total.merge(Delta.fromJSON(delta));
        void outbox.close();
      }
    }
    return total;
  }

  async close() {
    for (const child of this.#children) await kill(child);
    for (const namespace of this.#namespaces.reverse()) await namespace.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export async function kill(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}
