import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { emitIpv4 } from './ipv4.ts';
import { emitIpv6 } from './ipv6.ts';
import { IpProtocol } from './protocol.ts';
import { emitTcp, fillTcpChecksum } from './tcp.ts';
import { TcpTemplate } from './tcp-template.ts';

const MEMORY = { u8: new Uint8Array(4096), u32: new Uint32Array(0) };
MEMORY.u32 = new Uint32Array(MEMORY.u8.buffer);
const SENTINEL = 0xa7;

const addresses = fc.constantFrom(4, 16).chain((length) => {
  const address = fc.uint8Array({ minLength: length, maxLength: length });
  return fc.record({ source: address, destination: address });
});
const u16 = fc.nat(0xffff);
const u32 = fc.integer({ min: 0, max: 0xffffffff });

test('a packet is the same as one built field by field, at any even offset', () => {
  const property = fc.property(
    addresses,
    fc.record({ sourcePort: u16, destinationPort: u16 }),
    fc.integer({ min: 1, max: 255 }),
    fc.record({ sequence: u32, acknowledgment: u32, flags: fc.nat(255), window: u16 }),
    fc.nat(10).chain((words) => fc.uint8Array({ minLength: 4 * words, maxLength: 4 * words })),
    fc.oneof(fc.uint8Array({ maxLength: 80 }), fc.uint8Array({ maxLength: 1460, size: 'max' })),
    u16,
    fc.nat(300),
    (ends, ports, ttl, segment, options, payload, id, half) => {
      const at = 2 * half;
      const isV4 = ends.source.length === 4;
      const ip = isV4 ? 20 : 40;
      const length = ip + 20 + options.length + payload.length;
      const expected = new Uint8Array(length);
      const fields = { ...ends, payloadLength: length - ip };
      const v4 = { protocol: IpProtocol.TCP, ttl, dontFragment: true, identification: id };
      if (isV4) emitIpv4(expected, 0, { ...fields, ...v4 });
      else emitIpv6(expected, 0, { ...fields, nextHeader: IpProtocol.TCP, hopLimit: ttl });
      expected.set(payload, emitTcp(expected, ip, { ...ports, ...segment, options }));
      const [from, to] = isV4 ? [12, 16] : [8, 24];
      fillTcpChecksum(expected, ip, length, isV4 ? 4 : 6, from, to);
      const template = new TcpTemplate({ ...ends, ...ports, ttl });
      MEMORY.u8.fill(SENTINEL);
      MEMORY.u8.set(options, at + template.headerLength);
      MEMORY.u8.set(payload, at + template.headerLength + options.length);
      const { sequence, acknowledgment, flags, window } = segment;
      // Sequence numbers come as signed integers, see tcp-sequence.ts.
      const [first, next] = [sequence | 0, acknowledgment | 0];
      template.write(MEMORY, at, first, next, flags, window, options.length, payload.length, id);
      assert.deepEqual(MEMORY.u8.slice(at, at + length), expected);
      assert.ok(MEMORY.u8.subarray(0, at).every((byte) => byte === SENTINEL));
      assert.ok(MEMORY.u8.subarray(at + length).every((byte) => byte === SENTINEL));
    },
  );
  fc.assert(property);
});
