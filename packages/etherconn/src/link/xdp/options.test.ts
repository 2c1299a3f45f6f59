import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OptionError } from '../../errors.ts';
import { checkXdpLinkOptions, type XdpLinkOptions } from './options.ts';

test('defaults', () => {
  const checked = checkXdpLinkOptions({});
  const {
    mode,
    needWakeup,
    polling,
    moderation,
    maxEndpoints,
    takeover,
    steering,
    attach,
    promiscuous,
    audit,
  } = checked;
  assert.deepEqual(
    { mode, needWakeup, polling, moderation, maxEndpoints, takeover, steering, attach, promiscuous, audit },
    {
      mode: 'auto',
      needWakeup: true,
      polling: 'interrupt',
      moderation: 100,
      maxEndpoints: 131_072,
      takeover: false,
      steering: 'endpoints',
      attach: true,
      promiscuous: true,
      audit: false,
    },
  );
  assert.deepEqual(
    [checked.queues, checked.chunks, checked.chunkSize, checked.headroom],
    [undefined, undefined, undefined, 0],
  );
});

const WRONG: readonly [string, unknown, RegExp][] = [
  ['queues', [], /list of 1 to 64/],
  ['queues', 0, /list of 1 to 64/],
  ['queues', [0, 0], /each queue once/],
  ['queues', [-1], /from 0 to 63/],
  ['queues', [64], /from 0 to 63/],
  ['queues', [undefined], /from 0 to 63/],
  ['queues', ['0'], /from 0 to 63/],
  ['sendQueue', 64, /from 0 to 63/],
  ['mode', 'fast', /'auto', 'zerocopy', 'native', 'generic'/],
  ['chunkSize', 1024, /2048 or 4096/],
  ['chunks', 100, /power of two from 64 to 65536/],
  ['chunks', 32, /from 64 to 65536/],
  ['chunks', 131_072, /from 64 to 65536/],
  ['headroom', 2000, /from 0 to 1024/],
  ['needWakeup', 1, /true or false/],
  ['polling', 'often', /'interrupt', 'adaptive', 'busy'/],
  ['moderation', -1, /from 0 to 1000/],
  ['moderation', '50', /from 0 to 1000/],
  ['maxEndpoints', 0, /from 1 to 16777216/],
  ['netns', '', /path of a network namespace/],
  ['takeover', 'yes', /true or false/],
  ['steering', 'none', /'endpoints', 'all'/],
  ['attach', 0, /true or false/],
  ['promiscuous', 1, /true or false/],
  ['audit', 1, /true or false/],
  ['queue', 1, /not an option here; known are queues/],
];

for (const [option, value, message] of WRONG) {
  test(`${option}: ${JSON.stringify(value)} is refused`, () => {
    assert.throws(
      () => checkXdpLinkOptions({ [option]: value } as XdpLinkOptions),
      (error: unknown) =>
        error instanceof OptionError && error.option === option && message.test(error.message),
    );
  });
}

test('the send queue must be one of the queues', () => {
  assert.equal(checkXdpLinkOptions({ queues: [3, 1], sendQueue: 1 }).sendQueue, 1);
  assert.throws(() => checkXdpLinkOptions({ queues: [3, 1], sendQueue: 0 }), { option: 'sendQueue' });
});

test('a map of somebody else goes with attach: false, and only with it', () => {
  assert.equal(checkXdpLinkOptions({ attach: false, xskMapFd: 7 }).xskMapFd, 7);
  assert.equal(checkXdpLinkOptions({ attach: false, xskMapPath: '/a/b' }).xskMapPath, '/a/b');
  assert.throws(() => checkXdpLinkOptions({ attach: false }), { option: 'attach' });
  assert.throws(() => checkXdpLinkOptions({ attach: false, xskMapFd: 7, xskMapPath: '/a' }), {
    option: 'attach',
  });
  assert.throws(() => checkXdpLinkOptions({ xskMapFd: 7 }), { option: 'xskMapFd', message: /attach: false/ });
  assert.throws(() => checkXdpLinkOptions({ attach: false, xskMapFd: -1 }), { option: 'xskMapFd' });
  assert.throws(() => checkXdpLinkOptions({ attach: false, xskMapPath: 'a\0b' }), { option: 'xskMapPath' });
});

test('what only who loads the program can say is refused with attach: false', () => {
  const program = { xskMapFd: 7, ids: [1], place: undefined };
  assert.equal(checkXdpLinkOptions({ attach: false, program, steering: 'all' }).steering, 'all');
  for (const other of [{ program }, { xskMapFd: 7 }, { xskMapPath: '/a' }]) {
    const options = { attach: false, maxEndpoints: 9, ...other };
    assert.throws(() => checkXdpLinkOptions(options), { option: 'maxEndpoints' });
  }
  for (const other of [{ xskMapFd: 7 }, { xskMapPath: '/a' }]) {
    const options = { attach: false, steering: 'all', ...other } as const;
    assert.throws(() => checkXdpLinkOptions(options), {
      option: 'steering',
      message: /somebody else steers/,
    });
  }
});

test('what is no shared program is refused by that name', () => {
  for (const program of [null, {}, 5, { xskMapFd: 7 }]) {
    const options = { attach: false, program } as unknown as XdpLinkOptions;
    assert.throws(() => checkXdpLinkOptions(options), { option: 'program' });
  }
});

test('what is no object of options is refused', () => {
  for (const options of [null, 5, []]) {
    assert.throws(() => checkXdpLinkOptions(options as unknown as XdpLinkOptions), { option: 'options' });
  }
});
