import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AttachedProgram, LinkDetails } from '../kernel/interface-netlink.ts';
import { attachError } from './attach-error.ts';

function details(name: string, programs: readonly AttachedProgram[] = [], kind = 'veth'): LinkDetails {
  return {
    index: 7,
    name,
    mtu: 9000,
    kind,
    rxQueues: 1,
    txQueues: 4,
    peerIndex: 8,
    peerIsHere: true,
    programs,
    carrierDowns: 0,
  };
}

function message(
  code: string,
  mode: 'native' | 'generic',
  near: LinkDetails | undefined,
  peer?: LinkDetails,
): string {
  const error = attachError(code, -1, 'bpf', mode, { index: 7, details: near, peer });
  assert.equal(error.code, code === 'EEXIST' ? 'EBUSY' : near === undefined ? 'ENODEV' : code);
  assert.ok(error.message.includes(`'${near?.name ?? 'number 7'}' in ${mode} mode`));
  return error.message;
}

test('an XDP program is there already', () => {
  for (const code of ['EBUSY', 'EEXIST']) {
    const text = message(code, 'native', details('eth0', [{ id: 42, mode: 'generic' }]));
    assert.match(text, /already \(id 42, generic mode\); nothing was replaced.*bpftool prog show id 42/);
    assert.match(text, /EBUSY/);
  }
  for (const [mode, cure] of [
    ['native', 'ip link set dev eth0 xdp off'],
    ['generic', 'ip link set dev eth0 xdpgeneric off'],
    ['offloaded', 'ip link set dev eth0 xdpoffload off'],
  ] as const) {
    const text = message('EBUSY', 'native', details('eth0', [{ id: 42, mode }]));
    assert.match(text, /held by a BPF link.*ends.*bpftool link detach/);
    assert.ok(text.includes(cure), text);
  }
  assert.match(message('EEXIST', 'native', details('eth0')), /on top of it/);
});

test('what a veth refuses', () => {
  const peer = details('peer0');
  assert.match(
    message('ERANGE', 'native', details('veth0'), peer),
    /peer \(9000\).*ip link set dev peer0 mtu/,
  );
  assert.match(message('ERANGE', 'native', details('veth0')), /dev PEER mtu/);
  assert.match(
    message('ENOSPC', 'native', details('veth0'), peer),
    /ethtool -L veth0 rx.*ethtool -L peer0 tx/,
  );
  assert.match(message('ENOTCONN', 'native', details('veth0')), /peer is gone/);
});

test('what others refuse', () => {
  for (const code of ['ERANGE', 'ENOSPC', 'ENOTCONN', 'EINVAL']) {
    assert.match(message(code, 'native', details('eth0', [], '')), /driver refuses.*'generic' works/);
  }
  assert.match(message('ENOTSUP', 'native', details('eth0', [], '')), /no XDP of its own.*'generic' works/);
  assert.match(message('EINVAL', 'generic', details('eth0', [], '')), /the kernel refuses/);
  const unknown = { index: 7, name: 'eth1', details: undefined, peer: undefined };
  assert.match(attachError('EMFILE', -24, 'bpf', 'native', unknown).message, /'eth1' in native mode/);
  for (const code of ['EMFILE', 'ENFILE']) {
    assert.match(message(code, 'generic', details('eth0')), /too many files are open.*ulimit -n/);
  }
  for (const code of ['ENODEV', 'EINVAL']) {
    assert.match(message(code, 'generic', undefined), /no such interface.*ENODEV/);
  }
});
