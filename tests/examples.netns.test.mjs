/** The examples, as a user would run them. Those that need an interface run over veth; opposite is the kernel. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { addVethPair, openNamespace, requireNamespaces } from 'etherconn/testing';
import { requireXdp } from '../packages/etherconn/dist/test-support/xdp-bench.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const example = (name) => join(root, 'examples', name);

function run(name, ...args) {
  const result = spawnSync(process.execPath, [example(name), ...args], { encoding: 'utf8', timeout: 60_000 });
  assert.equal(result.stderr, '');
  assert.equal(result.status, 0);
  return result.stdout;
}

/** Resolves with a child's output once it matches; rejects when it ends before. */
async function output(child, pattern) {
  let errors = '';
  child.stderr.on('data', (data) => {
    errors += data;
  });
  let text = '';
  for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
    text += chunk;
    if (pattern.test(text)) return text;
  }
  throw new Error(`it ended without ${pattern}: ${text}${errors}`);
}

async function end(child) {
  const ended = once(child, 'close');
  child.stdout.resume();
  child.kill('SIGTERM');
  return ended;
}

it('every example is listed, and run by a test: here, or by one of those', () => {
  const others = [
    'tests/dgram-examples.netns.test.mjs',
    'tests/libraries/examples.netns.test.mjs',
    'packages/etherconn/src/host/dhcp/dnsmasq.netns.test.ts',
  ];
  const tests = ['tests/examples.netns.test.mjs', ...others]
    .map((file) => readFileSync(join(root, file), 'utf8'))
    .join('');
  const list = readFileSync(example('README.md'), 'utf8');
  for (const file of readdirSync(join(root, 'examples')).filter((each) => each !== 'README.md')) {
    assert.ok(list.includes(`| [${file}](${file}) |`), file);
    const names = [`'${file}'`, `'${file.replace('.mjs', '')}'`, `/examples/${file}'`];
    assert.ok(
      names.some((name) => tests.includes(name)),
      file,
    );
  }
});

