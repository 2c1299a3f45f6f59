import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate as immediate, setTimeout as sleep } from 'node:timers/promises';
import { loadAddon } from '../../native/addon.ts';
import { eventually } from '../../test-support/eventually.ts';
import {
  NUMBERED_LENGTH,
  STATION_A,
  STATION_B,
  sendFrame,
  sequenceOf,
  testFrame,
} from '../../test-support/link-probe.ts';
import { FAR, NEAR, openVethBench } from '../../test-support/veth-links.ts';
import { openDescriptors, openXdpBench, requireXdp, stationAt } from '../../test-support/xdp-bench.ts';
import { requireNamespaces } from '../../testing/namespaces.ts';
import type { FrameMemory, Link, LinkReceiver } from '../link.ts';
import { openPacketLink } from '../packet/link.ts';

/** Microseconds: the longer, the less dense traffic has to be, which others on this machine may slow down. */
const LONG = 250;
/** Frames in a turn of the event loop, and frames that may be on their way: no ring overflows. */
const AT_ONCE = 8;
const AHEAD = 1000;

/** Looks at the numbers of frames only: keeping them would take longer than receiving them. */
class CountingReceiver implements LinkReceiver {
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

  end(): void {}

  error(): void {}

  state(up: boolean): void {
    this.states.push(up);
  }
}

/**
 * Sends numbered frames by the same event loop, so that however little of the processor is left to us, frames come
 * densely in it.
 */
class Sender {
  pace: 'dense' | 'sparse' | 'none' = 'dense';
  sent = 0;
  /** Number of the first frame that may still be on its way. */
  arrived: () => number;
  readonly #link: Link;
  readonly #ended: Promise<void>;
  #ending = false;

  constructor(netns: string, receiver: CountingReceiver) {
    this.arrived = () => receiver.next;
    this.#link = openPacketLink(NEAR, { netns });
    this.#ended = this.#run();
  }

  async end(): Promise<void> {
    this.#ending = true;
    await this.#ended;
    await this.#link.close();
  }

  async #run(): Promise<void> {
    while (!this.#ending) {
      if (this.pace !== 'none') this.#send(this.pace === 'dense' ? AT_ONCE : 1);
      await (this.pace === 'dense' ? immediate() : sleep(2));
    }
  }

  #send(count: number): void {
    for (let i = 0; i < count && this.sent - this.arrived() < AHEAD; i++) {
      if (!sendFrame(this.#link, testFrame(STATION_B, STATION_A, this.sent, NUMBERED_LENGTH))) break;
      this.sent++;
    }
    this.#link.tx.flush();
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
    skip: requireNamespaces(),
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
    skip: requireXdp(),
    open: async (moderation) => {
      const bench = await openXdpBench();
      return opened(bench, () => bench.open(FAR, { mode, moderation, audit: false }));
    },
  };
}

/** Wake-ups by the timer that show that it has begun. */
async function begun(link: Link): Promise<void> {
  const before = link.stats().moderated;
  await eventually('it begins', () => link.stats().moderated > before + 20);
}

for (const [kind, { skip, open }] of Object.entries(KINDS)) {
  describe(`moderation: ${kind}`, { skip }, () => {
    /** A link that a sender sends to. */
    const receiving = async (
      body: (link: Link, receiver: CountingReceiver, sender: Sender, bench: Bench) => Promise<void>,
      moderation = LONG,
    ): Promise<void> => {
      const [bench, link] = await open(moderation);
      const receiver = new CountingReceiver();
      link.start(receiver);
      link.steer?.([stationAt(STATION_B)], [], { all: false, group: false });
      const sender = new Sender(bench.near.path, receiver);
      try {
        await body(link, receiver, sender, bench);
      } finally {
        await sender.end();
        await bench.close();
      }
    };

    test('begins with dense traffic and ends with it; every frame comes, in order; others have their turns', async () => {
      await receiving(async (link, receiver, sender) => {
        for (let round = 0; round < 3; round++) {
          let timers = 0;
          const timer = setInterval(() => timers++, 1);
          const { sent } = sender;
          await begun(link);
          await eventually('a timer', () => timers > 3);
          clearInterval(timer);
          assert.ok(sender.sent > sent, 'immediates');

          sender.pace = 'sparse';
          let last = link.stats();
          await eventually('it ends', () => {
            const { moderated, wakeups } = link.stats();
            if (moderated === last.moderated) return wakeups >= last.wakeups + 5;
            last = link.stats();
            return false;
          });
          sender.pace = 'dense';
        }
        await begun(link);
        sender.pace = 'none';
        await eventually('all frames', () => receiver.next === sender.sent);
        assert.equal(receiver.wrong, 0);
        assert.equal(link.stats().rxFrames, receiver.next);
        assert.equal(link.stats().rxDropped, 0);
      });
    });

    test('the interface goes down and up meanwhile: told, and frames come again', async () => {
      await receiving(async (link, receiver, sender, bench) => {
        // What is on its way when it goes down is lost, and is not to be waited for.
        sender.arrived = () => sender.sent;
        for (let round = 1; round <= 2; round++) {
          await begun(link);
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
      await receiving(async (link, receiver) => {
        await begun(link);
        await link.close();
        const { next } = receiver;
        for (let i = 0; i < 10; i++) await immediate();
        assert.equal(receiver.next, next);
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
