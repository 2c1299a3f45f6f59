import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OptionError } from '../errors.ts';
import { Relay } from './relay.ts';
import { XDPRelay, XDPSendingModeBatch, XDPSendingModeSingle } from './xdp-relay.ts';

/** Option, wrong value, what the message says of it. No interface is needed to find them wrong. */
const WRONG: readonly (readonly [string, unknown, RegExp])[] = [
  ['sendingMode', 'bulk', /'single', 'batch'/],
  ['sendDepth', -1, /0 to 1048576/],
  ['receiveDepth', 0, /1 to 1048576/],
  ['ethernetTypes', [0x05ff], /0x0600/],
  ['ethernetTypes', 0x0800, /array/],
  ['logger', {}, /debug, info, warn and error, has none/],
  ['logger', { info() {}, error() {} }, /debug, info, warn and error, lacks debug and warn/],
  ['queues', [], /1 to 64 queue numbers, got \[\]$/],
  ['queues', [0, 0], /once/],
  ['queues', 4, /list/],
  ['sendQueue', -1, /0 to 63/],
  ['mode', 'fast', /'auto', 'zerocopy', 'native', 'generic'/],
  ['chunkSize', 1024, /2048 or 4096/],
  ['chunks', 1000, /power of two/],
  ['chunks', 131_072, /64 to 65536/],
  ['headroom', 2000, /0 to 1024/],
  ['needWakeup', 1, /true or false/],
  ['polling', 'spin', /'interrupt', 'adaptive', 'busy'/],
  ['maxEndpoints', 0, /1 to 16777216/],
  ['netns', 7, /path/],
  ['takeover', 'yes', /true or false/],
  ['steering', 'none', /'endpoints', 'all'/],
  ['attach', false, /xskMapFd, xskMapPath and program/],
  ['xskMapFd', 5, /attach: false/],
  ['promiscuous', 1, /true or false/],
  ['audit', 1, /true or false/],
  ['sendingmode', 'batch', /not an option/],
];

test('XDPRelay: wrong options are refused by name before anything is opened', async () => {
  for (const [option, value, message] of WRONG) {
    for (const open of [XDPRelay.open, Relay.open]) {
      await assert.rejects(open.call(XDPRelay, 'nowhere0', { [option]: value }), (error) => {
        assert.ok(error instanceof OptionError, `${option}: ${error}`);
        assert.equal(error.option, option);
        assert.match(error.message, message);
        return true;
      });
    }
  }
  for (const name of ['', 'a/b', 'sixteen-letters-']) {
    await assert.rejects(XDPRelay.open(name), { option: 'interfaceName' });
  }
});

test('Relay.open: the options of both engines are known, and checked whichever is taken', async () => {
  for (const engine of ['auto', 'xdp', 'packet'] as const) {
    const wrong = (options: object) => Relay.open('nowhere0', { engine, ...options });
    await assert.rejects(wrong({ chunks: 3 }), { option: 'chunks' });
    await assert.rejects(wrong({ receiveRing: 3 }), { option: 'receiveRing' });
    await assert.rejects(wrong({ receive: 'soon' }), { option: 'receive' });
    await assert.rejects(wrong({ recieve: 'latency' }), {
      option: 'recieve',
      message: /known are .*engine.*mode.*receiveRing/,
    });
  }
  await assert.rejects(Relay.open('nowhere0', { engine: 'dpdk' as 'xdp' }), {
    option: 'engine',
    message: /'auto', 'xdp', 'packet'/,
  });
});

test('what is no object of options is refused', async () => {
  for (const options of [null, 7, 'native'] as never[]) {
    await assert.rejects(XDPRelay.open('nowhere0', options), { option: 'options' });
    await assert.rejects(Relay.open('nowhere0', options), { option: 'options' });
  }
});

test('who misspells an option is told of all there are, the relay’s as well', async () => {
  for (const open of [XDPRelay.open, Relay.open]) {
    const misspelled = open.call(XDPRelay, 'nowhere0', { chunk: 1 } as object);
    await assert.rejects(misspelled, {
      message: /known are .*queues.*audit.*sendingMode.*receiveDepth.*hairpin.*ethernetTypes.*logger/,
    });
  }
});

test('the sending modes have the names of the Go package', () => {
  assert.deepEqual([XDPSendingModeSingle, XDPSendingModeBatch], ['single', 'batch']);
});
