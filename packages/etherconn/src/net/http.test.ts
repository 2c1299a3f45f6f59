import assert from 'node:assert/strict';
import { getEventListeners, once } from 'node:events';
import http, { type IncomingMessage, type RequestOptions, type Server } from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import type { Server as NetServer, Socket } from 'node:net';
import type { Duplex, Readable } from 'node:stream';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import tls from 'node:tls';
import { TEST_CERTIFICATE, TEST_KEY } from '../test-support/certificate.ts';
import { openDgramHosts } from '../test-support/dgram-hosts.ts';
import { eventually } from '../test-support/eventually.ts';

/** What Node builds on its sockets, on those of hosts. */

/** Sockets on a memory network, and the timers of sockets, do not keep a process alive. */
const alive = setInterval(() => undefined, 1000);
after(() => clearInterval(alive));

const IDENTITY = { key: TEST_KEY, cert: TEST_CERTIFICATE };
const TRUST = { ca: TEST_CERTIFICATE, servername: 'localhost' };

async function bytesOf(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function request(
  make: typeof http.request,
  options: RequestOptions,
  body?: Uint8Array,
): Promise<{ response: IncomingMessage; text: string }> {
  const sent = make(options);
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return { response, text: (await bytesOf(response)).toString() };
}

async function closed(server: NetServer): Promise<void> {
  await new Promise((done) => server.close(done));
}

/** Answers with the method, the length of the body, and how many connections there were. */
function httpServer(): Server & { count: number } {
  const server = http.createServer(async (incoming, answer) => {
    const body = await bytesOf(incoming).catch(() => null);
    if (body === null) return;
    answer.end(`${incoming.method} ${body.length} ${server.count} ${incoming.socket.remoteAddress}`);
  }) as Server & { count: number };
  server.count = 0;
  server.on('connection', () => server.count++);
  return server;
}

test('HTTP with an agent: keep-alive, a body of a megabyte, an abort', async () => {
  await using net = await openDgramHosts(2);
  const [a, b] = net.hosts;
  const server = b.listen(httpServer(), 80, '10.0.0.2');
  await once(server, 'listening');
  assert.deepEqual(server.address(), { address: '10.0.0.2', family: 'IPv4', port: 80 });
  const agent = a.agent({ keepAlive: true, timeout: 5000 });
  const where = { host: '10.0.0.2', agent };
  assert.equal((await request(http.request, where)).text, 'GET 0 1 10.0.0.1');
  const posted = await request(http.request, { ...where, method: 'POST' }, Buffer.alloc(1_000_000));
  assert.equal(posted.text, 'POST 1000000 1 10.0.0.1');
  for (let i = 0; i < 20; i++) assert.equal((await request(http.request, where)).text, 'GET 0 1 10.0.0.1');
  const aborted = http.request({ ...where, method: 'POST' });
  aborted.write('x');
  await once(aborted, 'socket');
  aborted.destroy();
  const [error] = (await once(aborted, 'error')) as [NodeJS.ErrnoException];
  assert.equal(error.code, 'ECONNRESET');
  assert.equal((await request(http.request, where)).text, 'GET 0 2 10.0.0.1');
  agent.destroy();
  await closed(server);
});

/** Node 20 takes it for the answer to the next request. */
const skip = Number.parseInt(process.versions.node, 10) < 22 && 'this Node does not look';

test('what comes on an idle connection of an agent ends it', { skip }, async () => {
  await using net = await openDgramHosts(2);
  const [a, b] = net.hosts;
  const connections: Socket[] = [];
  const server = b.listen(httpServer(), 80);
  server.on('connection', (socket) => connections.push(socket));
  const agent = a.agent({ keepAlive: true });
  const where = { host: '10.0.0.2', agent };
  await request(http.request, where);
  const idle = new Promise((done) => connections[0].once('close', done));
  connections[0].write('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfalse');
  await idle;
  assert.match((await request(http.request, where)).text, /^GET 0 2 /);
  agent.destroy();
  await closed(server);
});

test('CONNECT and upgrades hand over the socket', async () => {
  await using net = await openDgramHosts(2);
  const [a, b] = net.hosts;
  const server = b.listen(http.createServer(), 80);
  for (const event of ['connect', 'upgrade'] as const) {
    server.on(event, (_request: IncomingMessage, socket: Duplex, head: Buffer) => {
      socket.write(
        `HTTP/1.1 ${event === 'connect' ? '200 Fine' : '101 Fine\r\nconnection: upgrade\r\nupgrade: echo'}\r\n\r\n`,
      );
      socket.write(head);
      socket.pipe(socket);
    });
  }
  const upgrade = { connection: 'upgrade', upgrade: 'echo' };
  for (const [event, options] of [
    ['upgrade', { headers: upgrade }],
    ['connect', { method: 'CONNECT', path: '192.0.2.1:443' }],
  ] as const) {
    const sent = http.request({ host: '10.0.0.2', agent: a.agent(), ...options }).end();
    const [, socket] = (await once(sent, event)) as [IncomingMessage, Socket];
    assert.equal(socket.remoteAddress, '10.0.0.2');
    socket.end(`after ${event}`);
    assert.equal((await bytesOf(socket)).toString(), `after ${event}`);
  }
  await closed(server);
});

test('an HTTP client hears of what goes wrong', async () => {
  await using net = await openDgramHosts(2);
  const [a, b] = net.hosts;
  const server = b.listen(http.createServer(), 80);
  server.on('connection', (socket) => socket.destroy());
  for (const [options, code] of [
    [{ port: 81 }, 'ECONNREFUSED'],
    [{ port: 80 }, 'ECONNRESET'],
  ] as const) {
    const sent = http.get({ host: '10.0.0.2', agent: a.agent(), ...options });
    const [error] = (await once(sent, 'error')) as [NodeJS.ErrnoException];
    assert.equal(error.code, code);
  }
  const quiet = b.listen(http.createServer(), 82);
  const slow = http.get({ host: '10.0.0.2', port: 82, agent: a.agent({ timeout: 50 }) });
  await once(slow, 'timeout');
  slow.destroy();
  await once(slow, 'error');
  quiet.closeAllConnections();
  await closed(quiet);
  await closed(server);
});

test('HTTPS: an agent, which resumes its sessions; a socket of one’s own; one that is connected', async () => {
  await using net = await openDgramHosts(2);
  const [a, b] = net.hosts;
  const reused: boolean[] = [];
  const server = b.listen(
    https.createServer(IDENTITY, (incoming, answer) => {
      const { socket } = incoming as unknown as { socket: tls.TLSSocket };
      reused.push(socket.isSessionReused());
      answer.end(`${socket.remoteAddress} ${socket.localPort} ${socket.encrypted}`);
    }),
    443,
    '10.0.0.2',
  );
  const agent = a.secureAgent({ ...TRUST, maxCachedSessions: 10 });
  for (let i = 0; i < 2; i++) {
    const { text, response } = await request(https.request, { host: '10.0.0.2', agent });
    assert.equal(text, '10.0.0.1 443 true');
    const { socket } = response as unknown as { socket: tls.TLSSocket };
    assert.equal(socket.authorized, true);
    assert.equal(socket.remoteAddress, '10.0.0.2');
    await new Promise((done) => setTimeout(done, 20));
  }
  assert.deepEqual(reused, [false, true]);
  for (const isConnected of [false, true]) {
    const below = a.net.connect(443, '10.0.0.2');
    if (isConnected) await once(below, 'connect');
    const secured = tls.connect({ ...TRUST, socket: below });
    const events: string[] = [];
    for (const name of ['connect', 'secureConnect', 'close']) secured.on(name, () => events.push(name));
    await once(secured, 'secureConnect');
    assert.equal(secured.remoteAddress, '10.0.0.2');
    assert.equal(secured.localPort, below.localPort);
    const { text } = await request(http.request, { createConnection: () => secured });
    assert.equal(text, '10.0.0.1 443 true');
    await once(secured, 'close');
    assert.deepEqual(
      events,
      isConnected ? ['secureConnect', 'close'] : ['connect', 'secureConnect', 'close'],
    );
    assert.equal(below.destroyed, true);
  }
  const refused = https.get({ host: '10.0.0.2', port: 444, agent });
  const [error] = (await once(refused, 'error')) as [Error];
  assert.equal(error.message, 'connect ECONNREFUSED 10.0.0.2:444');
  agent.destroy();
  await closed(server);
});

test('TLS over a connection that has carried other things, with writes under way', async () => {
  await using net = await openDgramHosts(2);
  const [a, b] = net.hosts;
  const plain = Buffer.alloc(2_000_000, 'p');
  const server = b.net.createServer((socket) => {
    let count = 0;
    socket.on('data', function taken(chunk) {
      count += chunk.length;
      if (count < plain.length) return;
      socket.removeListener('data', taken);
      socket.pause();
      if (count > plain.length) socket.unshift(chunk.subarray(chunk.length - (count - plain.length)));
      const secured = new tls.TLSSocket(socket, { isServer: true, ...IDENTITY });
      secured.pipe(secured);
    });
  });
  server.listen(25);
  const socket = a.net.connect(25, '10.0.0.2');
  await once(socket, 'connect');
  socket.write(plain);
  assert.ok(socket.writableLength > 0, 'the write is under way');
  const secured = tls.connect({ ...TRUST, socket });
  const body = Buffer.alloc(3_000_000, 'secret');
  secured.end(body);
  assert.ok(body.equals(await bytesOf(secured)));
  await closed(server);
});

test('a reset and a refused certificate end TLS', async () => {
  await using net = await openDgramHosts(2);
  const [a, b] = net.hosts;
  const sockets: Socket[] = [];
  const server = b.listen(tls.createServer(IDENTITY), 443);
  server.on('connection', (socket) => sockets.push(socket));
  server.on('tlsClientError', () => undefined);
  const untrusting = tls.connect({ socket: a.net.connect(443, '10.0.0.2'), servername: 'localhost' });
  const [untrusted] = (await once(untrusting, 'error')) as [NodeJS.ErrnoException];
  assert.equal(untrusted.code, 'DEPTH_ZERO_SELF_SIGNED_CERT');
  const secured = tls.connect({ ...TRUST, socket: a.net.connect(443, '10.0.0.2') });
  await once(secured, 'secureConnect');
  sockets[1].resetAndDestroy();
  const [reset] = (await once(secured, 'error')) as [NodeJS.ErrnoException];
  assert.equal(reset.code, 'ECONNRESET');
  await closed(server);
});

test('HTTP/2 over TLS, and without', async () => {
  await using net = await openDgramHosts(2);
  const [a, b] = net.hosts;
  const body = Buffer.alloc(300_000, 'two');
  for (const isSecure of [true, false]) {
    const server = isSecure ? http2.createSecureServer(IDENTITY) : http2.createServer();
    server.on('stream', (stream: http2.ServerHttp2Stream) => {
      const { remoteAddress, localAddress, localPort } = stream.session!.socket;
      assert.deepEqual([remoteAddress, localAddress, localPort], ['::ffff:10.0.0.1', '::ffff:10.0.0.2', 80]);
      stream.respond();
      stream.pipe(stream);
    });
    b.listen(server, 80);
    const below = a.net.connect(80, '10.0.0.2');
    const createConnection = (): Duplex =>
      isSecure ? tls.connect({ ...TRUST, socket: below, ALPNProtocols: ['h2'] }) : below;
    const session = http2.connect(isSecure ? 'https://localhost' : 'http://localhost', { createConnection });
    assert.equal(session.connecting, true);
    session.once('connect', () => assert.equal(below.connecting, false));
    const streams = [1, 2, 3].map(() => session.request({ ':method': 'POST' }));
    for (const stream of streams) stream.end(body);
    for (const stream of streams) assert.ok(body.equals(await bytesOf(stream)));
    assert.deepEqual([session.socket.remoteAddress, session.socket.remotePort], ['10.0.0.2', 80]);
    session.unref();
    assert.equal((below as unknown as { _handle: { hasRef(): boolean } })._handle.hasRef(), false);
    session.close();
    await once(session, 'close');
    await closed(server);
  }
});

test('a server of Node’s closes, and listens again, on another host', async () => {
  await using net = await openDgramHosts(2);
  const server = httpServer();
  for (const [i, host] of net.hosts.entries()) {
    assert.equal(host.listen(server, 80), server);
    assert.throws(() => host.listen(server, 81), { code: 'ERR_SERVER_ALREADY_LISTEN' });
    const other = net.hosts[1 - i];
    const { text } = await request(http.request, { host: `10.0.0.${i + 1}`, agent: other.agent() });
    assert.match(text, /^GET 0 /);
    await closed(server);
    assert.equal(server.listening, false);
  }
});

test('a connector for undici', async () => {
  await using net = await openDgramHosts(2);
  const [a, b] = net.hosts;
  const server = b.listen(httpServer(), 80);
  const secure = b.listen(tls.createServer({ ...IDENTITY, ALPNProtocols: ['http/1.1'] }), 443);
  secure.on('secureConnection', (socket) => socket.end(`${socket.alpnProtocol} ${socket.servername}`));
  const connect = a.connector({ ca: TEST_CERTIFICATE });
  const open = (protocol: string, port: string): Promise<Socket> =>
    new Promise((done, fail) => {
      const options = { hostname: '10.0.0.2', protocol, port, servername: 'localhost' };
      connect(options, (error, socket) => (error === null ? done(socket) : fail(error)));
    });
  const plain = await open('http:', '');
  plain.write('GET / HTTP/1.0\r\n\r\n');
  assert.match((await bytesOf(plain)).toString(), /GET 0 1 ::ffff:10.0.0.1$/);
  assert.equal((await bytesOf(await open('https:', '443'))).toString(), 'http/1.1 localhost');
  await assert.rejects(open('http:', '81'), { code: 'ECONNREFUSED' });
  await closed(server);
  await closed(secure);
});

test('an HTTP/2 session without TLS hears that nobody listens, and is no session before', async () => {
  await using net = await openDgramHosts(2);
  const [a] = net.hosts;
  const session = http2.connect('http://localhost', {
    createConnection: () => a.net.connect(81, '10.0.0.2'),
  });
  session.once('connect', () => assert.fail('connected'));
  const [error] = (await once(session, 'error')) as [NodeJS.ErrnoException];
  assert.equal(error.code, 'ECONNREFUSED');
});

test('TLS is torn down while data comes', async () => {
  await using net = await openDgramHosts(2);
  const [a, b] = net.hosts;
  const server = b.listen(
    tls.createServer(IDENTITY, (socket) => {
      socket.once('data', () => {
        // What happens to the TLS of a socket when Node gives it up.
        (socket as unknown as { _destroySSL(): void })._destroySSL();
        setImmediate(() => socket.destroy());
      });
    }),
    443,
  );
  await once(server, 'listening');
  const socket = tls.connect({ ...TRUST, socket: a.net.connect(443, '10.0.0.2') });
  socket.on('error', () => undefined).write(Buffer.alloc(1 << 20));
  await new Promise((done) => socket.once('close', done));
  await closed(server);
});

test('wrong options of TLS leave no connection behind, and one listener hears a signal', async () => {
  await using net = await openDgramHosts(2);
  const [a] = net.hosts;
  const agent = a.secureAgent() as unknown as { createConnection(options: object): tls.TLSSocket };
  const where = { host: '10.0.0.2', port: 443 };
  assert.throws(() => agent.createConnection({ ...where, ciphers: 'none' }), /no cipher match/i);
  assert.throws(() => agent.createConnection({ ...where, minDHSize: -1 }));
  await delay(1);
  assert.equal(a.stack.tcp.size, 0);
  const controller = new AbortController();
  const socket = agent.createConnection({ ...where, signal: controller.signal });
  assert.equal(getEventListeners(controller.signal, 'abort').length, 1);
  controller.abort();
  const [error] = (await once(socket, 'error')) as [Error];
  assert.equal(error.name, 'AbortError');
  const aborted = agent.createConnection({ ...where, signal: AbortSignal.abort() });
  const [again] = (await once(aborted, 'error')) as [Error];
  assert.equal(again.name, 'AbortError');
  await eventually('no connection is left', () => a.stack.tcp.size === 0);
});
