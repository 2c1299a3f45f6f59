import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Child } from '../lib/child.mjs';
import { Bench, FAR, NEAR } from '../lib/namespaces.mjs';
import { HOST_ADDRESSES, hostAddress, RECEIVER_ADDRESS, station } from '../lib/plan.mjs';
import { measure } from '../lib/run.mjs';

const INSIDE = fileURLToPath(new URL('../children/tcp-inside.mjs', import.meta.url));
/** MiB of young generation in which nothing is collected while allocations are counted. */
const YOUNG = 512;
const MANY = 100_000;
const HOSTS = 10_000;

export const title = "TCP: host.net, a host's TCP by the contract below its sockets, and node:net";

/** @typedef {{ engine?: 'xdp', polling?: 'busy', face?: boolean }} Kind without an engine: node:net */

/** @param {import('../lib/context.mjs').Context} context */
export async function run(context) {
  const { cores, quick } = context;
  const ms = quick ? 300 : 1000;
  const results = [];
  const bench = await Bench.open(cores);
  /** @param {boolean} on */
  const setOffloads = (on) => {
    const state = on ? 'on' : 'off';
    for (const [side, name] of /** @type {const} */ ([
      ['near', NEAR],
      ['far', FAR],
    ]))
      bench[side].run('ethtool', '-K', name, 'tso', state, 'gso', state, 'gro', state);
  };
  /**
   * @param {'near' | 'far'} side
   * @param {string} role
   * @param {Kind} kind
   * @param {object} [more]
   */
  const start = (side, role, kind, more = {}) =>
    bench.script(side, 'tcp', { role, side, ms, ...kind, ...more });
  /**
   * Megabytes per second: the near side is of the kind that is measured, the far side is the kernel.
   * @param {'send' | 'receive'} way
   * @param {Kind} kind
   * @param {boolean} offloads
   */
  const bulk = async (way, kind, offloads) => {
    setOffloads(offloads);
    const far = start('far', way === 'send' ? 'sink' : 'source', {});
    await far.ready();
    const near = start('near', way === 'send' ? 'source' : 'sink', kind, { address: RECEIVER_ADDRESS });
    const sink = way === 'send' ? far : near;
    try {
      await near.ready();
      await pass(ms / 2);
      sink.tell('b');
      await pass(ms);
      sink.tell('e');
      const { bytes, milliseconds } = await sink.result();
      return bytes / 1000 / milliseconds;
    } finally {
      await near.kill();
      await far.kill();
    }
  };
  /**
   * Both sides of the same kind.
   * @param {string} role
   * @param {Kind} kind
   * @param {object} more
   */
  const requests = async (role, kind, more) => {
    const far = start('far', 'server', kind);
    await far.ready();
    const address = kind.engine === undefined ? RECEIVER_ADDRESS : HOST_ADDRESSES.far;
    const near = start('near', role, kind, { address, ...more });
    try {
      await near.ready();
      near.tell('b');
      return await near.result();
    } finally {
      await near.kill();
      await far.kill();
    }
  };
  const HOST = /** @type {Kind} */ ({ engine: 'xdp' });
  const BUSY = /** @type {Kind} */ ({ engine: 'xdp', polling: 'busy' });
  const FACE = /** @type {Kind} */ ({ ...HOST, face: true });
  try {
    for (const way of /** @type {const} */ (['send', 'receive'])) {
      const section = await measure(
        {
          title: way === 'send' ? 'Bulk to the kernel, MTU 1500' : 'Bulk from the kernel, MTU 1500',
          unit: 'MB/s',
          cases: [
            { name: 'host, AF_XDP native', run: () => bulk(way, HOST, false) },
            { name: 'host.net, AF_XDP native', run: () => bulk(way, FACE, false) },
            { name: 'node:net, offloads off', run: () => bulk(way, {}, false) },
            { name: 'node:net, offloads on', run: () => bulk(way, {}, true) },
          ],
          comparisons: [
            { of: 'host, AF_XDP native', to: 'node:net, offloads off', atLeast: 0.5 },
            { of: 'host.net, AF_XDP native', to: 'node:net, offloads off', atLeast: 0.5 },
            { of: 'host.net, AF_XDP native', to: 'node:net, offloads on' },
          ],
        },
        context,
      );
      results.push(section);
    }
    setOffloads(true);
    /** @param {Kind} kind @param {number} connections */
    const trips = (kind, connections) => async () => {
      const { perSecond, p50, p99 } = await requests('client', kind, { connections });
      return { value: perSecond, 'p50 µs': p50, 'p99 µs': p99 };
    };
    const opening = (/** @type {Kind} */ kind) => async () => (await requests('opener', kind, {})).perSecond;
    results.push(
      await measure(
        {
          title: 'Requests and responses of 100 bytes, both ends of the same kind',
          unit: 'per second',
          cases: [
            { name: 'host, 64 connections', run: trips(HOST, 64) },
            { name: 'host.net, 64 connections', run: trips(FACE, 64) },
            { name: 'node:net, 64 connections', run: trips({}, 64) },
            { name: 'host, 1 connection, busy', run: trips(BUSY, 1) },
            { name: 'host.net, 1 connection, busy', run: trips({ ...BUSY, face: true }, 1) },
            { name: 'node:net, 1 connection', run: trips({}, 1) },
            { name: 'host, a connection each', run: opening(HOST) },
            { name: 'host.net, a connection each', run: opening(FACE) },
            { name: 'node:net, a connection each', run: opening({}) },
          ],
          comparisons: [
            { of: 'host, 64 connections', to: 'node:net, 64 connections', atLeast: 1.5 },
            { of: 'host.net, 64 connections', to: 'node:net, 64 connections', atLeast: 1.5 },
            { of: 'host, 1 connection, busy', to: 'node:net, 1 connection', atLeast: 3 },
            { of: 'host.net, 1 connection, busy', to: 'node:net, 1 connection', atLeast: 3 },
            { of: 'host, a connection each', to: 'node:net, a connection each', atLeast: 1.5 },
            { of: 'host.net, a connection each', to: 'node:net, a connection each', atLeast: 1.5 },
          ],
        },
        context,
      ),
    );
    const machines = quick ? 1000 : HOSTS;
    await introduce(bench, machines);
    results.push(
      await measure(
        {
          title: `HTTP: ${machines} hosts with a connection each, which they keep, to a server of node:http on the kernel`,
          unit: 'requests/s',
          cases: [
            { name: 'a host each', run: () => http(bench, ms, { ...FACE, hosts: machines }) },
            { name: 'one host', run: () => http(bench, ms, { ...FACE, hosts: machines, shared: true }) },
            { name: 'node:net, one address', run: () => http(bench, ms, { hosts: machines }) },
          ],
          comparisons: [{ of: 'a host each', to: 'node:net, one address' }],
        },
        context,
      ),
    );
  } finally {
    await bench.close();
  }
  /** @param {object} options @param {number} [young] */
  const inside =
    (options, young = 64) =>
    async () => {
      const flags = ['--expose-gc', `--max-semi-space-size=${young}`, `--min-semi-space-size=${young}`];
      const what = JSON.stringify({ ms, ...options });
      return /** @type {any} */ (
        await new Child([process.execPath, ...flags, INSIDE, what], { core: cores.a }).result()
      );
    };
  const few = { hosts: 10, connections: 100 };
  const many = { hosts: quick ? 1000 : HOSTS, connections: quick ? 10_000 : MANY };
  const [connections, hosts] = [many.connections, many.hosts].map((count) => count.toLocaleString('en-US'));
  const own = `${connections} connections of ${hosts} hosts`;
  const face = `host.net, ${connections}`;
  results.push(
    await measure(
      {
        title: 'Bulk inside of one process, one core',
        unit: 'MB/s',
        cases: [
          { name: 'two hosts, MTU 1500', run: inside({ what: 'bulk' }, YOUNG) },
          { name: 'two hosts, MTU 9000', run: inside({ what: 'bulk', mtu: 9000 }, YOUNG) },
          { name: 'two hosts, host.net, MTU 1500', run: inside({ what: 'bulk', kind: 'face' }) },
          { name: 'two hosts, host.net, MTU 9000', run: inside({ what: 'bulk', kind: 'face', mtu: 9000 }) },
          { name: 'node:net, loopback', run: inside({ what: 'bulk', kind: 'node' }) },
        ],
        comparisons: [
          { of: 'two hosts, host.net, MTU 1500', to: 'node:net, loopback' },
          { of: 'two hosts, host.net, MTU 9000', to: 'node:net, loopback', atLeast: 0.5 },
          { of: 'two hosts, MTU 1500', to: 'node:net, loopback' },
          { of: 'two hosts, MTU 9000', to: 'node:net, loopback', atLeast: 0.5 },
        ],
        bounds: [{ of: 'two hosts, MTU 1500', detail: 'bytes allocated per segment', atMost: 1 }],
      },
      context,
    ),
    await measure(
      {
        title: 'Echo of 100 bytes over many connections inside of one process, 100 under way',
        unit: 'per second',
        cases: [
          { name: '100 connections', run: inside({ what: 'echo', ...few }) },
          { name: own, run: inside({ what: 'echo', ...many }) },
          { name: 'host.net, 100', run: inside({ what: 'echo', kind: 'face', ...few }) },
          { name: face, run: inside({ what: 'echo', kind: 'face', ...many }) },
        ],
        comparisons: [
          { of: own, to: '100 connections', atLeast: 0.7 },
          { of: face, to: 'host.net, 100', atLeast: 0.7 },
        ],
        bounds: [
          { of: own, detail: 'bytes per idle end', atMost: 2048 },
          { of: face, detail: 'bytes per idle end', atMost: 4096 },
        ],
      },
      context,
    ),
  );
  return results;
}

