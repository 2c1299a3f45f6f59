import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { test } from 'node:test';
import { bindAddress, intOption, ringRequestV2, SOL_PACKET } from '../link/packet/if-packet.ts';
import { eventually } from '../testing/eventually.ts';
import { sendFrame } from '../testing/link-probe.ts';
import { requireNamespaces } from '../testing/namespaces.ts';
import { FAR, NEAR, openVethBench } from '../testing/veth-links.ts';
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
  const poll = addon.pollOpen(addon.socketFd(socket), (event) => {
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
