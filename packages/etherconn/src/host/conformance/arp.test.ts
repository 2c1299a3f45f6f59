import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { MemoryRelay } from '../../relay/memory-relay.ts';
import { FrameTap } from '../../test-support/frame-tap.ts';
import { hex } from '../../test-support/frames.ts';
import { HostNetwork } from '../../test-support/hosts.ts';
import { parseIp } from '../../wire/ip.ts';
import type { Host } from '../host.ts';
import type { HostOptions } from '../host-options.ts';

/** What docs/conformance.md says of RFC 826 and RFC 5227. */

const US = '020000000009 0a000009';
const PEER = '020000000001 0a000001';
const ALL = 'ffffffffffff';
const HEAD = '0001 0800 06 04';

function open(t: TestContext, options: HostOptions = {}) {
  const net = new HostNetwork(t);
  const host = net.host(9, { addresses: ['10.0.0.9/24'], ...options });
  const relay = net.relay();
  const tap = new FrameTap(relay, '020000000009');
  return {
    net,
    host,
    tap,
    async send(destination: string, packet: string): Promise<string[]> {
      relay.trySendFrame(hex(`${destination} 020000000001 0806 ${packet}`));
      await net.settle();
      return tap.take('0806');
    },
  };
}

function frame(text: string): string {
  return Buffer.from(hex(text)).toString('hex');
}

/** The MAC address that the host knows of 10.0.0.1, or null. */
function known(host: Host): string | null {
  const mac = host.stack.output.neighbors.find(parseIp('10.0.0.1'), 0, 4)?.mac;
  return mac === null || mac === undefined ? null : Buffer.from(mac).toString('hex');
}

describe('RFC 826', () => {
  it('a question for an address of ours is answered to who asked, with the fields swapped', async (t) => {
    const { send, host } = open(t);
    const answer = frame(`020000000001 020000000009 0806 ${HEAD} 0002 ${US} ${PEER}`);
    assert.deepEqual(await send(ALL, `${HEAD} 0001 ${PEER} 000000000000 0a000009`), [answer]);
    // Asked of us alone, and with something in the field that is not known yet.
    assert.deepEqual(await send('020000000009', `${HEAD} 0001 ${PEER} ffffffffffff 0a000009`), [answer]);
    assert.equal(known(host), '020000000001', 'who asks is remembered');
  });

  it('questions for others, and answers, are not answered', async (t) => {
    const { send, host } = open(t);
    assert.deepEqual(await send(ALL, `${HEAD} 0001 ${PEER} 000000000000 0a000008`), []);
    assert.deepEqual(await send(ALL, `${HEAD} 0002 ${PEER} ${US}`), []);
    assert.equal(known(host), null, 'who was not asked for is not remembered');
  });

  it('who is known is followed to another hardware address', async (t) => {
    const { send, host } = open(t);
    for (const packet of [
      `${HEAD} 0001 020000000002 0a000001 000000000000 0a000009`,
      `${HEAD} 0002 020000000003 0a000001 020000000008 0a000008`,
      `${HEAD} 0001 020000000004 0a000001 000000000000 0a000001`,
    ]) {
      await send(ALL, `${HEAD} 0001 ${PEER} 000000000000 0a000009`);
      await send(ALL, packet);
      assert.equal(known(host), Buffer.from(hex(packet).slice(8, 14)).toString('hex'));
    }
  });

  it('other hardware, protocols and lengths are dropped', async (t) => {
    const { send, host } = open(t);
    for (const head of ['0006 0800 06 04', '0001 86dd 06 04', '0001 0800 08 04', '0001 0800 06 10'])
      assert.deepEqual(
        await send(ALL, `${head} 0001 ${PEER} 000000000000 0a000009 ${'00'.repeat(40)}`),
        [],
        head,
      );
    assert.deepEqual(await send(ALL, `${HEAD} 0001 ${PEER} 000000`), []);
    assert.equal(known(host), null);
  });

  it('who is not known is asked for, of all, in the form that everybody knows', async (t) => {
    const { host, net, tap } = open(t);
    const ping = host.ping('10.0.0.1', { timeout: 3500 }).catch((error: { code: string }) => error.code);
    await net.settle();
    const question = frame(`${ALL} 020000000009 0806 ${HEAD} 0001 ${US} 000000000000 0a000001`);
    assert.deepEqual(tap.take(), [question]);
    await net.advance(999);
    assert.deepEqual(tap.take(), [], 'once a second at most: RFC 1122 §2.3.2.1');
    await net.advance(5000);
    assert.deepEqual(tap.take(), [question, question]);
    assert.equal(await ping, 'EHOSTUNREACH');
  });
});

