import { fileURLToPath } from 'node:url';
import { Child } from '../lib/child.mjs';
import { rival } from '../lib/rivals.mjs';
import { measure } from '../lib/run.mjs';

const CHILD = fileURLToPath(new URL('../children/user-space.mjs', import.meta.url));

/** MiB of young generation in which nothing is collected while allocations are counted. */
const YOUNG = 512;
const MANY = 10_000_000;
/** Where tens of bytes are allocated for each. */
const FEW = 200_000;
const SOME = 2_000_000;
/** Where conns or hosts are many. */
const CONNS = 10_000;

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
  /**
   * The same work in C.
   * @param {string} name
   * @param {string[]} args
   */
  const inC = (name, ...args) => ({
    name,
    run: async () => {
      const program = rival('user-space');
      const child = new Child([program, `packets=${quick ? 2_000_000 : MANY}`, ...args], { core: cores.a });
      const { nanoseconds, simulation } = await child.result();
      return { value: nanoseconds - simulation, 'simulation, not counted': simulation };
    },
  });
  const frames = [
    inC('C, send', 'what=send'),
    inC('C, receive, 10,000 endpoints in turn', `endpoints=${CONNS}`),
    inC('C, receive, 10,000 endpoints at random', `endpoints=${CONNS}`, 'scattered=1'),
    make('send: peer.trySendMany of 64', MANY, { what: 'trySendMany' }),
    make('send: peer.trySendMany of 64, IPv6', MANY, { what: 'trySendMany', version: 6 }),
    make('send: peer.trySend', SOME, { what: 'trySend' }),
    make('send: conn.trySendTo', SOME, { what: 'trySendTo' }),
    make('send: await conn.writeTo', FEW, { what: 'writeTo' }),
    make('onBatch, 10,000 RUDPConns in turn', MANY, { what: 'onBatch', endpoints: CONNS }),
    make('onBatch, 10,000 RUDPConns in turn, IPv6', SOME, { what: 'onBatch', endpoints: CONNS, version: 6 }),
    make('onBatch, 10,000 RUDPConns at random', MANY, { what: 'onBatch', endpoints: CONNS, scattered: true }),
    make('onBatch, 10,000 RUDPConns at random, IPv6', SOME, {
      what: 'onBatch',
      endpoints: CONNS,
      scattered: true,
      version: 6,
    }),
    make('onBatch, RUDPConn', SOME, { what: 'onBatch' }),
    make('onBatch, SharedRUDPConn', SOME, { what: 'onBatch', kind: 'SharedRUDPConn' }),
    make('onBatch, host socket', SOME, { what: 'onBatch', kind: 'host' }),
    make('onBatch, host socket, IPv6', SOME, { what: 'onBatch', kind: 'host', version: 6 }),
    make('await readFrom, RUDPConn', FEW, { what: 'readFrom' }),
    make('batch.reply, RUDPConn', SOME, { what: 'reply' }),
  ];
  const messages = [
    make("'message', RUDPConn", FEW, { what: 'message' }),
    make("'message', RUDPConn, IPv6", FEW, { what: 'message', version: 6 }),
    make("'message', 10,000 RUDPConns at random", FEW, {
      what: 'message',
      endpoints: CONNS,
      scattered: true,
    }),
    make("'message', host socket", FEW, { what: 'message', kind: 'host' }),
    make("'message', host socket, IPv6", FEW, { what: 'message', kind: 'host', version: 6 }),
    ...[1_000, CONNS].flatMap((endpoints) => [
      make(`'message', sockets of ${thousands(endpoints)} hosts in turn`, FEW, {
        what: 'message',
        kind: 'host',
        endpoints,
      }),
      make(`'message', sockets of ${thousands(endpoints)} hosts at random`, FEW, {
        what: 'message',
        kind: 'host',
        endpoints,
        scattered: true,
      }),
    ]),
  ];
  const large = [
    make('send 1400, checksum', 1_000_000, { what: 'trySendMany', size: 1400 }),
    make('send 1400, no checksum', 1_000_000, { what: 'trySendMany', size: 1400, checksum: false }),
    make('receive 1400, checksum', 1_000_000, { what: 'onBatch', size: 1400 }),
    make('receive 1400, no checksum', 1_000_000, { what: 'onBatch', size: 1400, checksum: false }),
  ];
  /**
   * @param {string} of
   * @param {string} to
   * @param {number} atMost
   */
  const within = (of, to, atMost) => ({ of, to, atMost });
  const unit = 'ns per packet';
  return [
    await measure(
      {
        title: '64-byte frames',
        unit,
        cases: frames,
        comparisons: [
          within('send: peer.trySendMany of 64', 'C, send', 2),
          within('onBatch, 10,000 RUDPConns in turn', 'C, receive, 10,000 endpoints in turn', 2),
          within('onBatch, 10,000 RUDPConns at random', 'C, receive, 10,000 endpoints at random', 1.5),
          ...[
            'send: peer.trySendMany of 64',
            'onBatch, 10,000 RUDPConns in turn',
            'onBatch, 10,000 RUDPConns at random',
          ].map((of) => within(`${of}, IPv6`, of, 1.25)),
          within('onBatch, SharedRUDPConn', 'onBatch, RUDPConn', 1.25),
          within('onBatch, host socket', 'onBatch, RUDPConn', 1.25),
          within('onBatch, host socket, IPv6', 'onBatch, RUDPConn', 1.25),
        ],
        bounds: frames
          .filter(({ name }) => /trySendMany|onBatch/.test(name))
          .map(({ name: of }) => ({ of, detail: 'bytes allocated', atMost: 1 })),
      },
      context,
    ),
    await measure(
      {
        title: "64-byte frames, 'message'",
        unit,
        cases: messages,
        comparisons: [
          within("'message', RUDPConn, IPv6", "'message', RUDPConn", 1.25),
          within("'message', host socket", "'message', RUDPConn", 1.1),
          within("'message', host socket, IPv6", "'message', host socket", 1.25),
          ...[1_000, CONNS].flatMap((count) => [
            within(`'message', sockets of ${thousands(count)} hosts in turn`, "'message', host socket", 1.2),
            within(`'message', sockets of ${thousands(count)} hosts at random`, "'message', host socket", 2),
          ]),
        ],
      },
      context,
    ),
    await measure({ title: '1400-byte frames', unit, cases: large }, context),
  ];
}

/** @param {number} count */
function thousands(count) {
  return count.toLocaleString('en-US');
}