/**
 * Opens all connections, then sends requests on all of them in turn.
 * @param {Bench} bench
 * @param {number} ms
 * @param {Kind & { hosts: number, shared?: boolean }} options
 */
async function http(bench, ms, options) {
  const far = bench.script('far', 'http-server', { address: RECEIVER_ADDRESS });
  await far.ready();
  const near = bench.script('near', 'http-hosts', { address: RECEIVER_ADDRESS, ms, ...options }, [
    '--expose-gc',
  ]);
  try {
    return /** @type {any} */ (await near.result());
  } finally {
    await near.kill();
    await far.kill();
  }
}

/**
 * Enters the hosts in the neighbor table of the far kernel, which would not learn so many. Permanent neighbors do not count.
 * @param {Bench} bench
 * @param {number} count
 */
async function introduce({ far }, count) {
  far.run('ip', 'route', 'add', '10.16.0.0/16', 'dev', FAR);
  const ip = far.spawn('ip', '-batch', '-');
  for (let n = 0; n < count; n++) {
    ip.stdin?.write(`neigh replace ${hostAddress(n)} lladdr ${station(n)} dev ${FAR} nud permanent\n`);
  }
  ip.stdin?.end();
  const [code] = await once(ip, 'exit');
  if (code !== 0) throw new Error('the far kernel has not taken the hosts as neighbors');
}

/** @param {number} milliseconds */
function pass(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
