import { Bench } from '../lib/namespaces.mjs';
import { FAR_MAC, payloadOf, SIZES, STATION } from '../lib/plan.mjs';
import { receiveAtRate, sendingTime } from '../lib/receiving.mjs';
import { measure } from '../lib/run.mjs';

export const title = 'RX: datagrams per second from a C sender on the other core';

/** @param {import('../lib/context.mjs').Context} context */
export async function run(context) {
  const { cores, quick } = context;
  const ms = quick ? 200 : 400;
  const bench = await Bench.open(cores);
  /**
   * @param {string} name
   * @param {() => import('../lib/child.mjs').Child} receiver
   * @param {{ size?: number, endpoints?: number, kernel?: boolean, rate?: () => number }} [sending]
   */
  const receiving = (name, receiver, { size = 64, endpoints = 1, kernel = false, rate = () => 0 } = {}) => ({
    name,
    run: () => {
      const payload = payloadOf(size);
      const mac = kernel ? FAR_MAC : STATION;
      const options = { payload, endpoints, mac, ms: sendingTime(ms), rate: Math.round(rate()) };
      return receiveAtRate(receiver, () => bench.rival('near', 'xdp-send', options), ms);
    },
  });
  /** @param {object} options */
  const ours = (options) => () => bench.script('far', 'receive', { engine: 'xdp', ...options });
  /** @param {Record<string, string | number>} options */
  const inC = (options) => () => bench.rival('far', 'xdp-receive', options);
  const packetOurs = (/** @type {object} */ options) => ours({ engine: 'packet', ...options });
  const packetInC = (/** @type {number} */ version) => () =>
    bench.rival('far', 'packet-receive', { version });
  try {
    const sections = [];
    for (const size of quick ? [64] : SIZES) {
      const small = size === 64;
      const cases = [
        receiving('C AF_XDP native, poll', inC({ wait: 'poll' }), { size }),
        receiving('AF_XDP native, interrupt, onBatch', ours({}), { size }),
        receiving('C AF_XDP native, spin', inC({ wait: 'spin' }), { size }),
        receiving('AF_XDP native, busy, onBatch', ours({ polling: 'busy' }), { size }),
        receiving('C TPACKET_V3, poll', packetInC(3), { size }),
        receiving('AF_PACKET throughput, onBatch', packetOurs({ receive: 'throughput' }), { size }),
      ];
      const comparisons = [
        { of: 'AF_XDP native, interrupt, onBatch', to: 'C AF_XDP native, poll', atLeast: 0.9 },
        { of: 'AF_XDP native, busy, onBatch', to: 'C AF_XDP native, spin', atLeast: 0.9 },
        { of: 'AF_PACKET throughput, onBatch', to: 'C TPACKET_V3, poll', atLeast: 0.9 },
        cpuRatio('AF_XDP native, interrupt, onBatch', 'C AF_XDP native, poll'),
      ];
      if (small) {
        cases.push(
          receiving('AF_XDP native, adaptive, onBatch', ours({ polling: 'adaptive' })),
          receiving('C TPACKET_V2, poll', packetInC(2)),
          receiving('AF_PACKET latency, onBatch', packetOurs({})),
          receiving('C UDP recvmmsg', () => bench.rival('far', 'udp-receive'), { kernel: true }),
          receiving("node:dgram, 'message'", () => bench.script('far', 'dgram-receive', {}), {
            kernel: true,
          }),
          receiving('C AF_XDP generic, poll', inC({ wait: 'poll', mode: 'generic' })),
          receiving('AF_XDP generic, interrupt, onBatch', ours({ mode: 'generic' })),
          receiving('C AF_XDP generic, spin', inC({ wait: 'spin', mode: 'generic' })),
          receiving('AF_XDP generic, busy, onBatch', ours({ mode: 'generic', polling: 'busy' })),
          receiving('C AF_XDP native, spin, 1,000 endpoints', inC({ wait: 'spin', endpoints: 1000 }), {
            endpoints: 1000,
          }),
          receiving('AF_XDP native, busy, onBatch, 1,000 conns', ours({ polling: 'busy', endpoints: 1000 }), {
            endpoints: 1000,
          }),
          receiving("AF_XDP native, interrupt, 'message'", ours({ form: 'message' })),
          receiving("AF_XDP native, adaptive, 'message'", ours({ form: 'message', polling: 'adaptive' })),
          receiving('AF_XDP native, interrupt, for await', ours({ form: 'readFrom' })),
        );
        comparisons.push(
          { of: 'AF_XDP native, adaptive, onBatch', to: 'C AF_XDP native, poll', atLeast: 0.9 },
          { of: 'AF_PACKET latency, onBatch', to: 'C TPACKET_V2, poll', atLeast: 0.9 },
          { of: 'AF_XDP generic, interrupt, onBatch', to: 'C AF_XDP generic, poll', atLeast: 0.9 },
          { of: 'AF_XDP generic, busy, onBatch', to: 'C AF_XDP generic, spin', atLeast: 0.9 },
          {
            of: 'AF_XDP native, busy, onBatch, 1,000 conns',
            to: 'C AF_XDP native, spin, 1,000 endpoints',
            atLeast: 0.9,
          },
          cpuRatio('AF_XDP generic, interrupt, onBatch', 'C AF_XDP generic, poll'),
        );
      }
      sections.push(
        await measure({ title: `${size}-byte frames`, unit: 'packets/s', cases, comparisons }, context),
      );
    }
    // What the sender does at full speed depends on who receives, so each share is of what this receiver was offered.
    const offered = sections[0].rows.find(({ name }) => name === 'AF_XDP native, busy, onBatch')?.details[
      'offered/s'
    ];
    const full = offered?.median ?? 0;
    const rates = [0.5, 0.9, 1].map((share) =>
      receiving(`busy, ${share * 100} % of ${Math.round(full / 1000)} k/s`, ours({ polling: 'busy' }), {
        rate: () => full * share,
      }),
    );
    const interrupt = [0.5, 0.9, 1].map((share) =>
      receiving(`interrupt, ${share * 100} % of ${Math.round(full / 1000)} k/s`, ours({}), {
        rate: () => full * share,
      }),
    );
    sections.push(
      await measure(
        {
          title: 'Loss at a rate: AF_XDP native, onBatch, 64-byte frames',
          unit: 'packets/s',
          cases: [...rates, ...interrupt],
        },
        context,
      ),
    );
    return sections;
  } finally {
    await bench.close();
  }
}

/**
 * @param {string} of
 * @param {string} to
 */
function cpuRatio(of, to) {
  return { of, to, detail: 'CPU ns/packet', atMost: 1.25 };
}
