import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  connect,
  headers,
  type NatsConnection,
  nkeyAuthenticator,
  PermissionViolationError,
} from '@nats-io/transport-node';
import { hasCommand, requireCommand } from 'etherconn/testing';
import { bucketOf, CURRENT, inboxPrefix, Key, REGISTRY, Signal } from '../protocol/names.ts';
import { ConflictError, GoneError, type Hub, NoAnswerError } from './hub.ts';
import { connectNats } from './nats-hub.ts';
import { EmbeddedServer } from './nats-server.ts';
import { COORDINATOR, makeKeys, serverConfig, WATCHER } from './server-config.ts';

const skip = requireCommand('nats-server');

function requireOpenssl(): string | false {
  return hasCommand('openssl', 'version') ? false : "'openssl' is not installed";
}

async function start(t: TestContext): Promise<EmbeddedServer> {
  const folder = mkdtempSync(join(tmpdir(), 'etherconn-nats-'));
  const server = await EmbeddedServer.start(folder, ['a1', 'a2']);
  t.after(async () => {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return server;
}

async function hubOf(t: TestContext, server: EmbeddedServer, name: string): Promise<Hub> {
  const options = { url: server.url, creds: server.creds[name], name, timeout: 1000, pingInterval: 1000 };
  const hub = await connectNats(options);
  t.after(() => hub.close());
  return hub;
}

/** A connection with the keys of `name` that is not ours: it may try everything. */
async function intruder(t: TestContext, server: EmbeddedServer, name: string): Promise<NatsConnection> {
  const seed = readFileSync(server.creds[name], 'utf8').trim();
  const connection = await connect({
    servers: server.url,
    inboxPrefix: inboxPrefix(name),
    authenticator: nkeyAuthenticator(Buffer.from(seed)),
  });
  t.after(() => connection.close());
  return connection;
}

/** Subjects that the server has refused, after all of this was tried. */
async function refusals(connection: NatsConnection, attempt: () => void): Promise<string[]> {
  const refused: string[] = [];
  const listen = async (): Promise<void> => {
    for await (const event of connection.status())
      if (event.type === 'error' && event.error instanceof PermissionViolationError)
        refused.push(event.error.subject);
  };
  void listen();
  attempt();
  // What the server refuses it says before it answers this.
  await connection.flush();
  await new Promise<void>((resolve) => setImmediate(resolve));
  return refused;
}

test('a store with compare-and-set, changes and results, as agents and the coordinator use them', {
  skip,
}, async (t) => {
  const server = await start(t);
  const [coordinator, agent] = await Promise.all([hubOf(t, server, COORDINATOR), hubOf(t, server, 'a1')]);
  await coordinator.createRegistry();
  await coordinator.createGeneration('g1');
  const bucket = bucketOf('g1');
  assert.equal(await coordinator.hasGeneration('g1'), true);
  assert.equal(await coordinator.hasGeneration('g2'), false);

  const changes: unknown[] = [];
  let bothCame = (): void => {};
  const both = new Promise<void>((resolve) => {
    bothCame = resolve;
  });
  coordinator.changes(bucket, Key.agent('*'), (key, entry) => {
    if (changes.push([key, entry]) === 2) bothCame();
  });
  // The server knows of a subscription once it has answered what came behind it.
  await coordinator.hasGeneration('g1');
  assert.equal(await agent.get(bucket, Key.RUN), null);
  const first = await agent.put(bucket, Key.agent('a1'), { n: 1 }, 0);
  const second = await agent.put(bucket, Key.agent('a1'), { n: 2 }, first);
  await assert.rejects(agent.put(bucket, Key.agent('a1'), { n: 3 }, first), ConflictError);
  await assert.rejects(agent.put(bucket, Key.agent('a1'), { n: 3 }, 0), ConflictError);
  assert.deepEqual(await agent.get(bucket, Key.agent('a1')), { value: { n: 2 }, revision: second });
  await both;
  assert.deepEqual(changes, [
    ['agents.a1', { value: { n: 1 }, revision: first }],
    ['agents.a1', { value: { n: 2 }, revision: second }],
  ]);
  await coordinator.put(bucket, Key.RUN, 'run', 0);
  assert.deepEqual([...(await coordinator.all(bucket)).keys()].sort(), ['agents.a1', 'run']);
  await assert.rejects(coordinator.put(bucketOf('g2'), Key.agent('a1'), {}, 0), GoneError);
  // Servers do not tell other accounts that nobody answers; newer ones may.
  await assert.rejects(
    agent.put(bucketOf('g2'), Key.agent('a1'), {}, 0),
    (error) => error instanceof NoAnswerError || error instanceof GoneError,
  );

  for (const n of [1, 2, 2, 3]) await agent.publishResult('g1', 'a1', `id${n}`, n);
  const results: unknown[] = [];
  let heard: () => void = () => {};
  const all = new Promise<void>((resolve) => {
    heard = resolve;
  });
  await coordinator.results('g1', (value) => {
    results.push(value);
    if (value === 4) heard();
  });
  await agent.publishResult('g1', 'a1', 'id4', 4);
  await all;
  assert.deepEqual(results, [1, 2, 3, 4]);

  coordinator.serve(Signal.clock('*'), () => 'time');
  await coordinator.hasGeneration('g1');
  assert.equal(await agent.request(Signal.clock('a1'), null), 'time');
});

test('an agent writes nothing but its own record and results, and hears nothing of others', {
  skip,
}, async (t) => {
  const server = await start(t);
  const coordinator = await hubOf(t, server, COORDINATOR);
  await coordinator.createRegistry();
  await coordinator.createGeneration('g1');
  const connection = await intruder(t, server, 'a1');
  const allowed = ['$KV.ec-g1.agents.a1', 'ec.results.g1.a1', 'ec.clock.a1'];
  const forbidden = [
    '$KV.ec-g1.ranges.0',
    '$KV.ec-g1.grants.a1',
    '$KV.ec-g1.agents.a2',
    '$KV.ec-g1.run',
    '$KV.etherconn.current',
    'ec.results.g1.a2',
    'ec.clock.a2',
    'ec.announce',
    'ec.status',
    'ec.to.a2.acknowledged',
    'ec.changed.ec-g1.run',
    '$JS.API.STREAM.DELETE.KV_ec-g1',
    '$JS.API.STREAM.PURGE.EC-g1',
    '$JS.API.CONSUMER.CREATE.EC-g1',
    '$JS.API.DIRECT.GET.KV_ec-g1.$KV.ec-g1.grants.a2',
    '_INBOX.coordinator.x',
    '_INBOX.a2.x',
  ];
  const refused = await refusals(connection, () => {
    for (const subject of [...allowed, ...forbidden]) connection.publish(subject, '{}');
  });
  assert.deepEqual(refused, forbidden);
  const deaf = await refusals(connection, () => {
    for (const subject of [
      '_INBOX.a2.>',
      '_INBOX.>',
      'ec.changed.*.grants.a2',
      'ec.to.a2.>',
      'ec.results.>',
      '>',
    ])
      connection.subscribe(subject, { callback: () => {} });
    connection.subscribe('_INBOX.a1.>', { callback: () => {} });
    connection.subscribe('ec.changed.*.grants.a1', { callback: () => {} });
  });
  assert.equal(deaf.length, 6);
  // The one forbidden write that would matter most has changed nothing.
  assert.equal(await coordinator.get(bucketOf('g1'), Key.range(0)), null);
});

test('an answer reaches nobody but who asked, wherever he wants it, and no header wipes a bucket', {
  skip,
}, async (t) => {
  const server = await start(t);
  const [coordinator, agent, other] = await Promise.all(
    [COORDINATOR, 'a1', 'a2'].map((name) => hubOf(t, server, name)),
  );
  await coordinator.createRegistry();
  await coordinator.createGeneration('g1');
  const bucket = bucketOf('g1');
  await coordinator.put(bucket, Key.RUN, 'run', 0);
  await coordinator.put(bucket, Key.STATUS, 'status', 0);
  await agent.put(bucket, Key.agent('a1'), { forged: true }, 0);
  coordinator.serve(Signal.clock('*'), () => 'time');
  const heard: string[] = [];
  const listeners: readonly [Hub, readonly string[]][] = [
    [coordinator, ['_INBOX.coordinator.x', 'ec.>']],
    [other, ['_INBOX.a2.x', 'ec.announce', 'ec.changed.*.run', 'ec.changed.*.grants.a2', 'ec.to.a2.>']],
  ];
  for (const [hub, subjects] of listeners)
    for (const subject of subjects)
      hub.on(subject, (_value, from) => {
        if (!from.startsWith('ec.clock.') && !from.startsWith('ec.results.')) heard.push(from);
      });
  await Promise.all([coordinator, other].map((hub) => hub.get(REGISTRY, CURRENT)));
  const before = await coordinator.all(bucket);
  const direct = (key: string): string => `$JS.API.DIRECT.GET.KV_ec-g1.$KV.ec-g1.${key}`;
  const questions = {
    a1: [direct(Key.agent('a1')), Signal.clock('a1'), 'ec.results.g1.a1'],
    [WATCHER]: [direct(Key.STATUS)],
  };
  const places = [
    '$KV.ec-g1.ranges.0',
    '$KV.ec-g1.run',
    '$KV.etherconn.current',
    '$JS.API.STREAM.PURGE.EC-g1',
    '$JS.API.STREAM.PURGE.KV_ec-g1',
    'ec.announce',
    'ec.status',
    'ec.changed.ec-g1.run',
    'ec.changed.ec-g1.grants.a2',
    'ec.to.a2.acknowledged',
    '_INBOX.a2.x',
    '_INBOX.coordinator.x',
  ];
  for (const [name, subjects] of Object.entries(questions)) {
    const connection = await intruder(t, server, name);
    for (const subject of subjects) for (const reply of places) connection.publish(subject, '', { reply });
    const wiping = headers();
    wiping.set('Nats-Rollup', 'all');
    if (name === 'a1') connection.publish('$KV.ec-g1.agents.a1', '{}', { headers: wiping });
    await connection.flush();
  }
  // What was asked before this has been answered.
  for (const hub of [agent, coordinator, other, coordinator]) await hub.get(bucketOf('g1'), Key.RUN);
  assert.deepEqual(heard, []);
  assert.deepEqual(await coordinator.all(bucket), before);
  assert.equal(await coordinator.get(REGISTRY, CURRENT), null);
});

test('a watcher changes nothing; who has no key does not come in', { skip }, async (t) => {
  const server = await start(t);
  const coordinator = await hubOf(t, server, COORDINATOR);
  await coordinator.createRegistry();
  await coordinator.put(REGISTRY, CURRENT, { run: 'c1', generation: 'g1' }, 0);
  const watcher = await hubOf(t, server, WATCHER);
  assert.deepEqual((await watcher.get(REGISTRY, CURRENT))?.value, { run: 'c1', generation: 'g1' });
  const connection = await intruder(t, server, WATCHER);
  const forbidden = ['$KV.etherconn.current', '$KV.ec-g1.run', 'ec.announce', 'ec.results.g1.a1'];
  const refused = await refusals(connection, () => {
    for (const subject of forbidden) connection.publish(subject, '{}');
  });
  assert.deepEqual(refused, forbidden);
  await assert.rejects(connect({ servers: server.url, maxReconnectAttempts: 0 }), /Authorization/i);
});

test('over TLS, with a certificate that is checked', {
  skip: skip || requireOpenssl(),
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'etherconn-tls-'));
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const made = spawnSync('openssl', [
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', '-subj', '/CN=localhost'],
    ...['-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert],
  ]);
  assert.equal(made.status, 0, String(made.stderr));
  const keys = makeKeys();
  const other = makeKeys();
  const config = join(folder, 'nats.conf');
  const port = 20_000 + (process.pid % 20_000);
  writeFileSync(
    config,
    serverConfig({
      listen: `127.0.0.1:${port}`,
      storeFolder: join(folder, 'store'),
      coordinator: keys.publicKey,
      watcher: other.publicKey,
      agents: {},
      tls: { cert, key },
    }),
  );
  const seed = join(folder, 'coordinator.nk');
  writeFileSync(seed, keys.seed);
  const child = spawn('nats-server', ['-c', config], { stdio: ['ignore', 'ignore', 'pipe'] });
  t.after(async () => {
    child.kill('SIGKILL');
    await once(child, 'exit');
    rmSync(folder, { recursive: true, force: true });
  });
  await new Promise<void>((resolve) =>
    child.stderr.on('data', (chunk) => {
      if (`${chunk}`.includes('Server is ready')) resolve();
    }),
  );
  const options = {
    url: `tls://127.0.0.1:${port}`,
    creds: seed,
    name: COORDINATOR,
    timeout: 2000,
    pingInterval: 1000,
  };
  const hub = await connectNats({ ...options, tlsCa: cert });
  await hub.createRegistry();
  assert.equal(await hub.get(REGISTRY, CURRENT), null);
  await hub.close();
  await assert.rejects(connectNats(options), /certificate|self.signed/i);
});
