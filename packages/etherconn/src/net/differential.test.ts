import assert from 'node:assert/strict';
import { once } from 'node:events';
import nodeNet, { type AddressInfo, type LookupFunction, type Server, type Socket } from 'node:net';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { openDgramHosts } from '../test-support/dgram-hosts.ts';
import type { NetModule } from './net-module.ts';

/** Node's own sockets on loopback as the oracle: what a program sees of them, it sees of ours. */

const NODE = nodeNet as unknown as NetModule;

/** Sockets on a memory network, and the timers of sockets, do not keep a process alive. */
const alive = setInterval(() => undefined, 1000);
after(() => clearInterval(alive));

type Log = (...what: unknown[]) => void;
type Scenario = (module: NetModule, log: Log) => Promise<void>;

async function compareScenario(scenario: Scenario): Promise<void> {
  await using net = await openDgramHosts(1);
  const [ours, theirs]: string[][] = [[], []];
  await scenario(net.hosts[0].net, (...what) => ours.push(...lines(what)));
  await scenario(NODE, (...what) => theirs.push(...lines(what)));
  assert.ok(theirs.length > 0);
  assert.deepEqual(ours, theirs);
}

/** A line for what is noted; for what is noted of the ends of a connection, a line each. */
function lines(what: readonly unknown[]): string[] {
  const [first] = what;
  const isLogs = what.length === 1 && typeof first === 'object' && first !== null && 'client' in first;
  return (isLogs ? Object.values(first as Record<string, unknown[]>).flat() : [what]).map((one) =>
    JSON.stringify(one),
  );
}

/** What a call shows: what it returns, or the error. */
function outcome(action: () => unknown): unknown {
  try {
    const returned = action();
    return typeof returned === 'object' ? 'object' : returned;
  } catch (error) {
    return shown(error);
  }
}

function shown(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { name, code, message, syscall, errno, address, port } = error as NodeJS.ErrnoException & {
    address?: string;
    port?: number;
  };
  const several = error instanceof AggregateError ? error.errors.map(shown) : undefined;
  return JSON.parse(
    JSON.stringify({ name, code, message, syscall, errno, address, port, several }).replaceAll(
      /127\.0\.0\.1:\d+|some\.name:\d+|"port":\d+|::1:\d+/g,
      (text) => text.replace(/\d+$/, '0'),
    ),
  );
}

const EVENTS = [
  'lookup',
  'connectionAttempt',
  'connectionAttemptFailed',
  'connectionAttemptTimeout',
  'connect',
  'ready',
  'data',
  'end',
  'finish',
  'drain',
  'timeout',
  'pause',
  'resume',
  'error',
  'close',
];

const closings = new WeakMap<Socket, Promise<void>>();

/** Notes the events of a socket, with what can be seen of it then. */
function watch(socket: Socket, name: string, log: Log, events: readonly string[] = EVENTS): Socket {
  closings.set(socket, new Promise((done) => socket.once('close', () => done())));
  for (const event of events) {
    socket.on(event, (...args: unknown[]) => {
      const what = args.map((arg) => (Buffer.isBuffer(arg) ? arg.toString() : shown(arg)));
      // Of attempts, ports differ.
      log(name, event, event.startsWith('connection') ? [what[0], what[2]] : what, state(socket));
    });
  }
  return socket;
}

function state(socket: Socket): string {
  const { readyState, connecting, pending, destroyed, readable, writable, bytesRead, bytesWritten } = socket;
  const flags = { connecting, pending, destroyed, readable, writable };
  const set = Object.entries(flags).flatMap(([name, is]) => (is ? [name] : []));
  return `${readyState} ${set.join(' ')} ${bytesRead} ${bytesWritten}`;
}

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** The 'close' of a socket that is watched. */
async function closing(socket: Socket): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise((_done, fail) => {
    timer = setTimeout(fail, 20_000, new Error(`it does not close: ${state(socket)}`));
  });
  await Promise.race([closings.get(socket), late]);
  clearTimeout(timer);
}

/** Long enough for what is under way, on a machine that is busy too: the event loop polls behind the timer. */
async function settle(): Promise<void> {
  await new Promise((done) => setTimeout(done, 15));
  for (let i = 0; i < 4; i++) await new Promise((done) => setImmediate(done));
}

