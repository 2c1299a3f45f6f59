import { FrameRecord, parseFrame } from 'etherconn/wire';

/** Of a BOOTP message: the client's MAC address, and the shortest length. */
const CLIENT_ADDRESS = 28;
const MESSAGE = 240;
const PORTS = [67, 68];
const ARP_SENDER = 8;

/** Says of a message which client it is from or for, by the MAC addresses of all of them, 6 bytes each. */
export function clientComment(
  macs: Uint8Array,
  first: number,
): (u8: Uint8Array, offset: number, length: number) => string | undefined {
  const numbers = new Map<number, number>();
  for (let n = 0; n < macs.length / 6; n++) numbers.set(keyOf(macs, 6 * n), first + n);
  const record = new FrameRecord();
  return (u8, offset, length) => {
    parseFrame(u8, offset, length, record);
    const { payload, payloadEnd, sourcePort, destinationPort, l3, etherType } = record;
    const isDhcp =
      payload > 0 &&
      payloadEnd - payload >= MESSAGE &&
      PORTS.includes(sourcePort) &&
      PORTS.includes(destinationPort);
    const isArp = etherType === 0x0806 && l3 > 0 && offset + length >= l3 + ARP_SENDER + 6;
    if (!isDhcp && !isArp) return undefined;
    const client = numbers.get(keyOf(u8, isDhcp ? payload + CLIENT_ADDRESS : l3 + ARP_SENDER));
    return client === undefined ? undefined : `client ${client}`;
  };
}

function keyOf(u8: Uint8Array, at: number): number {
  return (
    ((u8[at]! << 8) | u8[at + 1]!) * 0x1_0000_0000 +
    (((u8[at + 2]! << 24) | (u8[at + 3]! << 16) | (u8[at + 4]! << 8) | u8[at + 5]!) >>> 0)
  );
}
