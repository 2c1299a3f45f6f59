import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { EtherConn, Host, RUDPConn, SharedRUDPConn } from 'etherconn';
import { checkConn, checkHost, checkRelay } from '../lib/ledgers.mjs';
import { sleep, turn } from '../lib/part.mjs';
import { ALL_ENGINES, holdings, Wire } from '../lib/wire.mjs';

export const title = 'conns, hosts and sockets come and go';
export const engines = ALL_ENGINES;

const AT_A_TIME = 64;
/** Bytes that the heap may be larger at the end than after a third of the time. */
const GROWTH = 24 << 20;

/** @param {import('../lib/part.mjs').Part} part */
export async function run(part) {
  const { random } = part;
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc');
  const began = performance.now();
  const wire = await Wire.open(part.engine);
  const relay = await wire.relay('far');
  const attacker = await wire.attacker();
  const echo = Host.createNow(attacker, {
    mac: '02:00:00:00:01:01',
    addresses: ['10.9.255.250/16'],
    detectDuplicates: 'off',
  });
  const server = echo.dgram.createSocket('udp4');
  server.on('message', (message, { port, address }) => server.send(message, port, address, () => {}));
  await new Promise((resolve) => server.bind(7, () => resolve(undefined)));
  // What is opened for the first of a kind stays with the relay.
  for (let kind = 0; kind < 3; kind++) {
    const first = bear(part, relay, kind);
    first.use();
    await sleep(50);
    await first.close();
  }
  const held = holdings();
  part.begin();
  /** @type {{ use: () => void, close: () => Promise<unknown> }[]} */
  const living = [];
  /** What is being closed: a host waits for its next hops. @type {Set<Promise<unknown>>} */
  const closing = new Set();
  let serial = 3;
  let heap = 0;
  while (part.goesOn) {
    if (living.length < AT_A_TIME && !random.once(3)) {
      living.push(bear(part, relay, serial++));
      part.count('opened');
    } else if (living.length > 0) {
      const [one] = living.splice(random.below(living.length), 1);
      const closed = one.close().then(() => closing.delete(closed));
      closing.add(closed);
    }
    for (const { use } of living) if (random.once(4)) use();
    if (random.once(8)) await turn();
    if (closing.size > AT_A_TIME) await Promise.race(closing);
    if (serial % 512 === 0) checkRelay(part, relay);
    if (heap === 0 && performance.now() - began > (1000 * part.seconds) / 3) {
      collect();
      heap = process.memoryUsage().heapUsed;
    }
  }
  await Promise.all([...closing, ...living.map(({ close }) => close())]);
  part.equal(relay.stats().registrations, 0, 'registrations left');
  const { descriptors, rings } = holdings();
  part.equal(descriptors, held.descriptors, 'descriptors');
  part.equal(rings, held.rings, 'mapped rings');
  await turn();
  collect();
  const growth = process.memoryUsage().heapUsed - heap;
  part.check(growth < GROWTH, `the heap has grown by ${growth} bytes`);
  const { received, sent } = relay.stats();
  Object.assign(part.counts, { frames: received + sent, 'KiB of heap more': Math.round(growth / 1024) });
  server.close();
  await echo.close();
  await wire.close();
}

/** Something that talks to the echo server. */
function bear(part, relay, serial) {
  const mac = `02:ec:00:${[serial >> 16, serial >> 8, serial].map((n) => (n & 255).toString(16).padStart(2, '0')).join(':')}`;
  const address = `10.9.${(serial >> 7) & 127}.${1 + (serial & 127)}`;
  const target = { address: '10.9.255.250', port: 7 };
  const ignore = () => {};
  if (serial % 3 === 0) {
    const conn = new RUDPConn({ address, port: 5000 }, new EtherConn(mac, relay, [0x0800]), {
      resolveNextHop: () => '02:00:00:00:01:01',
    });
    conn.onBatch((batch) => part.count('echoes', batch.length));
    return {
      use: () => conn.trySendTo(new Uint8Array(100), target),
      close: () => {
        checkConn(part, conn);
        return conn.close();
      },
    };
  }
  const host = Host.createNow(relay, { mac, addresses: [`${address}/16`], detectDuplicates: 'off' });
  if (serial % 3 === 1) {
    const socket = host.dgram.createSocket('udp4');
    socket.on('error', ignore);
    socket.on('message', () => part.count('echoes'));
    socket.bind(0);
    return {
      use: () =>
        socket.send(Buffer.alloc(part.random.once(20) ? 4000 : 100), target.port, target.address, ignore),
      close: async () => {
        checkHost(part, host);
        if (part.random.once(2)) socket.close();
        await host.close();
      },
    };
  }
  const conn = new SharedRUDPConn({ address, port: 5001 }, host);
  conn.onBatch((batch) => part.count('echoes', batch.length));
  return {
    use: () => {
      conn.writeTo(new Uint8Array(100), target).catch(ignore);
      host.ping(target.address, { timeout: 1000 }).catch(ignore);
    },
    close: async () => {
      checkHost(part, host);
      if (part.random.once(2)) await conn.close();
      await host.close();
    },
  };
}
