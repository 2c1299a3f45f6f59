import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkKernel, kernelHas, Since } from './kernel.ts';
import { checkXdpLinkOptions, type XdpLinkOptions } from './options.ts';
import { chunkCount, halved, xdpShape } from './shape.ts';

function shape(
  options: XdpLinkOptions,
  mtu = 1500,
  queues = 1,
  kernel = '6.18.0',
  veth = false,
  lockable = Number.POSITIVE_INFINITY,
) {
  return xdpShape(checkXdpLinkOptions(options), mtu, queues, veth, lockable, kernel);
}

test('kernel releases are compared by number', () => {
  for (const [release, has] of [
    ['5.10.0', true],
    ['5.9.16-1-amd64', false],
    ['5.4.0-150-generic', false],
    ['6.0', true],
    ['10.1.0', true],
    ['5.10-rc1', true],
    ['4.19.0', false],
  ] as const) {
    assert.equal(kernelHas(Since.SHARED_UMEM, release), has, release);
  }
  checkKernel('5.10.0');
  assert.throws(() => checkKernel('5.9.0-1-amd64'), {
    code: 'ERR_ETHERCONN_KERNEL',
    message: /5\.10 or later/,
  });
});

test('by default all queues, rings of 4096, small chunks where frames fit them', () => {
  const four = shape({}, 1500, 4);
  assert.deepEqual(
    [four.queues, four.sendQueue, four.ringSize, four.chunkSize, four.maxFrameLength],
    [[0, 1, 2, 3], 0, 4096, 2048, 1522],
  );
  assert.equal(four.maxSentLength, 1518);
  assert.equal(chunkCount(four), 5 * 4096);
  assert.deepEqual([four.multiBuffer, four.frags, four.headroom], [false, false, 2]);
});

test('chunks grow with the MTU, then frames take several', () => {
  assert.equal(shape({}, 1768).chunkSize, 2048);
  assert.deepEqual([shape({}, 1769).chunkSize, shape({}, 1769).multiBuffer], [4096, false]);
  assert.equal(shape({ chunkSize: 4096 }).chunkSize, 4096);
  assert.equal(shape({}, 3816).multiBuffer, false);
  assert.equal(shape({}, 3817).multiBuffer, true);
  assert.equal(shape({ chunkSize: 2048 }, 1769).multiBuffer, true);
  assert.equal(shape({ headroom: 5 }, 1768).headroom, 10);
  assert.equal(shape({ headroom: 5 }, 1768).chunkSize, 4096);
  assert.ok(shape({}, 9000).scratch > 9022);
  assert.deepEqual([shape({}, 2978).frags, shape({}, 2979).frags], [false, true]);
  assert.equal(shape({}, 2979, 1, '5.17.9').frags, false);
  const veths = ['5.17.9', '5.18.0'].map((kernel) => shape({}, 1500, 1, kernel, true).frags);
  assert.deepEqual(veths, [false, true]);
});

test('a kernel without frames of several chunks: the error says the largest MTU', () => {
  assert.throws(() => shape({}, 9000, 1, '6.5.13'), {
    code: 'ERR_ETHERCONN_MTU',
    message: /largest MTU is 3816,/,
  });
  assert.throws(() => shape({ chunkSize: 2048 }, 1800, 1, '6.1.0'), { message: /largest MTU is 1768,/ });
  assert.equal(shape({}, 3816, 1, '6.1.0').multiBuffer, false);
});

test('queues must be there', () => {
  assert.deepEqual(shape({ queues: [3, 1] }, 1500, 4).queues, [3, 1]);
  assert.equal(shape({ queues: [3, 1] }, 1500, 4).sendQueue, 3);
  assert.throws(() => shape({ queues: [1] }, 1500, 1), { option: 'queues', message: /only queue 0, got 1/ });
  assert.throws(() => shape({ queues: [0, 4] }, 1500, 4), {
    option: 'queues',
    message: /queues 0 to 3, got 4/,
  });
  assert.throws(() => shape({ queues: [200] }, 1500, 128), { name: 'OptionError', option: 'queues' });
  assert.throws(() => shape({ sendQueue: 5 }, 1500, 4), { option: 'sendQueue' });
});

test('more queues than a link can take: no option is wrong, unless some are named', () => {
  assert.equal(shape({}, 1500, 64).queues.length, 64);
  assert.throws(() => shape({}, 1500, 128), {
    name: 'EtherconnError',
    code: 'ERR_ETHERCONN_QUEUES',
    message: /has 128 queues, a link takes at most 64: .*'queues'.*RawSocketRelay/,
  });
  assert.deepEqual(shape({ queues: [0, 63] }, 1500, 128).queues, [0, 63]);
});

test('by default no more than half a gibibyte, on request up to one', () => {
  const many = shape({}, 9000, 64);
  assert.ok(chunkCount(many) * many.chunkSize <= 512 << 20);
  assert.equal(shape({ chunks: 1024 }).ringSize, 512);
  assert.equal(shape({ chunks: 65_536, chunkSize: 4096 }, 1500, 4).ringSize, 32_768);
  assert.throws(() => shape({ chunks: 65_536, chunkSize: 4096 }, 1500, 16), { option: 'chunks' });
});

test('the defaults take at most half of what may be locked in memory; what is asked for is left to the kernel', () => {
  const bytes = (...args: Parameters<typeof shape>) => {
    const got = shape(...args);
    return [chunkCount(got) * got.chunkSize, got.reduced];
  };
  const usual = 8 << 20;
  assert.deepEqual(bytes({}), [16 << 20, false]);
  assert.deepEqual(bytes({}, 1500, 1, '6.18.0', false, 32 << 20), [16 << 20, false]);
  assert.deepEqual(bytes({}, 1500, 1, '6.18.0', false, usual), [4 << 20, true]);
  for (const queues of [1, 2, 4, 8, 16]) {
    const [taken] = bytes({}, 1500, queues, '6.18.0', false, usual);
    assert.ok((taken as number) <= usual / 2 && (taken as number) > usual / 8, `${queues} queues: ${taken}`);
  }
  assert.deepEqual(bytes({ chunks: 8192 }, 1500, 1, '6.18.0', false, usual), [16 << 20, false]);
  // Less than the least there is: the kernel says what is wrong.
  assert.equal(shape({}, 1500, 1, '6.18.0', false, 65_536).ringSize, 32);
  assert.equal(halved(shape({ chunks: 128 }))!.ringSize, 32);
  assert.equal(halved(shape({ chunks: 64 })), undefined);
});
