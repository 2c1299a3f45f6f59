import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { addVethPair, openNamespace, requireNamespaces } from '../packages/etherconn/dist/testing/index.js';
import { blocksOf } from './markdown.mjs';

/** Programs of the guides that serve a port of the machine, against the kernel's sockets on the other side. */

const root = fileURLToPath(new URL('..', import.meta.url));
const programs = (page) => blocksOf(readFileSync(join(root, 'docs/guides', page), 'utf8'), 'js');

/** Asks the DNS server for two names. */
const RESOLVE = `
const { Resolver } = require('node:dns').promises;
const resolver = new Resolver({ timeout: 2000, tries: 3 });
resolver.setServers(['192.0.2.53']);
(async () => {
  console.log(await resolver.resolve4('www.example'));
  console.log(await resolver.resolve4('no.example').catch(({ code }) => code));
})();
`;

/** Sends from many ports, so that every queue gets some, until all are answered. */
const ECHO = `
const dgram = require('node:dgram');
const waiting = new Set();
for (let i = 0; i < 64; i++) {
  const socket = dgram.createSocket('udp4');
  waiting.add(socket);
  const ask = () => socket.send('hello', 7, '192.0.2.53');
  const timer = setInterval(ask, 500);
  socket.on('message', () => {
    clearInterval(timer);
    socket.close();
    waiting.delete(socket);
    if (waiting.size === 0) console.log('all answered');
  });
  ask();
}
`;

describe('the guides', { skip: requireNamespaces() }, () => {
  let near;
  let far;
  let folder;
  beforeEach(async () => {
    folder = mkdtempSync(join(root, 'node_modules/.guides-'));
    [near, far] = await Promise.all([openNamespace(), openNamespace()]);
    addVethPair(
      { namespace: near, name: 'eth0', addresses: ['192.0.2.53/24'] },
      { namespace: far, name: 'far0', addresses: ['192.0.2.1/24'] },
      { queues: 2 },
    );
  });
  afterEach(async () => {
    await Promise.all([near.close(), far.close()]);
    rmSync(folder, { recursive: true });
  });

  /** Starts a program of a page in the near namespace, and waits for its first line. */
  async function start(program) {
    const file = join(folder, 'program.mjs');
    writeFileSync(file, program);
    const child = near.spawn(process.execPath, file);
    const errors = text(child.stderr);
    const [line] = await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
    if (!Buffer.isBuffer(line)) assert.fail(await errors);
    return { child, errors, line: String(line) };
  }

  /** Runs a program against the kernel of the far namespace, and returns what it prints. */
  async function ask(program) {
    const child = far.spawn(process.execPath, '-e', program);
    const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
    assert.equal(errors, '');
    return output;
  }

  test('the DNS server answers a resolver, and ends in order', async () => {
    const server = await start(programs('dns-server.md')[0]);
    assert.match(server.line, /^serving over (xdp|packet)$/m);
    assert.equal(await ask(RESOLVE), "[ '192.0.2.80' ]\nENOTFOUND\n");
    server.child.kill('SIGTERM');
    const [rest] = await Promise.all([text(server.child.stdout), once(server.child, 'exit')]);
    assert.match(rest, /malformed: 0/);
    assert.equal(await server.errors, '');
    assert.equal(server.child.exitCode, 0);
  });

  test('two threads serve one port', async () => {
    const program = programs('threads.md').find((block) => block.includes('UdpService'));
    const server = await start(program);
    assert.equal(server.line, '2 threads serve\n');
    assert.equal(await ask(ECHO), 'all answered\n');
  });
});
