import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { inherits, inspect, promisify } from 'node:util';
import { FakeUdpHost } from '../test-support/fake-udp-host.ts';
import { NodeSocket, stateSymbol } from './node-socket.ts';
import { dgramModule } from './socket-class.ts';

const module = dgramModule(() => new FakeUdpHost());

/** Where a name is found on the way up from an object. */
function ownerOf(object: object, name: string | symbol): object | null {
  for (let at: object | null = object; at !== null; at = Object.getPrototypeOf(at)) {
    if (Object.hasOwn(at, name)) return at;
  }
  return null;
}

test("every name on Node's prototype is overridden", () => {
  const socket = module.createSocket('udp4');
  const inherited = Reflect.ownKeys(NodeSocket.prototype).filter(
    (name) => ownerOf(socket, name) === NodeSocket.prototype,
  );
  assert.deepEqual(inherited, []);
});

test('what Node gives its sockets there are methods for, too', () => {
  const socket = module.createSocket('udp4') as unknown as Record<string | symbol, unknown>;
  for (const name of Reflect.ownKeys(NodeSocket.prototype)) {
    const { value } = Reflect.getOwnPropertyDescriptor(NodeSocket.prototype, name)!;
    if (typeof value === 'function') assert.equal(typeof socket[name], 'function', String(name));
  }
});

test('deprecated names read and write the state, with a warning', () => {
  const socket = module.createSocket('udp4') as unknown as Record<string, unknown>;
  assert.equal(socket._bindState, 0);
  assert.equal(socket._receiving, false);
  assert.equal(socket._queue, undefined);
  assert.notEqual(socket._handle, null);
  socket._reuseAddr = true;
  assert.equal(socket._reuseAddr, true);
});

test('a socket is an instance of Node’s and of its own class', () => {
  const socket = module.createSocket('udp4');
  assert.ok(socket instanceof dgram.Socket);
  assert.ok(socket instanceof module.Socket);
  assert.ok(socket instanceof EventEmitter);
  assert.ok(!(socket instanceof dgramModule(() => new FakeUdpHost()).Socket));
});

test('the state is where Node’s sockets have theirs', () => {
  const real = dgram.createSocket('udp4');
  assert.ok(Object.getOwnPropertySymbols(real).includes(stateSymbol));
  real.close();
});

test('sockets of subclasses', () => {
  class Server extends module.Socket {
    readonly answers = 0;

    constructor() {
      super('udp6');
    }
  }
  const server = new Server();
  assert.ok(server instanceof Server && server instanceof module.Socket && server instanceof dgram.Socket);
  assert.equal(server.type, 'udp6');
  assert.equal(server.answers, 0);
});

test('inheritance as before there were classes', () => {
  const Base = module.Socket as unknown as (this: object, type: string) => void;
  function Old(this: object): void {
    Base.call(this, 'udp4');
  }
  inherits(Old, module.Socket);
  const old = new (Old as unknown as new () => dgram.Socket)();
  assert.equal((old as dgram.Socket & { type: string }).type, 'udp4');
  assert.ok(old instanceof dgram.Socket);
});

test('the class may be called as a function', () => {
  const Socket = module.Socket as unknown as (type: string, listener: () => void) => dgram.Socket;
  const socket = Socket('udp4', () => undefined);
  assert.ok(socket instanceof module.Socket);
  assert.equal(socket.listenerCount('message'), 1);
});

test('bound methods can be promisified', async () => {
  const socket = module.createSocket('udp4');
  await promisify((done: () => void) => socket.bind(0, done))();
  const send = promisify(socket.send.bind(socket)) as unknown as (...args: unknown[]) => Promise<number>;
  assert.equal(await send(Buffer.from('four'), 40000, '127.0.0.1'), 4);
  await promisify(socket.close.bind(socket))();
  assert.throws(() => socket.address(), { code: 'ERR_SOCKET_DGRAM_NOT_RUNNING' });
});

test('sockets of all modules are of one class', () => {
  const other = dgramModule(() => new FakeUdpHost());
  const [a, b] = [module.createSocket('udp4'), other.createSocket('udp4')];
  const c = new other.Socket('udp4');
  assert.equal(Object.getPrototypeOf(a), Object.getPrototypeOf(b));
  assert.equal(Object.getPrototypeOf(a), Object.getPrototypeOf(c));
});

test('a class tells its sockets from those of other modules, also once they are closed', () => {
  const other = dgramModule(() => new FakeUdpHost());
  class Own extends other.Socket {}
  const own = new Own('udp4');
  const isOf = (value: unknown, of: typeof module.Socket): boolean => value instanceof of;
  assert.ok(isOf(own, other.Socket) && !isOf(own, module.Socket));
  assert.ok(!isOf(other.createSocket('udp4'), Own));
  own.close();
  assert.ok(isOf(own, other.Socket) && !isOf(own, module.Socket));
  assert.ok(!isOf({}, module.Socket) && !isOf(null, module.Socket));
});

test('`constructor` is the class of the socket’s own module, or of its heirs', () => {
  const socket = module.createSocket('udp4');
  assert.equal(socket.constructor, module.Socket);
  const Again = socket.constructor as typeof module.Socket;
  assert.ok(new Again('udp4') instanceof module.Socket);
  assert.match(inspect(socket), /^(<ref \*1> )?Socket \{/);
  class Own extends module.Socket {}
  assert.equal(new Own('udp4').constructor, Own);
  function Old(): void {}
  Old.prototype = Object.create(module.Socket.prototype);
  Old.prototype.constructor = Old;
  assert.equal(Old.prototype.constructor, Old);
  assert.equal(module.createSocket('udp4').constructor, module.Socket);
});

test('a module is a plain object that may be changed', () => {
  const own = dgramModule(() => new FakeUdpHost());
  assert.deepEqual(Object.keys(own), ['createSocket', 'Socket']);
  assert.equal({ ...own }.Socket, own.Socket);
  const replaced = module.Socket;
  own.Socket = replaced;
  assert.equal(own.Socket, replaced);
});
