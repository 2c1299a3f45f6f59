/**
 * Sends a UDP datagram to each of many hosts, as raw frames: the kernel could not, for its neighbor table has an end. Takes
 * { endpoints, engine }; goes round from 'b' until it is ended.
 */
import { L2EndpointKey } from 'etherconn';
import { buildUdpFrame } from 'etherconn/wire';
import { hostAddress, PORT, SENDER, SENDER_ADDRESS, SENDER_PORT, station } from '../lib/plan.mjs';
import { openRelay } from './relay.mjs';
import { onCommand, readArguments, sayReady } from './timing.mjs';

const options = readArguments();
const { endpoints } = options;
/** Frames after which the other side has its turn. */
const BURST = 64;

const relay = await openRelay(options);
const registration = relay.register([L2EndpointKey.of(SENDER, 0x0800)]);
const payload = new Uint8Array(18);
let next = 0;

/** @param {number} n */
function frameFor(n) {
  return buildUdpFrame({
    sourceMac: SENDER,
    destinationMac: station(n),
    source: SENDER_ADDRESS,
    destination: hostAddress(n),
    sourcePort: SENDER_PORT,
    destinationPort: PORT,
    payload,
  });
}

function send() {
  for (let i = 0; i < BURST && registration.trySend(frameFor(next)) === 1; i++) next = (next + 1) % endpoints;
  setImmediate(send);
}

onCommand(send);
sayReady();
