import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedXsk } from '../../test-support/simulated-xsk.ts';
import { auditChunks } from './audit.ts';
import { RxQueue } from './rx.ts';
import { XdpTx } from './tx.ts';
import { ChunkState, Umem } from './umem.ts';

const SIZE = 8;
const CHUNK = 2048;

function bench() {
  const umem = new Umem(2 * SIZE, CHUNK);
  const xsk = new SimulatedXsk(umem, SIZE);
  const socket = { copyMode: true, needWakeup: true, kick: () => xsk.kick(), refused: () => {} };
  const tx = new XdpTx(umem, xsk.tx, xsk.completion, { first: SIZE, count: SIZE }, 1522, socket);
  new RxQueue(
    0,
    { umem, maxFrameLength: 1522, multiBuffer: false, merged: false },
    xsk.rx,
    xsk.fill,
    0,
    SIZE,
    () => {},
  );
  return { umem, xsk, tx, audit: () => auditChunks(umem, [{ ...xsk, ringSize: SIZE }], tx.accounts()) };
}

test('a new link is in order, also with frames under way', () => {
  const { xsk, tx, audit } = bench();
  audit();
  xsk.receive(new Uint8Array(60));
  const offset = tx.reserve(60);
  audit();
  tx.commit(offset, 60);
  audit();
  tx.flush();
  audit();
});

test('a chunk that is in two places is found', () => {
  const { xsk, audit } = bench();
  xsk.putReceived({ address: 3 * CHUNK, length: 60, options: 0 });
  assert.throws(audit, /chunk 3 is in fill ring 0 and in RX ring 0/);
});

test('a chunk that is not where its state says is found', () => {
  const { xsk, audit } = bench();
  xsk.putCompleted(SIZE * CHUNK);
  assert.throws(audit, /chunk 8 is in completion ring 0 and in the free slots/);
  const second = bench();
  second.umem.state[2] = ChunkState.RESERVED;
  assert.throws(second.audit, /chunk 2 is in fill ring 0, but its state is 1/);
});

test('chunks that are missing are found', () => {
  const { umem, xsk, tx, audit } = bench();
  xsk.receive(new Uint8Array(60));
  xsk.rx.release(1);
  // Still said to be with the kernel, which is not wrong as far as anybody can see.
  audit();
  umem.state[0] = ChunkState.RESERVED;
  assert.throws(audit, /7 chunks are there to be filled, not 8/);
  umem.state[0] = ChunkState.FILLING;
  const chunk = Math.floor(tx.reserve(60) / CHUNK);
  audit();
  umem.state[chunk] = ChunkState.FREE;
  assert.throws(audit, /8 slots should be free, 7 are/);
  umem.state[chunk] = ChunkState.RECEIVED;
  assert.throws(audit, /1 chunks belong to a batch that has ended/);
});

test('a slot that was lost on its way is found', () => {
  const { umem, tx, audit } = bench();
  const [one, two] = [tx.reserve(60), tx.reserve(60)];
  tx.commit(one, 60);
  audit();
  // Nobody has sent it, as the link believes, and nobody has it.
  umem.state[Math.floor(two / CHUNK)] = ChunkState.SENDING;
  assert.throws(audit, /2 slots are being sent, 1 should be/);
  umem.state[Math.floor(two / CHUNK)] = ChunkState.SPARE;
  assert.throws(audit, /7 slots are free, reserved or being sent, not 8/);
  umem.state[Math.floor(two / CHUNK)] = ChunkState.RESERVED;
  audit();
  umem.state[Math.floor(one / CHUNK)] = ChunkState.RESERVED;
  assert.throws(audit, /is in the TX ring, but its state is 1/);
  umem.state[Math.floor(one / CHUNK)] = ChunkState.SENDING;
  umem.state[Math.floor(two / CHUNK)] = ChunkState.PART;
  assert.throws(audit, /7 slots are free|1 chunks are parts/);
});

test('parts of slots are counted', () => {
  const umem = new Umem(3 * SIZE, CHUNK);
  const xsk = new SimulatedXsk(umem, SIZE);
  const socket = { copyMode: true, needWakeup: true, kick: () => xsk.kick(), refused: () => {} };
  const tx = new XdpTx(umem, xsk.tx, xsk.completion, { first: SIZE, count: 2 * SIZE }, 5000, socket);
  new RxQueue(
    0,
    { umem, maxFrameLength: 5000, multiBuffer: true, merged: false },
    xsk.rx,
    xsk.fill,
    0,
    SIZE,
    () => {},
  );
  const audit = () => auditChunks(umem, [{ ...xsk, ringSize: SIZE }], tx.accounts());
  audit();
  const offset = tx.reserve(5000);
  tx.commit(offset, 5000);
  audit();
  umem.state[Math.floor(offset / CHUNK) + 4] = ChunkState.SPARE;
  assert.throws(audit, /9 chunks are parts of slots, not 10/);
});
