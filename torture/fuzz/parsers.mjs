import { decodeFrame } from 'etherconn/capture';
import {
  FrameRecord,
  parseDhcpv4,
  parseFrame,
  printDhcpv4,
  printFrame,
  transportChecksumState,
} from 'etherconn/wire';
import { FrameMaker } from '../lib/frames.mjs';
import { TARGET } from '../lib/target.mjs';

export const title = 'fuzz: parsers, printers and decoders';
export const engines = ['none'];

/** Frames between two looks at the clock. */
const ROUND = 2000;

/** @param {import('../lib/part.mjs').Part} part */
export async function run(part) {
  const maker = new FrameMaker(part.random, TARGET);
  const record = new FrameRecord();
  const amid = new Uint8Array(4096).fill(0xa5);
  let number = 0;
  part.place = () => `frame ${number}: `;
  while (part.goesOn) {
    for (let i = 0; i < ROUND; i++, number++) {
      const frame = maker.next();
      if (number % 64 === 0) maker.hear(frame);
      try {
        parseFrame(frame, 0, frame.length, record);
        part.check(
          record.error !== 0 || (record.l3 <= record.l3End && record.l3End <= frame.length),
          'the record leaves the frame',
        );
        if (record.error === 0 && record.l4 !== 0) transportChecksumState(frame, record);
        if (record.payload !== 0) {
          const message = parseDhcpv4(frame, record.payload, record.payloadEnd);
          if (message !== null) printDhcpv4(frame, record.payload, record.payloadEnd);
        }
        // What prints is slower by far.
        if (number % 16 === 0) {
          const { start, error, l3, l4, payload, payloadEnd } = record;
          printFrame(frame);
          decodeFrame(frame);
          amid.set(frame, 1000);
          parseFrame(amid, 1000, frame.length, record);
          const same = record.error === error && record.l3 - 1000 === l3 - start;
          const deeper =
            l4 === 0 ||
            (record.l4 - l4 === 1000 && (payload === 0 || record.payloadEnd - payloadEnd === 1000));
          part.check(error !== 0 || (same && deeper), 'what lies around a frame changes what is found in it');
        }
      } catch (error) {
        part.fail(`${/** @type {Error} */ (error).stack}\n${Buffer.from(frame).toString('hex')}`);
      }
    }
  }
  part.count('frames', number);
}
