import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { describe, test } from 'node:test';
import { setImmediate as immediate } from 'node:timers/promises';
import { loadAddon } from '../native/addon.ts';
import { eventually } from '../testing/eventually.ts';
import { STATION_B, sequenceOf } from '../testing/link-probe.ts';
import { requireNamespaces } from '../testing/namespaces.ts';
import { Pace, Shared, sendNumbered } from '../testing/numbered-sending.ts';
import { FAR, NEAR, openVethBench } from '../testing/veth-links.ts';
import { openDescriptors, openXdpBench, requireXdp, stationAt } from '../testing/xdp-bench.ts';
import type { FrameMemory, Link, LinkReceiver } from './link.ts';

/** Microseconds: the longer, the less dense traffic has to be, which others on this machine may slow down. */
const LONG = 250;
/** Dense is what a thread beside us sends while we receive. */
const alone = availableParallelism() < 2 ? 'needs two processors' : false;

/** Looks at the numbers of frames only: keeping them would take longer than receiving them. */
class CountingReceiver implements LinkReceiver {
  readonly shared: Int32Array = new Int32Array(new SharedArrayBuffer(12));
  /** Of the next frame, if none is lost, doubled or overtaken. */
  next = 0;
  wrong = 0;
  readonly states: boolean[] = [];
  #u8: Uint8Array = new Uint8Array(0);

  begin(memory: FrameMemory): void {
    this.#u8 = memory.u8;
  }

  frame(offset: number, length: number): void {
    const number = sequenceOf(this.#u8.subarray(offset, offset + length));
    if (number !== this.next) this.wrong++;
    this.next = number + 1;
  }

  end(): void {
    Atomics.store(this.shared, Shared.RECEIVED, this.next);
  }

  error(): void {}

  state(up: boolean): void {
    this.states.push(up);
    // What was on its way is lost, and is not to be waited for.
    if (up) Atomics.store(this.shared, Shared.RECEIVED, Atomics.load(this.shared, Shared.SENT));
  }
}

interface Bench {
  readonly near: { readonly path: string };
  readonly far: { run(...command: string[]): unknown };
  close(): Promise<void>;
}

interface Kind {
  readonly skip: string | false;
  /** A link at the far end of a new pair. */
  readonly open: (moderation: number) => Promise<[Bench, Link]>;
}

const KINDS: Readonly<Record<string, Kind>> = {
  'AF_PACKET, latency': {
    skip: requireNamespaces() || alone,
    open: async (moderation) => {
      const bench = await openVethBench();
      return opened(bench, async () => bench.open(FAR, { moderation }));
    },
  },
  'AF_XDP, native': xdp('native'),
  'AF_XDP, generic': xdp('generic'),
};

async function opened(bench: Bench, open: () => Promise<Link>): Promise<[Bench, Link]> {
  try {
    return [bench, await open()];
  } catch (error) {
    await bench.close();
    throw error;
  }
}

function xdp(mode: 'native' | 'generic'): Kind {
  return {
    skip: requireXdp() || alone,
    open: async (moderation) => {
      const bench = await openXdpBench();
      return opened(bench, () => bench.open(FAR, { mode, moderation, audit: false }));
    },
  };
}

for (const [kind, { skip, open }] of Object.entries(KINDS)) {
  describe(`moderation: ${kind}`, { skip }, () => {
    /** A link that a sender sends to. */
    const receiving = async (
      body: (link: Link, receiver: CountingReceiver, bench: Bench) => Promise<void>,
      moderation = LONG,
    ): Promise<void> => {
      const [bench, link] = await open(moderation);
      const receiver = new CountingReceiver();
      const { shared } = receiver;
      link.start(receiver);
      link.steer?.([stationAt(STATION_B)], [], { all: false, group: false });
      const endSending = sendNumbered({ netns: bench.near.path, interfaceName: NEAR, shared });
      try {
        await body(link, receiver, bench);
      } finally {
        await endSending();
        await bench.close();
      }
    };

    test('begins with dense traffic and ends with it; every frame comes, in order; others have their turns', async () => {
      await receiving(async (link, receiver) => {
        const { shared } = receiver;
        for (let round = 0; round < 3; round++) {
          let timers = 0;
          const timer = setInterval(() => timers++, 1);
          let turns = 0;
          let going = true;
          const turning = (async () => {
            for (; going; turns++) await immediate();
          })();
          const before = link.stats().moderated;
          await eventually('it begins', () => link.stats().moderated > before + 100);
          going = false;
          await turning;
          clearInterval(timer);
          assert.ok(timers > 0 && turns > 0);

          Atomics.store(shared, Shared.PACE, Pace.SPARSE);
          let last = link.stats();
          await eventually('it ends', () => {
            const { moderated, wakeups } = link.stats();
            if (moderated === last.moderated) return wakeups >= last.wakeups + 5;
            last = link.stats();
            return false;
          });
          Atomics.store(shared, Shared.PACE, Pace.DENSE);
        }
        Atomics.store(shared, Shared.PACE, Pace.END);
        const [sent, received] = [Shared.SENT, Shared.RECEIVED];
        await eventually('all frames', () => Atomics.load(shared, received) === Atomics.load(shared, sent));
        assert.equal(receiver.wrong, 0);
        assert.equal(link.stats().rxFrames, receiver.next);
        assert.equal(link.stats().rxDropped, 0);
      });
    });

    test('the interface goes down and up meanwhile: told, and frames come again', async () => {
      await receiving(async (link, receiver, bench) => {
        for (let round = 1; round <= 2; round++) {
          const before = link.stats().moderated;
          await eventually('it begins', () => link.stats().moderated > before + 100);
          bench.far.run('ip', 'link', 'set', FAR, 'down');
          await eventually('down', () => receiver.states.length === 2 * round - 1);
          bench.far.run('ip', 'link', 'set', FAR, 'up');
          await eventually('up', () => receiver.states.length === 2 * round);
        }
        const { rxFrames } = link.stats();
        await eventually('frames', () => link.stats().rxFrames > rxFrames);
        assert.deepEqual(receiver.states, [false, true, false, true]);
      });
    });

    test('closed meanwhile', async () => {
      await receiving(async (link) => {
        await eventually('it begins', () => link.stats().moderated > 0);
        await link.close();
        const { rxFrames } = link.stats();
        await immediate();
        assert.equal(link.stats().rxFrames, rxFrames);
      });
    });

    test('without a descriptor for the timer it does not open, and nothing stays open', async (t) => {
      const before = openDescriptors();
      t.mock.method(loadAddon(), 'timerOpen', () => {
        throw Object.assign(new Error('no more'), { errno: -24, syscall: 'timerfd_create' });
      });
      await assert.rejects(open(LONG), { code: 'EMFILE', message: /^opening a timer/ });
      await eventually('all closed', () => openDescriptors() === before);
    });

    test('turned off, it never begins', async () => {
      await receiving(async (link, receiver) => {
        await eventually('many frames', () => receiver.next > 20_000);
        assert.equal(link.stats().moderated, 0);
        assert.equal(link.info().moderation, 0);
      }, 0);
    });
  });
}
