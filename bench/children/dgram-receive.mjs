/** Receives by a dgram socket's 'message', node:dgram's or ours. Counts between 'b' and 'e'. */
import { PORT } from '../lib/plan.mjs';
import { openSocket } from './dgram-socket.mjs';
import { countBetweenCommands, readArguments, sayReady } from './timing.mjs';

const { form, ...options } = readArguments();
const socket = await openSocket({ ...options, side: 'far', port: PORT });
let packets = 0;
if (form === 'onBatch') {
  socket.onBatch((/** @type {import('etherconn').Batch} */ batch) => {
    while (batch.next()) if (batch.payloadLength > 0) packets++;
  });
} else {
  socket.on('message', (/** @type {Buffer} */ data) => {
    if (data.length > 0) packets++;
  });
}
countBetweenCommands(() => ({ packets }));
sayReady();
