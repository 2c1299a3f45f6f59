/**
 * Opens many conns or sockets on one relay. Takes { kind: 'EtherConn' | 'RUDPConn' | 'dgram', count, engine }; answers
 * with microseconds and bytes for each.
 */
import { EtherConn, Host, MemoryNetwork, RUDPConn } from 'etherconn';
import { PORT, RECEIVER_ADDRESS, station } from '../lib/plan.mjs';
import { openRelay } from './relay.mjs';
import { answer, readArguments } from './timing.mjs';

const options = readArguments();
const { kind, count, engine } = options;
const { gc } = globalThis;
if (gc === undefined) throw new Error('run with --expose-gc');

const relay = engine === 'memory' ? new MemoryNetwork().relay() : await openRelay(options);
const host =
  kind === 'dgram'
    ? await Host.create(relay, { addresses: ['10.9.0.7/24'], detectDuplicates: 'off' })
    : undefined;

/** @param {number} n */
function open(n) {
  if (kind === 'EtherConn') return new EtherConn(station(n), relay);
  if (kind === 'RUDPConn') {
    return new RUDPConn({ address: RECEIVER_ADDRESS, port: PORT }, new EtherConn(station(n), relay));
  }
  const socket = /** @type {Host} */ (host).dgram.createSocket('udp4');
  socket.bind(1024 + n);
  return socket;
}

function memory() {
  gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return { heapUsed, external };
}

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
answer({
  microseconds: (elapsed * 1000) / count,
  heap: (after.heapUsed - before.heapUsed) / count,
  external: (after.external - before.external) / count,
});
process.exit(0);
