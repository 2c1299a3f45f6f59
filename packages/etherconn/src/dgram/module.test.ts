import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import nodeDgram from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openDgramHosts } from '../test-support/dgram-hosts.ts';
import { Host } from './host.ts';
import dgram, * as namespace from './index.ts';

const require = createRequire(import.meta.url);
const folder = mkdtempSync(join(tmpdir(), 'etherconn-dgram-'));
after(() => rmSync(folder, { recursive: true }));

/** Runs a program of its own; resolves with what it printed. */
async function run(name: string, source: string, env: Record<string, string> = {}): Promise<string> {
  const file = join(folder, name);
  writeFileSync(file, source);
  const register = new URL('./register.js', import.meta.url).href;
  const child = spawn(process.execPath, ['--no-warnings', '--import', register, file], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (data) => {
    output += data;
  });
  child.stderr.on('data', (data) => {
    output += data;
  });
  const [code] = await once(child, 'close');
  assert.equal(code, 0, output);
  return output.trim();
}

test('require and import give the same module: a plain object that may be changed', () => {
  const required = require('etherconn/dgram');
  assert.equal(required, dgram);
  assert.equal(namespace.createSocket, dgram.createSocket);
  assert.equal(namespace.Socket, dgram.Socket);
  assert.equal(Object.getPrototypeOf(dgram), Object.prototype);
  for (const name of Object.keys(nodeDgram)) assert.ok(name in dgram, name);
  for (const name of ['createSocket', 'Socket'] as const) {
    assert.equal(Object.getOwnPropertyDescriptor(dgram, name)?.writable, true);
  }
});

test('the default host talks to itself: loopback and its interface’s addresses', async () => {
  const socket = dgram.createSocket('udp4').bind(0);
  await once(socket, 'listening');
  const own = dgram.defaultHost().addresses()[0].address;
  for (const address of ['127.0.0.1', '127.8.9.1', own, 'localhost']) {
    const got = once(socket, 'message');
    if (own.includes(':') && address === own) continue;
    socket.send('x', socket.address().port, address);
    await got;
  }
  socket.close();
});

test('the default host has the addresses that this machine’s interfaces have', () => {
  const external = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter((one) => !one.internal && one.family === 'IPv4');
  const addresses = dgram
    .defaultHost()
    .addresses()
    .map((one) => one.address);
  for (const { address } of external) assert.ok(addresses.includes(address), address);
});

test('another default host takes the sockets that are made from then on', async () => {
  await using net = await openDgramHosts(2);
  const before = dgram.setDefaultHost(net.hosts[0]);
  try {
    assert.equal(dgram.defaultHost(), net.hosts[0]);
    const receiver = net.hosts[1].dgram.createSocket('udp4').bind(0);
    await once(receiver, 'listening');
    const got = once(receiver, 'message');
    const socket = dgram.createSocket('udp4');
    socket.send('hello', receiver.address().port, '10.0.0.2');
    assert.equal((await got)[1].address, '10.0.0.1');
  } finally {
    assert.equal(dgram.setDefaultHost(before), net.hosts[0]);
  }
  assert.throws(() => dgram.setDefaultHost({} as Host), { code: 'ERR_ETHERCONN_OPTION' });
});

const ECHO = `
  const server = dgram.createSocket('udp4');
  server.on('message', (message, rinfo) => server.send(message, rinfo.port, rinfo.address, () => server.close()));
  server.bind(0, () => {
    const client = dgram.createSocket('udp4');
    client.on('message', (message) => { console.log(String(message), client._handle.fd); client.close(); });
    client.send('echo', server.address().port);
  });
`;

test('register: an unmodified CommonJS program', async () => {
  const source = `const dgram = require('dgram'); ${ECHO}`;
  assert.equal(await run('a.cjs', source), 'echo -1');
});

test('register: an unmodified ES module, with named imports', async () => {
  const source = `import dgram, { createSocket, Socket } from 'node:dgram'; ${ECHO}
    console.log(createSocket === dgram.createSocket, Socket === dgram.Socket);`;
  assert.equal(await run('a.mjs', source), 'true true\necho -1');
});

test('register: worker threads, each with a host of its own', async () => {
  const source = `const { Worker, isMainThread } = require('worker_threads'); const dgram = require('dgram');
    if (isMainThread) new Worker(__filename);
    ${ECHO}`;
  assert.equal(await run('w.cjs', source), 'echo -1\necho -1');
});

test('register: the host of a module that the environment names', async () => {
  const index = new URL('../index.js', import.meta.url).href;
  const hostFile = join(folder, 'host.mjs');
  writeFileSync(
    hostFile,
    `import { Host, MemoryNetwork } from ${JSON.stringify(index)};
    const relay = new MemoryNetwork().relay();
    // The sockets hold the process, not the network.
    relay.unref();
    export default async () => Host.create(relay, {
      mac: '02:00:00:00:00:09', addresses: ['192.0.2.9/24'] });`,
  );
  const source = `const s = require('dgram').createSocket('udp4');
    s.bind(0, '192.0.2.9', () => { console.log(s.address().address); s.close(); });`;
  assert.equal(await run('h.cjs', source, { ETHERCONN_DGRAM_HOST: hostFile }), '192.0.2.9');
});

test('register: a program ends when nothing holds it', async () => {
  const source = `const dgram = require('dgram');
    dgram.createSocket('udp4');
    dgram.createSocket('udp4').bind().unref();
    console.log('done');`;
  assert.equal(await run('e.cjs', source), 'done');
});

test('register: a socket cannot be sent to another process, and trying does no harm', async () => {
  const source = `const dgram = require('dgram');
    const { fork } = require('child_process');
    if (process.argv[2] === 'child') process.on('message', () => process.exit());
    else {
      const socket = dgram.createSocket('udp4').bind(0, () => {
        const child = fork(__filename, ['child']);
        try { child.send('take this', socket); } catch (error) { console.log(error.code); }
        child.send('end');
        socket.close();
      });
    }`;
  assert.equal(await run('send.cjs', source), 'ERR_INVALID_HANDLE_TYPE');
});

test('createSocket may be called with new, as Node’s', () => {
  const createSocket = dgram.createSocket as unknown as new (type: string) => unknown;
  assert.ok(new createSocket('udp4') instanceof nodeDgram.Socket);
});

test('each host has a module of its own, always the same', async () => {
  await using net = await openDgramHosts(2);
  const [a, b] = net.hosts;
  assert.ok(a instanceof Host);
  assert.equal(a.dgram, a.dgram);
  assert.notEqual(a.dgram.Socket, b.dgram.Socket);
});
