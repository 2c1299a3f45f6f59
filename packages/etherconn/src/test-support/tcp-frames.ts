import { allocateFrameMemory } from '../link/frame-memory.ts';
import { parseIp } from '../wire/ip.ts';
import { parseMac } from '../wire/mac.ts';
import {
  makeTcpTemplate,
  TCP_TEMPLATE_WORDS,
  tcpTemplateLength,
  writeTcpHeaders,
} from '../wire/tcp-template.ts';

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
  const words = new Uint32Array(TCP_TEMPLATE_WORDS);
  makeTcpTemplate(words, 0, {
    destinationMac: parseMac(fields.destinationMac),
    sourceMac: parseMac(fields.sourceMac),
    ...{ vlans: [], source, destination, sourcePort, destinationPort, ttl: 64 },
  });
  const body = 2 + tcpTemplateLength(words, 0);
  const length = body + options.length + payload.length;
  const memory = allocateFrameMemory((length + 3) & ~3);
  memory.u8.set(options, body);
  memory.u8.set(payload, body + options.length);
  const { flags, window = 1000 } = fields;
  writeTcpHeaders(
    ...([
      words,
      0,
      memory,
      2,
      sequence,
      acknowledgment,
      flags,
      window,
      options.length,
      payload.length,
      1,
    ] as const),
  );
  return memory.u8.subarray(2, length);
}
