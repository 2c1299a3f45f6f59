import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkInterfaceName, isEthernet, mayHavePartialChecksums } from './interface.ts';

test('names that the kernel takes', () => {
  for (const name of ['lo', 'eth0', 'eth0.100', 'fifteen-bytes-x', 'wlan-ü', '-', '%d']) {
    assert.equal(checkInterfaceName(name), name);
  }
});

test('types with Ethernet headers', () => {
  assert.deepEqual([1, 772, 65534, 776, 0].map(isEthernet), [true, true, false, false, false]);
});

test('software interfaces may deliver partial checksums, others do not', () => {
  assert.ok(mayHavePartialChecksums(1, 'veth'));
  assert.ok(mayHavePartialChecksums(772, ''));
  assert.ok(!mayHavePartialChecksums(1, 'ixgbe'));
  assert.ok(!mayHavePartialChecksums(1, ''));
});
