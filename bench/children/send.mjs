/**
 * Sends UDP datagrams as fast as it goes, in one of the forms of the API. Takes { engine, mode, form, size, checksum,
 * ms }; answers with what it sent.
 */
import { EtherConn, MemoryNetwork, RUDPConn } from 'etherconn';
import {
  PORT,
  payloadOf,
  RECEIVER_ADDRESS,
  SENDER,
  SENDER_ADDRESS,
  SENDER_PORT,
  STATION,
} from '../lib/plan.mjs';
import { openRelay } from './relay.mjs';
import { answer, onCommand, readArguments, sayReady } from './timing.mjs';

const options = readArguments();
const { form = 'trySendMany', size = 64, checksum = true, ms = 500 } = options;
const BURST = 64;
/** Milliseconds in which the engine compiles what is measured then, on the same core. */
const WARM_UP = Math.min(600, 1.5 * ms);
/** Milliseconds between two looks at the clock are far less: this is how often others get their turn. */
const TURN = 10;

const network = options.engine === 'memory' ? new MemoryNetwork() : undefined;
const relay = network?.relay({ sendingMode: 'batch' }) ?? (await openRelay(options));
const conn = new RUDPConn(
  { address: SENDER_ADDRESS, port: SENDER_PORT },
  new EtherConn(SENDER, relay, [0x0800]),
  { resolveNextHop: () => STATION, checksum },
);
const payload = new Uint8Array(payloadOf(size)).fill(0x5a);
const destination = { address: RECEIVER_ADDRESS, port: PORT };
const peer = conn.peer(destination);
const burst = Array.from({ length: BURST }, () => payload);

/** In the process itself somebody has to receive. */
let received = 0;
if (network !== undefined) {
  const far = new EtherConn(STATION, network.relay(), [0x0800]);
  new RUDPConn({ address: RECEIVER_ADDRESS, port: PORT }, far).onBatch((batch) => {
    received += batch.length;
  });
}

/** @type {Record<string, () => number | Promise<number>>} */
const forms = {
  trySendMany: () => peer.trySendMany(burst),
  trySend: () => {
    let sent = 0;
    while (sent < BURST && peer.trySend(payload) === 1) sent++;
    return sent;
  },
  trySendTo: () => {
    let sent = 0;
    while (sent < BURST && conn.trySendTo(payload, destination) === 1) sent++;
    return sent;
  },
  writeTo: async () => {
    for (let i = 0; i < BURST; i++) await conn.writeTo(payload, destination);
    return BURST;
  },
};
const step = forms[form];

/** @param {number} milliseconds */
async function send(milliseconds) {
  const start = performance.now();
  let sent = 0;
  let elapsed = 0;
  let turnEnd = TURN;
  while (elapsed < milliseconds) {
    const result = step();
    const taken = typeof result === 'number' ? result : await result;
    sent += taken;
    elapsed = performance.now() - start;
    if (taken < BURST || elapsed > turnEnd) {
      turnEnd = elapsed + TURN;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  relay.flush();
  return { sent, elapsed: performance.now() - start };
}

onCommand(async () => {
  const warm = await send(WARM_UP);
  const { sent, elapsed } = await send(ms);
  answer({ packets: sent, milliseconds: elapsed, total: warm.sent + sent, received });
  await relay.close();
  process.exit(0);
});
sayReady();
