import { Bench } from '../lib/namespaces.mjs';
import { FAR_MAC } from '../lib/plan.mjs';
import { receiveAtRate, sendingTime } from '../lib/receiving.mjs';
import { measure } from '../lib/run.mjs';

export const title =
  'Inject: datagrams per second from frames injected as xdp_frames; the receiver is the limit';

/** @param {import('../lib/context.mjs').Context} context */
export async function run(context) {
  const { cores, quick } = context;
  const ms = quick ? 200 : 500;
  const bench = await Bench.open(cores);
  const ofKernel = await Bench.open(cores);
  ofKernel.takeXdpFrames();
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
  /**
   * A socket, ours on a host or node:dgram's on the kernel's stack.
   * @param {string} name
   * @param {object} options
   */
  const socket = (name, options) => {
    const isOurs = 'engine' in options;
    const on = isOurs ? bench : ofKernel;
    const to = isOurs ? { endpoints: 1 } : { endpoints: 0, mac: FAR_MAC };
    return {
      name,
      run: () =>
        receiveAtRate(
          () => on.script('far', 'dgram-receive', options),
          () => on.rival('near', 'xdp-inject', { ...to, ms: sendingTime(ms) }),
          ms,
        ),
    };
  };
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
      socket('host socket, busy, onBatch', { engine: 'xdp', polling: 'busy', form: 'onBatch' }),
      socket("host socket, busy, 'message'", { engine: 'xdp', polling: 'busy' }),
      socket("node:dgram, 'message'", {}),
    ];
    const comparisons = [
      { of: 'busy, onBatch', to: 'C AF_XDP, spin', atLeast: 0.95 },
      { of: 'interrupt, onBatch', to: 'C AF_XDP, poll', atLeast: 0.9 },
      { of: 'adaptive, onBatch', to: 'C AF_XDP, poll', atLeast: 0.9 },
      {
        of: 'busy, onBatch, 1,000 conns at random',
        to: 'C AF_XDP, spin, 1,000 endpoints at random',
        atLeast: 0.95,
      },
      { of: "busy, 'message'", to: 'busy, onBatch', atLeast: 0.9 },
      { of: "host socket, busy, 'message'", to: "node:dgram, 'message'", atLeast: 5 },
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
    await ofKernel.close();
  }
}
