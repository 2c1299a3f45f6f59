/** ns per packet of the functions below everything: parsing, building, checksums, look-ups. Takes { milliseconds }. */
import {
  buildUdpFrame,
  emitEthernet,
  emitIpv4,
  emitUdp,
  FrameRecord,
  fillUdpChecksum,
  internetSum,
  internetSumWords,
  parseFrame,
} from 'etherconn/wire';
import { EndpointTable } from '../../packages/etherconn/dist/relay/endpoint-table.js';
import { FRAME, framesOf } from './frames.mjs';
import { answer, nanosecondsPerItem, readArguments } from './timing.mjs';

const { milliseconds } = readArguments();
const FRAMES = 256;
const STRIDE = 2048;
const record = new FrameRecord();
/** @type {Record<string, number>} */
const results = {};
let sink = 0;

/** @param {Partial<import('etherconn/wire').UdpFrameOptions>} options */
function timeParsing(options) {
  const { u8, length } = framesOf(FRAMES, STRIDE, options);
  return nanosecondsPerItem(
    FRAMES,
    () => {
      for (let i = 0; i < FRAMES; i++) {
        parseFrame(u8, i * STRIDE + 2, length, record);
        sink += record.destinationPort;
      }
    },
    milliseconds,
  );
}

function timeBuilding() {
  const u8 = new Uint8Array(FRAMES * STRIDE);
  const addresses = { source: Uint8Array.of(10, 9, 0, 1), destination: Uint8Array.of(10, 9, 0, 2) };
  const ethernet = { destination: u8.slice(0, 6), source: u8.slice(0, 6), vlans: [], etherType: 0x0800 };
  const ip = { ...addresses, protocol: 17, payloadLength: 26, ttl: 64 };
  const udp = { sourcePort: 4000, destinationPort: 9000, payloadLength: 18 };
  return nanosecondsPerItem(
    FRAMES,
    () => {
      for (let i = 0; i < FRAMES; i++) {
        const at = i * STRIDE + 2;
        emitEthernet(u8, at, ethernet);
        emitIpv4(u8, at + 14, ip);
        emitUdp(u8, at + 34, udp);
        fillUdpChecksum(u8, at + 34, 4, at + 26, at + 30);
      }
      sink += u8[64];
    },
    milliseconds,
  );
}

/**
 * @param {number} size
 * @param {boolean} words
 */
function timeChecksum(size, words) {
  const u8 = Uint8Array.from({ length: FRAMES * STRIDE }, (_, i) => i * 7);
  const u32 = new Uint32Array(u8.buffer);
  return nanosecondsPerItem(
    FRAMES,
    () => {
      for (let i = 0; i < FRAMES; i++) {
        const at = i * STRIDE + 44;
        sink += words ? internetSumWords(u8, u32, at, at + size) : internetSum(u8, at, at + size);
      }
    },
    milliseconds,
  );
}

/** Random look-ups among `count` endpoints with consecutive MAC addresses. @param {number} count */
function timeLookUp(count) {
  const table = new EndpointTable();
  const high = 0x02ec0000;
  for (let i = 0; i < count; i++) table.set(high + (i >>> 16), i & 0xffff, 0, 0x0800, i);
  const order = Uint32Array.from({ length: 1 << 17 }, (_, i) => Math.imul(i + 1, 0x9e3779b1) >>> 0);
  for (let i = 0; i < order.length; i++) order[i] %= count;
  return nanosecondsPerItem(
    order.length,
    () => {
      for (let i = 0; i < order.length; i++) {
        const n = order[i];
        sink += table.get(high + (n >>> 16), n & 0xffff, 0, 0x0800);
      }
    },
    milliseconds,
  );
}

results.parseUdp = timeParsing({});
results.parseVlan = timeParsing({ vlans: [{ id: 5 }] });
results.parseIpv6 = timeParsing({ source: '2001:db8::1', destination: '2001:db8::2' });
results.build = timeBuilding();
for (const size of [64, 512, 1400]) {
  results[`sum${size}`] = timeChecksum(size, false);
  results[`sumWords${size}`] = timeChecksum(size, true);
}
for (const count of [1, 1_000, 10_000, 100_000]) results[`lookUp${count}`] = timeLookUp(count);
if (sink === 0 || buildUdpFrame(FRAME).length === 0) throw new Error('nothing was done');
answer(results);
