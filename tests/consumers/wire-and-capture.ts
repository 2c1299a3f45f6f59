// Frames of one's own, captures of what passed.
import assert from 'node:assert/strict';
import {
  type CapturePacket,
  type CaptureSink,
  decodePacket,
  LinkType,
  PcapngWriter,
  PcapWriter,
  readCapture,
  readCaptureFile,
} from 'etherconn/capture';
import {
  captureLink,
  type FrameSink,
  faultLink,
  type Link,
  MemoryNetwork,
  VirtualClock,
} from 'etherconn/link';
import { formatIp, formatMac, parseIp, parseMac } from 'etherconn/wire';

const chunks: Uint8Array[] = [];
const sink: CaptureSink = (bytes) => chunks.push(bytes);
const writer = new PcapngWriter(sink, { application: 'consumer' });
const id = writer.addInterface({ name: 'mem0', linkType: LinkType.ETHERNET });

const clock = new VirtualClock();
const network = new MemoryNetwork({ clock });
const link: Link = faultLink(network.port(), {});
const show: FrameSink = (u8, offset, length, direction, _milliseconds, _queue, timestamp) => {
  writer.write({ interfaceId: id, timestamp, data: u8.slice(offset, offset + length), direction });
};
const seen: Link = captureLink(link, show);
assert.equal(seen.kind, 'memory');
const at = seen.tx.reserve(60);
seen.tx.memory.u8.fill(0xff, at, at + 12);
seen.tx.commit(at, 60);
seen.tx.flush();

const packets: CapturePacket[] = [];
for await (const packet of readCapture(chunks)) packets.push(packet);
assert.deepEqual(
  packets.map(({ direction }) => direction),
  ['out'],
);
assert.equal(packets.map((packet) => decodePacket(packet, 1)).length, 1);
new PcapWriter((bytes) => chunks.push(bytes)).write({ timestamp: 0n, data: packets[0]!.data });
const file: AsyncGenerator<CapturePacket, void, void> = readCaptureFile('there-is-none.pcap');
await file.return();
assert.equal(formatIp(parseIp('10.0.0.1')), '10.0.0.1');
assert.equal(formatMac(parseMac('02:00:00:00:00:01')), '02:00:00:00:00:01');
await network.close();
