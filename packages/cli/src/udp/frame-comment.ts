import { FrameRecord, IpProtocol, parseFrame } from 'etherconn/wire';
import { Kind, PAYLOAD_LENGTH, PayloadReader } from './payload.ts';

/** The comment of a datagram of `udp send`: its flow, and its number in the flow. */
export function flowComment(): (u8: Uint8Array, offset: number, length: number) => string | undefined {
  const record = new FrameRecord();
  return (u8, offset, length) => {
    parseFrame(u8, offset, length, record);
    const { protocol, payload, payloadEnd } = record;
    if (protocol !== IpProtocol.UDP || payload === 0 || payloadEnd - payload < PAYLOAD_LENGTH)
      return undefined;
    const view = new DataView(u8.buffer, u8.byteOffset + payload, PAYLOAD_LENGTH);
    const kind = PayloadReader.kind(view, 0);
    const flow = PayloadReader.flow(view, 0);
    const sequence = PayloadReader.sequence(view, 0);
    if (kind === Kind.DATA) return `flow ${flow}, packet ${sequence}`;
    return kind === Kind.END ? `flow ${flow} ends after ${sequence} packets` : undefined;
  };
}
