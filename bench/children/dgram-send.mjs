/**
 * Sends by a dgram socket, node:dgram's or ours, in one of the forms in which programs do. Takes { form, size, ms,
 * address, host }; answers with what it sent.
 */

import { PORT, payloadOf } from '../lib/plan.mjs';
import { openSocket } from './dgram-socket.mjs';
import { answer, onCommand, readArguments, sayReady } from './timing.mjs';

const options = readArguments();
const { form, size = 64, ms = 500, address, prime = false } = options;
const BURST = 64;
/** Milliseconds in which the engine compiles what is measured then, on the same core. */
const WARM_UP = Math.min(600, 1.5 * ms);

const socket = await openSocket(options);
const payload = Buffer.alloc(payloadOf(size), 0x5a);
const connected = form === 'connected' || form === 'sendMany';
const target = connected ? [] : [PORT, address];
if (connected) {
  await new Promise((resolve) => socket.connect(PORT, address, () => resolve(undefined)));
}
// Has the destination's MAC address asked for, before anything is measured.
if (prime) await new Promise((resolve) => socket.send(payload, ...target, () => resolve(undefined)));
const burst = Array.from({ length: BURST }, () => payload);
let turn = 0;

/**
 * Each sends some and resolves with how many.
 * @type {Record<string, () => Promise<number>>}
 */
const forms = {
  /** As many as may be under way, each with a callback. */
  callback: () =>
    new Promise((resolve) => {
      let left = BURST;
      for (let i = 0; i < BURST; i++) {
        socket.send(payload, 0, payload.length, PORT, address, () => {
          if (--left === 0) resolve(BURST);
        });
      }
    }),
  /** In a loop, without callbacks; now and then the loop lets others have their turn. */
  loop: async () => {
    for (let i = 0; i < BURST; i++) socket.send(payload, 0, payload.length, PORT, address);
    await pause();
    return BURST;
  },
  connected: async () => {
    for (let i = 0; i < BURST; i++) socket.send(payload);
    await pause();
    return BURST;
  },
  /** Ours only. */
  sendMany: async () => {
    const taken = socket.sendMany(burst);
    await pause();
    return taken;
  },
};

/** node:dgram keeps what the kernel has no room for: a program that never paused would fill the memory. */
function pause() {
  return ++turn % 4 === 0 ? new Promise((resolve) => setImmediate(resolve)) : undefined;
}

/** @param {number} milliseconds */
async function send(milliseconds) {
  const start = performance.now();
  let sent = 0;
  while (performance.now() - start < milliseconds) sent += await forms[form]();
  await new Promise((resolve) => setImmediate(resolve));
  return { sent, elapsed: performance.now() - start };
}

onCommand(async () => {
  const warm = await send(WARM_UP);
  const { sent, elapsed } = await send(ms);
  answer({ packets: sent, milliseconds: elapsed, total: warm.sent + sent });
  process.exit(0);
});
sayReady();
