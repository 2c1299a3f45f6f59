import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { Bench, FAR, NEAR } from '../lib/namespaces.mjs';
import {
  NEAR_MAC,
  NOBODY,
  NOBODY_MAC,
  PORT,
  payloadOf,
  RECEIVER_ADDRESS,
  SENDER,
  SENDER_ADDRESS,
  STATION,
} from '../lib/plan.mjs';
import { receiveAtRate, sendingTime } from '../lib/receiving.mjs';
import { measure, Skip } from '../lib/run.mjs';

export const title = 'Tool: the `etherconn` command beside the library, and beside others';

/** Milliseconds that the tool is measured for: the third second of its run, when it is warm. */
const SECOND = 1000;
const WARM_UP = 2 * SECOND;
const FLOWS = 10_000;
/** Each gives its lease up after a moment and wants another, so that there is always somebody who asks. */
const CLIENTS = 20_000;
const FLAP = '100ms';

/** @param {import('../lib/context.mjs').Context} context */
export async function run(context) {
  const bench = await Bench.open(context.cores);
  try {
    return [
      await send(bench, context),
      await receive(bench, context),
      await memory(bench, context),
      await dhcp(bench, context),
      await capture(bench, context),
    ];
  } finally {
    await bench.close();
  }
}

/**
 * @param {Bench} bench
 * @param {import('../lib/context.mjs').Context} context
 */
async function send(bench, context) {
  /** @param {number} flows */
  const tool = (flows) => async () => {
    const argv = ['udp', 'send', NEAR, '--engine', 'xdp', '--from', SENDER_ADDRESS, '--from-mac', SENDER];
    argv.push('--to', NOBODY, '--to-mac', NOBODY_MAC, '--to-port', `${PORT}`, '--from-port', `1024+${flows}`);
    const child = await bench
      .script('near', 'tool', {
        argv: [...argv, '--size', '64', '--rate', 'max', '--duration', '3s'],
      })
      .ready();
    const before = bench.farFrames();
    child.tell('b');
    const { second, result } = await child.result();
    const arrived = bench.farFrames() - before;
    return { value: second.sent, 'arrived %': (100 * arrived) / (result.sent.packets + 2 * flows) };
  };
  const inC = async () => {
    const child = await bench.rival('near', 'xdp-send', { payload: payloadOf(64), ms: SECOND }).ready();
    const before = bench.farFrames();
    child.tell('b');
    const { packets, milliseconds } = await child.result();
    return {
      value: (packets / milliseconds) * 1000,
      'arrived %': (100 * (bench.farFrames() - before)) / packets,
    };
  };
  return measure(
    {
      title: '`etherconn udp send --rate max`, AF_XDP, 64-byte frames',
      unit: 'packets/s',
      cases: [
        { name: 'C AF_XDP', run: inC },
        { name: 'udp send, 1 flow', run: tool(1) },
        { name: `udp send, ${FLOWS} flows`, run: tool(FLOWS) },
      ],
      comparisons: [
        { of: 'udp send, 1 flow', to: 'C AF_XDP', atLeast: 0.8 },
        { of: `udp send, ${FLOWS} flows`, to: 'C AF_XDP', atLeast: 0.8 },
      ],
    },
    context,
  );
}

/**
 * What `udp receive` makes of injected flows.
 * @param {Bench} bench
 * @param {number} flows
 */
async function receiveFlows(bench, flows) {
  const argv = ['udp', 'receive', FAR, '--engine', 'xdp', '--address', RECEIVER_ADDRESS];
  argv.push('--mac', STATION, '--port', `${PORT}`);
  const child = bench.script('far', 'tool', { argv, starts: 'now' });
  try {
    const source = await bench.rival('near', 'flow-inject', { flows, ms: sendingTime(WARM_UP) }).ready();
    await child.ready();
    source.tell('b');
    await new Promise((resolve) => setTimeout(resolve, WARM_UP));
    child.tell('e');
    const { second, cpuMicroseconds, resident, anonymous } = await child.result();
    const { packets, milliseconds } = await source.result();
    return {
      received: second.received,
      offered: (packets / milliseconds) * 1000,
      cpuMicroseconds,
      resident,
      anonymous,
    };
  } finally {
    await child.kill();
  }
}

