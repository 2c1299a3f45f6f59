import { Bench } from '../lib/namespaces.mjs';
import { NOBODY, payloadOf, SIZES } from '../lib/plan.mjs';
import { measure } from '../lib/run.mjs';

export const title = 'TX: datagrams per second over a veth pair, counted at the far interface';

/** @param {import('../lib/context.mjs').Context} context */
export async function run(context) {
  const { cores, quick } = context;
  const ms = quick ? 150 : 400;
  const bench = await Bench.open(cores);
  /** Sends from the near side. @param {() => import('../lib/child.mjs').Child} start */
  const rate = (start) => async () => {
    const child = await start().ready();
    const before = bench.farFrames();
    child.tell('b');
    const { packets, milliseconds, total = packets } = await child.result();
    const arrived = bench.farFrames() - before;
    return { value: (packets / milliseconds) * 1000, 'arrived %': (100 * arrived) / total };
  };
  /** @param {string} name @param {object} options */
  const ours = (name, options) => ({
    name,
    run: rate(() => bench.script('near', 'send', { ms, ...options })),
  });
  /** @param {string} name @param {string} program @param {Record<string, string | number>} options */
  const inC = (name, program, options) => ({
    name,
    run: rate(() => bench.rival('near', program, { ms, ...options })),
  });
  /** @param {string} name @param {object} options */
  const dgram = (name, options) => ({
    name,
    run: rate(() => bench.script('near', 'dgram-send', { ms, address: NOBODY, ...options })),
  });
  const memory = async () => {
    const child = await bench.script('near', 'send', { ms, engine: 'memory' }).ready();
    child.tell('b');
    const { packets, milliseconds, total, received } = await child.result();
    return { value: (packets / milliseconds) * 1000, 'arrived %': (100 * received) / total };
  };
  try {
    const sections = [];
    for (const size of quick ? [64] : SIZES) {
      const small = size === 64;
      const payload = payloadOf(size);
      const xdp = { engine: 'xdp', size };
      const packet = { engine: 'packet', size };
      const cases = [
        inC('C AF_XDP', 'xdp-send', { payload }),
        ours('AF_XDP native, trySendMany', { ...xdp, mode: 'native' }),
        inC('C AF_PACKET sendmmsg', 'packet-send', { payload }),
        ours('AF_PACKET, trySendMany', packet),
      ];
      const comparisons = [
        { of: 'AF_XDP native, trySendMany', to: 'C AF_XDP', atLeast: 0.9 },
        { of: 'AF_PACKET, trySendMany', to: 'C AF_PACKET sendmmsg', atLeast: 0.9 },
      ];
      if (small) {
        cases.push(
          inC('C UDP sendmmsg', 'udp-send', { payload, to: NOBODY }),
          dgram('node:dgram, loop', { form: 'loop' }),
          ours('AF_XDP generic, trySendMany', { ...xdp, mode: 'generic' }),
          ours('AF_XDP native, peer.trySend', { ...xdp, form: 'trySend' }),
          ours('AF_XDP native, conn.trySendTo', { ...xdp, form: 'trySendTo' }),
          ours('AF_XDP native, await writeTo', { ...xdp, form: 'writeTo' }),
          ours('AF_PACKET, await writeTo', { ...packet, form: 'writeTo' }),
          { name: 'memory network, trySendMany', run: memory },
          dgram('node:dgram, callback', { form: 'callback' }),
          dgram('node:dgram, connected', { form: 'connected' }),
        );
        comparisons.push(
          { of: 'AF_XDP generic, trySendMany', to: 'C AF_XDP', atLeast: 0.9 },
          { of: 'AF_XDP native, trySendMany', to: 'node:dgram, loop' },
        );
      } else {
        cases.push(ours('AF_XDP native, trySendMany, no checksum', { ...xdp, checksum: false }));
        comparisons.push({
          of: 'AF_XDP native, trySendMany',
          to: 'AF_XDP native, trySendMany, no checksum',
          ...(size === 1400 ? { atLeast: 0.85 } : {}),
        });
      }
      sections.push(
        await measure({ title: `${size}-byte frames`, unit: 'packets/s', cases, comparisons }, context),
      );
    }
    return sections;
  } finally {
    await bench.close();
  }
}
