import { fileURLToPath } from 'node:url';
import { Bench } from '../lib/namespaces.mjs';
import { FAR_MAC, NOBODY, payloadOf, STATION } from '../lib/plan.mjs';
import { receiveAtRate, sendingTime } from '../lib/receiving.mjs';
import { rivalPackage } from '../lib/rivals.mjs';
import { measure } from '../lib/run.mjs';

export const title =
  'Sockets: ours (host.dgram) beside node:dgram, Bun and cap, the same calls on the same veth pair';

/** @param {import('../lib/context.mjs').Context} context */
export async function run(context) {
  const { cores, quick } = context;
  const ms = quick ? 150 : 400;
  const bench = await Bench.open(cores);
  const payload = payloadOf(64);
  /** @param {() => import('../lib/child.mjs').Child} start @param {() => Promise<unknown>} [prepared] */
  const sending = (start, prepared) => async () => {
    const child = await start().ready();
    await prepared?.();
    const before = bench.farFrames();
    child.tell('b');
    const { packets, milliseconds, total = packets } = await child.result();
    return {
      value: (packets / milliseconds) * 1000,
      'arrived %': (100 * (bench.farFrames() - before)) / total,
    };
  };
  /** @param {string} form */
  const nodeSend = (form) => sending(() => bench.script('near', 'dgram-send', { form, ms, address: NOBODY }));
  /** A host of ours asks for the destination's MAC address, as the kernel would. @param {string} form */
  const ourSend = (form) => async () => {
    const arp = await bench.answerArp().ready();
    try {
      const options = { form, ms, address: NOBODY, prime: true, engine: 'xdp' };
      return await sending(
        () => bench.script('near', 'dgram-send', options),
        () => arp.result(),
      )();
    } finally {
      await arp.kill();
    }
  };
  /** @param {'near' | 'far'} side @param {object} options */
  const bun = (side, options) => {
    const program = `${rivalPackage('bun')}/bin/bun.exe`;
    const file = fileURLToPath(new URL('../children/bun-udp.mjs', import.meta.url));
    return bench.program(side, [program, file, JSON.stringify({ ms, ...options })]);
  };
  /** @param {'near' | 'far'} side @param {string} role */
  const cap = (side, role) => {
    const folder = rivalPackage('cap', 'build/Release/cap.node');
    return bench.script(side, 'cap', { role, folder, ms });
  };
  /**
   * The sender is the same for all, and faster than any socket of the kernel's could be.
   * @param {() => import('../lib/child.mjs').Child} receiver @param {string} [mac] who has the receiver's address
   */
  const receiving =
    (receiver, mac = STATION) =>
    () =>
      receiveAtRate(
        receiver,
        () => bench.rival('near', 'xdp-send', { payload, mac, ms: sendingTime(ms) }),
        ms,
      );
  /** @param {object} options */
  const dgramReceive = (options) => () => bench.script('far', 'dgram-receive', options);
  const xdp = { engine: 'xdp' };
  try {
    const tx = await measure(
      {
        title: 'TX, 64-byte frames',
        unit: 'datagrams/s',
        cases: [
          { name: 'node:dgram, send with callback', run: nodeSend('callback') },
          { name: 'ours, send with callback', run: ourSend('callback') },
          { name: 'node:dgram, send in a loop', run: nodeSend('loop') },
          { name: 'ours, send in a loop', run: ourSend('loop') },
          { name: 'node:dgram, connected', run: nodeSend('connected') },
          { name: 'ours, connected', run: ourSend('connected') },
          { name: 'ours, sendMany', run: ourSend('sendMany') },
          { name: 'C AF_XDP', run: sending(() => bench.rival('near', 'xdp-send', { payload, ms })) },
          {
            name: 'C UDP sendmmsg',
            run: sending(() => bench.rival('near', 'udp-send', { payload, to: NOBODY, ms })),
          },
          { name: 'Bun, sendMany', run: sending(() => bun('near', { role: 'send', address: NOBODY })) },
        ],
        comparisons: [
          { of: 'ours, send with callback', to: 'node:dgram, send with callback', atLeast: 4 },
          { of: 'ours, send in a loop', to: 'node:dgram, send in a loop', atLeast: 4 },
          { of: 'ours, connected', to: 'node:dgram, connected', atLeast: 3 },
          { of: 'ours, sendMany', to: 'C AF_XDP', atLeast: 0.9 },
          { of: 'ours, sendMany', to: 'Bun, sendMany', atLeast: 2.5 },
        ],
      },
      context,
    );
    const rx = await measure(
      {
        title: 'RX, 64-byte frames, from a C sender over AF_XDP',
        unit: 'datagrams/s',
        cases: [
          { name: "node:dgram, 'message'", run: receiving(dgramReceive({}), FAR_MAC) },
          { name: "ours, interrupt, 'message'", run: receiving(dgramReceive(xdp)) },
          {
            name: "ours, adaptive, 'message'",
            run: receiving(dgramReceive({ ...xdp, polling: 'adaptive' })),
          },
          {
            name: "ours, AF_PACKET throughput, 'message'",
            run: receiving(dgramReceive({ engine: 'packet', receive: 'throughput' })),
          },
          {
            name: 'ours, adaptive, onBatch',
            run: receiving(dgramReceive({ ...xdp, polling: 'adaptive', form: 'onBatch' })),
          },
          { name: 'C UDP recvmmsg', run: receiving(() => bench.rival('far', 'udp-receive'), FAR_MAC) },
          { name: 'Bun, data', run: receiving(() => bun('far', { role: 'receive' }), FAR_MAC) },
        ],
        comparisons: [
          { of: "ours, interrupt, 'message'", to: "node:dgram, 'message'", atLeast: 2 },
          { of: "ours, adaptive, 'message'", to: "node:dgram, 'message'", atLeast: 3 },
          { of: "ours, AF_PACKET throughput, 'message'", to: "node:dgram, 'message'", atLeast: 3 },
          { of: "ours, adaptive, 'message'", to: 'Bun, data' },
        ],
      },
      context,
    );
    /** @param {object} options */
    const raw = (options) => bench.script('far', 'raw', { role: 'receive', ...options });
    const frames = await measure(
      {
        title: 'Raw frames, 64 bytes',
        unit: 'frames/s',
        cases: [
          { name: 'cap, send', run: sending(() => cap('near', 'send')) },
          {
            name: 'ours, AF_XDP, registration.trySend',
            run: sending(() => bench.script('near', 'raw', { role: 'send', ms, ...xdp })),
          },
          { name: "cap, 'packet'", run: receiving(() => cap('far', 'receive')) },
          {
            name: 'ours, AF_XDP adaptive, onBatch',
            run: receiving(() => raw({ ...xdp, polling: 'adaptive' })),
          },
          {
            name: 'ours, AF_PACKET throughput, onBatch',
            run: receiving(() => raw({ engine: 'packet', receive: 'throughput' })),
          },
        ],
        comparisons: [
          { of: 'ours, AF_XDP, registration.trySend', to: 'cap, send', atLeast: 2 },
          { of: 'ours, AF_XDP adaptive, onBatch', to: "cap, 'packet'", atLeast: 1.2 },
          { of: 'ours, AF_PACKET throughput, onBatch', to: "cap, 'packet'", atLeast: 1.2 },
        ],
      },
      context,
    );
    return [tx, rx, frames];
  } finally {
    await bench.close();
  }
}