/**
 * @param {Bench} bench
 * @param {import('../lib/context.mjs').Context} context
 */
async function receive(bench, context) {
  const sender = () => bench.rival('near', 'flow-inject', { flows: FLOWS, ms: sendingTime(SECOND) });
  const alone = (/** @type {object} */ options) => () =>
    receiveAtRate(() => bench.script('far', 'receive', { engine: 'xdp', ...options }), sender, SECOND);
  const tool = async () => {
    const { received, offered, cpuMicroseconds } = await receiveFlows(bench, FLOWS);
    return {
      value: received,
      'offered/s': offered,
      'lost %': Math.max(0, 100 * (1 - received / offered)),
      'CPU ns/packet': (cpuMicroseconds * 1000) / received,
    };
  };
  const name = `udp receive: ${FLOWS} flows with sequence, loss and latency`;
  return measure(
    {
      title: '`etherconn udp receive`, AF_XDP, 64-byte frames, the receiver is the limit',
      unit: 'packets/s',
      cases: [
        { name: 'interrupt, onBatch', run: alone({}) },
        { name: 'adaptive, onBatch', run: alone({ polling: 'adaptive' }) },
        { name, run: tool },
      ],
      comparisons: [
        { of: name, to: 'interrupt, onBatch', atLeast: 0.7 },
        { of: name, to: 'interrupt, onBatch', detail: 'CPU ns/packet' },
        { of: name, to: 'adaptive, onBatch' },
      ],
    },
    context,
  );
}

/**
 * @param {Bench} bench
 * @param {import('../lib/context.mjs').Context} context
 */
async function memory(bench, context) {
  /** @param {object} options */
  const node = (options) => async () => {
    const { resident, anonymous } = await bench.script('far', 'memory', options).result();
    return { value: resident, 'of it anonymous': anonymous };
  };
  /** @param {number} flows */
  const tool = (flows) => async () => {
    const { resident, anonymous } = await receiveFlows(bench, flows);
    return { value: resident, 'of it anonymous': anonymous };
  };
  const name = `udp receive, ${FLOWS} flows`;
  return measure(
    {
      title: 'Memory of `etherconn udp receive` while it receives',
      unit: 'MiB resident',
      cases: [
        { name: 'Node alone', run: node({}) },
        { name: 'Node with the library imported', run: node({ module: 'etherconn' }) },
        { name: 'udp receive, 1 flow', run: tool(1) },
        { name, run: tool(FLOWS) },
      ],
      comparisons: [{ of: name, to: 'Node alone' }],
      bounds: [{ of: name, atMost: 60 }],
      notes: [
        'The packet memory of AF_XDP is 16 MiB of it, which the kernel holds in place. What is not anonymous is the program of Node itself, which all processes of Node share.',
      ],
    },
    context,
  );
}

/**
 * @param {Bench} bench
 * @param {import('../lib/context.mjs').Context} context
 */
