import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { requireCommand, requireNamespaces } from 'etherconn/testing';

/**
 * Every command of the tutorial in docs/campaigns.md that works on one machine is run, in its order. What would meet others on
 * this machine has a name of its own: the lab, and the port of the server.
 */

const skip =
  requireNamespaces() ||
  (process.getuid?.() !== 0 && 'labs with names need root') ||
  requireCommand('nats-server');
const tool = fileURLToPath(new URL('../../../cli/bin/etherconn.js', import.meta.url));
const page = readFileSync(new URL('../../../../docs/campaigns.md', import.meta.url), 'utf8');
const folder = mkdtempSync(join(tmpdir(), 'etherconn-tutorial-'));
const env = { ...process.env, XDG_STATE_HOME: join(folder, 'home') };
const lab = `t${process.pid}`;
const running = new Set<ChildProcess>();
after(async () => {
  for (const child of running) child.kill('SIGKILL');
  await new Started(['etherconn', 'lab', 'down', lab]).ended;
  rmSync(folder, { recursive: true, force: true });
});

/** The commands of a section, each as its words. */
function commandsOf(section: string): string[][] {
  const text = page.split(`## ${section}\n`)[1].split('\n## ')[0];
  return Array.from(text.matchAll(/```sh\n([\s\S]*?)```/g), ([, block]) => block.trim().split('\n'))
    .flat()
    .map((line) => Array.from(line.matchAll(/'([^']*)'|(\S+)/g), ([, quoted, word]) => quoted ?? word));
}

class Started {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  output = '';
  #changed: () => void = () => {};

  constructor([program, ...args]: readonly string[]) {
    this.child =
      program === 'etherconn'
        ? spawn(process.execPath, [tool, ...args], { cwd: folder, env })
        : spawn(program, args, { cwd: folder, env });
    running.add(this.child);
    for (const stream of [this.child.stdout!, this.child.stderr!])
      stream.on('data', (chunk) => {
        this.output += chunk;
        this.#changed();
      });
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code) => {
        running.delete(this.child);
        this.#changed();
        resolve(code);
      });
    });
  }

  async says(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.output)) {
      if (!running.has(this.child)) throw new Error(`ended without ${pattern}:\n${this.output}`);
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }
}

async function done(words: readonly string[]): Promise<Started> {
  const started = new Started(words);
  assert.equal(await started.ended, 0, `${words.join(' ')}:\n${started.output}`);
  return started;
}

/** A report's result. */
// biome-ignore lint/suspicious/noExplicitAny: tests look into what they want to be there.
function resultIn(file: string): any {
  const html = readFileSync(join(folder, file), 'utf8');
  return JSON.parse(/id="data">(.*?)<\/script>/s.exec(html)![1]).result;
}

test('docs/campaigns.md: the first campaign', { skip }, async () => {
  const commands = commandsOf('First campaign');
  assert.equal(commands.length, 2);
  for (const words of commands) await done(words);
  const { passed, campaign } = resultIn('report.html');
  assert.equal(passed, true);
  assert.deepEqual(campaign.agents.map(({ agent }: { agent: string }) => agent).sort(), ['one', 'two']);
});

test('docs/campaigns.md: on a lab', { skip }, async () => {
  const [up, bridge, dhcp, echo, run, status, watch] = commandsOf('On a lab').map((words) =>
    words.map((word) => word.replace(/^lab-/, `${lab}-`)),
  );
  await done([...up.slice(0, 3), lab, ...up.slice(3)]);
  await done(bridge);
  for (const words of [dhcp, echo]) await new Started(words).says(/received 0 pps|0:01/);
  const campaign = new Started(run);
  await campaign.says(/etherconn: running/);
  // What is kept for those who come is renewed every few seconds.
  let seen = '';
  while (!/: running, .*\n {2}eth0: running, .* clock /.test(seen)) seen = (await done(status)).output;
  const watcher = new Started(watch);
  await watcher.says(/: running/);
  const second = new Started(run);
  assert.equal(await second.ended, 1);
  assert.match(second.output, /a campaign is under way in .*--state/);
  assert.equal(await campaign.ended, 0, campaign.output);
  assert.equal(await watcher.ended, 0, watcher.output);
  const { passed, fleet, campaign: told } = resultIn('lab.html');
  assert.equal(passed, true);
  assert.equal(fleet.bound, 300);
  assert.equal(told.agents.length, 2);
  const none = new Started(status);
  assert.equal(await none.ended, 1, 'its server has ended with it');
});

test('docs/campaigns.md: an agent is killed, and the other takes over', { skip }, async () => {
  const port = await freePort();
  const [keys, server, one, two, run] = commandsOf('Kill an agent').map((words) => [
    ...words.map((word) => word.replace(/^lab-/, `${lab}-`).replace('127.0.0.1:4222', `127.0.0.1:${port}`)),
    ...(words[1] === 'agent' ? ['--nats', `nats://127.0.0.1:${port}`] : []),
  ]);
  await done(keys);
  await new Started(server).says(/Server is ready/);
  const agents = [one, two].map((words) => new Started(words));
  for (const agent of agents) await agent.says(/waits for campaigns/);
  const campaign = new Started(run);
  await campaign.says(/agent agent2 is here/);
  await campaign.says(/leases: bound [1-9]/);
  agents[1].child.kill('SIGKILL');
  await campaign.says(/agent agent2 is lost \(\w+\), with \d+ ranges/);
  await campaign.says(/ranges taken over: \d+ to agent1/);
  assert.equal(await campaign.ended, 0, campaign.output);
  const { campaign: told } = resultIn('takeover.html');
  assert.equal(told.ranges.done, told.ranges.total);
  assert.equal(told.takeovers.length, 1);
  assert.equal(told.takeovers[0].agent, 'agent2');
  assert.deepEqual(
    told.gaps.map(({ agent }: { agent: string }) => agent),
    ['agent2'],
  );
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
