/** The examples with sockets, as a user would run them; opposite, over veth, is the kernel. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { addVethPair, openNamespace, requireCommand, requireNamespaces } from 'etherconn/testing';

const folder = fileURLToPath(new URL('../examples/', import.meta.url));
const example = (name) => `${folder}${name}.mjs`;

/** Asks for a name from a kernel's socket, and prints the answer. */
const ASK = `
  const mdns = require('multicast-dns')({ interface: '10.7.0.1', bind: '0.0.0.0' });
  mdns.on('response', ({ answers }, rinfo) => {
    console.log(answers[0].data, rinfo.address);
    mdns.destroy();
  });
  mdns.on('ready', () => mdns.query('simulated.local', 'A'));
`;

/** Resolves when a child's output matches; rejects when it ends before. */
async function output(child, pattern) {
  let text = '';
  child.stderr.on('data', (data) => {
    text += data;
  });
  for await (const chunk of child.stdout) {
    text += chunk;
    if (pattern.test(text)) return text;
  }
  throw new Error(`it ended without ${pattern}: ${text}`);
}

it('examples are short', () => {
  for (const file of readdirSync(folder)) {
    const lines = readFileSync(`${folder}${file}`, 'utf8').trimEnd().split('\n');
    assert.ok(lines.length < 60, `${file}: ${lines.length} lines`);
  }
});

it('500 CoAP devices', () => {
  const run = spawnSync(process.execPath, [example('coap-devices'), '500'], { encoding: 'utf8' });
  assert.equal(run.status, 0, run.stderr);
  assert.equal(run.stdout, '500 devices, 19.5 degrees on average\n');
});

describe('on an interface', { skip: requireNamespaces() }, () => {
  let ours;
  let kernel;

  before(async () => {
    [ours, kernel] = await Promise.all([openNamespace(), openNamespace()]);
    addVethPair(
      { namespace: ours, name: 'near0' },
      { namespace: kernel, name: 'far0', addresses: ['10.7.0.1/24'] },
    );
  });

  after(() => Promise.all([ours?.close(), kernel?.close()]));

  it('DNS client, answered by dnsmasq', { skip: requireCommand('dnsmasq') }, async () => {
    const server = kernel.spawn(
      ...['dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null', '--no-resolv', '--no-hosts'],
      ...['--log-facility=-', '--pid-file', '--user=', '--group='],
      ...['--listen-address=10.7.0.1', '--bind-interfaces', '--address=/example.test/192.0.2.44'],
    );
    await output({ stdout: server.stderr, stderr: server.stdout }, /started/);
    const args = ['near0', '10.7.0.77/24', '10.7.0.1', 'www.example.test'];
    const client = ours.spawn(process.execPath, example('dns-client'), ...args);
    assert.equal(await output(client, /\n/), 'www.example.test A 192.0.2.44\n');
    await once(client, 'close');
    server.kill();
  });

  it('mDNS responder, asked by a kernel socket', async () => {
    const args = ['near0', '10.7.0.78/24', 'simulated.local'];
    const responder = ours.spawn(process.execPath, example('mdns-responder'), ...args);
    await output(responder, /simulated\.local is 10\.7\.0\.78/);
    kernel.run('ip', 'route', 'add', '224.0.0.0/4', 'dev', 'far0');
    const asker = kernel.spawn(process.execPath, '-e', ASK);
    assert.equal(await output(asker, /\n/), '10.7.0.78 10.7.0.78\n');
    const ended = once(responder, 'close');
    responder.kill('SIGTERM');
    assert.deepEqual(await ended, [0, null]);
  });
});
