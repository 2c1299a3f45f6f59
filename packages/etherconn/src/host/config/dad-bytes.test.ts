import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { HostNetwork, TestPort } from '../../test-support/hosts.ts';
import { icmpv6Frame, Station } from '../../test-support/station.ts';
import { formatIp } from '../../wire/ip.ts';
import type { Host } from '../host.ts';
import type { HostOptions } from '../host-options.ts';

/** Duplicate address detection byte by byte: RFC 4862 §5.4, RFC 4429. The host is to be 2001:db8::9. */

const OURS = '20010db8000000000000000000000009';
const GROUP = { destinationMac: '33:33:ff:00:00:09', destination: 'ff02::1:ff00:9' };
const ALL = { destinationMac: '33:33:00:00:00:01', destination: 'ff02::1' };
const PROBE = `8700 0000 00000000 ${OURS}`;
const QUESTION = `${PROBE} 0101 020000000007`;
const CLAIM = `8800 0000 20000000 ${OURS} 0201 020000000007`;

function open(t: TestContext, options: HostOptions) {
  const net = new HostNetwork(t);
  const other = new Station(net, '02:00:00:00:00:07', 'fe80::7');
  other.alive = false;
  const host = net.host(9, { addresses: ['2001:db8::9/64'], ...options });
  const settled = host.settled();
  settled.catch(() => undefined);
  const send = async (message: string, fields: object = {}) => {
    const frame = { sourceMac: '02:00:00:00:00:07', source: 'fe80::7', ...GROUP, ...fields, message };
    other.send(icmpv6Frame(frame));
    await net.settle();
  };
  /** Messages of a type that the host has sent. */
  const sent = (type: number) =>
    other.seen
      .filter((frame) => frame[12] === 0x86 && frame[20] === 58 && frame[54] === type && frame[11] === 9)
      .map((frame) => {
        const message = Buffer.from(frame.subarray(54));
        message.fill(0, 2, 4);
        return `${formatIp(frame, 22, 6)} > ${formatIp(frame, 38, 6)} ${frame[21]} ${message.toString('hex')}`;
      });
  return { net, other, host, settled, send, sent };
}

function states(host: Host): string[] {
  return host.addresses().map(({ address, state }) => `${address} ${state}`);
}

test('every address is asked for once, from nobody, without options, before it is used', async (t) => {
  const { net, host, sent } = open(t, { detectDuplicates: 'wait' });
  await net.settle();
  assert.deepEqual(sent(135), [
    `:: > ff02::1:ff00:9 255 8700000000000000${OURS}`,
    ':: > ff02::1:ff00:9 255 8700000000000000fe80000000000000000000fffe000009',
  ]);
  await net.advance(999);
  assert.deepEqual(states(host), ['2001:db8::9 tentative', 'fe80::ff:fe00:9 tentative']);
  await net.advance(1);
  assert.deepEqual(states(host), ['2001:db8::9 preferred', 'fe80::ff:fe00:9 preferred']);
  assert.equal(sent(135).length, 2);
});

test('a tentative address answers nobody, and nothing is sent from it', async (t) => {
  const { net, host, send, sent } = open(t, { detectDuplicates: 'wait' });
  await send(QUESTION);
  // A ping.
  await send('8000 0000 00070001', { destinationMac: '02:00:00:00:00:09', destination: '2001:db8::9' });
  assert.throws(() => new TestPort(host, { version: 6 }).send('x', '2001:db8::7', 7), {
    code: 'EADDRNOTAVAIL',
  });
  assert.deepEqual([sent(136), sent(129), host.addresses().length], [[], [], 2], 'nor does it end there');
  await net.advance(1000);
  await send(QUESTION);
  assert.equal(sent(136).length, 1);
});

test('a tentative address that another one asks for, or has, is not used', async (t) => {
  for (const [message, fields] of [
    [PROBE, { source: '::' }],
    [CLAIM, ALL],
  ] as const) {
    const { net, host, settled, send } = open(t, { detectDuplicates: 'wait' });
    await send(message, fields);
    await net.advance(1000);
    assert.deepEqual(states(host), ['fe80::ff:fe00:9 preferred'], 'the others are not touched');
    await assert.rejects(settled, { code: 'EADDRINUSE' });
  }
});

test('an own question that comes back says nothing', async (t) => {
  const { net, host, send } = open(t, { detectDuplicates: 'wait' });
  await send(PROBE, { source: '::', sourceMac: '02:00:00:00:00:09' });
  await net.advance(1000);
  assert.equal(states(host)[0], '2001:db8::9 preferred');
});

