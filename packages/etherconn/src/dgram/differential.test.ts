import assert from 'node:assert/strict';
import nodeDgram from 'node:dgram';
import { once } from 'node:events';
import { BlockList } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { openDgramHosts } from '../test-support/dgram-hosts.ts';
import type { DgramModule } from './socket-class.ts';

/**
 * Node's own sockets as the oracle: what they throw, ours throw, with the same class, code and message. The kernel's
 * sockets are used before they are bound, or on loopback.
 */

type Call = [method: string, ...args: unknown[]];

interface Outcome {
  name?: string;
  code?: string;
  message?: string;
  syscall?: string;
  errno?: number;
  returned?: unknown;
}

const NODE = nodeDgram as unknown as DgramModule;

function outcome(action: () => unknown): Outcome {
  try {
    const returned = action();
    return { returned: typeof returned === 'object' ? 'object' : returned };
  } catch (error) {
    const { name, code, message, syscall, errno } = error as NodeJS.ErrnoException;
    return clean({ name, code, message, syscall, errno });
  }
}

function clean(value: Record<string, unknown>): Outcome {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined));
}

/** Calls a method of a new socket; what goes on behind it is nobody's business, so the socket is closed. */
function callOnNew(module: DgramModule, type: 'udp4' | 'udp6', [method, ...args]: Call): Outcome {
  const socket = module.createSocket(type);
  socket.on('error', () => undefined);
  const found = outcome(() =>
    (socket as unknown as Record<string, (...a: unknown[]) => unknown>)[method](...args),
  );
  const closed = outcome(() => socket.close());
  assert.deepEqual(closed, { returned: 'object' });
  return found;
}

async function compareCalls(calls: readonly Call[]): Promise<void> {
  await using net = await openDgramHosts(1);
  for (const type of ['udp4', 'udp6'] as const) {
    for (const call of calls) {
      assert.deepEqual(
        callOnNew(net.hosts[0].dgram, type, call),
        callOnNew(NODE, type, call),
        `${type} ${JSON.stringify(call.map(String))}`,
      );
    }
  }
}

const ODD: readonly unknown[] = [
  undefined,
  null,
  true,
  0,
  -1,
  1.5,
  Number.NaN,
  70000,
  '',
  'x',
  {},
  [],
  () => 1,
  10n,
];

test('wrong arguments of setters and of send throw what Node throws', async () => {
  const calls: Call[] = [];
  for (const value of ODD) {
    for (const method of [
      'setTTL',
      'setMulticastTTL',
      'setMulticastInterface',
      'setRecvBufferSize',
      'setSendBufferSize',
      'addMembership',
      'dropMembership',
    ]) {
      // Node makes a string of what it is given for a group; ours takes none but strings.
      if (method.endsWith('Membership') && typeof value === 'object' && value !== null) continue;
      calls.push([method, value]);
    }
    calls.push(['send', value], ['send', 'x', value], ['send', 'x', 1, value], ['send', ['x', value], 1]);
    calls.push(['sendto', 'x', value, 1, 1, 'a'], ['sendto', 'x', 0, value, 1, 'a']);
    calls.push(['sendto', 'x', 0, 1, value, 'a'], ['sendto', 'x', 0, 1, 1, value]);
    calls.push(['connect', value], ['addSourceSpecificMembership', value, '232.1.1.1']);
    calls.push(['addSourceSpecificMembership', '10.0.0.9', value], ['send', 'abc', 0, 3, value]);
  }
  await compareCalls(calls);
});

test('calls on sockets that are not bound, connected or running throw what Node throws', async () => {
  await compareCalls([
    ['setTTL', 16],
    ['setMulticastTTL', 16],
    ['setBroadcast', true],
    ['setMulticastLoopback', true],
    ['setMulticastInterface', '0.0.0.0'],
    ['address'],
    ['remoteAddress'],
    ['disconnect'],
    ['getRecvBufferSize'],
    ['getSendBufferSize'],
    ['setRecvBufferSize', 2 ** 31],
    ['setTTL', 0],
    ['setTTL', 256],
    ['setMulticastTTL', 256],
    ['ref'],
    ['unref'],
  ]);
});

