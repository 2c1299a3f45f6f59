import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { buildUdpFrame } from './build.ts';
import { UdpTemplate } from './udp-template.ts';
import { newWasmMemory, webAssembly } from './webassembly.ts';

const PLAIN = viewsOver(new ArrayBuffer(8192));
const SENTINEL = 0xa7;

function viewsOver(buffer: ArrayBuffer): { u8: Uint8Array; u32: Uint32Array } {
  return { u8: new Uint8Array(buffer), u32: new Uint32Array(buffer) };
}

const mac = fc.uint8Array({ minLength: 6, maxLength: 6 });
const addresses = fc.constantFrom(4, 16).chain((length) => {
  const address = fc.uint8Array({ minLength: length, maxLength: length });
  return fc.record({ source: address, destination: address });
});
const port = fc.nat(0xffff);
const vlans = fc.array(fc.record({ id: fc.nat(4094), pcp: fc.nat(7), dei: fc.boolean() }), { maxLength: 2 });

test('a frame is the same as one built field by field, at every alignment of slots, for any part of a payload', () => {
  const property = fc.property(
    fc.record({
      destinationMac: mac,
      sourceMac: mac,
      vlans,
      sourcePort: port,
      destinationPort: port,
      ttl: fc.integer({ min: 1, max: 255 }),
    }),
    addresses,
    fc.oneof(fc.uint8Array({ maxLength: 80 }), fc.uint8Array({ maxLength: 1472, size: 'max' })),
    fc.nat(100),
    fc.nat(0xffff),
    fc.nat(500),
    (fields, ends, bytes, skipped, id, word) => {
      const start = Math.min(skipped, bytes.length);
      const payload = bytes.subarray(start);
      const template = new UdpTemplate({ ...fields, ...ends, dontFragment: false });
      const expected = buildUdpFrame({ ...fields, ...ends, payload, identification: id });
      const at = 4 * word + 2;
      PLAIN.u8.fill(SENTINEL);
      template.write(PLAIN, at, bytes, start, bytes.length, id);
      assert.equal(template.headerLength + payload.length, expected.length);
      assert.deepEqual(PLAIN.u8.slice(at, at + expected.length), expected);
      // Before a slot two bytes may be overwritten, behind the frame none.
      assert.ok(PLAIN.u8.subarray(0, at - 2).every((byte) => byte === SENTINEL));
      assert.ok(PLAIN.u8.subarray(at + expected.length).every((byte) => byte === SENTINEL));
    },
  );
  fc.assert(property);
});

const HEADERS = {
  destinationMac: Uint8Array.of(2, 0, 0, 0, 0, 2),
  sourceMac: Uint8Array.of(2, 0, 0, 0, 0, 1),
  vlans: [],
  source: Uint8Array.of(10, 0, 0, 1),
  destination: Uint8Array.of(10, 0, 0, 2),
  sourcePort: 1000,
  destinationPort: 53,
  ttl: 64,
};

test("a payload of any length, also in WebAssembly's memory", () => {
  assert.ok(webAssembly);
  const template = new UdpTemplate({ ...HEADERS, dontFragment: false });
  const memories = [PLAIN, viewsOver(newWasmMemory(webAssembly, 8192).buffer)];
  for (let length = 0; length <= 1472; length++) {
    const payload = Uint8Array.from({ length }, (_, i) => Math.imul(i + length, 0x9e3779b1) >>> 11);
    const expected = buildUdpFrame({ ...HEADERS, payload, identification: length });
    for (const memory of memories) {
      template.write(memory, 2, payload, 0, length, length);
      assert.deepEqual(memory.u8.slice(2, 2 + expected.length), expected);
    }
  }
});

test('a checksum that comes out as 0 is sent as 0xffff (RFC 768)', () => {
  const template = new UdpTemplate({ ...HEADERS, dontFragment: false });
  const payload = new Uint8Array(2);
  template.write(PLAIN, 2, payload, 0, 2, 0);
  const checksum = (PLAIN.u8[2 + 40] << 8) | PLAIN.u8[2 + 41];
  // The payload that makes up for the rest of the sum.
  payload.set([checksum >> 8, checksum & 0xff]);
  template.write(PLAIN, 2, payload, 0, 2, 0);
  assert.deepEqual([...PLAIN.u8.subarray(2 + 40, 2 + 42)], [0xff, 0xff]);
  assert.deepEqual(PLAIN.u8.slice(2, 2 + 44), buildUdpFrame({ ...HEADERS, payload }));
});

test('without a checksum the field is 0', () => {
  const template = new UdpTemplate({ ...HEADERS, dontFragment: false, checksum: false });
  for (const length of [5, 200]) {
    const payload = new Uint8Array(length).fill(7);
    template.write(PLAIN, 2, payload, 0, length, 9);
    const expected = buildUdpFrame({ ...HEADERS, payload, checksum: 'zero', identification: 9 });
    assert.deepEqual(PLAIN.u8.slice(2, 2 + expected.length), expected);
  }
});

test('"don\'t fragment" is the default, and the traffic class is that of the fields', () => {
  const at = 2 + 14;
  new UdpTemplate({ ...HEADERS, tos: 0xb8 }).write(PLAIN, 2, new Uint8Array(1), 0, 1, 0);
  assert.deepEqual([PLAIN.u8[at + 1], PLAIN.u8[at + 6]], [0xb8, 0x40]);
  const v6 = { ...HEADERS, source: new Uint8Array(16), destination: new Uint8Array(16), tos: 0xb8 };
  new UdpTemplate(v6).write(PLAIN, 2, new Uint8Array(1), 0, 1, 0);
  assert.deepEqual([...PLAIN.u8.subarray(at, at + 2)], [0x6b, 0x80]);
});
