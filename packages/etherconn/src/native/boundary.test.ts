import assert from 'node:assert/strict';
import { test } from 'node:test';
import { viewsOverWasm } from '../link/frame-memory.ts';
import { orSkip } from '../testing/strict.ts';
import { newWasmMemory, webAssembly } from '../wire/webassembly.ts';
import { type Addon, addonStatus, loadAddon, type NativeSocket } from './addon.ts';

/** Whoever calls the addon with anything is refused, and harms no memory: what needs no privileges. */

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOL_SOCKET = 1;
const EFAULT = -14;
const EBADF = { code: 'EBADF', errno: -9 };
const PAGE = 65_536; // as large as any, so a number of pages on every machine

const status = addonStatus();
const skip = orSkip(status.available ? false : status.reason);

function deferred<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((give) => {
    resolve = give;
  });
  return { promise, resolve };
}

function withSocket(use: (addon: Addon, socket: NativeSocket) => void): () => void {
  return () => {
    const addon = loadAddon();
    const socket = addon.socketOpen(AF_UNIX, SOCK_DGRAM, 0, -1);
    use(addon, socket);
    addon.socketClose(socket);
  };
}

test('a system error has a code, a number and the call', { skip }, () => {
  const addon = loadAddon();
  const EAFNOSUPPORT = { code: 'EAFNOSUPPORT', errno: -97, syscall: 'socket' };
  assert.throws(() => addon.socketOpen(250, SOCK_DGRAM, 0, -1), EAFNOSUPPORT);
});

test(
  'integers are whole and of 32 bits',
  { skip },
  withSocket((addon, socket) => {
    for (const wrong of [
      1.5,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      2 ** 32 + 1,
      -(2 ** 31) - 1,
      1n,
      '1',
      {},
      null,
    ]) {
      assert.throws(() => addon.socketOpen(AF_UNIX, wrong as number, 0, -1), TypeError);
      assert.throws(() => addon.interfaceState(socket, wrong as number), TypeError);
    }
  }),
);

test(
  'a ring that is not there: no memory is touched',
  { skip },
  withSocket((addon, socket) => {
    const kept: Uint8Array[] = [];
    for (let i = 0; i < 64; i++) {
      for (const external of [true, false]) {
        assert.throws(() => addon.socketMap(socket, PAGE, 0, external), { code: 'ENODEV', syscall: 'mmap' });
      }
      // Takes the memory that a mapping inside of an ArrayBuffer would have been made over.
      kept.push(new Uint8Array(2 * PAGE).fill(i));
    }
    assert.ok(kept.every((bytes, i) => bytes.every((byte) => byte === i)));
  }),
);

test(
  'a ring of any length that is asked for',
  { skip },
  withSocket((addon, socket) => {
    for (const length of [2 ** 40, 2 ** 53, Number.MAX_VALUE, Number.NaN, 0, -1]) {
      for (const external of [true, false]) {
        assert.throws(() => addon.socketMap(socket, length, 0, external), TypeError);
      }
    }
  }),
);

test('discarding leaves what lies beside whole pages', { skip }, () => {
  const addon = loadAddon();
  const memory = viewsOverWasm(newWasmMemory(webAssembly!, 4 * PAGE)).u8;
  for (const [from, to] of [
    [0, 5000],
    [1, 2 * PAGE + 1],
    [PAGE - 1, PAGE + 1],
    [100, 101],
    [7, 7],
  ]) {
    memory.fill(1);
    addon.xdpDiscard(memory.subarray(from, to));
    assert.ok(
      memory.subarray(0, from).every((byte) => byte === 1),
      `before ${from}`,
    );
    assert.ok(
      memory.subarray(to).every((byte) => byte === 1),
      `from ${to} on`,
    );
  }
  memory.fill(1);
  addon.xdpDiscard(memory.subarray(1, 3 * PAGE));
  assert.ok(memory.subarray(PAGE, 3 * PAGE).every((byte) => byte === 0));
});

test(
  'polling needs a function, and a socket without a poll',
  { skip },
  withSocket((addon, socket) => {
    for (const wrong of [undefined, {}, 1, Symbol('callback')]) {
      assert.throws(() => addon.pollOpen(socket, wrong as never), TypeError);
    }
    for (const wrong of [1, {}, addon.bpfClose])
      assert.throws(() => addon.pollOpen(wrong as never, () => {}), TypeError);
    const poll = addon.pollOpen(socket, () => {});
    assert.throws(() => addon.pollOpen(socket, () => {}), TypeError);
    addon.pollClose(poll);
    addon.pollClose(addon.pollOpen(socket, () => {}));
  }),
);

