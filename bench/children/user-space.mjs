/**
 * The whole path up or down against simulated rings: no kernel, one core. Takes { what, kind, version, endpoints,
 * scattered, packets, size, checksum }; answers with ns and bytes allocated per packet, and scavenges. Where frames
 * arrive, what the simulated kernel does for that is measured, too, in the same process: `simulation`, ns per packet, is
 * part of the other.
 */
import { PerformanceObserver } from 'node:perf_hooks';
import { EtherConn, Host, Relay, RUDPConn, SharedEtherConn, SharedRUDPConn } from 'etherconn';
import {
  PORT,
  payloadOf,
  RECEIVER_ADDRESS,
  RECEIVER_ADDRESS6,
  SENDER_ADDRESS,
  SENDER_ADDRESS6,
  SENDER_PORT,
  station,
} from '../lib/plan.mjs';
import { SimulatedLink } from './simulated-link.mjs';
import { answer, readArguments } from './timing.mjs';

const {
  what,
  kind = 'RUDPConn',
  version = 4,
  endpoints = 1,
  scattered = false,
  packets,
  size = 64,
  checksum = true,
} = readArguments();
const BURST = 64;
const WAKE_UP = 256;

const payload = new Uint8Array(payloadOf(size)).fill(0x5a);
const [source, destination] =
  version === 4 ? [SENDER_ADDRESS, RECEIVER_ADDRESS] : [SENDER_ADDRESS6, RECEIVER_ADDRESS6];
const link = new SimulatedLink({ source, destination, payload, checksum: checksum ? 'full' : 'zero' });
const relay = new Relay(/** @type {any} */ (link), { sendingMode: 'batch' });
let seen = 0;

/**
 * The endpoint of station `n`, of whichever kind: all have onBatch and 'message'.
 * @param {number} n
 */
function open(n) {
  const local = { address: destination, port: PORT };
  const options = { receiveDepth: 4096, verifyChecksum: /** @type {const} */ ('auto'), checksum };
  switch (kind) {
    case 'RUDPConn':
      return new RUDPConn(
        local,
        new EtherConn(station(n), relay, [version === 4 ? 0x0800 : 0x86dd]),
        options,
      );
    case 'SharedRUDPConn':
      return new SharedRUDPConn(local, new SharedEtherConn(station(n), relay), options);
    case 'host': {
      const addresses = [`${destination}/${version === 4 ? 24 : 64}`];
      const host = Host.createNow(relay, { mac: station(n), addresses, detectDuplicates: 'off' });
      const socket = host.dgram.createSocket(`udp${version}`);
      socket.bind(PORT);
      return socket;
    }
    default:
      throw new Error(`kind: ${kind}`);
  }
}

/** Station numbers in network byte order: each at random, or the same for a whole wake-up. */
function makeOrder() {
  const order = new Uint16Array(1 << 16);
  for (let i = 0; i < order.length; i++) {
    const n = (Math.imul(scattered ? i + 1 : (i >>> 8) + 1, 0x9e3779b1) >>> 0) % endpoints;
    order[i] = (n >>> 8) | ((n & 255) << 8);
  }
  return order;
}

const conns = Array.from({ length: endpoints }, (_, n) => open(n));
await new Promise((resolve) => setImmediate(resolve));
const order = makeOrder();
let at = 0;

/** The kernel's side alone, to show what it costs. */
function simulateArrival() {
  link.arrive(WAKE_UP, order, at);
  link.unarrive(WAKE_UP);
  at = (at + WAKE_UP) & (order.length - 1);
  seen += WAKE_UP;
}

function wakeUp() {
  link.receive(WAKE_UP, order, at);
  at = (at + WAKE_UP) & (order.length - 1);
}

/** @type {(() => void) | (() => Promise<void>)} */
let step = wakeUp;
let perStep = WAKE_UP;
/** The RUDPConn that sends and reads. */
const conn = /** @type {RUDPConn} */ (conns[0]);
const remote = { address: source, port: SENDER_PORT };
const peer = kind === 'RUDPConn' ? conn.peer(remote) : undefined;
switch (what) {
  case 'onBatch': {
    const callback = (/** @type {import('etherconn').Batch} */ batch) => {
      while (batch.next()) seen += batch.payloadLength > 0 ? 1 : 0;
    };
    for (const each of conns) each.onBatch(callback);
    break;
  }
  case 'message':
    for (const each of conns) each.on('message', () => seen++);
    break;
  case 'readFrom':
    // In one turn of the event loop, as a program that keeps up would.
    step = async () => {
      wakeUp();
      for (let i = 0; i < WAKE_UP; i++) {
        await conn.readFrom();
        seen++;
      }
    };
    break;
  case 'reply':
    for (const each of conns) {
      each.onBatch((batch) => {
        while (batch.next()) seen += batch.reply(payload);
      });
    }
    break;
  case 'trySendMany': {
    const burst = Array.from({ length: BURST }, () => payload);
    perStep = BURST;
    step = () => {
      seen += peer?.trySendMany(burst) ?? 0;
    };
    break;
  }
  case 'trySend':
    perStep = BURST;
    step = () => {
      for (let i = 0; i < BURST; i++) seen += peer?.trySend(payload) ?? 0;
    };
    break;
  case 'trySendTo': {
    perStep = BURST;
    step = () => {
      for (let i = 0; i < BURST; i++) seen += conn.trySendTo(payload, remote);
    };
    break;
  }
  case 'writeTo': {
    perStep = BURST;
    step = async () => {
      for (let i = 0; i < BURST; i++) if ((await conn.writeTo(payload, remote)) > 0) seen++;
    };
    break;
  }
  default:
    throw new Error(`what: ${what}`);
}

/** @param {number} count */
async function run(count) {
  const steps = Math.ceil(count / perStep);
  for (let i = 0; i < steps; i++) {
    const pending = step();
    if (pending !== undefined) await pending;
  }
  return steps * perStep;
}

/** What the kernel's side costs where frames arrive, ns per packet. */
function simulationAlone() {
  if (!['onBatch', 'message', 'readFrom', 'reply'].includes(what)) return 0;
  const steps = 4000;
  for (let i = 0; i < steps; i++) simulateArrival();
  const from = performance.now();
  for (let i = 0; i < steps; i++) simulateArrival();
  return ((performance.now() - from) * 1e6) / (steps * WAKE_UP);
}

let scavenges = 0;
const observer = new PerformanceObserver((list) => {
  scavenges += list.getEntries().length;
});

/** Bytes on the heap and behind it. */
function allocated() {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

await run(Math.max(packets / 10, 50_000));
const { gc } = globalThis;
if (gc === undefined) throw new Error('run with --expose-gc');
gc();
observer.observe({ entryTypes: ['gc'] });
// The young generation is large enough to keep all that is allocated below; so the difference is what was allocated.
const bytesBefore = allocated();
seen = 0;
const start = performance.now();
const count = await run(packets);
const elapsed = performance.now() - start;
const bytes = allocated() - bytesBefore;
await new Promise((resolve) => setTimeout(resolve, 20));
observer.disconnect();
if (seen < count * 0.999) throw new Error(`${what}: ${seen} of ${count} packets`);
answer({
  nanoseconds: (elapsed * 1e6) / count,
  bytes: bytes / count,
  scavenges,
  simulation: simulationAlone(),
});
await relay.close();
