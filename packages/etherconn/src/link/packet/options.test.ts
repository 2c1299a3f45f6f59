import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openPacketLink } from './link.ts';
import { checkPacketLinkOptions } from './options.ts';

/** Needs no privilege: all this is refused before anything is opened, and before the addon is loaded. */

test('wrong options are named', () => {
  const wrong: [string, unknown][] = [
    ['netns', ''],
    ['netns', 7],
    ['netns', '/run/netns/a\0b'],
    ['receive', 'fast'],
    ['moderation', -1],
    ['moderation', 1001],
    ['moderation', 0.5],
    ['receiveRing', 63],
    ['receiveRing', 100.5],
    ['receiveRing', 2 ** 21],
    ['sendRing', 15],
    ['sendRing', '64'],
    ['promiscuous', 'yes'],
    ['recieve', 'latency'],
  ];
  for (const [option, value] of wrong) {
    assert.throws(
      () => openPacketLink('eth0', { [option]: value }),
      { code: 'ERR_ETHERCONN_OPTION', option },
      `${option}: ${value}`,
    );
  }
});

test('wrong interface names are refused', () => {
  for (const name of [
    '',
    '.',
    '..',
    'a/b',
    'a b',
    'a:b',
    'a\0b',
    'sixteen-bytes-xx',
    'ääääääää',
    5,
    undefined,
  ]) {
    assert.throws(() => openPacketLink(name as string), { option: 'interfaceName' }, `${name}`);
  }
});

test('defaults', () => {
  assert.deepEqual(checkPacketLinkOptions({}), {
    netns: undefined,
    receive: 'latency',
    moderation: 100,
    receiveRing: undefined,
    sendRing: undefined,
    promiscuous: true,
  });
});