test('the life of a connection that the client ends', () =>
  compareScenario(async (module, log) => {
    const logs: Record<string, unknown[]> = { client: [], server: [] };
    let accepted!: Socket;
    const server = module.createServer((socket) => {
      accepted = watch(socket, 'server', (...what) => logs.server.push(what));
      socket.on('data', (data) => socket.write(data));
    });
    for (const name of ['listening', 'connection', 'close']) server.on(name, () => log('server', name));
    const port = await listening(server);
    const client = new module.Socket();
    watch(client, 'client', (...what) => logs.client.push(what));
    log(state(client), client.address(), client.remoteAddress, client.timeout);
    log(client.connect(port, '127.0.0.1', () => logs.client.push('callback')) === client);
    log(
      state(client),
      outcome(() => client.write('early', () => logs.client.push('early written'))),
    );
    log(client.bytesWritten, client.bufferSize, client.remoteAddress);
    await once(client, 'data');
    log(client.end('late', () => logs.client.push('ended')) === client, state(client));
    log(outcome(() => client.write('too late', (error) => logs.client.push(shown(error)))));
    await closing(client);
    log(state(client), client.address(), client.remoteAddress, client.bufferSize);
    await closing(accepted);
    await new Promise((done) => server.close(done));
    log(logs);
  }));

test('the life of a connection that the server ends', () =>
  compareScenario(async (module, log) => {
    const logs: Record<string, unknown[]> = { client: [], server: [] };
    let accepted!: Socket;
    const server = module.createServer((socket) => {
      accepted = watch(socket, 'server', (...what) => logs.server.push(what));
      socket.end('bye');
    });
    const client = module.connect(await listening(server), '127.0.0.1');
    watch(client, 'client', (...what) => logs.client.push(what));
    await once(client, 'end');
    log(outcome(() => client.write('after the end', (error) => logs.client.push(shown(error)))));
    await closing(client);
    await closing(accepted);
    await new Promise((done) => server.close(done));
    log(logs);
  }));

test('half-open sockets', () =>
  compareScenario(async (module, log) => {
    const logs: Record<string, unknown[]> = { client: [], server: [] };
    let accepted!: Socket;
    const server = module.createServer({ allowHalfOpen: true }, (socket) => {
      accepted = watch(socket, 'server', (...what) => logs.server.push(what));
      socket.on('end', () => setTimeout(() => socket.end('answer'), 10));
    });
    const client = module.connect({ port: await listening(server), host: '127.0.0.1', allowHalfOpen: true });
    watch(client, 'client', (...what) => logs.client.push(what));
    client.end('question');
    await closing(client);
    await closing(accepted);
    await new Promise((done) => server.close(done));
    log(logs);
  }));

test('connections that cannot be opened', () =>
  compareScenario(async (module, log) => {
    const server = module.createServer();
    const port = await listening(server);
    await new Promise((done) => server.close(done));
    for (const options of [
      { port },
      { port, localAddress: '192.0.2.7' },
      { port, host: '127.0.0.1', timeout: 5000 },
    ]) {
      const socket = module.connect({ host: '127.0.0.1', ...options });
      watch(socket, 'client', log);
      await closing(socket);
    }
    const silent = module.connect(port, '127.0.0.1');
    silent.destroy(new Error('before it connects'));
    watch(silent, 'silent', log);
    await closing(silent);
  }));

