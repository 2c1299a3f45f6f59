/** Echo over dgram sockets, node:dgram's or ours. Takes { role, outstanding, ms, address }. */
import { PORT, payloadOf } from '../lib/plan.mjs';
import { openSocket } from './dgram-socket.mjs';
import { RoundTrips } from './round-trips.mjs';
import { onCommand, readArguments, sayReady } from './timing.mjs';

const options = readArguments();
const { role, outstanding = 1, ms = 500, address } = options;

if (role === 'server') {
  const socket = await openSocket({ ...options, side: 'far', port: PORT });
  socket.on(
    'message',
    (/** @type {Buffer} */ data, /** @type {import('node:dgram').RemoteInfo} */ remote) => {
      socket.send(data, 0, data.length, remote.port, remote.address);
    },
  );
} else {
  const socket = await openSocket(options);
  const trips = new RoundTrips(outstanding, ms, (slot) => {
    // Each its own, since node:dgram may send it later.
    const payload = Buffer.alloc(payloadOf(64), 0x5a);
    payload[0] = slot;
    socket.send(payload, 0, payload.length, PORT, address);
  });
  socket.on('message', (/** @type {Buffer} */ data) => trips.answered(data[0]));
  onCommand(() => trips.begin());
}
sayReady();
