/**
 * Opens many conns, sockets or hosts on one relay. Takes { kind: 'EtherConn' | 'RUDPConn' | 'dgram' | 'host', count, engine,
 * probed, warm }; answers with microseconds and bytes for each. 'host' is a host with a bound socket. If `warm`, opens as
 * many elsewhere before. If `probed`, says "ready" and waits until every socket has got a message, or for a while; answers
 * with how many have, and with the process's resident memory in MB then.
 */
import { EtherConn, Host, MemoryNetwork, RUDPConn } from 'etherconn';
import { hostAddress, PORT, RECEIVER_ADDRESS, station } from '../lib/plan.mjs';
import { openRelay } from './relay.mjs';
import { answer, readArguments, sayReady } from './timing.mjs';

const options = readArguments();
const { kind, count, engine, probed = false, warm = false } = options;
/** Milliseconds in which messages have to come. */
const PATIENCE = 20_000;
const { gc } = globalThis;
if (gc === undefined) throw new Error('run with --expose-gc');

const relay = engine === 'memory' ? new MemoryNetwork().relay() : await openRelay(options);
const host =
  kind === 'dgram'
    ? await Host.create(relay, { addresses: ['10.9.0.7/24'], detectDuplicates: 'off' })
    : undefined;

/**
 * @param {number} n
 * @param {import('etherconn').PacketRelay} on
 */
function open(n, on = relay) {
  if (kind === 'EtherConn') return new EtherConn(station(n), on);
  if (kind === 'RUDPConn') {
    return new RUDPConn({ address: RECEIVER_ADDRESS, port: PORT }, new EtherConn(station(n), on));
  }
  if (kind === 'host') return openHost(n, on);
  const socket = /** @type {Host} */ (host).dgram.createSocket('udp4');
  socket.bind(1024 + n);
  return socket;
}

/** @type {Uint8Array} */
const isReached = new Uint8Array(count);
let reached = 0;

/**
 * @param {number} n
 * @param {import('etherconn').PacketRelay} on
 */
function openHost(n, on) {
  const addresses = [`${hostAddress(n)}/8`];
  const each = Host.createNow(on, { mac: station(n), addresses, detectDuplicates: 'off' });
  const socket = each.dgram.createSocket('udp4');
  socket.bind(PORT);
  if (probed) {
    socket.on('message', () => {
      reached += 1 - isReached[n];
      isReached[n] = 1;
    });
  }
  return socket;
}

async function waitForMessages() {
  sayReady();
  const deadline = performance.now() + PATIENCE;
  while (reached < count && performance.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 20));
}

function memory() {
  gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return { heapUsed, external };
}

/** Opens as many elsewhere, so that the code is compiled; how long that takes says more of the compiler. */
async function warmUp() {
  const elsewhere = new MemoryNetwork().relay();
  for (let n = 0; n < count; n++) open(n, elsewhere);
  await new Promise((resolve) => setImmediate(resolve));
  await elsewhere.close();
  await new Promise((resolve) => setTimeout(resolve, 100));
  gc?.();
}

if (warm) await warmUp();
const before = memory();
/** @type {unknown[]} */
const kept = new Array(count);
const start = performance.now();
for (let n = 0; n < count; n++) kept[n] = open(n);
// What is told to the kernel is told at the end of the turn.
await new Promise((resolve) => setImmediate(resolve));
const elapsed = performance.now() - start;
const after = memory();
if (kept.length !== count) throw new Error('not kept');
if (probed) await waitForMessages();
const { rss } = process.memoryUsage();
answer({
  ...(probed ? { reached, resident: rss / 1e6 } : {}),
  microseconds: (elapsed * 1000) / count,
  heap: (after.heapUsed - before.heapUsed) / count,
  external: (after.external - before.external) / count,
});
process.exit(0);
