/**
 * Echo over our conns. Takes { role, engine, mode, polling, outstanding, ms }; the client answers with microseconds.
 */
import { EtherConn, RUDPConn } from 'etherconn';
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
import { RoundTrips } from './round-trips.mjs';
import { onCommand, readArguments, sayReady } from './timing.mjs';

const options = readArguments();
const { role, outstanding = 1, ms = 500 } = options;
const isServer = role === 'server';
const relay = await openRelay(options);
const own = isServer
  ? { mac: STATION, address: RECEIVER_ADDRESS, port: PORT }
  : { mac: SENDER, address: SENDER_ADDRESS, port: SENDER_PORT };
const other = isServer
  ? { mac: SENDER, address: SENDER_ADDRESS, port: SENDER_PORT }
  : { mac: STATION, address: RECEIVER_ADDRESS, port: PORT };
const conn = new RUDPConn(own, new EtherConn(own.mac, relay, [0x0800]), { resolveNextHop: () => other.mac });
const payload = new Uint8Array(payloadOf(64)).fill(0x5a);

if (isServer) {
  conn.onBatch((batch) => {
    while (batch.next()) {
      const { u8, payloadOffset } = batch;
      for (let i = 0; i < payload.length; i++) payload[i] = u8[payloadOffset + i];
      batch.reply(payload);
    }
  });
} else {
  const peer = conn.peer(other);
  const trips = new RoundTrips(outstanding, ms, (slot) => {
    payload[0] = slot;
    peer.trySend(payload);
  });
  conn.onBatch((batch) => {
    while (batch.next()) trips.answered(batch.u8[batch.payloadOffset]);
  });
  onCommand(() => trips.begin());
}
await new Promise((resolve) => setImmediate(resolve));
sayReady();
