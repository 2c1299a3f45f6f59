import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { frames, parsed } from '../test-support/frames.ts';
import { buildUdpFrame } from '../wire/build.ts';
import { L4HashKey } from './l4-hash-key.ts';
import { L4Table } from './l4-table.ts';

const key = fc.record({
  address: fc.constantFrom('0.0.0.0', '10.0.0.1', '10.0.0.2', '::', '2001:db8::1', '::a00:1'),
  protocol: fc.constantFrom(1, 6, 17),
  port: fc.constantFrom(0, 53, 54, 55, 65535),
});
const step = fc.tuple(fc.constantFrom('set', 'set', 'delete', 'get'), key, fc.nat({ max: 1 << 24 }));

describe('L4Table', () => {
  it('behaves as a Map: insert, override, delete, grow', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const table = new L4Table();
        const model = new Map<string, number>();
        for (const [action, { address, protocol, port }, value] of steps) {
          const l4 = new L4HashKey(address, protocol, port);
          assert.equal(table.get(l4), model.get(l4.toString()) ?? -1);
          if (action === 'set') {
            table.set(l4, value);
            model.set(l4.toString(), value);
          } else if (action === 'delete') {
            assert.equal(table.delete(l4), model.delete(l4.toString()));
          }
          assert.equal(table.size, model.size);
        }
      }),
    );
  });

  it("finds a frame's destination, IPv4 and IPv6, with and without ports", () => {
    const table = new L4Table();
    table.set(new L4HashKey('10.0.0.2', 17, 53), 1);
    table.set(new L4HashKey('2001:db8::2', 17, 53), 2);
    table.set(new L4HashKey('10.0.0.2', 6, 80), 3);
    table.set(new L4HashKey('10.0.0.2', 132, 9), 4);
    table.set(new L4HashKey('10.0.0.2', 1, 0), 5);
    const found = (frame: Uint8Array) => table.find(frame, parsed(frame));
    const list = [frames.udp4, frames.udp6, frames.tcp4, frames.sctp4, frames.icmpv4Echo, frames.vlan];
    assert.deepEqual(list.map(found), [1, 2, 3, 4, 5, 1]);
    assert.equal(found(frames.udp4Options), -1);
    assert.equal(found(frames.icmpv6Echo), -1);
  });

  it('falls back to the wildcard address of the same version', () => {
    const table = new L4Table();
    const found = (frame: Uint8Array) => table.find(frame, parsed(frame));
    table.set(new L4HashKey('0.0.0.0', 17, 53), 1);
    assert.equal(found(frames.udp4), 1);
    assert.equal(found(frames.udp6), -1);
    table.set(new L4HashKey('::', 17, 53), 2);
    assert.equal(found(frames.udp6), 2);
    table.set(new L4HashKey('10.0.0.2', 17, 53), 3);
    assert.equal(found(frames.udp4), 3);
  });

  it('an IPv6 packet to an IPv4-mapped address is for nobody', () => {
    const table = new L4Table();
    table.set(new L4HashKey('10.0.0.2', 17, 53), 1);
    table.set(new L4HashKey('0.0.0.0', 17, 53), 2);
    table.set(new L4HashKey('::', 17, 53), 3);
    const addresses = { sourceMac: '02:00:00:00:00:01', destinationMac: '02:00:00:00:00:02', sourcePort: 1 };
    const to = (destination: string) =>
      buildUdpFrame({ ...addresses, source: '2001:db8::1', destination, destinationPort: 53 });
    for (const destination of ['::ffff:10.0.0.2', '::ffff:10.0.0.3', '::ffff:0.0.0.0']) {
      const frame = to(destination);
      assert.equal(table.find(frame, parsed(frame)), -1, destination);
    }
    const frame = to('::10.0.0.2');
    assert.equal(table.find(frame, parsed(frame)), 3);
  });

  it('where ports are missing, port 0 does not stand for them', () => {
    const table = new L4Table();
    for (const protocol of [1, 6, 17, 58, 132])
      for (const address of ['10.0.0.2', '2001:db8::2', '0.0.0.0', '::'])
        table.set(new L4HashKey(address, protocol, 0), protocol);
    const found = (frame: Uint8Array) => table.find(frame, parsed(frame));
    const { udp4Later, udp6Later, tcp4, sctp4, icmpv4Echo, icmpv6Echo } = frames;
    const cut = [tcp4.subarray(0, 40), sctp4.subarray(0, 38), frames.udp4.subarray(0, 37)];
    assert.deepEqual([udp4Later, udp6Later, ...cut].map(found), [-1, -1, -1, -1, -1]);
    assert.deepEqual([icmpv4Echo, icmpv6Echo].map(found), [1, 58]);
  });
});
