/** Milliseconds in which both sides settle before anything counts. */
const SETTLING = 150;

/**
 * Milliseconds that a sender must send for a receiver to be measured for `ms`.
 * @param {number} ms
 */
export function sendingTime(ms) {
  return SETTLING + ms + 50;
}

/**
 * What a receiver takes in while a sender sends: packets per second, what they cost it, and what share was lost.
 * @param {() => import('./child.mjs').Child} startReceiver
 * @param {() => import('./child.mjs').Child} startSender must send for as long as `sendingTime` says
 * @param {number} ms
 * @returns {Promise<import('./run.mjs').Measurement>}
 */
export async function receiveAtRate(startReceiver, startSender, ms) {
  const receiver = startReceiver();
  try {
    const sender = startSender();
    try {
      await Promise.all([receiver.ready(), sender.ready()]);
      sender.tell('b');
      await sleep(SETTLING);
      receiver.tell('b');
      await sleep(ms);
      receiver.tell('e');
      const result = await receiver.result();
      const { packets: sent, milliseconds } = await sender.result();
      const rate = (result.packets / result.milliseconds) * 1000;
      const offered = (sent / milliseconds) * 1000;
      return {
        value: rate,
        'offered/s': offered,
        'lost %': Math.max(0, 100 * (1 - rate / offered)),
        'CPU ns/packet': (result.cpuMicroseconds * 1000) / Math.max(1, result.packets),
        ...(result.late99 === undefined ? {} : { 'timer p99 late, ms': result.late99 }),
      };
    } finally {
      await sender.kill();
    }
  } finally {
    await receiver.kill();
  }
}

/** @param {number} ms */
function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