async function dhcp(bench, context) {
  const server = () => bench.rival('far', 'dhcp-server').ready();
  const fleet = async () => {
    const child = await server();
    bench.setFarNeighbor(SENDER_ADDRESS, SENDER);
    try {
      const options = { ms: SECOND, transport: 'conn', engine: 'xdp', polling: 'adaptive' };
      const clients = await bench.script('near', 'dhcp-fleet', options).ready();
      clients.tell('b');
      return (await clients.result()).perSecond;
    } finally {
      bench.setFarNeighbor(SENDER_ADDRESS, NEAR_MAC);
      await child.kill();
    }
  };
  const tool = async () => {
    const child = await server();
    try {
      const argv = ['dhcp', NEAR, '--engine', 'xdp', '--clients', `${CLIENTS}`, '--rate', 'max'];
      argv.push('--flap', FLAP, '--duration', '3s');
      const clients = await bench.script('near', 'tool', { argv }).ready();
      clients.tell('b');
      const { second, result } = await clients.result();
      return { value: second.leases, 'retries/s': second.retries, failed: result.fleet.failed };
    } finally {
      await child.kill();
    }
  };
  /** @param {string} threads */
  const perfdhcp = (threads) => async () => {
    if (spawnSync('perfdhcp', ['-v']).error !== undefined) throw new Skip('no perfdhcp (kea-admin)');
    const child = await server();
    try {
      const command = ['perfdhcp', '-4', '-g', threads, '-l', NEAR, '-R', `${CLIENTS}`, '-p', '3'];
      return (await bench.program('near', ['sh', '-c', perfdhcpScript(command)]).result()).rate;
    } finally {
      await child.kill();
    }
  };
  return measure(
    {
      title: '`etherconn dhcp --rate max`, AF_XDP, against a server in C over the kernel',
      unit: 'leases/s',
      cases: [
        { name: 'fleet of the bench app: RUDPConn, AF_XDP, onBatch', run: fleet },
        { name: 'etherconn dhcp', run: tool },
        { name: 'perfdhcp, one thread', run: perfdhcp('single') },
        { name: 'perfdhcp, two threads', run: perfdhcp('multi') },
      ],
      comparisons: [
        { of: 'etherconn dhcp', to: 'fleet of the bench app: RUDPConn, AF_XDP, onBatch', atLeast: 0.8 },
        { of: 'etherconn dhcp', to: 'perfdhcp, one thread', atLeast: 3 },
        { of: 'etherconn dhcp', to: 'perfdhcp, two threads', atLeast: 3 },
      ],
    },
    context,
  );
}

/**
 * @param {Bench} bench
 * @param {import('../lib/context.mjs').Context} context
 */
async function capture(bench, context) {
  const sender = (/** @type {number} */ ms) =>
    bench.rival('near', 'xdp-send', { payload: payloadOf(64), ms: sendingTime(ms) });
  const alone = () =>
    receiveAtRate(
      () => bench.script('far', 'receive', { engine: 'packet', receive: 'throughput' }),
      () => sender(SECOND),
      SECOND,
    );
  const tool = async () => {
    const folder = mkdtempSync('/dev/shm/etherconn-bench-');
    const before = bench.farFrames();
    const argv = ['capture', FAR, '-Q', 'in', '-w', `${folder}/frames.pcapng`];
    const child = bench.script('far', 'tool', { argv, starts: 'now' });
    try {
      const source = await sender(WARM_UP).ready();
      await child.ready();
      source.tell('b');
      const { packets, milliseconds } = await source.result();
      child.tell('e');
      const { second, result, cpuMicroseconds } = await child.result();
      const offered = (packets / milliseconds) * 1000;
      const written = second.frames - second.lost;
      return {
        value: written,
        'offered/s': offered,
        'lost and counted %': (100 * (result.dropped + result.lost)) / (result.frames + result.dropped),
        'lost and not counted': Math.max(0, bench.farFrames() - before - result.frames - result.dropped),
        'CPU ns/packet': (cpuMicroseconds * 1000) / written,
      };
    } finally {
      await child.kill();
      rmSync(folder, { recursive: true });
    }
  };
  return measure(
    {
      title: '`etherconn capture -w` to a RAM disk, AF_PACKET, 64-byte frames from a C sender',
      unit: 'packets/s',
      cases: [
        { name: 'AF_PACKET throughput, onBatch', run: alone },
        { name: 'capture -w', run: tool },
      ],
      comparisons: [{ of: 'capture -w', to: 'AF_PACKET throughput, onBatch', atLeast: 0.6 }],
      bounds: [
        { of: 'capture -w', detail: 'lost and not counted', unit: 'frames lost and not counted', atMost: 0 },
      ],
    },
    context,
  );
}

/** @param {readonly string[]} command */
function perfdhcpScript(command) {
  return `${command.join(' ')} ${RECEIVER_ADDRESS} | sed -n 's/^Rate: \\([0-9.]*\\).*/{"rate":\\1}/p'`;
}
