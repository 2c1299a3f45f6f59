import { PcapWriter } from '../capture/pcap-writer.ts';

/** Frames as the bytes of a pcap file, a microsecond apart: for oracles that read files. */
export function pcapOf(frames: readonly Uint8Array[]): Uint8Array {
  const chunks: Uint8Array[] = [];
  const writer = new PcapWriter((bytes) => {
    chunks.push(bytes.slice());
    return true;
  });
  for (const [index, data] of frames.entries()) writer.write({ timestamp: BigInt(index) * 1000n, data });
  return Buffer.concat(chunks);
}
