import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { frames, hex, parsed } from '../test-support/frames.ts';
import { emitEthernet, ethernetHeaderLength, printEthernet } from './ethernet.ts';
import { parseErrorText } from './parse-error.ts';
import { vlanTci, vlanTciAt } from './vlan.ts';

test('Ethernet II', () => {
  const record = parsed(hex('020000000002 020000000001 88b5 0102'));
  assert.deepEqual(
    [record.error, record.etherType, record.length8023, record.l3, record.l3End, record.end],
    [0, 0x88b5, -1, 14, 16, 16],
  );
});

test('a header that is not whole', () => {
  for (let length = 0; length < 14; length++) {
    const record = parsed(frames.udp4, 0, length);
    assert.equal(parseErrorText(record.error), 'ethernet: header is not whole (under 14 bytes)');
    assert.deepEqual([record.etherType, record.l3, record.l3End], [0, 0, 0]);
  }
  assert.notEqual(
    parseErrorText(parsed(frames.udp4, 0, 14).error),
    parseErrorText(parsed(frames.udp4, 0, 13).error),
  );
});

test('an IEEE 802.3 length cuts the padding off', () => {
  const record = parsed(frames.length8023);
  assert.deepEqual(
    [record.error, record.etherType, record.length8023, record.l3, record.l3End, record.end],
    [0, 0, 7, 14, 21, 60],
  );
  const cut = parsed(frames.length8023, 0, 20);
  assert.equal(parseErrorText(cut.error), 'ethernet: 802.3 length is over the bytes there');
  assert.deepEqual([cut.length8023, cut.l3, cut.l3End], [7, 14, 20]);
});

test('0x05ff is a length, 0x0600 a type', () => {
  const u8 = new Uint8Array(14 + 0x05ff);
  u8.set(hex('05ff'), 12);
  const length = parsed(u8);
  assert.deepEqual(
    [length.error, length.etherType, length.length8023, length.l3End],
    [0, 0, 0x05ff, u8.length],
  );
  u8.set(hex('0600'), 12);
  const type = parsed(u8);
  assert.deepEqual([type.error, type.etherType, type.length8023], [0, 0x0600, -1]);
});

const mac = fc.uint8Array({ minLength: 6, maxLength: 6 });
const vlan = fc.record({ id: fc.integer({ min: 0, max: 4094 }), pcp: fc.integer({ min: 0, max: 7 }) });

test('what is emitted is parsed', () => {
  fc.assert(
    fc.property(
      mac,
      mac,
      fc.array(vlan, { maxLength: 4 }),
      fc.integer({ min: 0x0600, max: 0xffff }).filter((type) => type !== 0x8100 && type !== 0x88a8),
      fc.nat(9),
      (destination, source, vlans, etherType, offset) => {
        const u8 = new Uint8Array(offset + ethernetHeaderLength(vlans.length));
        const end = emitEthernet(u8, offset, { destination, source, vlans, etherType });
        assert.equal(end, u8.length);
        const record = parsed(u8, offset);
        assert.deepEqual(u8.slice(offset, offset + 12), Uint8Array.from([...destination, ...source]));
        assert.deepEqual([record.etherType, record.vlanCount, record.l3], [etherType, vlans.length, end]);
        assert.deepEqual(
          vlans.map((_, index) => vlanTciAt(u8, record, index)),
          vlans.map(vlanTci),
        );
      },
    ),
  );
});

test('wrong fields are refused', () => {
  const good = { destination: hex('020000000002'), source: hex('020000000001'), etherType: 0x0800 };
  const u8 = new Uint8Array(14);
  assert.throws(() => emitEthernet(u8, 1, good), { name: 'OptionError', option: 'offset' });
  assert.throws(() => emitEthernet(u8, 0, { ...good, vlans: [{ id: 1 }] }), {
    name: 'OptionError',
    option: 'offset',
  });
  assert.throws(() => emitEthernet(u8, 0, { ...good, source: hex('01') }), {
    name: 'OptionError',
    option: 'source',
  });
  assert.throws(() => emitEthernet(u8, 0, { ...good, etherType: 65536 }), {
    name: 'OptionError',
    option: 'etherType',
  });
});

test('one line', () => {
  const tagged = hex('020000000002 020000000001 8100 6005 0800');
  assert.equal(
    printEthernet(tagged, parsed(tagged)),
    '02:00:00:00:00:01 > 02:00:00:00:00:02, vlan 5 p 3, ethertype IPv4 (0x0800), length 18',
  );
  assert.equal(
    printEthernet(frames.length8023, parsed(frames.length8023)),
    '02:00:00:00:00:01 > 01:80:c2:00:00:00, 802.3 length 7, length 60',
  );
  assert.equal(printEthernet(tagged, parsed(tagged, 0, 5)), 'length 5');
  assert.equal(
    printEthernet(tagged, parsed(tagged, 0, 16)),
    '02:00:00:00:00:01 > 02:00:00:00:00:02, vlan 5 p 3, length 16',
  );
});
