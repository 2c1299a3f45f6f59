import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { vlanKey } from '../wire/vlan.ts';
import { EndpointTable } from './endpoint-table.ts';

type Key = readonly [high: number, low: number, vlans: number, etherType: number];

/** Few different values, so that keys meet again and tables grow around them. */
const key: fc.Arbitrary<Key> = fc.tuple(
  fc.constantFrom(0, 1, 0x02000000, 0xfe000000, 0xffffffff),
  fc.nat({ max: 40 }),
  fc.constantFrom(0, vlanKey([5]), vlanKey([5, 6]), vlanKey([4094, 4094])),
  fc.constantFrom(0x0800, 0x0806, 0x86dd),
);
const step = fc.tuple(fc.constantFrom('set', 'set', 'delete', 'get'), key, fc.nat({ max: 1 << 24 }));

describe('EndpointTable', () => {
  it('behaves as a Map: insert, override, delete, grow', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const table = new EndpointTable();
        const model = new Map<string, number>();
        for (const [action, [high, low, vlans, etherType], value] of steps) {
          const name = `${high} ${low} ${vlans} ${etherType}`;
          const known = model.get(name) ?? -1;
          assert.equal(table.get(high, low, vlans, etherType), known);
          if (action === 'set') {
            assert.equal(table.set(high, low, vlans, etherType, value), known);
            model.set(name, value);
          } else if (action === 'delete') {
            assert.equal(table.delete(high, low, vlans, etherType), model.delete(name));
          }
          assert.equal(table.size, model.size);
        }
        for (const [name, value] of model) {
          const [high, low, vlans, etherType] = name.split(' ').map(Number) as unknown as Key;
          assert.equal(table.get(high, low, vlans, etherType), value);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('takes a MAC address as signed or unsigned number alike', () => {
    const table = new EndpointTable();
    table.set(0xfe000000, 1, 0, 0x0800, 7);
    assert.equal(table.get(0xfe000000 | 0, 1, 0, 0x0800), 7);
  });

  it('holds 100,000 consecutive MAC addresses and forgets them again', () => {
    const table = new EndpointTable();
    for (let i = 0; i < 100_000; i++) table.set(0x02000000 + (i >> 16), i & 0xffff, 0, 0x0800, i);
    for (let i = 0; i < 100_000; i++)
      assert.equal(table.get(0x02000000 + (i >> 16), i & 0xffff, 0, 0x0800), i);
    for (let i = 0; i < 100_000; i++) assert.ok(table.delete(0x02000000 + (i >> 16), i & 0xffff, 0, 0x0800));
    assert.equal(table.size, 0);
    assert.equal(table.get(0x02000000, 5, 0, 0x0800), -1);
  });
});
