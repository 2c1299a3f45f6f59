import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { frames, hex, parsed } from '../test-support/frames.ts';
import { parseErrorText } from './parse-error.ts';
import {
  checkVlans,
  emitVlan,
  formatVlanKey,
  printVlan,
  vlanDei,
  vlanId,
  vlanKey,
  vlanPcp,
  vlanTci,
  vlanTciAt,
} from './vlan.ts';

test('one tag, two tags, three tags', () => {
  const one = parsed(frames.vlan);
  assert.deepEqual([one.vlanCount, one.vlanTci0, one.vlanTci1, one.vlanKey], [1, 0x6005, 0, vlanKey([5])]);
  assert.equal(one.etherType, 0x0800);
  assert.equal(one.destinationPort, 53);

  const two = parsed(frames.qinq);
  assert.deepEqual([two.vlanCount, two.vlanTci0, two.vlanTci1], [2, 0xd064, 5]);
  assert.equal(two.vlanKey, vlanKey([100, 5]));
  assert.equal(two.etherType, 0x86dd);
  assert.equal(two.destinationPort, 2);

  const three = hex('ffffffffffff 020000000001 88a8 0001 88a8 0002 8100 0003 88b5 01');
  const record = parsed(three);
  assert.deepEqual([record.vlanCount, record.error, record.etherType, record.l3], [3, 0, 0x88b5, 26]);
  assert.deepEqual(
    [0, 1, 2].map((index) => vlanTciAt(three, record, index)),
    [1, 2, 3],
  );
});

test('a tag that is cut off is an error; tags before the cut are known', () => {
  const whole = hex('ffffffffffff 020000000001 8100 0005 8100 0006 0800');
  const counts = [14, 15, 16, 17, 18, 19, 20, 21].map((length) => {
    const record = parsed(whole, 0, length);
    assert.equal(parseErrorText(record.error), 'vlan: tag is cut off');
    assert.deepEqual([record.etherType, record.l3], [0, 0]);
    return record.vlanCount;
  });
  assert.deepEqual(counts, [0, 0, 1, 1, 1, 1, 2, 2]);
  assert.equal(parsed(whole).etherType, 0x0800);
});

const vid = fc.integer({ min: 1, max: 4094 });

test('the key of a frame is the key of its VIDs; VID 0 does not count', () => {
  const tag = fc.record({
    id: fc.oneof(fc.constant(0), vid),
    pcp: fc.integer({ min: 0, max: 7 }),
    dei: fc.boolean(),
    tpid: fc.constantFrom(0x8100, 0x88a8),
  });
  fc.assert(
    fc.property(fc.array(tag, { maxLength: 6 }), (tags) => {
      const u8 = new Uint8Array(14 + 4 * tags.length);
      let at = 12;
      for (const each of checkVlans('vlans', tags)) at = emitVlan(u8, at, each);
      u8.set([0x88, 0xb5], at);
      const record = parsed(u8);
      const ids = tags.map(({ id }) => id);
      assert.equal(record.error, 0);
      assert.equal(record.vlanCount, tags.length);
      assert.equal(record.vlanKey, vlanKey(ids));
      assert.equal(record.vlanKey, vlanKey(ids.filter((id) => id !== 0)));
      for (const [index, each] of tags.entries()) {
        const tci = vlanTciAt(u8, record, index);
        assert.deepEqual(
          { id: vlanId(tci), pcp: vlanPcp(tci), dei: vlanDei(tci) },
          { id: each.id, pcp: each.pcp, dei: each.dei },
        );
        assert.equal(tci, vlanTci(each));
      }
    }),
  );
});

test('stacks of up to two VIDs have keys of their own, which no other stack has', () => {
  const stack = fc.array(vid, { maxLength: 4 });
  fc.assert(
    fc.property(stack, stack, (a, b) => {
      fc.pre(a.length <= 2 && a.join() !== b.join());
      assert.notEqual(vlanKey(a), vlanKey(b));
    }),
    { numRuns: 2000 },
  );
  assert.equal(vlanKey([]), 0);
  assert.equal(vlanKey([0]), 0);
  assert.equal(vlanKey([0, 5]), vlanKey([5]));
  assert.equal(vlanKey([5]), 0x01000005);
  assert.equal(vlanKey([100, 5]), 0x02064005);
  assert.notEqual(vlanKey([1, 2, 3]), vlanKey([1, 2]));
  assert.notEqual(vlanKey([1, 2, 3, 4]), vlanKey([1, 2, 3]));
  const deep = vlanKey(new Array(1000).fill(4094));
  assert.ok(deep > 0 && deep < 2 ** 31);
});

test('wrong tags are refused by name', () => {
  const wrong: [unknown, string][] = [
    [5, 'vlans'],
    [[5], 'vlans[0]'],
    [[{ id: 5 }, { id: 4095 }], 'vlans[1].id'],
    [[{ id: -1 }], 'vlans[0].id'],
    [[{ id: 1.5 }], 'vlans[0].id'],
    [[{}], 'vlans[0].id'],
    [[{ id: 5, pcp: 8 }], 'vlans[0].pcp'],
    [[{ id: 5, dei: 1 }], 'vlans[0].dei'],
    [[{ id: 5, tpid: 0x9100 }], 'vlans[0].tpid'],
    [[{ id: 5, vid: 6 }], 'vid'],
  ];
  for (const [value, option] of wrong) {
    assert.throws(() => checkVlans('vlans', value), { name: 'OptionError', option });
  }
  assert.deepEqual(checkVlans('vlans', undefined), []);
});

test('text', () => {
  assert.equal(printVlan(0x0005), 'vlan 5');
  assert.equal(printVlan(0xd064), 'vlan 100 p 6 DEI');
  assert.deepEqual(
    [[], [5], [100, 5], [1, 2, 3]].map((vids) => formatVlanKey(vlanKey(vids))),
    ['', '5', '100.5', '1.2+1'],
  );
});
