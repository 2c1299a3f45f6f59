import { emitEthernet } from '../wire/ethernet.ts';
import { EtherType } from '../wire/ethertype.ts';
import { parseIp } from '../wire/ip.ts';
import { parseMac } from '../wire/mac.ts';
import { TcpTemplate } from '../wire/tcp-template.ts';

/** A frame with a segment, from one host to another. */
export interface TcpFrame {
  readonly sourceMac: string;
  readonly destinationMac: string;
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequence?: number;
  readonly acknowledgment?: number;
  readonly flags: number;
  readonly window?: number;
  /** A multiple of 4 bytes. */
  readonly options?: Uint8Array;
  readonly payload?: Uint8Array;
}

export function tcpFrame(fields: TcpFrame): Uint8Array {
  const {
    options = new Uint8Array(0),
    payload = new Uint8Array(0),
    sequence = 0,
    acknowledgment = 0,
  } = fields;
  const [source, destination] = [parseIp(fields.source), parseIp(fields.destination)];
  const { sourcePort, destinationPort } = fields;
  const template = new TcpTemplate({ source, destination, sourcePort, destinationPort, ttl: 64 });
  const length = 14 + template.headerLength + options.length + payload.length;
  const u8 = new Uint8Array((length + 3) & ~3);
  u8.set(options, 14 + template.headerLength);
  u8.set(payload, 14 + template.headerLength + options.length);
  emitEthernet(u8, 0, {
    destination: parseMac(fields.destinationMac),
    source: parseMac(fields.sourceMac),
    etherType: source.length === 4 ? EtherType.IPV4 : EtherType.IPV6,
  });
  const memory = { u8, u32: new Uint32Array(u8.buffer) };
  const { flags, window = 1000 } = fields;
  template.write(memory, 14, sequence, acknowledgment, flags, window, options.length, payload.length, 1);
  return u8.subarray(0, length);
}