test('bounds of slices throw what Node throws', () =>
  compareCalls([
    ['send', 'abc', 4, 0, 1],
    ['send', 'abc', 0, 4, 1],
    ['send', Buffer.alloc(5), 3, 3, 1],
    ['send', new DataView(new ArrayBuffer(6), 2), 3, 2, 1],
    ['send', new Uint32Array(2), 0, 9, 1],
  ]));

test('wrong options throw what Node throws', async () => {
  await using net = await openDgramHosts(1);
  const make = (module: DgramModule, options: unknown): Outcome =>
    outcome(() => {
      const socket = module.createSocket(options as 'udp4');
      socket.close();
      return 'made';
    });
  const options: unknown[] = [...ODD, 'udp5', ['udp4'], new String('udp4')];
  for (const value of ODD) {
    options.push({ type: 'udp4', lookup: value }, { type: 'udp4', recvBufferSize: value });
    options.push({ type: 'udp4', sendBufferSize: value }, { type: value }, { type: 'udp4', signal: value });
  }
  options.push({ type: 'udp4', reuseAddr: true, ipv6Only: true });
  for (const value of options) {
    assert.deepEqual(make(net.hosts[0].dgram, value), make(NODE, value), JSON.stringify(value, replacer));
  }
});

function replacer(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' || typeof value === 'function' ? String(value) : value;
}

test('any arguments of send throw what Node throws', async () => {
  await using net = await openDgramHosts(1);
  const value = fc.oneof(
    fc.constantFrom(...ODD),
    fc.integer({ min: -2, max: 70000 }),
    fc.constantFrom('127.0.0.1', '::1', Buffer.from('abcdef'), ['ab', Buffer.from('c')], new Uint16Array(2)),
  );
  fc.assert(
    fc.property(fc.array(value, { maxLength: 6 }), (args) => {
      const call: Call = ['send', ...args];
      assert.deepEqual(callOnNew(net.hosts[0].dgram, 'udp4', call), callOnNew(NODE, 'udp4', call));
    }),
  );
});

/** Everything that a scenario shows from outside. */
type Scenario = (module: DgramModule, log: (...what: unknown[]) => void) => Promise<void>;

async function compareScenario(scenario: Scenario): Promise<void> {
  await using net = await openDgramHosts(1);
  const [ours, theirs]: unknown[][] = [[], []];
  await scenario(net.hosts[0].dgram, (...what) => ours.push(what));
  const sockets: nodeDgram.Socket[] = [];
  const createSocket = (...args: Parameters<typeof nodeDgram.createSocket>) => {
    const socket = nodeDgram.createSocket(...args);
    sockets.push(socket);
    return socket;
  };
  try {
    await scenario({ ...NODE, createSocket } as unknown as DgramModule, (...what) => theirs.push(what));
  } finally {
    // What a scenario that has failed leaves open would keep this file from ending.
    for (const socket of sockets) outcome(() => socket.close());
  }
  assert.deepEqual(ours, theirs);
}

test('the order of events of a socket’s life', () =>
  compareScenario(async (module, log) => {
    const socket = module.createSocket('udp4');
    for (const name of ['listening', 'connect', 'close', 'error']) socket.on(name, () => log(name));
    log('bind', socket.bind(0, '127.0.0.1', () => log('bind callback')) === socket);
    process.nextTick(() => log('tick'));
    await once(socket, 'listening');
    const { port, ...address } = socket.address();
    log(address, port > 0);
    socket.connect(port, () => log('connect callback'));
    log('after connect()');
    await once(socket, 'connect');
    log(socket.remoteAddress().address, socket.remoteAddress().port === port);
    const got = once(socket, 'message');
    socket.send('self', (...args) => log('sent', args));
    log('after send()');
    const [message, { port: from, ...rinfo }] = (await got) as [Buffer, { port: number }];
    log(message.toString(), from === port, rinfo);
    socket.disconnect();
    log(socket.address().address);
    log('close', socket.close(() => log('close callback')) === socket);
    await once(socket, 'close');
    log(outcome(() => socket.close()));
    log(outcome(() => socket.bind()));
    log(outcome(() => socket.send('x', 1)));
    log(outcome(() => socket.address()));
  }));

