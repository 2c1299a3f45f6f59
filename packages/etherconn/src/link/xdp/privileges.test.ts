import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  explainRefusal,
  missingCapabilities,
  type PrivilegeFacts,
  privilegeFacts,
  shortOfPrivileges,
} from './privileges.ts';

const NET_ADMIN = 1n << 12n;
const NET_RAW = 1n << 13n;
const SYS_ADMIN = 1n << 21n;
const BPF = 1n << 39n;

function facts(capabilities: bigint, more: Partial<PrivilegeFacts> = {}): PrivilegeFacts {
  return {
    capabilities,
    initialUserNamespace: true,
    kernel: '6.1.0-9-amd64',
    lockedMemory: '65536',
    ...more,
  };
}

test('what is missing', () => {
  assert.deepEqual(missingCapabilities(facts(0n)), ['CAP_NET_RAW', 'CAP_NET_ADMIN', 'CAP_BPF']);
  assert.deepEqual(missingCapabilities(facts(NET_RAW | BPF)), ['CAP_NET_ADMIN']);
  assert.deepEqual(missingCapabilities(facts(NET_RAW | NET_ADMIN | BPF)), []);
  assert.deepEqual(missingCapabilities(facts(NET_RAW | NET_ADMIN | SYS_ADMIN)), []);
  const inside = { initialUserNamespace: false };
  assert.deepEqual(missingCapabilities(facts(-1n & 0x1ffffffffffn, inside)), ['CAP_NET_ADMIN', 'CAP_BPF']);
});

test('what to do about it', () => {
  const text = explainRefusal(facts(0n));
  assert.match(text, /CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF.*run as root.*RawSocketRelay/);
  assert.match(
    explainRefusal(facts(NET_RAW, { initialUserNamespace: false })),
    /user namespace do not count/,
  );
  const all = NET_RAW | NET_ADMIN | BPF;
  assert.match(explainRefusal(facts(all, { kernel: '5.10.0' })), /RLIMIT_MEMLOCK \(65536 bytes\).*ulimit -l/);
  for (const more of [{ kernel: '5.11.0' }, { kernel: '5.10.0', lockedMemory: 'unlimited' }]) {
    assert.match(explainRefusal(facts(all, more)), /security policy.*RawSocketRelay/);
  }
});

test('what is missing, in a sentence', () => {
  const inside = { initialUserNamespace: false };
  assert.equal(
    shortOfPrivileges(facts(NET_RAW | NET_ADMIN | BPF, inside)),
    'AF_XDP needs CAP_NET_ADMIN and CAP_BPF outside a user namespace',
  );
  assert.equal(shortOfPrivileges(facts(NET_RAW)), 'AF_XDP needs CAP_NET_ADMIN and CAP_BPF');
  assert.equal(shortOfPrivileges(facts(NET_RAW | NET_ADMIN | BPF)), undefined);
});

test('the facts of this process', { skip: process.platform !== 'linux' && 'needs /proc' }, () => {
  const { capabilities, kernel, lockedMemory } = privilegeFacts();
  assert.ok(capabilities >= 0n);
  assert.match(kernel, /^\d+\.\d+/);
  assert.match(lockedMemory, /^(\d+|unlimited)$/);
});
