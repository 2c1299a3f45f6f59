import { Bench } from '../lib/namespaces.mjs';
import { RECEIVER_ADDRESS } from '../lib/plan.mjs';
import { measure } from '../lib/run.mjs';

export const title =
  'Echo: request and response of 64-byte frames, both ends of the same kind, one core each';

/** The Go reference with 64 outstanding, measured apart on this class of machine; for orientation. */
const GO_PER_SECOND = 120_000;

/** @param {import('../lib/context.mjs').Context} context */
export async function run(context) {
  const { cores, quick } = context;
  const ms = quick ? 150 : 400;
  const bench = await Bench.open(cores);
  /** @param {(side: 'near' | 'far', role: string) => import('../lib/child.mjs').Child} start */
  const echo = async (start) => {
    const server = start('far', 'server');
    try {
      const client = start('near', 'client');
      await Promise.all([server.ready(), client.ready()]);
      client.tell('b');
      return await client.result();
    } finally {
      await server.kill();
    }
  };
  /** @param {string} name @param {number} outstanding @param {object} options */
  const ours = (name, outstanding, options) => ({
    name,
    run: () =>
      echo((side, role) => bench.script(side, 'echo', { role, outstanding, ms, engine: 'xdp', ...options })),
  });
  /** @param {string} name @param {number} outstanding @param {string} program @param {string} wait */
  const inC = (name, outstanding, program, wait) => ({
    name,
    run: () =>
      echo((side, role) => bench.rival(side, program, { role, wait, outstanding, ms, to: RECEIVER_ADDRESS })),
  });
  /** @param {number} outstanding */
  const nodeDgram = (outstanding) => ({
    name: 'node:dgram',
    run: () =>
      echo((side, role) =>
        bench.script(side, 'dgram-echo', { role, outstanding, ms, address: RECEIVER_ADDRESS }),
      ),
  });
  try {
    /** @param {number} outstanding */
    const casesFor = (outstanding) => [
      inC('C AF_XDP, poll', outstanding, 'xdp-echo', 'poll'),
      ours('AF_XDP native, interrupt', outstanding, {}),
      ours('AF_XDP native, adaptive', outstanding, { polling: 'adaptive' }),
      inC('C AF_XDP, spin', outstanding, 'xdp-echo', 'spin'),
      ours('AF_XDP native, busy', outstanding, { polling: 'busy' }),
      ours('AF_PACKET latency', outstanding, { engine: 'packet' }),
      inC('C UDP, blocking', outstanding, 'udp-echo', 'poll'),
      nodeDgram(outstanding),
    ];
    const one = await measure(
      {
        title: 'One outstanding',
        unit: 'µs, p50',
        cases: casesFor(1).map(({ name, run: runCase }) => ({
          name,
          run: async () => {
            const { p50, p99, p999 } = await runCase();
            return { value: p50, p99, 'p99.9': p999 };
          },
        })),
        comparisons: [
          { of: 'AF_XDP native, interrupt', to: 'C AF_XDP, poll', atMost: 1.15 },
          { of: 'AF_XDP native, interrupt', to: 'node:dgram' },
        ],
        bounds: [{ of: 'AF_XDP native, busy', atMost: 10 }],
      },
      context,
    );
    const many = await measure(
      {
        title: '64 outstanding',
        unit: 'round trips/s',
        cases: casesFor(64).map(({ name, run: runCase }) => ({
          name,
          run: async () => {
            const { p50, p99, perSecond } = await runCase();
            return { value: perSecond, 'p50 µs': p50, 'p99 µs': p99 };
          },
        })),
        comparisons: [
          { of: 'AF_XDP native, interrupt', to: 'node:dgram', atLeast: 3 },
          { of: 'AF_XDP native, adaptive', to: 'node:dgram', atLeast: 3 },
          { of: 'AF_XDP native, busy', to: 'node:dgram', atLeast: 3 },
        ],
        bounds: [{ of: 'AF_XDP native, adaptive', atLeast: 1.5 * GO_PER_SECOND }],
      },
      context,
    );
    return [one, many];
  } finally {
    await bench.close();
  }
}
