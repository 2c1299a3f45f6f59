import { gzipSync } from 'node:zlib';
import {
  CaptureError,
  decodePacket,
  LinkType,
  PcapngWriter,
  PcapWriter,
  readCapture,
} from 'etherconn/capture';
import { FrameMaker } from '../lib/frames.mjs';
import { TARGET } from '../lib/target.mjs';

export const title = 'fuzz: captures';
export const engines = ['none'];

/** @param {import('../lib/part.mjs').Part} part */
export async function run(part) {
  const { random } = part;
  const maker = new FrameMaker(random, TARGET);
  let file = 0;
  part.place = () => `file ${file}: `;
  for (; part.goesOn; file++) {
    const bytes = damaged(random, random.once(2) ? pcap(random, maker) : pcapng(random, maker));
    let packets = 0;
    part.count('checks');
    try {
      for await (const packet of readCapture(pieces(random, random.once(20) ? gzipSync(bytes) : bytes))) {
        packets++;
        decodePacket(packet, packets);
      }
      part.count('read to the end');
    } catch (error) {
      if (error instanceof CaptureError) part.count('refused');
      else part.fail(`${/** @type {Error} */ (error).stack}\n${bytes.toString('base64').slice(0, 4000)}`);
    }
    part.count('frames', packets);
  }
  part.count('files', file);
}

function pcap(random, maker) {
  const parts = [];
  const writer = new PcapWriter({ write: (chunk) => parts.push(Buffer.from(chunk)) > 0 });
  for (let i = random.below(20); i >= 0; i--)
    writer.write({ data: maker.next().slice(), timestamp: BigInt(random.next()) });
  return Buffer.concat(parts);
}

function pcapng(random, maker) {
  const parts = [];
  const writer = new PcapngWriter({ write: (chunk) => parts.push(Buffer.from(chunk)) > 0 });
  const id = writer.addInterface({
    name: 'a',
    linkType: random.pick([LinkType.ETHERNET, LinkType.ETHERNET, 101, 113, 276, 0]),
  });
  for (let i = random.below(20); i >= 0; i--) {
    writer.write({ data: maker.next().slice(), timestamp: BigInt(random.next()), interface: id });
  }
  return Buffer.concat(parts);
}

function damaged(random, bytes) {
  for (let i = random.below(6); i > 0 && bytes.length > 0; i--) {
    const at = random.once(2) ? random.below(Math.min(bytes.length, 120)) : random.below(bytes.length);
    if (random.once(3) && at + 4 <= bytes.length)
      bytes.writeUInt32LE(
        random.pick([0, 1, 4, 12, 0xffffffff, 0x7fffffff, 262_144, 262_145, random.next()]),
        at & ~3,
      );
    else bytes[at] = random.pick([0, 1, 255, random.next() & 255]);
  }
  return random.once(4) ? bytes.subarray(0, random.below(bytes.length + 1)) : bytes;
}

function* pieces(random, bytes) {
  for (let at = 0; at < bytes.length; ) {
    const length = random.once(3) ? 1 + random.below(20) : 1 + random.below(4000);
    yield bytes.subarray(at, at + length);
    at += length;
  }
}
