import type { FrameRecord } from './record.ts';

/**
 * The frame that nearly all of them are, in one go: a faultless UDP datagram in IPv4 without options or
 * fragmentation, or in IPv6 without extension headers, under at most one VLAN tag. Fills `record` as the layers
 * would, each field once. For any other frame it returns false and leaves the record alone.
 *
 * Numbers and byte access are written out here, against the rule: every use of an imported constant or function
 * costs the engine a load and a check, which together with the calls from layer to layer doubles the time. A test
 * holds this path equal to the layers for any bytes.
 */
export function parseCommonFrame(
  u8: Uint8Array,
  start: number,
  length: number,
  record: FrameRecord,
): boolean {
  // Ethernet 14, IPv4 20, UDP 8.
  if (length < 42) return false;
  const end = start + length;
  let l3 = start + 14;
  let type = (u8[start + 12] << 8) | u8[start + 13];
  let vlanCount = 0;
  let tci = 0;
  let vlanKey = 0;
  if (type === 0x8100 || type === 0x88a8) {
    tci = (u8[l3] << 8) | u8[l3 + 1];
    type = (u8[l3 + 2] << 8) | u8[l3 + 3];
    l3 += 4;
    vlanCount = 1;
    if ((tci & 0xfff) !== 0) vlanKey = (1 << 24) | (tci & 0xfff);
  }
  let version = 4;
  let source = l3 + 12;
  let destination = l3 + 16;
  let l4 = l3 + 20;
  let l3End = 0;
  if (type === 0x0800) {
    // Here and below the header must be there before it is looked at: with a tag, 42 bytes do not say so.
    if (l4 + 8 > end) return false;
    // Version 4 and 20 bytes of header, UDP, neither "more fragments" nor a fragment offset.
    if (u8[l3] !== 0x45 || u8[l3 + 9] !== 17 || (u8[l3 + 6] & 0x3f) !== 0 || u8[l3 + 7] !== 0) return false;
    l3End = l3 + ((u8[l3 + 2] << 8) | u8[l3 + 3]);
  } else if (type === 0x86dd) {
    version = 6;
    source = l3 + 8;
    destination = l3 + 24;
    l4 = l3 + 40;
    if (l4 + 8 > end) return false;
    if (u8[l3] >> 4 !== 6 || u8[l3 + 6] !== 17) return false;
    l3End = l4 + ((u8[l3 + 4] << 8) | u8[l3 + 5]);
  } else {
    return false;
  }
  const udpLength = (u8[l4 + 4] << 8) | u8[l4 + 5];
  if (l3End > end || udpLength < 8 || l4 + udpLength > l3End) return false;
  const sourcePort = (u8[l4] << 8) | u8[l4 + 1];
  const destinationPort = (u8[l4 + 2] << 8) | u8[l4 + 3];
  record.start = start;
  record.end = end;
  record.error = 0;
  record.etherType = type;
  record.length8023 = -1;
  record.vlanCount = vlanCount;
  record.vlanTci0 = tci;
  record.vlanTci1 = 0;
  record.vlanKey = vlanKey;
  record.l3 = l3;
  record.l3End = l3End;
  record.ipVersion = version;
  record.ipSource = source;
  record.ipDestination = destination;
  record.protocol = 17;
  record.fragment = 0;
  record.l4 = l4;
  record.sourcePort = sourcePort;
  record.destinationPort = destinationPort;
  record.payload = l4 + 8;
  record.payloadEnd = l4 + udpLength;
  return true;
}
