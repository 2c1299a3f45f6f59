import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { eventually } from '../../test-support/eventually.ts';
import { runNode, startNode } from '../../test-support/node-in-namespace.ts';
import { FAR, NEAR } from '../../test-support/veth-links.ts';
import { openXdpBench, requireXdp, type XdpBench } from '../../test-support/xdp-bench.ts';
import { type Namespace, requireCommand } from '../../testing/namespaces.ts';
import type { FrameMemory, LinkReceiver, Station } from '../link.ts';

const STATIONS = 1000;
const SOURCE_PORTS = 40;
const IPV4 = 0x0800;
const ARP = 0x0806;

/** Station n: 02:ee:00:00:hh:ll at 10.1.hh.ll. */
function station(n: number): Station {
  return { macHigh: 0x02ee0000, macLow: n, vlanKey: 0, etherTypes: [IPV4, ARP] };
}

/** Counts datagrams by the station they are for, and by queue; and ARP requests. */
class Stations implements LinkReceiver {
  readonly datagrams = new Map<number, number>();
  readonly queues = new Set<number>();
  misdelivered = 0;
  arpRequests = 0;
  #memory: FrameMemory | undefined;
  #queue = 0;

  begin(memory: FrameMemory, queue: number): void {
    this.#memory = memory;
    this.#queue = queue;
  }

  frame(offset: number): void {
    const { view } = this.#memory!;
    const type = view.getUint16(offset + 12);
    if (type === ARP) {
      this.arpRequests++;
      return;
    }
    const macLow = view.getUint16(offset + 4);
    // An IPv4 header without options: the destination's last half, protocol UDP, the payload's first half.
    const matches =
      view.getUint32(offset) === 0x02ee0000 &&
      view.getUint8(offset + 23) === 17 &&
      view.getUint16(offset + 32) === macLow &&
      view.getUint16(offset + 42) === macLow;
    if (!matches) {
      this.misdelivered++;
      return;
    }
    this.queues.add(this.#queue);
    this.datagrams.set(macLow, (this.datagrams.get(macLow) ?? 0) + 1);
  }

  end(): void {}
  error(): void {}
  state(): void {}

  get total(): number {
    return [...this.datagrams.values()].reduce((sum, count) => sum + count, 0);
  }
}

/** Sends one datagram from each of many ports, from `first` on, to every station, with the station's number in it. */
const sender = (first: number) => `
  const dgram = require('node:dgram');
  (async () => {
    for (let port = 0; port < ${SOURCE_PORTS}; port++) {
      const socket = dgram.createSocket('udp4');
      await new Promise((done) => socket.bind(${first} + port, done));
      for (let n = 0; n < ${STATIONS}; n += ${SOURCE_PORTS / 4}) {
        const to = (n + port) % ${STATIONS};
        const payload = Buffer.alloc(20);
        payload.writeUInt16BE(to);
        await new Promise((done, fail) =>
          socket.send(payload, 9, '10.1.' + (to >> 8) + '.' + (to & 255), (e) => (e ? fail(e) : done())));
      }
      socket.close();
    }
  })();
`;

const TCP_BYTES = 20_000_000;
const TCP_SERVER = `
  require('node:net').createServer((socket) => {
    socket.pipe(socket);
  }).listen(7000, '10.0.0.2', () => console.log('ready'));
`;
const TCP_CLIENT = `
  const socket = require('node:net').connect(7000, '10.0.0.2');
  const chunk = Buffer.alloc(50000, 7);
  let sent = 0, received = 0;
  const fill = () => {
    while (sent < ${TCP_BYTES}) {
      sent += chunk.length;
      if (!socket.write(chunk)) return;
    }
    socket.end();
  };
  socket.on('connect', fill).on('drain', fill);
  socket.on('data', (data) => { received += data.length; });
  socket.on('end', () => console.log(received));
`;

/** Answers of each ping that are to come under traffic. */
const PINGS = 20;
const pingMissing = requireXdp() || requireCommand('ping');

/** Pings in both directions, which have been answered already. */
async function startPings({ near, far }: XdpBench): Promise<Pinging[]> {
  const pings: Pinging[] = [];
  // One after the other, so that it is the near kernel who asks for an address.
  for (const [namespace, address] of [
    [near, '10.0.0.2'],
    [far, '10.0.0.1'],
  ] as const) {
    const ping = new Pinging(namespace, address);
    pings.push(ping);
    await eventually(`an answer of ${address}`, () => ping.answers > 0);
  }
  return pings;
}

/** A ping that goes on until it is stopped. */
class Pinging {
  readonly #child: ChildProcess;
  #output = '';

