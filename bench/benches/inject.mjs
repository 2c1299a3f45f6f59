import { Bench } from '../lib/namespaces.mjs';
import { receiveAtRate, sendingTime } from '../lib/receiving.mjs';
import { measure } from '../lib/run.mjs';

export const title =
  'Inject: datagrams per second from frames injected as xdp_frames; the receiver is the limit';

/** @param {import('../lib/context.mjs').Context} context */
export async function run(context) {
  const { cores, quick } = context;
  const ms = quick ? 200 : 500;
  const bench = await Bench.open(cores);
  /**
   * @param {string} name
   * @param {(endpoints: number) => import('../lib/child.mjs').Child} receiver
   * @param {number} [endpoints]
   */
  const receiving = (name, receiver, endpoints = 1) => ({
    name,
    run: () =>
      receiveAtRate(
        () => receiver(endpoints),
        () => bench.rival('near', 'xdp-inject', { endpoints, ms: sendingTime(ms) }),
        ms,
      ),
  });
  /** @param {object} options */
  const ours = (options) => (/** @type {number} */ endpoints) =>
    bench.script('far', 'receive', { engine: 'xdp', endpoints, ...options });
  /** @param {string} wait */
  const inC = (wait) => (/** @type {number} */ endpoints) =>
    bench.rival('far', 'xdp-receive', { wait, endpoints });
  try {
    const cases = [
      receiving('C AF_XDP, spin', inC('spin')),
      receiving('busy, onBatch', ours({ polling: 'busy' })),
      receiving('C AF_XDP, poll', inC('poll')),
      receiving('interrupt, onBatch', ours({})),
      receiving('adaptive, onBatch', ours({ polling: 'adaptive' })),
      receiving('C AF_XDP, spin, 1,000 endpoints at random', inC('spin'), 1000),
      receiving('busy, onBatch, 1,000 conns at random', ours({ polling: 'busy' }), 1000),
      receiving('busy, onBatch, and a timer', ours({ polling: 'busy', timer: true })),
      receiving('interrupt, onBatch, and a timer', ours({ timer: true })),
      receiving("busy, 'message'", ours({ polling: 'busy', form: 'message' })),
    ];
    const comparisons = [
      { of: 'busy, onBatch', to: 'C AF_XDP, spin', atLeast: 0.9 },
      { of: 'interrupt, onBatch', to: 'C AF_XDP, poll', atLeast: 0.9 },
      { of: 'adaptive, onBatch', to: 'C AF_XDP, poll', atLeast: 0.9 },
      {
        of: 'busy, onBatch, 1,000 conns at random',
        to: 'C AF_XDP, spin, 1,000 endpoints at random',
        atLeast: 0.9,
      },
    ];
    const bounds = ['busy', 'interrupt'].map((polling) => ({
      of: `${polling}, onBatch, and a timer`,
      detail: 'timer p99 late, ms',
      atMost: 5,
    }));
    const title = 'AF_XDP native, 64-byte frames';
    return [await measure({ title, unit: 'packets/s', cases, comparisons, bounds }, context)];
  } finally {
    await bench.close();
  }
}