test('sends that wait for the bind, and a close behind them', () =>
  compareScenario(async (module, log) => {
    const socket = module.createSocket('udp4');
    socket.on('listening', () => log('listening'));
    socket.send('one', 9, '127.0.0.1', () => log('must not be called'));
    log(outcome(() => socket.bind()));
    socket.close(() => log('closed'));
    await once(socket, 'close');
  }));

test('errors of binding', () =>
  compareScenario(async (module, log) => {
    const first = module.createSocket('udp4').bind(0, '127.0.0.1');
    await once(first, 'listening');
    const { port } = first.address();
    for (const [type, address] of [
      ['udp4', '127.0.0.1'],
      ['udp4', '0.0.0.0'],
      ['udp4', '::1'],
      ['udp4', '192.0.2.1'],
      ['udp6', '127.0.0.1'],
      ['udp6', '2001:db8::1'],
    ] as const) {
      const socket = module.createSocket(type).bind(port, address);
      const [error] = (await once(socket, 'error')) as [Error];
      const { message, code, syscall, address: text } = error as NodeJS.ErrnoException & { address: string };
      log(address, message.replace(String(port), 'PORT'), code, syscall, text, 'port' in error);
      socket.close();
    }
    first.close();
  }));

test('block lists', { skip: !('isBlockList' in BlockList) && 'this Node has none for sockets' }, () =>
  compareScenario(async (module, log) => {
    const sendBlockList = new BlockList();
    sendBlockList.addAddress('127.0.0.1');
    const socket = module.createSocket({ type: 'udp4', sendBlockList });
    const error = await new Promise<Error | null>((done) => socket.send('x', 9, '127.0.0.1', done));
    log(error?.message, (error as NodeJS.ErrnoException).code);
    socket.close();
  }),
);

test('ports that are none, in what errors of binding and sending say', () =>
  compareScenario(async (module, log) => {
    for (const port of [-1, 70_000, 1.5, '7x', Number.NaN, '70000'] as number[]) {
      const socket = module.createSocket('udp4').bind(port, '192.0.2.1');
      const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException & { port: unknown }];
      log(error.message, error.port);
      socket.close();
    }
    for (const port of ['0', ' 0'] as unknown as number[]) {
      const socket = module.createSocket('udp4').bind(0, '127.0.0.1');
      await once(socket, 'listening');
      // From Node 24 on it throws.
      const error = await new Promise<NodeJS.ErrnoException | null>((done, fail) => {
        socket.send('x', port, '127.0.0.1', done);
        setTimeout(fail, 10_000, new Error('send calls nobody back')).unref();
      }).catch((thrown: NodeJS.ErrnoException) => thrown);
      log(error?.name, error?.message, error?.code, error !== null && 'port' in error);
      socket.close();
    }
  }));

test('a closed socket checks the TTL first', () =>
  compareScenario(async (module, log) => {
    const socket = module.createSocket('udp4');
    socket.close();
    for (const value of [undefined, null, '1']) {
      log(outcome(() => socket.setTTL(value as unknown as number)));
      log(outcome(() => socket.setMulticastTTL(value as unknown as number)));
    }
  }));

test('leaving what was never joined', () =>
  compareScenario(async (module, log) => {
    const socket = module.createSocket('udp4').bind(0);
    await once(socket, 'listening');
    const lo = '127.0.0.1';
    log(outcome(() => socket.dropMembership('239.1.2.3', lo)));
    log(outcome(() => socket.dropMembership('239.1.2.3', '192.0.2.1')));
    log(outcome(() => socket.dropSourceSpecificMembership(lo, '232.1.1.1', lo)));
    log(outcome(() => socket.dropSourceSpecificMembership(lo, '232.1.1.1', '192.0.2.1')));
    log(outcome(() => socket.addMembership('10.0.0.1', '192.0.2.1')));
    socket.addSourceSpecificMembership(lo, '232.1.1.1', lo);
    log(outcome(() => socket.dropSourceSpecificMembership('127.0.0.2', '232.1.1.1', lo)));
    log(outcome(() => socket.dropSourceSpecificMembership(lo, '232.1.1.2', lo)));
    socket.dropSourceSpecificMembership(lo, '232.1.1.1', lo);
    log(outcome(() => socket.dropSourceSpecificMembership(lo, '232.1.1.1', lo)));
    socket.close();
  }));