  constructor(namespace: Namespace, address: string) {
    this.#child = namespace.spawn('ping', '-n', '-i', '0.02', address);
    this.#child.stdout!.on('data', (chunk) => {
      this.#output += chunk;
    });
  }

  /** Answers so far. */
  get answers(): number {
    return this.#output.split(' bytes from ').length - 1;
  }

  /** How many requests there were, and how many had no answer, when it stops. */
  async stop(): Promise<{ sent: number; lost: number }> {
    this.#child.kill('SIGINT');
    await once(this.#child, 'close');
    const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(this.#output) ?? [];
    return { sent: Number(sent), lost: Number(sent) - Number(received) };
  }
}

for (const mode of ['native', 'generic'] as const) {
  describe(`AF_XDP beside the kernel, ${mode}`, { skip: requireXdp() }, () => {
    // In generic mode veth shows the kernel one less than the sender's queue, and 0 twice: so 3 of 4 are used.
    for (const [queues, expected] of [
      [1, 1],
      [4, mode === 'native' ? 4 : 3],
    ] as const) {
      test(`1,000 stations, ${queues} queues: their traffic comes here from any queue, the kernel keeps its own`, async (t) => {
        const bench = await openXdpBench({ queues, nearAddress: '10.0.0.1/24', farAddress: '10.0.0.2/24' });
        try {
          const link = await bench.open(FAR, { mode });
          const stations = new Stations();
          link.start(stations);
          const list = Array.from({ length: STATIONS }, (_, n) => station(n));
          link.steer(list, [], { all: false, group: true });

          const neighbors = list.map(({ macLow: n }) => {
            const [high, low] = [n >> 8, n & 255].map((byte) => byte.toString(16).padStart(2, '0'));
            return `neigh add 10.1.${n >> 8}.${n & 255} lladdr 02:ee:00:00:${high}:${low} dev ${NEAR}`;
          });
          bench.near.run('ip', 'route', 'add', '10.1.0.0/16', 'dev', NEAR);
          bench.near.run('sh', '-c', `ip -batch - <<'END'\n${neighbors.join('\n')}\nEND`);

          const server = await startNode(bench.far, TCP_SERVER);
          assert.equal(stations.arpRequests, 0);
          const pings = pingMissing === false ? await startPings(bench) : [];
          if (pingMissing !== false) t.diagnostic(`without ping: ${pingMissing}`);
          const before = pings.map(({ answers }) => answers);
          const [received] = await Promise.all([
            runNode(bench.near, TCP_CLIENT),
            runNode(bench.near, sender(20_000)),
            runNode(bench.near, sender(30_000)),
          ]);
          server.kill('SIGKILL');
          assert.equal(Number(received), TCP_BYTES);
          const few = () => pings.some(({ answers }, i) => answers - before[i] < PINGS);
          for (let round = 0; round < 50 && few(); round++) await runNode(bench.near, sender(20_000));
          for (const [i, ping] of pings.entries()) {
            const during = ping.answers - before[i];
            const { sent, lost } = await ping.stop();
            // One may be under way at the end, and the wire may lose some, as it may lose datagrams.
            assert.ok(
              during >= PINGS && lost <= 1 + sent / 10,
              `${during} answered, ${lost} of ${sent} lost`,
            );
          }
          assert.ok(stations.arpRequests > 0, 'the ARP request that the kernel answered came here, too');

          // A wire may lose datagrams under load, before they come near us.
          const complete = () => stations.datagrams.size === STATIONS && stations.queues.size === expected;
          for (let round = 0; round < 5 && !complete(); round++) await runNode(bench.near, sender(20_000));
          assert.deepEqual([stations.datagrams.size, stations.queues.size], [STATIONS, expected]);
          await eventually('a place for every frame that was redirected', () => {
            const { rxDropped, rxSideFrames, rxFrames, steering } = link.stats();
            return rxFrames - rxSideFrames + rxDropped === steering!.redirected;
          });
          assert.equal(stations.total, link.stats().rxFrames - link.stats().rxSideFrames);
          assert.equal(stations.misdelivered, 0);

          link.audit();
        } finally {
          await bench.close();
        }
      });
    }

    test('the kernel’s addresses stay reachable while a station is flooded', async () => {
      const bench = await openXdpBench({ nearAddress: '10.0.0.1/24', farAddress: '10.0.0.2/24' });
      try {
        const link = await bench.open(FAR, { mode, chunks: 64 });
        link.start(new Stations());
        link.steer([station(1)], [], { all: false, group: false });
        bench.near.run('ip', 'neigh', 'add', '10.0.0.9', 'lladdr', '02:ee:00:00:00:01', 'dev', NEAR);
        const flood = bench.near.spawn(
          process.execPath,
          '-e',
          `const s = require('node:dgram').createSocket('udp4');
           const go = () => { for (let i = 0; i < 100; i++) s.send('x', 9, '10.0.0.9'); setImmediate(go); };
           s.bind(go);`,
        );
        await eventually('the flood', () => link.stats().rxFrames > 1000);
        const server = await startNode(bench.far, TCP_SERVER);
        assert.equal(Number(await runNode(bench.near, TCP_CLIENT)), TCP_BYTES);
        for (const child of [flood, server]) child.kill('SIGKILL');
        link.audit();
      } finally {
        await bench.close();
      }
    });
  });
}
