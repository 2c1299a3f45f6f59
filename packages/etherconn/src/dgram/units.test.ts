import assert from 'node:assert/strict';
import { executionAsyncId } from 'node:async_hooks';
import { test } from 'node:test';
import fc from 'fast-check';
import { type AddressMemory, AddressTexts } from '../conn/address-texts.ts';
import { DestinationCache } from '../conn/destination-cache.ts';
import { messages } from '../conn/message-slab.ts';
import type { UdpDestination } from '../host/udp/udp-port.ts';
import { allocateFrameMemory } from '../link/frame-memory.ts';
import { formatIp, parseIp } from '../wire/ip.ts';
import { callBackFailed, callBackLater } from './callbacks.ts';
import { shownAddress } from './message-info.ts';

function memoryOf(bytes: Uint8Array): AddressMemory {
  return { u8: bytes, u32: new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2) };
}

test('address texts are right, cached or not, whatever collides', () => {
  const v4 = fc.uint8Array({ minLength: 4, maxLength: 4 });
  const v6 = fc.uint8Array({ minLength: 16, maxLength: 16 });
  const linkLocals = v6.map((bytes) => Uint8Array.from([0xfe, 0x80, ...bytes.subarray(2)]));
  const memory = memoryOf(new Uint8Array(32));
  fc.assert(
    fc.property(
      fc.oneof(v4, v6, linkLocals),
      fc.constantFrom<(4 | 6)[]>(4, 6),
      fc.constantFrom('eth0', 'eth1', ''),
      fc.constantFrom(0, 3, 4, 8),
      (address, socketVersion, zone, offset) => {
        const version = address.length === 4 ? 4 : 6;
        const linkLocal = version === 6 && address[0] === 0xfe && address[1] >> 6 === 2 && zone !== '';
        const text = formatIp(address);
        const expected =
          version === 4
            ? socketVersion === 6
              ? `::ffff:${text}`
              : text
            : linkLocal
              ? `${text}%${zone}`
              : text;
        memory.u8.set(address, offset);
        assert.equal(shownAddress(memory, offset, version, socketVersion, zone), expected);
        assert.equal(shownAddress(memory, offset, version, socketVersion, zone), expected);
      },
    ),
    { numRuns: 3000 },
  );
  assert.equal(shownAddress(memoryOf(parseIp('fe80::1')), 0, 6, 6, 'eth0'), 'fe80::1%eth0');
  assert.equal(shownAddress(memoryOf(parseIp('fe80::1')), 0, 6, 6, 'eth1'), 'fe80::1%eth1');
  assert.equal(shownAddress(memoryOf(parseIp('0.0.0.0')), 0, 4, 4, ''), '0.0.0.0');
});

test('the texts of many senders stay right', () => {
  const texts = new AddressTexts();
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 20_000; i++) {
      const address = Uint8Array.of(10, 0, i >> 8, i);
      assert.equal(texts.text(memoryOf(address), 0, 4, ''), `10.0.${i >> 8}.${i & 255}`);
    }
  }
});

function destination(): UdpDestination {
  return { hop: null, resolving: false, trySend: () => 1, trySendGroup: () => 0 };
}

test('destinations are found by address and port, and only by both', () => {
  const cache = new DestinationCache<UdpDestination>();
  const [a, b, c] = [destination(), destination(), destination()];
  cache.set('10.0.0.1', 1, a);
  cache.set('10.0.0.1', 2, b);
  cache.set('10.0.0.2', 1, c);
  assert.equal(cache.get('10.0.0.1', 1), a);
  assert.equal(cache.get('10.0.0.1', 2), b);
  assert.equal(cache.get('10.0.0.2', 1), c);
  assert.equal(cache.get('10.0.0.2', 2), null);
  cache.clear();
  assert.equal(cache.get('10.0.0.2', 1), null);
});

test('destinations in use stay; those of long ago are forgotten', () => {
  const cache = new DestinationCache<UdpDestination>();
  const kept = destination();
  cache.set('kept', 1, kept);
  cache.set('forgotten', 1, destination());
  for (let i = 0; i < 20_000; i++) {
    cache.set('10.0.0.1', i, destination());
    assert.equal(cache.get('kept', 1), kept);
  }
  assert.equal(cache.get('forgotten', 1), null);
  assert.equal(cache.get('10.0.0.1', 0), null);
});

test('copies of messages are right and stay so, at any place and length', () => {
  const memory = allocateFrameMemory(16_384);
  const kept: [Buffer, Buffer][] = [];
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 9000 }),
      fc.oneof(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 7000 })),
      fc.nat(255),
      (start, length, seed) => {
        for (let i = 0; i < length; i++) memory.u8[start + i] = (seed + i * 7) & 255;
        const copy = messages.copy(memory, start, start + length);
        kept.push([copy, Buffer.from(memory.u8.subarray(start, start + length))]);
        assert.equal(Object.getPrototypeOf(copy), Buffer.prototype);
      },
    ),
    { numRuns: 500 },
  );
  for (const [copy, expected] of kept) assert.ok(copy.equals(expected));
});

test('the first message may be an empty one', async () => {
  // Another instance of the module, which has made none.
  const { messages: fresh }: typeof import('../conn/message-slab.ts') = await import(
    `../conn/message-slab.js?fresh=${Date.now()}`
  );
  const memory = allocateFrameMemory(64);
  memory.u8.fill(7);
  assert.deepEqual(fresh.copy(memory, 3, 3), Buffer.alloc(0));
  assert.deepEqual(fresh.copy(memory, 3, 5), Buffer.from([7, 7]));
});

test('calls in a row of the same function share a tick, those of others do not', async () => {
  const calls: (number | undefined)[] = [];
  const ticks: number[] = [];
  const note = (_error: Error | null, bytes?: number) => {
    calls.push(bytes);
    ticks.push(executionAsyncId());
  };
  callBackLater(note, 1, null);
  callBackLater(note, 2, { closed: false });
  callBackLater(note, 0, { closed: true });
  callBackLater((error, bytes) => note(error, bytes), 3, null);
  callBackLater(note, 4, null);
  await new Promise(setImmediate);
  assert.deepEqual(calls, [1, 2, 3, 4]);
  assert.equal(ticks[0], ticks[1]);
  assert.equal(new Set(ticks).size, 3);
});

test('callbacks come in order in one tick; what they send is called back in the next', async () => {
  const order: string[] = [];
  callBackLater(
    () => {
      order.push('first');
      callBackLater(() => order.push('nested'), 1, null);
    },
    1,
    null,
  );
  callBackLater((error, bytes) => order.push(`second ${error} ${bytes}`), 7, null);
  process.nextTick(() => order.push('tick'));
  order.push('synchronous');
  await new Promise(setImmediate);
  assert.deepEqual(order, ['synchronous', 'first', 'second null 7', 'tick', 'nested']);
});

test('callbacks of a socket that was closed meanwhile are not called', async () => {
  const owner = { closed: false };
  const called: string[] = [];
  callBackLater(() => called.push('closed'), 1, owner);
  callBackFailed(() => called.push('failed'), new Error('x'), owner);
  callBackLater(() => called.push('connected'), 1, null);
  owner.closed = true;
  await new Promise(setImmediate);
  assert.deepEqual(called, ['connected']);
});
