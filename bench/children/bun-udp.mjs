/** UDP by Bun's own sockets, run by Bun. Takes { role, ms, address, size }. */
import { PORT, payloadOf } from '../lib/plan.mjs';
import { answer, countBetweenCommands, onCommand, readArguments, sayReady } from './timing.mjs';

const { role, ms = 500, address, size = 64 } = readArguments();
const { Bun } = /** @type {any} */ (globalThis);
const BURST = 64;

if (role === 'receive') {
  let packets = 0;
  await Bun.udpSocket({
    port: PORT,
    socket: {
      data(/** @type {unknown} */ _socket, /** @type {Buffer} */ data) {
        if (data.length > 0) packets++;
      },
    },
  });
  countBetweenCommands(() => ({ packets }));
} else {
  const socket = await Bun.udpSocket({ connect: { hostname: address, port: PORT } });
  const payload = Buffer.alloc(payloadOf(size), 0x5a);
  const burst = Array.from({ length: BURST }, () => payload);
  const send = async (/** @type {number} */ milliseconds) => {
    const start = performance.now();
    let sent = 0;
    for (let turn = 0; performance.now() - start < milliseconds; turn++) {
      sent += socket.sendMany(burst);
      if (turn % 4 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    return { sent, elapsed: performance.now() - start };
  };
  onCommand(async () => {
    const warm = await send(ms / 2);
    const { sent, elapsed } = await send(ms);
    answer({ packets: sent, milliseconds: elapsed, total: warm.sent + sent });
    process.exit(0);
  });
}
sayReady();
