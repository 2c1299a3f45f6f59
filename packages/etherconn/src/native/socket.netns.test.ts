import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { test } from 'node:test';
import { intOption } from '../link/kernel/socket-numbers.ts';
import { bindAddress, ringRequestV2, SOL_PACKET } from '../link/packet/if-packet.ts';
import { eventually } from '../test-support/eventually.ts';
import { sendFrame } from '../test-support/link-probe.ts';
import { FAR, NEAR, openVethBench } from '../test-support/veth-links.ts';
import { openNamespace, requireNamespaces } from '../testing/namespaces.ts';
import { loadAddon } from './addon.ts';

const PACKET_RX_RING = 5;
const PACKET_VERSION = 10;
const AF_PACKET = 17;
const SOCK_RAW = 3;

for (const external of [true, false]) {
  test(`a ring in ${external ? 'an external' : 'an ordinary'} ArrayBuffer`, {
    skip: requireNamespaces(),
  }, async () => {
    const addon = loadAddon();
    const bench = await openVethBench();
    const near = bench.open(NEAR);
    const namespaceFd = openSync(bench.far.path, 'r');
    const socket = addon.socketOpen(AF_PACKET, SOCK_RAW, 0, namespaceFd);
    closeSync(namespaceFd);
    const { index, address } = addon.interfaceQuery(socket, FAR);
    assert.equal(Buffer.from(address).toString('hex'), '02000000000b');
    addon.socketSetOption(socket, SOL_PACKET, PACKET_VERSION, intOption(1));
    const geometry = { blockSize: 65536, blockCount: 4, frameSize: 2048 };
    addon.socketSetOption(socket, SOL_PACKET, PACKET_RX_RING, ringRequestV2(geometry));
    const { buffer, byteOffset } = addon.socketMap(socket, 4 * 65536, 0, external);
    assert.equal(buffer.byteLength === 4 * 65536, external);
    addon.socketBind(socket, bindAddress(index));

    const frame = Buffer.alloc(60, 0xa7);
    assert.ok(sendFrame(near, frame));
    near.tx.flush();
    const header = new Uint32Array(buffer, byteOffset, 16);
    await eventually('the frame', () => Atomics.load(header, 0) !== 0);
    const mac = new Uint16Array(buffer, byteOffset, 32)[6];
    const received = new Uint8Array(buffer, byteOffset + mac, 60);
    assert.deepEqual(Buffer.from(received), frame);

    addon.socketClose(socket);
    assert.deepEqual([buffer.byteLength, header.length, received.length], [0, 0, 0]);
    await bench.close();
  });
}

test('waking up for errors: the poll says so and can go on', { skip: requireNamespaces() }, async () => {
  const addon = loadAddon();
  const bench = await openVethBench();
  const namespaceFd = openSync(bench.far.path, 'r');
  const socket = addon.socketOpen(AF_PACKET, SOCK_RAW, 0, namespaceFd);
  closeSync(namespaceFd);
  addon.socketBind(socket, bindAddress(addon.interfaceQuery(socket, FAR).index));
  const events: number[] = [];
  const poll = addon.pollOpen(socket, (event) => {
    events.push(event);
    if (event < 0) {
      const pending = new Uint32Array(1);
      addon.socketGetOption(socket, 1, 4, pending);
      assert.equal(pending[0], 100); // ENETDOWN
      addon.pollStart(poll);
    } else {
      addon.socketDrain(socket);
    }
  });
  addon.pollStart(poll);
  bench.far.run('ip', 'link', 'set', FAR, 'down');
  await eventually('the error', () => events.length === 1);
  assert.ok(events[0] < 0);
  bench.far.run('ip', 'link', 'set', FAR, 'up');
  const near = bench.open(NEAR);
  assert.ok(sendFrame(near, new Uint8Array(60)));
  near.tx.flush();
  await eventually('the frame', () => events.length === 2);
  assert.ok(events[1] > 0);
  addon.pollStop(poll);
  assert.ok(sendFrame(near, new Uint8Array(60)));
  near.tx.flush();
  addon.pollClose(poll);
  addon.socketClose(socket);
  await bench.close();
  assert.equal(events.length, 2);
});

test('what was transferred of a ring, or is discarded, stays readable', {
  skip: requireNamespaces(),
}, async () => {
  const addon = loadAddon();
  await using namespace = await openNamespace();
  const namespaceFd = openSync(namespace.path, 'r');
  for (const external of [true, false]) {
    const socket = addon.socketOpen(AF_PACKET, SOCK_RAW, 0, namespaceFd);
    addon.socketSetOption(socket, SOL_PACKET, PACKET_VERSION, intOption(1));
    const geometry = { blockSize: 65536, blockCount: 1, frameSize: 2048 };
    addon.socketSetOption(socket, SOL_PACKET, PACKET_RX_RING, ringRequestV2(geometry));
    const { buffer, byteOffset } = addon.socketMap(socket, 65536, 0, external);
    const ring = new Uint8Array(buffer, byteOffset, 65536);
    addon.xdpDiscard(ring);
    assert.equal(
      ring.reduce((sum, byte) => sum + byte, 0),
      0,
    );
    let moved: Uint8Array;
    try {
      moved = structuredClone(ring, { transfer: [buffer] });
    } catch {
      // From Node 23 on it cannot be transferred.
      addon.socketClose(socket);
      assert.equal(ring.length, 0);
      continue;
    }
    addon.socketClose(socket);
    assert.equal(moved.length, 65536);
    moved.fill(1);
    assert.ok(moved.every((byte) => byte === 1));
  }
  closeSync(namespaceFd);
});

test('a namespace that could not be left again is not entered', { skip: requireNamespaces() }, () => {
  // In a user namespace, but in a network namespace that belongs to another one.
  const program = `
    import { spawn } from 'node:child_process';
    import { closeSync, openSync } from 'node:fs';
    import { loadAddon } from ${JSON.stringify(new URL('./addon.js', import.meta.url).href)};
    const holder = spawn('unshare', ['-n', 'sh', '-c', 'echo ready && exec cat']);
    holder.stdout.once('data', () => {
      const fd = openSync('/proc/' + holder.pid + '/ns/net', 'r');
      try {
        loadAddon().socketOpen(1, 2, 0, fd);
        console.log('opened');
      } catch (error) {
        console.log(error.code, error.syscall);
      }
      closeSync(fd);
      holder.stdin.end();
    });`;
  const args = ['-Ur', process.execPath, '--input-type=module', '--eval', program];
  const { status, signal, stdout, stderr } = spawnSync('unshare', args, { encoding: 'utf8' });
  assert.deepEqual([status, signal, stdout.trim(), stderr], [0, null, 'EPERM setns', '']);
});