test('without detection nothing is asked', async (t) => {
  const { net, host, sent } = open(t, { detectDuplicates: 'off' });
  await net.advance(5000);
  assert.deepEqual([sent(135), states(host)[0]], [[], '2001:db8::9 preferred']);
});

test('the time that routers say between questions is that of detection, too', async (t) => {
  const { net, other, host, sent } = open(t, { addresses: ['fe80::9/64'], detectDuplicates: 'off' });
  const slaac = host.slaac({ detectDuplicates: 'wait' });
  await net.settle();
  const prefix = `0304 40c0 00000e10 00000e10 00000000 20010db8000100000000000000000000`;
  await other.tell(`8600 0000 00 00 0708 00000000 00000bb8 ${prefix}`);
  assert.equal(sent(135).length, 1);
  await net.advance(2999);
  assert.equal(states(host)[1], '2001:db8:1::ff:fe00:9 tentative');
  await net.advance(1);
  assert.equal((await slaac).addresses()[0]!.state, 'preferred');
});

test('an optimistic address is answered for without override', async (t) => {
  const { send, sent } = open(t, { detectDuplicates: 'optimistic' });
  await send(QUESTION);
  assert.deepEqual(sent(136), [`2001:db8::9 > fe80::7 255 8800000040000000${OURS}0201020000000009`]);
});

test('nobody is asked for from an optimistic address; what waits is sent when it is none any more', async (t) => {
  const { net, other, host, sent } = open(t, { detectDuplicates: 'optimistic' });
  other.alive = true;
  await net.settle();
  const probes = sent(135).length;
  await net.advance(500);
  new TestPort(host, { version: 6 }).send('x', 'fe80::7', 7);
  new TestPort(host, { version: 6 }).send('x', 'fe80::8', 7);
  await net.advance(499);
  assert.deepEqual([sent(135).length, other.datagrams], [probes, 0]);
  await net.advance(1);
  assert.deepEqual([sent(135).length, other.datagrams], [probes + 2, 1]);
  await net.advance(999);
  assert.equal(sent(135).length, probes + 2, 'the other one is asked for once a second, too');
  await net.advance(2001);
  assert.deepEqual([sent(135).length, host.stats().unreachable], [probes + 4, 1], 'and three times');
});

test('routers are asked from nobody while the address is optimistic', async (t) => {
  const { net, host, sent } = open(t, { addresses: [] });
  host.slaac({ timeout: Number.POSITIVE_INFINITY }).catch(() => undefined);
  await net.settle();
  assert.deepEqual(sent(133), [':: > ff02::2 255 8500000000000000']);
});

test('an optimistic address that another one has is given up at once', async (t) => {
  for (const [message, fields] of [
    [PROBE, { source: '::' }],
    [CLAIM, ALL],
  ] as const) {
    const { host, send } = open(t, { detectDuplicates: 'optimistic' });
    const conflict = once(host, 'conflict');
    await send(message, fields);
    assert.deepEqual(await conflict, [{ address: '2001:db8::9', mac: '02:00:00:00:00:07', lost: true }]);
    assert.deepEqual(states(host), ['fe80::ff:fe00:9 optimistic']);
  }
});

test('prefix options byte by byte: addresses of 64 bits, with the flag, of times that make sense', async (t) => {
  const { net, other, host } = open(t, { addresses: ['fe80::9/64'], detectDuplicates: 'off' });
  const slaac = host.slaac({ detectDuplicates: 'off' });
  await net.settle();
  const prefix = (length: string, flags: string, valid: string, preferred: string, network: string) =>
    `0304 ${length}${flags} ${valid} ${preferred} 00000000 ${network.padEnd(32, '0')}`;
  await other.tell(
    `8600 0000 00 00 0708 00000000 00000000 ${[
      prefix('40', '80', '00000e10', '00000e10', '20010db8000a'),
      prefix('30', '40', '00000e10', '00000e10', '20010db8000b'),
      prefix('40', '40', '00000e10', '00000e11', '20010db8000c'),
      prefix('40', '40', '00000000', '00000000', '20010db8000d'),
      prefix('40', 'c0', '00000e10', '00000e10', 'fe80'),
      prefix('40', '40', '00000e10', '00000708', '20010db8000e'),
    ].join(' ')}`,
  );
  await slaac;
  assert.deepEqual(states(host), ['fe80::9 preferred', '2001:db8:e::ff:fe00:9 preferred']);
  await net.advance(1_800_000);
  assert.equal(states(host)[1], '2001:db8:e::ff:fe00:9 deprecated');
  await net.advance(1_800_000);
  assert.deepEqual(states(host), ['fe80::9 preferred']);
});
