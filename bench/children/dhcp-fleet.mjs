/**
 * Many DHCP clients (RFC 2131) behind one relay agent's address, as load testers do: each gets a lease by discover,
 * offer, request, acknowledgement, and begins anew. Takes { transport: 'dgram' | 'conn', engine, clients, ms }.
 */
import { EtherConn, RUDPConn } from 'etherconn';
import { parseIp } from 'etherconn/wire';
import { FAR_MAC, RECEIVER_ADDRESS, SENDER, SENDER_ADDRESS } from '../lib/plan.mjs';
import { openSocket } from './dgram-socket.mjs';
import { openRelay } from './relay.mjs';
import { answer, onCommand, readArguments, sayReady } from './timing.mjs';

const { transport, clients = 256, ms = 500, ...options } = readArguments();
const SERVER_PORT = 67;
const LENGTH = 300;
const XID = 4;
const YOUR_ADDRESS = 16;
const GATEWAY = 24;
const HARDWARE_ADDRESS = 28;
const OPTIONS = 240;
const Type = { DISCOVER: 1, OFFER: 2, REQUEST: 3, ACK: 5 };

const template = Buffer.alloc(LENGTH);
template.set([1, 1, 6, 1]);
template.set(parseIp(SENDER_ADDRESS), GATEWAY);
template.set([0x63, 0x82, 0x53, 0x63, 53, 1, Type.DISCOVER, 50, 4, 0, 0, 0, 0, 255], OPTIONS - 4);
const TYPE = OPTIONS + 2;
const WANTED = OPTIONS + 5;
const messages = Array.from({ length: clients }, (_, n) => {
  const message = Buffer.from(template);
  message.set([0x02, 0, 0, 0, n >> 8, n & 255], HARDWARE_ADDRESS);
  message.writeUInt32BE(n, XID);
  return message;
});

let leases = 0;
/** @type {(message: Buffer) => void} */
let send;

/** @param {number} n */
function discover(n) {
  const message = messages[n];
  message[TYPE] = Type.DISCOVER;
  message.fill(0, WANTED, WANTED + 4);
  send(message);
}

/** @param {Uint8Array} u8 @param {number} at */
function heed(u8, at) {
  const n = (u8[at + XID + 2] << 8) | u8[at + XID + 3];
  const message = messages[n];
  if (message === undefined) return;
  if (u8[at + TYPE] === Type.OFFER) {
    message[TYPE] = Type.REQUEST;
    for (let i = 0; i < 4; i++) message[WANTED + i] = u8[at + YOUR_ADDRESS + i];
    send(message);
  } else if (u8[at + TYPE] === Type.ACK) {
    leases++;
    discover(n);
  }
}

if (transport === 'dgram') {
  const socket = await openSocket({ ...options, side: 'near', port: SERVER_PORT });
  socket.on('message', (/** @type {Buffer} */ data) => heed(data, 0));
  // node:dgram may send later: what it is given must stay as it is.
  send = (message) => socket.send(Buffer.from(message), 0, LENGTH, SERVER_PORT, RECEIVER_ADDRESS);
} else {
  const relay = await openRelay(options);
  const conn = new RUDPConn({ address: SENDER_ADDRESS, port: SERVER_PORT }, new EtherConn(SENDER, relay), {
    resolveNextHop: () => FAR_MAC,
  });
  const server = conn.peer({ address: RECEIVER_ADDRESS, port: SERVER_PORT });
  conn.onBatch((batch) => {
    while (batch.next()) heed(batch.u8, batch.payloadOffset);
  });
  send = (message) => server.trySend(message);
}

onCommand(() => {
  for (let n = 0; n < clients; n++) discover(n);
  setTimeout(() => {
    const before = leases;
    const start = performance.now();
    setTimeout(() => {
      const elapsed = performance.now() - start;
      answer({ perSecond: ((leases - before) / elapsed) * 1000 });
      process.exit(0);
    }, ms);
  }, ms / 2);
});
sayReady();
