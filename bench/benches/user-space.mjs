import { fileURLToPath } from 'node:url';
import { Child } from '../lib/child.mjs';
import { measure } from '../lib/run.mjs';

const CHILD = fileURLToPath(new URL('../children/user-space.mjs', import.meta.url));

/** MiB of young generation in which nothing is collected while allocations are counted. */
const YOUNG = 512;
const MANY = 10_000_000;
/** Where tens of bytes are allocated for each. */
const FEW = 200_000;
const SOME = 2_000_000;

export const title = 'User space: the whole path against simulated rings; no kernel, one core';

/** @param {import('../lib/context.mjs').Context} context */
export async function run(context) {
  const { cores, quick } = context;
  /**
   * @param {string} name
   * @param {number} packets
   * @param {object} options
   */
  const make = (name, packets, options) => ({
    name,
    run: async () => {
      const flags = ['--expose-gc', `--max-semi-space-size=${YOUNG}`, `--min-semi-space-size=${YOUNG}`];
      const what = JSON.stringify({ packets: quick ? Math.min(packets, 1_000_000) : packets, ...options });
      const child = new Child([process.execPath, ...flags, CHILD, what], { core: cores.a });
      const { nanoseconds, bytes, scavenges, simulation } = await child.result();
      return {
        value: nanoseconds - simulation,
        'simulation, not counted': simulation,
        'bytes allocated': Math.max(0, bytes),
        scavenges,
      };
    },
  });
  const send = 'send: peer.trySendMany of 64';
  const receive = 'receive: onBatch, 10,000 conns, a batch for each in turn';
  const scattered = 'receive: onBatch, 10,000 conns at random';
  const cases = [
    make(send, MANY, { what: 'trySendMany' }),
    make('send: peer.trySend', SOME, { what: 'trySend' }),
    make('send: conn.trySendTo', SOME, { what: 'trySendTo' }),
    make('send: await conn.writeTo', FEW, { what: 'writeTo' }),
    make(receive, MANY, { what: 'onBatch', endpoints: 10_000 }),
    make(scattered, MANY, { what: 'onBatch', endpoints: 10_000, scattered: true }),
    make('receive: onBatch, 1 conn', SOME, { what: 'onBatch' }),
    make("receive: 'message', 10,000 conns at random", FEW, {
      what: 'message',
      endpoints: 10_000,
      scattered: true,
    }),
    make('receive: await readFrom, 1 conn', FEW, { what: 'readFrom' }),
    make('receive and batch.reply, 1 conn', SOME, { what: 'reply' }),
  ];
  const large = [
    make('send 1400, checksum', 1_000_000, { what: 'trySendMany', size: 1400 }),
    make('send 1400, no checksum', 1_000_000, { what: 'trySendMany', size: 1400, checksum: false }),
    make('receive 1400, checksum', 1_000_000, { what: 'onBatch', size: 1400 }),
    make('receive 1400, no checksum', 1_000_000, { what: 'onBatch', size: 1400, checksum: false }),
  ];
  const bounds = [send, receive, scattered].flatMap((of) => [
    { of, atMost: 67 },
    { of, detail: 'bytes allocated', atMost: 1 },
  ]);
  return [
    await measure({ title: '64-byte frames', unit: 'ns per packet', cases, bounds }, context),
    await measure({ title: '1400-byte frames', unit: 'ns per packet', cases: large }, context),
  ];
}