describe('RFC 5227', () => {
  const probe = frame(`${ALL} 020000000009 0806 ${HEAD} 0001 020000000009 00000000 000000000000 0a000009`);
  const announcement = frame(`${ALL} 020000000009 0806 ${HEAD} 0001 ${US} 000000000000 0a000009`);

  it('an address is asked for three times before it is used, and then announced twice', async (t) => {
    const { net, tap, host, send } = open(t, { detectDuplicates: 'wait' });
    await net.settle();
    assert.deepEqual(tap.take('0806'), [probe]);
    assert.deepEqual(await send(ALL, `${HEAD} 0001 ${PEER} 000000000000 0a000009`), [], 'not in use');
    await net.advance(1000);
    await net.advance(1000);
    assert.deepEqual(tap.take('0806'), [probe, probe]);
    assert.equal(host.addresses()[0].state, 'tentative');
    await net.advance(1000);
    assert.equal(host.addresses()[0].state, 'preferred');
    assert.deepEqual(tap.take('0806'), [announcement]);
    await net.advance(1999);
    assert.deepEqual(tap.take('0806'), []);
    await net.advance(1);
    assert.deepEqual(tap.take('0806'), [announcement]);
    await net.advance(100_000);
    assert.deepEqual(tap.take('0806'), [], 'and not again');
  });

  it('whoever says that he has the address, or wants it too, ends the attempt', async (t) => {
    for (const packet of [
      `${HEAD} 0002 ${US.replace('0009 ', '0001 ')} 020000000009 00000000`,
      `${HEAD} 0001 020000000001 0a000009 000000000000 0a000005`,
      `${HEAD} 0001 020000000001 00000000 000000000000 0a000009`,
    ]) {
      const { net, host, send } = open(t, { detectDuplicates: 'wait' });
      await net.settle();
      await send(ALL, packet);
      await net.advance(10_000);
      assert.deepEqual(
        host.addresses().filter(({ version }) => version === 4),
        [],
        packet,
      );
    }
  });

  it('our own probe, given back by the network, is no conflict', async (t) => {
    const { net, host, send } = open(t, { detectDuplicates: 'wait' });
    await net.settle();
    await send(ALL, `${HEAD} 0001 020000000009 00000000 000000000000 0a000009`);
    await net.advance(3000);
    assert.equal(host.addresses()[0].state, 'preferred');
  });

  it('an address is defended by one announcement in ten seconds', async (t) => {
    const { net, send, host } = open(t);
    const conflict = `${HEAD} 0001 020000000001 0a000009 000000000000 0a000005`;
    assert.deepEqual(await send(ALL, conflict), [announcement]);
    await net.advance(9999);
    assert.deepEqual(await send(ALL, conflict), []);
    await net.advance(1);
    assert.deepEqual(await send(ALL, conflict), [announcement]);
    assert.equal(host.stats().conflicts, 3);
  });

  it('when the link comes back the address is asked for and announced again', async (t) => {
    const { net, host, tap, send } = open(t, { detectDuplicates: 'wait' });
    await net.advance(10_000);
    tap.take();
    const { port } = host.stack.state.relay as MemoryRelay;
    for (const up of [false, true, false, true]) {
      port.setUp(up);
      await net.settle();
    }
    assert.deepEqual(tap.take('0806'), [probe], 'once, however often it came');
    await net.advance(2999);
    assert.deepEqual(tap.take('0806'), [probe, probe]);
    await net.advance(1);
    await net.advance(2000);
    assert.deepEqual(tap.take('0806'), [announcement, announcement]);
    await net.advance(100_000);
    assert.deepEqual(tap.take('0806'), []);
    // Who has come by it while we were away says so.
    port.setUp(false);
    port.setUp(true);
    await net.settle();
    await send('020000000009', `${HEAD} 0002 020000000001 0a000009 020000000009 00000000`);
    assert.equal(host.stats().conflicts, 1);
  });

  it('who asks whether an address of ours is free is answered', async (t) => {
    const { send } = open(t);
    const answer = `020000000001 020000000009 0806 ${HEAD} 0002 ${US} 020000000001 00000000`;
    assert.deepEqual(await send(ALL, `${HEAD} 0001 020000000001 00000000 000000000000 0a000009`), [
      frame(answer),
    ]);
  });
});
