import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseLink } from '../kernel/interface-netlink.ts';

/** An attribute (struct rtattr), padded to 4 bytes. */
function attribute(type: number, payload: Buffer): Buffer {
  const bytes = Buffer.alloc((4 + payload.length + 3) & ~3);
  bytes.writeUInt16LE(4 + payload.length, 0);
  bytes.writeUInt16LE(type, 2);
  payload.copy(bytes, 4);
  return bytes;
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function message(type: number, attributes: readonly Buffer[]): Uint8Array {
  const header = Buffer.alloc(32);
  const bytes = Buffer.concat([header, ...attributes]);
  bytes.writeUInt32LE(bytes.length, 0);
  bytes.writeUInt16LE(type, 4);
  bytes.writeInt32LE(5, 20);
  return new Uint8Array(bytes);
}

const NESTED = 0x8000;
const IFNAME = attribute(3, Buffer.from('veth0\0'));
const MTU = attribute(4, u32(9000));
const LINK = attribute(5, u32(6));
const KIND = attribute(18, attribute(1, Buffer.from('veth')));
const QUEUES = [attribute(31, u32(2)), attribute(32, u32(4))];
const XDP = attribute(
  43 | NESTED,
  Buffer.concat([
    attribute(2, Buffer.of(4)),
    attribute(4, u32(11)),
    attribute(5, u32(11)),
    attribute(6, u32(12)),
  ]),
);

test('reads what is needed of an interface', () => {
  assert.deepEqual(parseLink(message(16, [IFNAME, MTU, LINK, KIND, ...QUEUES, XDP, attribute(48, u32(3))])), {
    index: 5,
    name: 'veth0',
    mtu: 9000,
    kind: 'veth',
    rxQueues: 4,
    txQueues: 2,
    peerIndex: 6,
    peerIsHere: true,
    programs: [
      { id: 11, mode: 'native' },
      { id: 12, mode: 'generic' },
    ],
    carrierDowns: 3,
  });
});

test('a peer in another namespace, no programs, the single id of old kernels', () => {
  const elsewhere = parseLink(
    message(16, [LINK, attribute(37, u32(0)), attribute(43, attribute(2, Buffer.of(0)))]),
  );
  assert.deepEqual([elsewhere?.peerIndex, elsewhere?.peerIsHere, elsewhere?.programs], [6, false, []]);
  const old = parseLink(message(16, [attribute(43, attribute(4, u32(3)))]));
  assert.deepEqual(old?.programs, [{ id: 3, mode: 'unknown' }]);
  assert.equal(old?.peerIsHere, false);
});

test('an error is no interface', () => {
  assert.equal(parseLink(message(2, [])), undefined);
  assert.equal(parseLink(new Uint8Array(0)), undefined);
});

test('property: cut short and changed messages are read as far as they go, and never throw', () => {
  const whole = message(16, [IFNAME, MTU, LINK, KIND, ...QUEUES, XDP]);
  const changes = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 6 });
  fc.assert(
    fc.property(fc.nat(whole.length), changes, (length, list) => {
      const bytes = whole.slice(0, length);
      for (const [at, value] of list) if (at < length && at !== 4 && at !== 5) bytes[at] = value;
      const details = parseLink(bytes);
      assert.equal(details === undefined, length < 32);
    }),
  );
});
