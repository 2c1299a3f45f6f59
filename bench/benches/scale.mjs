import { Bench } from '../lib/namespaces.mjs';
import { receiveAtRate, sendingTime } from '../lib/receiving.mjs';
import { measure } from '../lib/run.mjs';

export const title = 'Scale: many conns on one relay: opening, memory, and the rate as their number grows';

const COUNTS = [1_000, 10_000, 100_000];

/** @param {number} count */
function thousands(count) {
  return count.toLocaleString('en-US');
}

/** @param {import('../lib/context.mjs').Context} context */
export async function run(context) {
  const { cores, quick } = context;
  const ms = quick ? 200 : 400;
  const bench = await Bench.open(cores);
  const twoQueues = await Bench.open(cores, { queues: 2 });
  /**
   * @param {string} name
   * @param {object} options
   * @param {Bench} [on]
   */
  const opening = (name, options, on = bench) => ({
    name,
    run: async () => {
      const { microseconds, heap, external } = await on
        .script('far', 'open-many', options, ['--expose-gc'])
        .result();
      const all = heap + external;
      return { value: microseconds, 'heap bytes': heap, 'other bytes': external, 'bytes in all': all };
    },
  });
  /**
   * @param {string} sender 'xdp-send': to one station after the other, over sockets; 'xdp-inject': to stations at random
   * @param {number} endpoints
   * @param {string} layer
   * @param {Bench} [on]
   */
  const rate = (sender, endpoints, layer, on = bench) =>
    receiveAtRate(
      () => on.script('far', 'receive', { engine: 'xdp', polling: 'busy', endpoints, layer }),
      () => on.rival('near', sender, { endpoints, ms: sendingTime(ms) }),
      ms,
    );
  /**
   * Hosts with a bound socket each; every one of them has to get a datagram from outside.
   * @param {number} count
   */
  const probing = (count) => ({
    name: `${thousands(count)} hosts with a socket each, AF_XDP, all probed`,
    run: async () => {
      const options = { kind: 'host', count, engine: 'xdp', probed: true };
      const far = bench.script('far', 'open-many', options, ['--expose-gc']);
      const near = bench.script('near', 'probe-stations', { endpoints: count, engine: 'xdp' });
      try {
        await Promise.all([far.ready(), near.ready()]);
        near.tell('b');
        const { microseconds, heap, external, reached, resident } = await far.result();
        return {
          value: microseconds,
          'heap bytes': heap,
          'other bytes': external,
          reached,
          'resident MB': resident,
        };
      } finally {
        await near.kill();
        await far.kill();
      }
    },
  });
  try {
    const etherConns = COUNTS.map((count) =>
      opening(`${thousands(count)} EtherConns, AF_XDP`, { kind: 'EtherConn', count, engine: 'xdp' }),
    );
    const most = `${thousands(100_000)} EtherConns, AF_XDP`;
    const opened = await measure(
      {
        title: 'Opening, each',
        unit: 'µs each',
        cases: [
          ...etherConns,
          opening(
            '100,000 EtherConns, AF_XDP, 2 queues',
            { kind: 'EtherConn', count: 100_000, engine: 'xdp' },
            twoQueues,
          ),
          opening('100,000 EtherConns, memory network', {
            kind: 'EtherConn',
            count: 100_000,
            engine: 'memory',
          }),
          opening('100,000 RUDPConns with their EtherConns, memory network', {
            kind: 'RUDPConn',
            count: 100_000,
            engine: 'memory',
          }),
          opening('10,000 dgram sockets of one host, memory network', {
            kind: 'dgram',
            count: 10_000,
            engine: 'memory',
          }),
        ],
        bounds: [
          { of: most, atMost: 10 },
          { of: most, detail: 'heap bytes', atMost: 1024 },
        ],
      },
      context,
    );
    const hosts = `${thousands(10_000)} hosts with a socket each, memory network`;
    const probed = probing(100_000);
    const hostsOpened = await measure(
      {
        title: 'Hosts with a bound socket each',
        unit: 'µs each',
        cases: [
          opening(hosts, { kind: 'host', count: 10_000, engine: 'memory' }),
          opening(`${hosts}, code warm`, { kind: 'host', count: 10_000, engine: 'memory', warm: true }),
          probed,
        ],
        bounds: [
          { of: `${hosts}, code warm`, atMost: 40 },
          { of: hosts, detail: 'bytes in all', atMost: 5_000 },
          { of: probed.name, detail: 'resident MB', atMost: 750 },
          { of: probed.name, detail: 'reached', atLeast: 100_000 },
        ],
      },
      context,
    );
    const names = [1, ...COUNTS].map((count) => `${thousands(count)} EtherConns`);
    /** @param {string} sender */
    const growing = (sender) =>
      [1, ...COUNTS].map((count, i) => ({ name: names[i], run: () => rate(sender, count, 'ethernet') }));
    const received = await measure(
      {
        title: 'RX, to one station after the other: AF_XDP native, busy, onBatch',
        unit: 'packets/s',
        cases: [
          ...growing('xdp-send'),
          {
            name: '100,000 EtherConns, 2 queues',
            run: () => rate('xdp-send', 100_000, 'ethernet', twoQueues),
          },
          { name: '10,000 RUDPConns', run: () => rate('xdp-send', 10_000, 'udp') },
        ],
        comparisons: names
          .slice(1)
          .map((of) => ({ of, to: names[0], atLeast: Number((1 / 1.3).toFixed(2)) })),
      },
      context,
    );
    const injected = await measure(
      {
        title: 'RX from injected frames, each to a station at random: what the caches of the processor allow',
        unit: 'packets/s',
        cases: growing('xdp-inject'),
        comparisons: names.slice(1).map((of) => ({ of, to: names[0] })),
      },
      context,
    );
    return [opened, hostsOpened, received, injected];
  } finally {
    await bench.close();
    await twoQueues.close();
  }
}
