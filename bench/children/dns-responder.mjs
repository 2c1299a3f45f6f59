/**
 * A DNS server with one name, by dns-packet. Takes { transport: 'dgram' | 'conn', engine, … }: over a dgram socket
 * (node:dgram's, or ours when an engine is named), or over an RUDPConn's batches.
 */
import dnsPacket from 'dns-packet';
import { EtherConn, RUDPConn } from 'etherconn';
import { STATION, STATION_ADDRESS } from '../lib/plan.mjs';
import { openSocket } from './dgram-socket.mjs';
import { openRelay } from './relay.mjs';
import { readArguments, sayReady } from './timing.mjs';

const { transport, ...options } = readArguments();
const DNS = 53;
const ANSWER = { type: /** @type {const} */ ('A'), ttl: 60, data: '192.0.2.1' };

/** @param {Buffer} query */
function respond(query) {
  const { id, questions = [] } = dnsPacket.decode(query);
  const flags = dnsPacket.AUTHORITATIVE_ANSWER;
  const answers = questions.map(({ name }) => ({ ...ANSWER, name }));
  return dnsPacket.encode({ type: 'response', id, flags, questions, answers });
}

if (transport === 'dgram') {
  const socket = await openSocket({ ...options, side: 'far', port: DNS });
  socket.on(
    'message',
    (/** @type {Buffer} */ query, /** @type {import('node:dgram').RemoteInfo} */ remote) => {
      const response = respond(query);
      socket.send(response, 0, response.length, remote.port, remote.address);
    },
  );
} else {
  const relay = await openRelay(options);
  const conn = new RUDPConn({ address: STATION_ADDRESS, port: DNS }, new EtherConn(STATION, relay, [0x0800]));
  conn.onBatch((batch) => {
    while (batch.next()) batch.reply(respond(batch.copyPayload()));
  });
  await new Promise((resolve) => setImmediate(resolve));
}
sayReady();