describe('in memory', () => {
  const folder = mkdtempSync(join(tmpdir(), 'etherconn-examples-'));
  after(() => rmSync(folder, { recursive: true }));

  it('customers with the same addresses', () => {
    const lines = run('vlan-hosts.mjs').trimEnd().split('\n');
    assert.deepEqual(
      lines,
      [101, 102, 103].map((id) => `VLAN ${id}: 10.0.0.1 is of customer ${id}`),
    );
  });

  it('a capture', () => {
    const lines = run('capture.mjs', join(folder, 'first.pcapng')).trimEnd().split('\n');
    assert.equal(lines.length, 4);
    assert.match(lines[0], /Request who-has 10\.0\.0\.2 tell 10\.0\.0\.1/);
    assert.match(lines[3], /10\.0\.0\.2 > 10\.0\.0\.1: .*ICMP echo reply/);
  });

  it('telemetry', () => {
    assert.equal(run('telemetry.mjs'), '1000 readings, 20.45 degrees on average\n');
  });

  it('HTTP clients', () => {
    const last = /^300 pages for 300 machines, the last: hello 10\.0\.2\.50\n$/;
    assert.match(run('http-clients.mjs', '300'), last);
  });

  it('SNMP switches', () => {
    assert.equal(run('snmp-switches.mjs', '300'), '300 switches, from switch-1 to switch-300\n');
  });

  it('a unit test', () => {
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const args = ['--test', '--test-reporter=tap', example('retry.test.mjs')];
    const { stdout, status } = spawnSync(process.execPath, args, { encoding: 'utf8', env });
    assert.match(stdout, /^# pass 2$/m);
    assert.equal(status, 0);
  });

  it('TypeScript: it compiles as strictly as can be, and runs', () => {
    const cache = join(root, 'node_modules/.cache');
    mkdirSync(cache, { recursive: true });
    const build = mkdtempSync(join(cache, 'example-'));
    try {
      copyFileSync(example('typed-echo.ts'), join(build, 'typed-echo.mts'));
      const options = '--strict --exactOptionalPropertyTypes --noUncheckedIndexedAccess --target es2022';
      const modules = '--module nodenext --types node --erasableSyntaxOnly';
      const tsc = join(root, 'node_modules/.bin/tsc');
      const compiled = spawnSync(tsc, [...`${options} ${modules}`.split(' '), 'typed-echo.mts'], {
        cwd: build,
        encoding: 'utf8',
      });
      assert.equal(compiled.stdout, '');
      assert.equal(compiled.status, 0);
      const { stdout, stderr } = spawnSync(process.execPath, [join(build, 'typed-echo.mjs')], {
        encoding: 'utf8',
      });
      assert.equal(stderr, '');
      assert.equal(stdout, 'hello from 2001:db8::1 port 7\n');
    } finally {
      rmSync(build, { recursive: true });
    }
  });
});

describe('on an interface', { skip: requireNamespaces() }, () => {
  const QUEUES = 2;
  let ours;
  let kernel;
  const start = (name, ...args) => ours.spawn(process.execPath, example(name), ...args);

  before(async () => {
    [ours, kernel] = await Promise.all([openNamespace(), openNamespace()]);
    addVethPair(
      { namespace: ours, name: 'near0', addresses: ['10.7.0.2/24'] },
      { namespace: kernel, name: 'far0', addresses: ['10.7.0.1/24'] },
      { queues: QUEUES },
    );
  });

  after(() => Promise.all([ours?.close(), kernel?.close()]));

  it('LLDP, between two of them', async () => {
    const near = start('lldp.mjs', 'near0', 'port 7');
    const far = kernel.spawn(process.execPath, example('lldp.mjs'), 'far0', 'port 8');
    await Promise.all([
      output(near, /^02:00:00:00:00:70 is port 8$/m),
      output(far, /^02:00:00:00:00:70 is port 7$/m),
    ]);
    assert.deepEqual(await end(near), [0, null]);
    assert.deepEqual(await end(far), [0, null]);
  });

  it('a DNS service on the address of the machine, asked by a kernel socket', async () => {
    const service = start('dns-service.mjs', 'near0', '10.7.0.2', 'www.example.test', '192.0.2.80');
    await output(service, /is served/);
    const ask = `
      const dns = new (require('node:dns').Resolver)({ timeout: 2000 });
      dns.setServers(['10.7.0.2']);
      dns.resolve4('www.example.test', (error, found) => {
        console.log(error?.code ?? found.join());
        dns.resolve4('other.example.test', (refused) => console.log(refused?.code));
      });
    `;
    const asker = kernel.spawn(process.execPath, '-e', ask);
    assert.equal(await output(asker, /\n.*\n/), '192.0.2.80\nENOTFOUND\n');
    assert.deepEqual(await end(service), [0, null]);
  });

  it('a ping sweep finds the machine', async () => {
    const text = await output(start('ping-sweep.mjs', 'near0', '10.7.0.14/28'), /addresses answer/);
    assert.match(text, /^10\.7\.0\.1 answers after [\d.]+ ms$/m);
    assert.match(text, /^1 of 13 addresses answer$/m);
  });

  it('a TLS client meets a server of the kernel', async () => {
    const certificate = join(root, 'packages/etherconn/dist/test-support/certificate.js');
    const serve = `
      import(${JSON.stringify(certificate)}).then(({ TEST_CERTIFICATE: cert, TEST_KEY: key }) => {
        const server = require('node:tls').createServer({ cert, key }, (socket) => {
          console.log('from ' + socket.remoteAddress);
          socket.on('error', () => undefined).end();
        });
        server.listen(443, '10.7.0.1', () => console.log('listening'));
      });
    `;
    const server = kernel.spawn(process.execPath, '-e', serve);
    await output(server, /listening/);
    const seen = output(server, /from .*\n/);
    const client = start('tls-client.mjs', 'near0', '10.7.0.50/24', '10.7.0.1', '443', 'localhost');
    const text = await output(client, /trusted.*\n/);
    assert.match(text, /^TLSv1\.3 TLS_\w+ from 10\.7\.0\.50$/m);
    assert.match(text, /^certificate of localhost until .*, trusted: false$/m);
    assert.equal(await seen, 'from 10.7.0.50\n');
    await end(server);
  });

  it('more machines than the kernel learns by default keep a connection each to one HTTP server', async () => {
    const MACHINES = 1500;
    const serve = `
      let connections = 0;
      require('node:http').createServer((request, response) => response.end('hello'))
        .on('connection', () => connections++)
        .listen(80, '10.7.0.1', () => console.log('listening'));
      process.once('SIGTERM', () => console.log('connections: ' + connections) ?? process.exit());
    `;
    kernel.run('ip', 'route', 'add', '10.1.0.0/16', 'dev', 'far0');
    const neighbors = kernel.spawn('ip', '-batch', '-');
    const byte = (n) => n.toString(16).padStart(2, '0');
    for (let i = 0; i < MACHINES; i++) {
      const [high, low] = [1 + Math.floor(i / 250), 1 + (i % 250)];
      const mac = `02:00:00:03:${byte(high)}:${byte(low)}`;
      neighbors.stdin.write(`neigh replace 10.1.${high}.${low} lladdr ${mac} dev far0 nud permanent\n`);
    }
    neighbors.stdin.end();
    await once(neighbors, 'exit');
    const server = kernel.spawn(process.execPath, '-e', serve);
    await output(server, /listening/);
    const client = start('http-10000.mjs', 'near0', '10.7.0.1', '80', String(MACHINES), '2');
    const text = await output(client, /round 2.*\n/);
    for (const line of text.trimEnd().split('\n'))
      assert.match(line, /^round [12]: 1500 connections, \d+ pages\/s, \d+ KB a machine$/);
    // One each, and none in the second round.
    server.kill('SIGTERM');
    assert.equal(await output(server, /\n/), `connections: ${MACHINES}\n`);
  });

  it('right and wrong pings', async () => {
    const text = await output(start('odd-pings.mjs', 'near0', '10.7.0.77', '10.7.0.1'), /another ping.*\n/);
    const lines = text.trimEnd().split('\n');
    assert.match(lines[0], /^a ping: 10\.7\.0\.1 > 10\.7\.0\.77: .*ICMP echo reply, id 1/);
    for (const line of lines.slice(1, 5)) assert.match(line, /: no answer$/);
    assert.match(lines[5], /^another ping: .*ICMP echo reply, id 6/);
    assert.equal(lines.length, 6);
  });

  it('several threads serve one address', { skip: requireXdp() }, async () => {
    const server = start('threads.mjs', 'near0', '10.7.0.80', String(QUEUES));
    await output(server, /(served by .*\n){2}/);
    kernel.run('ip', 'neigh', 'replace', '10.7.0.80', 'lladdr', '02:00:00:00:00:80', 'dev', 'far0');
    // Flows of many ports: the hash of the veth spreads them over the queues.
    const ask = `
      let answers = 0;
      for (let i = 0; i < 32; i++) {
        const socket = require('node:dgram').createSocket('udp4');
        socket.on('message', () => { socket.close(); if (++answers === 32) console.log('all answered'); });
        socket.send('hello', 7, '10.7.0.80');
      }
    `;
    assert.equal(await output(kernel.spawn(process.execPath, '-e', ask), /\n/), 'all answered\n');
    await end(server);
  });
});