test('names that are looked up, and attempts by address family', () =>
  compareScenario(async (module, log) => {
    const server = module.createServer((socket) => socket.end());
    const port = await listening(server);
    const answering =
      (addresses: unknown): LookupFunction =>
      (name, options, callback) => {
        log('asked', name, options);
        const first = addresses as { address: string; family: number }[];
        if (addresses instanceof Error) callback(addresses as NodeJS.ErrnoException, '', 0);
        else if (options.all) (callback as (...args: unknown[]) => void)(null, addresses);
        else callback(null, first[0]?.address, first[0]?.family);
      };
    const both = [
      { address: '::1', family: 6 },
      { address: '127.0.0.1', family: 4 },
    ];
    const cases: Record<string, unknown>[] = [
      { lookup: answering(both) },
      { lookup: answering(both), autoSelectFamily: false },
      { lookup: answering(both), family: 4 },
      { lookup: answering(both), family: 6 },
      { lookup: answering([both[1]]) },
      { lookup: answering([{ address: 'nonsense', family: 4 }]) },
      { lookup: answering([{ address: '127.0.0.1', family: 5 }]) },
      { lookup: answering(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' })) },
      { lookup: answering([both[0], { address: '::1', family: 6 }]) },
    ];
    for (const options of cases) {
      const socket = module.connect({ port, host: 'some.name', ...options });
      const events = EVENTS.filter((event) => event !== 'end');
      watch(socket, 'client', log, events).resume();
      await closing(socket);
      log(
        (socket as unknown as { autoSelectFamilyAttemptedAddresses?: string[] })
          .autoSelectFamilyAttemptedAddresses?.length,
      );
    }
    await new Promise((done) => server.close(done));
  }));

test('resets', () =>
  compareScenario(async (module, log) => {
    for (const isClient of [true, false]) {
      const logs: Record<string, unknown[]> = { client: [], server: [] };
      const server = module.createServer();
      const client = module.connect(await listening(server), '127.0.0.1');
      const [[accepted]] = (await Promise.all([once(server, 'connection'), once(client, 'connect')])) as [
        [Socket],
        unknown,
      ];
      watch(client, 'client', (...what) => logs.client.push(what));
      watch(accepted, 'server', (...what) => logs.server.push(what));
      await settle();
      log((isClient ? client : accepted).resetAndDestroy() !== undefined);
      await Promise.all([closing(client), closing(accepted)]);
      await new Promise((done) => server.close(done));
      log(logs);
    }
    const never = new module.Socket();
    watch(never, 'never connected', log);
    never.resetAndDestroy();
    await closing(never);
  }));

test('servers', () =>
  compareScenario(async (module, log) => {
    const server = module.createServer();
    for (const event of ['listening', 'error', 'close']) {
      server.on(event, (error) => log('server', event, shown(error), server.listening));
    }
    log(
      server.address(),
      server.listening,
      outcome(() => server.close((error) => log(shown(error)))),
    );
    await settle();
    const port = await listening(server);
    log(outcome(() => server.listen(0)));
    log((server.address() as AddressInfo).family, server.maxConnections);
    for (const [where, host] of [
      [port, '127.0.0.1'],
      [0, '192.0.2.9'],
    ] as const) {
      const other = module.createServer().listen(where, host);
      const [error] = (await once(other, 'error')) as [Error];
      log(shown(error), other.listening);
    }
    server.getConnections((error, count) => log(error, count));
    await settle();
    log(server.close() === server, server.listening, server.address());
    await once(server, 'close');
    for (const host of ['0.0.0.0', '::', undefined]) {
      const any = module.createServer().listen(0, host);
      await once(any, 'listening');
      const { address, family } = any.address() as AddressInfo;
      log(address, family);
      const socket = module.connect((any.address() as AddressInfo).port, '127.0.0.1');
      const [accepted] = (await once(any, 'connection')) as [Socket];
      log(accepted.remoteAddress, accepted.remoteFamily, accepted.localAddress, accepted.localFamily);
      socket.destroy();
      accepted.destroy();
      await new Promise((done) => any.close(done));
    }
    const controller = new AbortController();
    const aborted = module.createServer().listen({ port: 0, host: '127.0.0.1', signal: controller.signal });
    await once(aborted, 'listening');
    controller.abort();
    await once(aborted, 'close');
    log(aborted.listening);
  }));

const ODD: readonly unknown[] = [
  undefined,
  null,
  true,
  0,
  -1,
  1.5,
  Number.NaN,
  70_000,
  '',
  '7x',
  '80',
  {},
  [],
  () => 1,
  10n,
];

test('wrong arguments throw what Node throws', () =>
  compareScenario(async (module, log) => {
    const name = (value: unknown): string =>
      typeof value === 'object' ? JSON.stringify(value) : String(value);
    const options = (key: string, value: unknown): unknown => ({ port: 9, host: '127.0.0.1', [key]: value });
    for (const value of ODD) {
      const socket = new module.Socket();
      socket.on('error', () => undefined);
      const call = (what: string, action: () => unknown): void => log(what, name(value), outcome(action));
      if (typeof value !== 'string') call('connect', () => socket.connect(value as number));
      for (const key of [
        'port',
        'host',
        'localAddress',
        'localPort',
        'lookup',
        'autoSelectFamily',
        'autoSelectFamilyAttemptTimeout',
      ]) {
        // Ports that are none of ours to connect to.
        if (key === 'localPort' || (key === 'port' && (value === '80' || value === 0))) continue;
        const other = new module.Socket();
        other.on('error', () => undefined);
        call(`connect ${key}`, () => other.connect(options(key, value) as never));
        other.destroy();
      }
      socket.destroy();
      for (const key of ['keepAliveInitialDelay', 'objectMode', 'signal', 'highWaterMark', 'onread']) {
        call(`Socket ${key}`, () => new module.Socket({ [key]: value } as never) && 'made');
        call(`Server ${key}`, () => new module.Server({ [key]: value } as never) && 'made');
      }
      call('Server', () => new module.Server(value as never) && 'made');
      const idle = new module.Socket();
      call('setTimeout', () => idle.setTimeout(value as number) === idle);
      call('setTimeout callback', () => idle.setTimeout(1, value as never) === idle);
      call('setNoDelay', () => idle.setNoDelay(value as boolean) === idle);
      call('setKeepAlive', () => idle.setKeepAlive(value as boolean, value as number) === idle);
      call('write', () => new module.Socket().on('error', () => undefined).write(value as string));
      idle.destroy();
    }
    for (const value of [-1, 70_000, 1.5, 'x', {}, true]) {
      log(
        name(value),
        outcome(() => module.createServer().listen({ port: value } as never)),
      );
    }
    log(outcome(() => module.createServer().listen({} as never)));
  }));

/** More of them, and others, when asked for: the kernel's timing is part of what is compared. */
const RUNS =
  process.env.ETHERCONN_NET_RUNS === undefined ? undefined : Number(process.env.ETHERCONN_NET_RUNS);

/** Waits until nothing has been noted for a while. */
async function quiet(logs: Record<string, unknown[]>): Promise<void> {
  const count = (): number => Object.values(logs).flat().length;
  for (let before = -1; before !== count(); ) {
    before = count();
    await settle();
  }
}

type Step = [side: 'client' | 'server', action: string];

const STEPS = fc.array(
  fc.tuple(
    fc.constantFrom<'client' | 'server'>('client', 'server'),
    fc.constantFrom(
      'write',
      'write',
      'cork',
      'uncork',
      'pause',
      'resume',
      'end',
      'end data',
      'destroy',
      'fail',
      'soon',
      'reset',
    ),
  ),
  { minLength: 1, maxLength: 7 },
);

/** Does one thing to a socket after another, and notes what becomes of both ends. */
async function follow(module: NetModule, steps: readonly Step[], allowHalfOpen: boolean): Promise<unknown> {
  const logs: Record<string, unknown[]> = { client: [], server: [] };
  const server = module.createServer({ allowHalfOpen });
  const client = module.connect({ port: await listening(server), host: '127.0.0.1', allowHalfOpen });
  const [[accepted]] = (await Promise.all([once(server, 'connection'), once(client, 'connect')])) as [
    [Socket],
    unknown,
  ];
  const sockets = { client, server: accepted };
  for (const side of ['client', 'server'] as const) {
    watch(sockets[side], side, (...what) => logs[side].push(what));
  }
  await quiet(logs);
  for (const [side, action] of steps) {
    const socket = sockets[side];
    const log: Log = (...what) => logs[side].push(what);
    if (action === 'write')
      log(
        'wrote',
        outcome(() => socket.write('some', (error) => log('written', shown(error)))),
      );
    else if (action === 'cork') socket.cork();
    else if (action === 'uncork') socket.uncork();
    else if (action === 'pause') socket.pause();
    else if (action === 'resume') socket.resume();
    else if (action === 'end') socket.end();
    else if (action === 'end data') socket.end('last', () => log('ended'));
    else if (action === 'destroy') socket.destroy();
    else if (action === 'fail') socket.destroy(new Error('own'));
    else if (action === 'soon') socket.destroySoon();
    else socket.resetAndDestroy();
    log('after', action, state(socket));
    await quiet(logs);
    log('settled', state(socket));
  }
  for (const socket of [client, accepted]) socket.destroy();
  await Promise.all([closing(client), closing(accepted)]);
  await new Promise((done) => server.close(done));
  return lines([logs]);
}

test('whatever a program does to both ends', async () => {
  await using net = await openDgramHosts(1);
  await fc.assert(
    fc.asyncProperty(STEPS, fc.boolean(), async (steps, allowHalfOpen) => {
      const [ours, theirs] = await Promise.all([
        follow(net.hosts[0].net, steps, allowHalfOpen),
        follow(NODE, steps, allowHalfOpen),
      ]);
      assert.deepEqual(ours, theirs, steps.join(' '));
    }),
    { numRuns: RUNS ?? 25, seed: RUNS === undefined ? 1 : Date.now(), endOnFailure: true },
  );
});
