import { type CapturePacket, formatTimestamp, isRawIp, LinkType } from 'etherconn/capture';
import { printFrame, printPacket } from 'etherconn/wire';

/** A packet of a capture as one line for people. */
export function frameLine(packet: CapturePacket, number: number): string {
  const time = packet.timestamp === undefined ? '-' : formatTimestamp(packet.timestamp);
  const direction = packet.direction === undefined ? '' : ` ${packet.direction}`;
  const comment = packet.comment === undefined ? '' : ` (${packet.comment.replace(/\s+/g, ' ')})`;
  return `${number} ${time}${direction} ${content(packet)}${comment}`;
}

function content({ linkType, data }: CapturePacket): string {
  if (linkType === LinkType.ETHERNET) return printFrame(data);
  if (isRawIp(linkType)) return printPacket(data);
  return `link type ${linkType} is not Ethernet, ${data.length} bytes`;
}
