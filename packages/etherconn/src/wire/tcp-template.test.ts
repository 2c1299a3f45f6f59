import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { emitEthernet } from './ethernet.ts';
import { EtherType } from './ethertype.ts';
import { emitIpv4 } from './ipv4.ts';
import { emitIpv6 } from './ipv6.ts';
import { IpProtocol } from './protocol.ts';
import { emitTcp, fillTcpChecksum } from './tcp.ts';
import {
  makeTcpTemplate,
  TCP_TEMPLATE_WORDS,
  tcpTemplateIp,
  tcpTemplateLength,
  writeTcpHeaders,
} from './tcp-template.ts';

const MEMORY = { u8: new Uint8Array(4096), u32: new Uint32Array(0) };
MEMORY.u32 = new Uint32Array(MEMORY.u8.buffer);
const SENTINEL = 0xa7;

const addresses = fc.constantFrom(4, 16).chain((length) => {
  const address = fc.uint8Array({ minLength: length, maxLength: length });
  return fc.record({ source: address, destination: address });
});
const u16 = fc.nat(0xffff);
const u32 = fc.integer({ min: 0, max: 0xffffffff });

const mac = fc.uint8Array({ minLength: 6, maxLength: 6 });
const vlans = fc.array(fc.record({ id: fc.integer({ min: 1, max: 4094 }) }), { maxLength: 2 });

test('a frame is the same as one built field by field, at any slot', () => {
  const property = fc.property(
    addresses,
    fc.record({ sourcePort: u16, destinationPort: u16 }),
    fc.record({ destinationMac: mac, sourceMac: mac, vlans, ttl: fc.integer({ min: 1, max: 255 }) }),
    fc.record({ sequence: u32, acknowledgment: u32, flags: fc.nat(255), window: u16 }),
    fc.nat(10).chain((words) => fc.uint8Array({ minLength: 4 * words, maxLength: 4 * words })),
    fc.oneof(fc.uint8Array({ maxLength: 80 }), fc.uint8Array({ maxLength: 1460, size: 'max' })),
    u16,
    fc.nat(150),
    (ends, ports, below, segment, options, payload, id, word) => {
      const at = 4 * word + 2;
      const isV4 = ends.source.length === 4;
      const ip = isV4 ? 20 : 40;
      const l3 = 14 + 4 * below.vlans.length;
      const length = ip + 20 + options.length + payload.length;
      const expected = new Uint8Array(l3 + length);
      emitEthernet(expected, 0, {
        destination: below.destinationMac,
        source: below.sourceMac,
        vlans: below.vlans,
        etherType: isV4 ? EtherType.IPV4 : EtherType.IPV6,
      });
      const packet = expected.subarray(l3);
      const fields = { ...ends, payloadLength: length - ip };
      const v4 = { protocol: IpProtocol.TCP, ttl: below.ttl, dontFragment: true, identification: id };
      if (isV4) emitIpv4(packet, 0, { ...fields, ...v4 });
      else emitIpv6(packet, 0, { ...fields, nextHeader: IpProtocol.TCP, hopLimit: below.ttl });
      packet.set(payload, emitTcp(packet, ip, { ...ports, ...segment, options }));
      const [from, to] = isV4 ? [12, 16] : [8, 24];
      fillTcpChecksum(packet, ip, length, isV4 ? 4 : 6, from, to);
      const words = new Uint32Array(3 * TCP_TEMPLATE_WORDS).fill(0xffffffff);
      const base = TCP_TEMPLATE_WORDS;
      makeTcpTemplate(words, base, { ...ends, ...ports, ...below });
      assert.equal(tcpTemplateIp(words, base), l3);
      MEMORY.u8.fill(SENTINEL);
      const body = at + tcpTemplateLength(words, base);
      MEMORY.u8.set(options, body);
      MEMORY.u8.set(payload, body + options.length);
      const { sequence, acknowledgment, flags, window } = segment;
      // Sequence numbers come as signed integers, see tcp-sequence.ts.
      const numbers = [sequence | 0, acknowledgment | 0] as const;
      const lengths = [options.length, payload.length] as const;
      writeTcpHeaders(words, base, MEMORY, at, ...numbers, flags, window, ...lengths, id);
      assert.deepEqual(MEMORY.u8.slice(at, at + l3 + length), expected);
      // The two bytes before a slot belong to nobody.
      assert.ok(MEMORY.u8.subarray(0, at - 2).every((byte) => byte === SENTINEL));
      assert.ok(MEMORY.u8.subarray(at + l3 + length).every((byte) => byte === SENTINEL));
      for (const side of [words.subarray(0, base), words.subarray(2 * base)])
        assert.ok(side.every((one) => one === 0xffffffff));
    },
  );
  fc.assert(property);
});
