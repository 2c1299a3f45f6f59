/**
 * Raw frames by our EtherConn's registration and by onBatch, beside libpcap. Takes { role, engine, … }.
 */
import { EtherConn, L2EndpointKey } from 'etherconn';
import { buildUdpFrame } from 'etherconn/wire';
import { payloadOf, SENDER, STATION } from '../lib/plan.mjs';
import { FRAME } from './frames.mjs';
import { openRelay } from './relay.mjs';
import { answer, countBetweenCommands, onCommand, readArguments, sayReady } from './timing.mjs';

const options = readArguments();
const { role, ms = 500, size = 64 } = options;
const relay = await openRelay(options);

if (role === 'receive') {
  let packets = 0;
  new EtherConn(STATION, relay, [0x0800]).onBatch((batch) => {
    while (batch.next()) if (batch.frameLength > 0) packets++;
  });
  await new Promise((resolve) => setImmediate(resolve));
  countBetweenCommands(() => ({ packets }));
} else {
  const registration = relay.register([L2EndpointKey.of(SENDER, 0x0800)]);
  const frame = buildUdpFrame({ ...FRAME, payload: new Uint8Array(payloadOf(size)) });
  const send = async (/** @type {number} */ milliseconds) => {
    const start = performance.now();
    let sent = 0;
    while (performance.now() - start < milliseconds) {
      for (let i = 0; i < 64; i++) sent += registration.trySend(frame);
      await undefined;
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
