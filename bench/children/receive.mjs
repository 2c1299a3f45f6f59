/**
 * Receives UDP datagrams in one of the forms of the API. Takes { engine, mode, polling, receive, form, layer, endpoints,
 * timer }; counts between 'b' and 'e'. With `timer`, says how late a timer of 5 milliseconds is, in milliseconds.
 */
import { EtherConn, RUDPConn } from 'etherconn';
import { PORT, RECEIVER_ADDRESS, station } from '../lib/plan.mjs';
import { percentile } from '../lib/stats.mjs';
import { openRelay } from './relay.mjs';
import { countBetweenCommands, readArguments, sayReady } from './timing.mjs';

const options = readArguments();
const { form = 'onBatch', endpoints = 1, layer = 'udp', timer = false } = options;
const relay = await openRelay(options);
let received = 0;
/** Milliseconds. */
const PERIOD = 5;

for (let n = 0; n < endpoints; n++) {
  const lower = new EtherConn(station(n), relay, [0x0800]);
  if (layer === 'ethernet') {
    lower.onBatch(onBatch);
    continue;
  }
  const conn = new RUDPConn({ address: RECEIVER_ADDRESS, port: PORT }, lower);
  switch (form) {
    case 'onBatch':
      conn.onBatch(onBatch);
      break;
    case 'message':
      conn.on('message', onMessage);
      break;
    case 'readFrom':
      void read(conn);
      break;
    default:
      throw new Error(`form: ${form}`);
  }
}

/** @param {import('etherconn').Batch} batch */
function onBatch(batch) {
  while (batch.next()) if (batch.payloadLength > 0) received++;
}

/** @param {Buffer} data */
function onMessage(data) {
  if (data.length > 0) received++;
}

/** @param {RUDPConn} conn */
async function read(conn) {
  for await (const { data } of conn) if (data.length > 0) received++;
}

// Registrations reach the interface at the end of this turn.
await new Promise((resolve) => setImmediate(resolve));
/** @type {number[]} */
let lateness = [];
if (timer) startTimer();

function startTimer() {
  const due = performance.now() + PERIOD;
  setTimeout(() => {
    lateness.push(performance.now() - due);
    startTimer();
  }, PERIOD);
}

function counters() {
  const { link } = relay.stats();
  return { packets: received, wakeups: link.wakeups, dropped: link.rxDropped };
}

countBetweenCommands(
  () => {
    lateness = [];
    return counters();
  },
  () => ({ ...counters(), ...(timer ? { late99: late(0.99) } : {}) }),
);
sayReady();

/** @param {number} share */
function late(share) {
  return percentile(
    lateness.sort((a, b) => a - b),
    share,
  );
}
