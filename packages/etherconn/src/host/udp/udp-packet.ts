import { allocateFrameMemory } from '../../link/frame-memory.ts';
import { writeU16 } from '../../wire/bytes.ts';
import { fillIpv4Checksum, IPV4_FLAGS_OFFSET } from '../../wire/ipv4.ts';
import type { UdpTemplate } from '../../wire/udp-template.ts';

/**
 * Builds an IP packet with `payload[start, end)` in new memory, for datagrams that cannot be written to a slot at
 * once. `mayFragment` clears IPv4's "don't fragment". `id` is IPv4's identification.
 */
export function udpPacket(
  template: UdpTemplate,
  payload: Uint8Array,
  start: number,
  end: number,
  id: number,
  mayFragment: boolean,
): Uint8Array {
  const length = template.headerLength + end - start;
  const memory = allocateFrameMemory((length + 5) & ~3);
  template.write(memory, 2, payload, start, end, id);
  const packet = memory.u8.subarray(2 + template.ip, 2 + length);
  if (mayFragment && packet[0] >> 4 === 4) {
    writeU16(packet, IPV4_FLAGS_OFFSET, 0);
    fillIpv4Checksum(packet, 0);
  }
  return packet;
}