test('closing a socket ends its polling; who has its descriptor next is none the worse', {
  skip,
}, async () => {
  const addon = loadAddon();
  const timer = addon.timerOpen();
  const poll = addon.pollOpen(timer, () => assert.fail('called after close'));
  addon.pollStart(poll);
  addon.timerSet(timer, 1);
  const descriptor = addon.socketFd(timer);
  addon.socketClose(timer);
  const next = addon.timerOpen();
  assert.equal(addon.socketFd(next), descriptor);
  const expired = deferred<number>();
  const nextPoll = addon.pollOpen(next, expired.resolve);
  addon.pollStart(nextPoll);
  assert.throws(() => addon.pollStart(poll), EBADF);
  addon.pollStop(poll);
  addon.pollRef(poll, true);
  addon.pollClose(poll);
  addon.timerSet(next, 1);
  assert.ok((await expired.promise) > 0);
  addon.socketClose(next);
  assert.throws(() => addon.pollOpen(next, () => {}), EBADF);
});

test('a socket closed from its own callback', { skip }, async () => {
  const addon = loadAddon();
  const timer = addon.timerOpen();
  let calls = 0;
  const called = deferred<void>();
  const poll = addon.pollOpen(timer, () => {
    calls++;
    addon.socketClose(timer);
    called.resolve();
  });
  addon.pollStart(poll);
  addon.timerSet(timer, 1);
  await called.promise;
  addon.pollClose(poll);
  assert.equal(calls, 1);
});

test(
  'sending takes no more frames than there are descriptors',
  { skip },
  withSocket((addon, socket) => {
    const memory = new Uint8Array(64);
    const pairs = new Uint32Array(8);
    for (const count of [5, -1, 2 ** 31 - 1]) {
      assert.equal(addon.packetSend(socket, memory, pairs, 0, count), EFAULT);
    }
    // The sum of the two is more than an int holds. (Nobody is connected: ENOTCONN.)
    assert.equal(addon.packetSend(socket, memory, pairs, 2 ** 31 - 1, 4), -107);
    assert.throws(
      () => addon.packetSend(socket, memory, new Uint8Array(33).subarray(1) as never, 0, 1),
      TypeError,
    );
  }),
);

test(
  'options whose values name memory, or are longer than they say, have no way in',
  { skip },
  withSocket((addon, socket) => {
    const SO_GET_FILTER = 26;
    for (const [level, name] of [
      [SOL_SOCKET, SO_GET_FILTER],
      [SOL_SOCKET, 51], // SO_ATTACH_REUSEPORT_CBPF
      [263, 22], // SOL_PACKET, PACKET_FANOUT_DATA
      [283, 4], // SOL_XDP, XDP_UMEM_REG
      [6, 35], // SOL_TCP, TCP_ZEROCOPY_RECEIVE
      [0, 64], // SOL_IP, IPT_SO_SET_REPLACE
    ]) {
      assert.throws(() => addon.socketSetOption(socket, level, name, new Uint8Array(64)), TypeError);
      assert.throws(() => addon.socketGetOption(socket, level, name, new Uint8Array(64)), TypeError);
    }
    const program = new Uint8Array(8 * 4097);
    assert.throws(() => addon.socketAttachFilter(socket, program), TypeError);
    assert.throws(() => addon.socketAttachFilter(socket, new Uint8Array(0)), { code: 'EINVAL' });
  }),
);

test(
  'strings have no zero in them',
  { skip },
  withSocket((addon, socket) => {
    assert.throws(() => addon.interfaceQuery(socket, 'lo\0'), TypeError);
    assert.throws(() => addon.interfaceQuery(socket, 'a name that is too long'), TypeError);
  }),
);

test(
  'features of a driver, without room for them',
  { skip },
  withSocket((addon, socket) => {
    const blocks = addon.ethtoolFeatures(socket, 'lo', new Uint32Array(0));
    assert.ok(blocks > 0);
    assert.equal(addon.ethtoolFeatures(socket, 'lo', new Uint32Array(3)), blocks);
  }),
);
