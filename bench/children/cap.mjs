/** Raw frames by the npm package cap (libpcap). Takes { role, folder, interfaceName, ms, size }. */
import { createRequire } from 'node:module';
import { buildUdpFrame } from 'etherconn/wire';
import { payloadOf } from '../lib/plan.mjs';
import { FRAME } from './frames.mjs';
import { answer, countBetweenCommands, onCommand, readArguments, sayReady } from './timing.mjs';

const { role, folder, interfaceName, ms = 500, size = 64 } = readArguments();
const { Cap } = createRequire(import.meta.url)(folder);
const cap = new Cap();
const buffer = Buffer.alloc(65_536);
cap.open(interfaceName, 'udp', 10 << 20, buffer);
cap.setMinBytes?.(0);

if (role === 'receive') {
  let packets = 0;
  cap.on('packet', (/** @type {number} */ length) => {
    // The package keeps only a pointer to the buffer: whoever lets go of it has it overwritten.
    if (length > 0 && buffer.length > 0) packets++;
  });
  countBetweenCommands(() => ({ packets }));
} else {
  const frame = Buffer.from(buildUdpFrame({ ...FRAME, payload: new Uint8Array(payloadOf(size)) }));
  const send = (/** @type {number} */ milliseconds) => {
    const start = performance.now();
    let sent = 0;
    while (performance.now() - start < milliseconds) {
      for (let i = 0; i < 64; i++) cap.send(frame, frame.length);
      sent += 64;
    }
    return { sent, elapsed: performance.now() - start };
  };
  onCommand(() => {
    const warm = send(ms / 2);
    const { sent, elapsed } = send(ms);
    answer({ packets: sent, milliseconds: elapsed, total: warm.sent + sent });
    process.exit(0);
  });
}
sayReady();
