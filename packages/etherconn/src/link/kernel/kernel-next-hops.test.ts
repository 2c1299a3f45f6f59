import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Addon, NativeSocket } from '../../native/addon.ts';
import { VirtualClock } from '../../virtual-clock.ts';
import { formatIp } from '../../wire/ip.ts';
import { KernelNextHops } from './kernel-next-hops.ts';

const MAC = Uint8Array.of(2, 0, 0, 0, 0, 1);
const INCOMPLETE = 0x01;
const REACHABLE = 0x02;
const STALE = 0x04;
const FAILED = 0x20;

/** A kernel with one route, to everything on the link of interface 7, and the neighbors of a table. */
class FakeKernel {
  /** State by address. */
  readonly neighbors = new Map<string, number>();
  readonly asked: string[] = [];
  /** Errno of having a neighbor asked for. */
  refusal = 0;
  open = 0;

  addon(): Addon {
    return {
      socketOpen: () => {
        this.open++;
        return {} as NativeSocket;
      },
      socketClose: () => {
        this.open--;
      },
      netlinkRequest: (_: NativeSocket, request: Uint8Array, answer: Uint8Array) =>
        this.#answer(request, answer),
    } as Partial<Addon> as Addon;
  }

  #answer(request: Uint8Array, answer: Uint8Array): number {
    const address = formatIp(request.slice(32, 36));
    const view = new DataView(answer.buffer);
    const end = (length: number, type: number) => {
      view.setUint32(0, length, true);
      view.setUint16(4, type, true);
      return length;
    };
    answer.fill(0, 0, 64);
    switch (request[4]) {
      case 26: // RTM_GETROUTE
        this.asked.push(`route ${address}`);
        answer.set([2, 32, 0, 0, 254, 0, 0, 1], 16);
        answer.set([8, 0, 4, 0, 7, 0, 0, 0], 28);
        return end(36, 24);
      case 30: {
        // RTM_GETNEIGH
        this.asked.push(`neighbor ${address}`);
        const state = this.neighbors.get(address);
        if (state === undefined) {
          view.setInt32(16, -2, true);
          return end(20, 2);
        }
        view.setUint16(16 + 8, state, true);
        answer.set([10, 0, 2, 0, ...MAC], 28);
        return end(40, 28);
      }
      default: // RTM_NEWNEIGH
        this.asked.push(`use ${address}`);
        if (this.refusal === 0 && !this.neighbors.has(address)) this.neighbors.set(address, INCOMPLETE);
        view.setInt32(16, -this.refusal, true);
        return end(20, 2);
    }
  }

  /** What has been asked since the last time. */
  take(): string[] {
    return this.asked.splice(0);
  }
}

function setUp(): { kernel: FakeKernel; clock: VirtualClock; hops: KernelNextHops } {
  const kernel = new FakeKernel();
  const clock = new VirtualClock();
  return { kernel, clock, hops: new KernelNextHops(kernel.addon(), -1, 7, clock) };
}

test('what the kernel knows is given at once, and believed for two seconds', async () => {
  const { kernel, clock, hops } = setUp();
  kernel.neighbors.set('10.0.0.1', REACHABLE);
  assert.deepEqual(hops.resolve('10.0.0.1'), MAC);
  assert.deepEqual(kernel.take(), ['route 10.0.0.1', 'neighbor 10.0.0.1']);
  await clock.advance(1999);
  assert.deepEqual(hops.resolve('10.0.0.1'), MAC);
  assert.deepEqual(kernel.take(), []);
  await clock.advance(1);
  kernel.neighbors.set('10.0.0.1', STALE);
  assert.deepEqual(hops.resolve('10.0.0.1'), MAC);
  assert.deepEqual(kernel.take(), ['route 10.0.0.1', 'neighbor 10.0.0.1', 'use 10.0.0.1']);
});

test('a neighbor that the kernel does not know is asked for once, for all who wait', async () => {
  const { kernel, clock, hops } = setUp();
  const first = hops.resolve('10.0.0.1') as Promise<Uint8Array | null>;
  assert.equal(hops.resolve('10.0.0.1'), first);
  assert.deepEqual(kernel.take(), ['route 10.0.0.1', 'neighbor 10.0.0.1', 'use 10.0.0.1']);
  await clock.advance(50);
  kernel.neighbors.set('10.0.0.1', REACHABLE);
  await clock.advance(100);
  assert.deepEqual(await first, MAC);
  kernel.take();
  assert.deepEqual(hops.resolve('10.0.0.1'), MAC);
  assert.deepEqual(kernel.take(), []);
});

test('a neighbor that fails, or never answers, is null, and asked for anew the next time', async () => {
  const { kernel, clock, hops } = setUp();
  const failing = hops.resolve('10.0.0.1') as Promise<Uint8Array | null>;
  kernel.neighbors.set('10.0.0.1', FAILED);
  await clock.advance(100);
  assert.equal(await failing, null);
  kernel.neighbors.clear();
  kernel.take();
  const silent = hops.resolve('10.0.0.1') as Promise<Uint8Array | null>;
  assert.deepEqual(kernel.take().slice(0, 3), ['route 10.0.0.1', 'neighbor 10.0.0.1', 'use 10.0.0.1']);
  let ended = false;
  void silent.then(() => {
    ended = true;
  });
  await clock.advance(3900);
  assert.equal(ended, false);
  await clock.advance(200);
  assert.equal(await silent, null);
});

test('without CAP_NET_ADMIN known neighbors do, unknown ones are an error', () => {
  const { kernel, hops } = setUp();
  kernel.refusal = 1;
  kernel.neighbors.set('10.0.0.1', STALE);
  assert.deepEqual(hops.resolve('10.0.0.1'), MAC);
  assert.throws(() => hops.resolve('10.0.0.2'), { code: 'EPERM', message: /CAP_NET_ADMIN/ });
});

test('close ends every wait, and gives the socket back', async () => {
  const { kernel, hops } = setUp();
  const waiting = hops.resolve('10.0.0.1');
  assert.equal(kernel.open, 1);
  hops.close();
  hops.close();
  assert.equal(await waiting, null);
  assert.equal(hops.resolve('10.0.0.1'), null);
  assert.equal(kernel.open, 0);
});

test('no more than 4096 answers are kept', () => {
  const { kernel, hops } = setUp();
  for (let n = 0; n < 5000; n++) {
    const address = `10.0.${n >> 8}.${n & 255}`;
    kernel.neighbors.set(address, REACHABLE);
    hops.resolve(address);
  }
  kernel.take();
  hops.resolve('10.0.0.0');
  hops.resolve('10.0.19.135');
  assert.deepEqual(kernel.take(), ['route 10.0.0.0', 'neighbor 10.0.0.0']);
});
