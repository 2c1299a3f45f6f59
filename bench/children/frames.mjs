import { buildUdpFrame } from 'etherconn/wire';
import {
  PORT,
  payloadOf,
  RECEIVER_ADDRESS,
  SENDER,
  SENDER_ADDRESS,
  SENDER_PORT,
  STATION,
} from '../lib/plan.mjs';

/** The frame that everything is measured with, unless said otherwise: 64 bytes with its FCS. */
export const FRAME = {
  sourceMac: SENDER,
  destinationMac: STATION,
  source: SENDER_ADDRESS,
  destination: RECEIVER_ADDRESS,
  sourcePort: SENDER_PORT,
  destinationPort: PORT,
  payload: new Uint8Array(payloadOf(64)).fill(0x5a),
};

/**
 * Memory with the same frame `count` times, each 2 bytes into its place of `stride` bytes.
 * @param {number} count
 * @param {number} stride
 * @param {Partial<import('etherconn/wire').UdpFrameOptions>} [options]
 */
export function framesOf(count, stride, options = {}) {
  const frame = buildUdpFrame({ ...FRAME, ...options });
  const u8 = new Uint8Array(count * stride);
  for (let i = 0; i < count; i++) u8.set(frame, i * stride + 2);
  return { u8, length: frame.length };
}
