import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import nodeNet from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { TEST_CERTIFICATE, TEST_KEY } from '../test-support/certificate.ts';
import { openDgramHosts } from '../test-support/dgram-hosts.ts';
import net, * as namespace from './index.ts';

const require = createRequire(import.meta.url);
const folder = mkdtempSync(join(tmpdir(), 'etherconn-net-'));
after(() => rmSync(folder, { recursive: true }));

/** Runs a program of its own; resolves with what it printed. */
async function run(name: string, source: string, env: Record<string, string> = {}): Promise<string> {
  const file = join(folder, name);
  writeFileSync(file, source);
  const register = new URL('./register.js', import.meta.url).href;
  const child = spawn(process.execPath, ['--no-warnings', '--import', register, file], {
    env: { ...process.env, KEY: TEST_KEY, CERT: TEST_CERTIFICATE, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data) => {
      output += data;
    });
  }
  const [code] = await once(child, 'close');
  assert.equal(code, 0, output);
  return output.trim();
}

test('require and import give the same module: a plain object that may be changed', () => {
  const required = require('etherconn/net');
  assert.equal(required, net);
  assert.equal(Object.getPrototypeOf(net), Object.prototype);
  // What a newer Node has besides has no named export, but is there.
  for (const name of Object.keys(nodeNet)) assert.ok(name in net, name);
  for (const name of ['connect', 'createServer', 'Socket', 'Server', 'isIP', 'BlockList'] as const) {
    assert.equal(namespace[name], net[name]);
    assert.equal(Object.getOwnPropertyDescriptor(net, name)?.writable, true);
  }
});

test('the default host talks to itself: loopback, its interface’s addresses, localhost', async () => {
  const server = net.createServer((socket) => socket.end('own')).listen(0);
  await once(server, 'listening');
  const { port } = server.address() as nodeNet.AddressInfo;
  const own = net.defaultHost().addresses()[0].address;
  for (const address of ['127.0.0.1', '::1', own, 'localhost']) {
    const socket = net.connect(port, address);
    const [data] = (await once(socket, 'data')) as [Buffer];
    assert.equal(String(data), 'own');
  }
  server.close();
});

test('another default host takes the sockets that are made from then on', async () => {
  await using hosts = await openDgramHosts(2);
  const before = net.setDefaultHost(hosts.hosts[0]);
  try {
    const server = hosts.hosts[1].net
      .createServer((socket) => socket.end(`${socket.remoteAddress}`))
      .listen(80);
    const [data] = (await once(net.connect(80, '10.0.0.2'), 'data')) as [Buffer];
    assert.equal(String(data), '::ffff:10.0.0.1');
    server.close();
  } finally {
    net.setDefaultHost(before);
  }
});

test('the preload replaces TCP in the whole program', async () => {
  const output = await run(
    'program.mjs',
    `
    import { readFileSync } from 'node:fs';
    import { once } from 'node:events';
    import http from 'node:http';
    import http2 from 'node:http2';
    import https from 'node:https';
    import { createRequire } from 'node:module';
    import net, { connect, Socket } from 'node:net';
    import tls from 'node:tls';
    const identity = { key: process.env.KEY, cert: process.env.CERT };
    const trust = { ca: process.env.CERT, servername: 'localhost' };
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
    console.log(connect === net.connect, createRequire(import.meta.url)('net').connect === connect);
    const listen = async (server) => (await once(server.listen(0), 'listening'), server.address().port);
    const text = async (stream) => { let all = ''; for await (const some of stream) all += some; return all; };
    const answer = (request, response) => response.end(request.url + ' ' + request.socket.remoteAddress);
    const server = http.createServer(answer);
    const port = await listen(server);
    const kernel = ['tcp', 'tcp6'].map((name) => readFileSync('/proc/self/net/' + name, 'latin1')).join('');
    const number = port.toString(16).toUpperCase().padStart(4, '0');
    console.log(new RegExp(':' + number + ' [0-9A-F]+:0000 0A').test(kernel)); // 0A: listens
    const [got] = await once(http.get('http://127.0.0.1:' + port + '/get'), 'response');
    console.log(await text(got));
    console.log(await (await fetch('http://localhost:' + port + '/fetch')).text());
    const secure = https.createServer(identity, answer);
    const securePort = await listen(secure);
    const [secured] = await once(https.get('https://127.0.0.1:' + securePort + '/secure', trust), 'response');
    console.log(await text(secured));
    console.log(await (await fetch('https://127.0.0.1:' + securePort + '/fetch')).text());
    const raw = tls.connect(securePort, '127.0.0.1', trust);
    await once(raw, 'secureConnect');
    console.log(raw.authorized, raw.remoteAddress);
    raw.destroy();
    for (const [make, options, url] of [['createServer', {}, 'http'], ['createSecureServer', identity, 'https']]) {
      const two = http2[make](options, (request, response) => response.end(request.httpVersion));
      const session = http2.connect(url + '://localhost:' + (await listen(two)), trust);
      console.log(await text(session.request()));
      session.close();
      two.close();
    }
    class Sub extends Socket { own = true; }
    const sub = new Sub().connect(port, '127.0.0.1');
    await once(sub, 'connect');
    console.log(sub instanceof Sub, sub instanceof net.Socket, sub.own, sub.remoteAddress);
    sub.destroy();
    server.close();
    secure.close();
    server.closeAllConnections();
    secure.closeAllConnections();
    `,
  );
  assert.deepEqual(output.split('\n'), [
    'true true',
    'false',
    '/get ::ffff:127.0.0.1',
    '/fetch ::ffff:127.0.0.1',
    '/secure ::ffff:127.0.0.1',
    '/fetch ::ffff:127.0.0.1',
    'true 127.0.0.1',
    '2.0',
    '2.0',
    'true true true 127.0.0.1',
  ]);
});

test('with the preload, descriptors, handles, pipes and paths are the operating system’s', async () => {
  const output = await run(
    'kernel.cjs',
    `
    const { spawn, fork } = require('node:child_process');
    const { once } = require('node:events');
    const net = require('node:net');
    const { openSync, mkdtempSync } = require('node:fs');
    (async () => {
      const child = spawn('cat', { stdio: 'pipe' });
      child.stdin.end('through a pipe');
      console.log(String((await once(child.stdout, 'data'))[0]));
      const path = ${JSON.stringify(join(folder, 'own.sock'))};
      const server = net.createServer((socket) => socket.end('by a path')).listen(path);
      await once(server, 'listening');
      console.log(String((await once(net.connect(path), 'data'))[0]));
      console.log(String((await once(new net.Socket().connect({ path }), 'data'))[0]));
      class Sub extends net.Socket {}
      console.log(String((await once(new Sub().connect(path), 'data'))[0]));
      console.log(net.createServer() instanceof net.Server, process.stdout instanceof net.Socket);
      server.close();
      const own = net.createServer().listen(0);
      await once(own, 'listening');
      const worker = fork(__filename + '.worker.js', { execArgv: [] });
      const connected = net.connect(own.address().port, '127.0.0.1');
      await Promise.all([once(own, 'connection'), once(connected, 'connect')]);
      for (const sent of [own, connected]) {
        try { worker.send('it', sent); } catch (error) { console.log(error.code); }
      }
      worker.kill();
      own.close();
      setTimeout(() => process.exit(), 100);
    })();
    require('node:fs').writeFileSync(__filename + '.worker.js', 'process.on("message", () => 0)');
    `,
  );
  assert.deepEqual(output.split('\n'), [
    'through a pipe',
    'by a path',
    'by a path',
    'by a path',
    'true true',
    'ERR_INVALID_HANDLE_TYPE',
    'ERR_INVALID_HANDLE_TYPE',
  ]);
});

test('the preload takes the host of the module that ETHERCONN_NET_HOST names', async () => {
  const file = join(folder, 'host.mjs');
  const index = new URL('../index.js', import.meta.url).href;
  writeFileSync(
    file,
    `
    import { Host, MemoryNetwork } from '${index}';
    const network = new MemoryNetwork();
    const server = Host.createNow(network.relay(), { mac: '02:00:00:00:00:02', addresses: ['10.0.0.2/24'], detectDuplicates: 'off' });
    server.net.createServer((socket) => socket.end('to ' + socket.remoteAddress)).listen(80, '10.0.0.2');
    export default async () =>
      Host.create(network.relay(), { mac: '02:00:00:00:00:01', addresses: ['10.0.0.1/24'], detectDuplicates: 'off' });
    `,
  );
  const program = `
    const socket = require('node:net').connect(80, '10.0.0.2');
    const alive = setInterval(() => 0, 1000);
    socket.on('data', (data) => (console.log(String(data)), clearInterval(alive)));
  `;
  assert.equal(await run('named.cjs', program, { ETHERCONN_NET_HOST: file }), 'to 10.0.0.1');
});
