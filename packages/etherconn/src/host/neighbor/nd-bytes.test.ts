import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { MemoryRelay } from '../../relay/memory-relay.ts';
import { HostNetwork, TestPort } from '../../test-support/hosts.ts';
import { icmpv6Frame, Station } from '../../test-support/station.ts';
import { formatIp } from '../../wire/ip.ts';
import type { Host } from '../host.ts';

/** Neighbor discovery byte by byte: RFC 4861. The host is 2001:db8::9 and fe80::ff:fe00:9, the other one fe80::7. */

const OURS = '20010db8000000000000000000000009';
const THEIRS = 'fe800000000000000000000000000007';
const GROUP = { destinationMac: '33:33:ff:00:00:09', destination: 'ff02::1:ff00:9' };
const HERE = { destinationMac: '02:00:00:00:00:09', destination: '2001:db8::9' };
const SOURCE_MAC = '0101 020000000007';
const TARGET_MAC = '0201 020000000007';
const QUESTION = `8700 0000 00000000 ${OURS}`;

class Bench {
  readonly net: HostNetwork;
  readonly other: Station;
  readonly host: Host;

  constructor(t: TestContext, addresses: readonly string[] = ['2001:db8::9/64']) {
    this.net = new HostNetwork(t);
    this.other = new Station(this.net, '02:00:00:00:00:07', 'fe80::7');
    this.other.alive = false;
    this.host = this.net.host(9, { addresses });
  }

  async send(message: string, fields: Partial<Parameters<typeof icmpv6Frame>[0]> = {}): Promise<void> {
    this.other.send(
      icmpv6Frame({ sourceMac: '02:00:00:00:00:07', source: 'fe80::7', ...GROUP, ...fields, message }),
    );
    await this.net.settle();
  }

  /** Messages of a type that the host has sent: where to, IP addresses, hop limit, message without its checksum. */
  sent(type: number): string[] {
    return this.other.seen
      .filter((frame) => frame[12] === 0x86 && frame[20] === 58 && frame[54] === type && frame[11] === 9)
      .map((frame) => {
        const to = Buffer.from(frame.subarray(0, 6)).toString('hex');
        const message = Buffer.from(frame.subarray(54));
        message.fill(0, 2, 4);
        return `${to} ${formatIp(frame, 22, 6)} > ${formatIp(frame, 38, 6)} ${frame[21]} ${message.toString('hex')}`;
      });
  }

  /** Asks for fe80::7 by a datagram. */
  async ask(): Promise<void> {
    new TestPort(this.host, { version: 6 }).send('x', 'fe80::7', 7);
    await this.net.settle();
  }
}

describe('neighbor solicitations', () => {
  it('are answered from the address asked for: solicited, override, with the MAC address', async (t) => {
    const bench = new Bench(t);
    // Reserved bits and an unknown option say nothing.
    await bench.send(`8700 0000 ffffffff ${OURS} fd01 000000000000 ${SOURCE_MAC}`);
    const answer = `8800000060000000${OURS}0201020000000009`;
    assert.deepEqual(bench.sent(136), [`020000000007 2001:db8::9 > fe80::7 255 ${answer}`]);
    assert.equal(bench.host.stats().neighbors, 1);
    // Who asks has his entry: nobody is asked for him.
    await bench.ask();
    assert.deepEqual([bench.sent(135), bench.other.datagrams], [[], 1]);
  });

  it('from nobody are answered to all nodes, not solicited', async (t) => {
    const bench = new Bench(t);
    await bench.send(QUESTION, { source: '::' });
    const answer = `8800000020000000${OURS}0201020000000009`;
    assert.deepEqual(bench.sent(136), [`333300000001 2001:db8::9 > ff02::1 255 ${answer}`]);
    assert.equal(bench.host.stats().neighbors, 0);
  });

  it('without a MAC address make no entry', async (t) => {
    const bench = new Bench(t);
    await bench.send(QUESTION);
    assert.deepEqual([bench.sent(136).length, bench.host.stats().neighbors], [1, 0]);
  });

  it('for what is not ours are not answered', async (t) => {
    const bench = new Bench(t);
    await bench.send(`8700 0000 00000000 20010db8000000000000000001000009 ${SOURCE_MAC}`);
    assert.deepEqual([bench.sent(136), bench.host.stats().neighbors], [[], 0]);
  });

  it('that are not valid are dropped', async (t) => {
    const bench = new Bench(t);
    const valid = `${QUESTION} ${SOURCE_MAC}`;
    await bench.send(valid, { hopLimit: 254 });
    await bench.send(`8701 0000 00000000 ${OURS} ${SOURCE_MAC}`);
    await bench.send(`8700 0000 00000000 ff020000000000000000000000000009 ${SOURCE_MAC}`);
    await bench.send(`8700 0000 00000000 ${OURS.slice(0, 24)}`);
    await bench.send(`${QUESTION} 0100 020000000007`);
    await bench.send(`${QUESTION} 0102 020000000007`);
    await bench.send(valid, { source: '::' });
    await bench.send(QUESTION, { source: '::', ...HERE });
    const frame = icmpv6Frame({ sourceMac: bench.other.mac, source: 'fe80::7', ...GROUP, message: valid });
    frame[56] ^= 1;
    bench.other.send(frame);
    await bench.net.settle();
    assert.deepEqual([bench.sent(136), bench.host.stats().neighbors], [[], 0]);
    await bench.send(valid);
    assert.equal(bench.sent(136).length, 1);
  });

  it('ours go to the solicited-node group with our MAC address, three times, a second apart', async (t) => {
    const bench = new Bench(t);
    await bench.ask();
    const question = `3333ff000007 fe80::ff:fe00:9 > ff02::1:ff00:7 255 8700000000000000${THEIRS}0101020000000009`;
    assert.deepEqual(bench.sent(135), [question]);
    await bench.net.advance(999);
    assert.equal(bench.sent(135).length, 1);
    await bench.net.advance(2001);
    assert.deepEqual(bench.sent(135), [question, question, question]);
    await bench.net.advance(10_000);
    assert.deepEqual([bench.sent(135).length, bench.host.stats().unreachable], [3, 1]);
  });

  it('ours go to the neighbor alone when it is probed', async (t) => {
    const bench = new Bench(t);
    await bench.ask();
    await bench.send(`8800 0000 60000000 ${THEIRS} ${TARGET_MAC}`, HERE);
    await bench.net.advance(30_000);
    await bench.ask();
    await bench.net.advance(4999);
    assert.equal(bench.sent(135).length, 1, 'it may yet say something by itself');
    await bench.net.advance(3001);
    const probe = `020000000007 fe80::ff:fe00:9 > fe80::7 255 8700000000000000${THEIRS}0101020000000009`;
    assert.deepEqual(bench.sent(135).slice(1), [probe, probe, probe]);
    assert.equal(bench.host.stats().neighbors, 0);
  });
});

describe('neighbor advertisements', () => {
  it('resolve who is asked for; all that waits is sent', async (t) => {
    const bench = new Bench(t);
    await bench.ask();
    await bench.ask();
    // Neither solicited nor override: what counts is that nothing was known.
    await bench.send(`8800 0000 00000000 ${THEIRS} fd01 000000000000 ${TARGET_MAC}`, HERE);
    assert.equal(bench.other.datagrams, 2);
  });

  it('without a MAC address resolve nobody, and confirm who is known', async (t) => {
    const bench = new Bench(t);
    await bench.ask();
    await bench.send(`8800 0000 60000000 ${THEIRS}`, HERE);
    assert.equal(bench.other.datagrams, 0);
    await bench.send(`8800 0000 00000000 ${THEIRS} ${TARGET_MAC}`, HERE);
    assert.equal(bench.other.datagrams, 1);
    await bench.send(`8800 0000 40000000 ${THEIRS}`, HERE);
    const asked = bench.sent(135).length;
    await bench.ask();
    await bench.net.advance(20_000);
    assert.equal(bench.sent(135).length, asked, 'reachable: nobody is probed');
  });

  it('of who was not asked for make no entry', async (t) => {
    const bench = new Bench(t);
    await bench.send(`8800 0000 60000000 ${THEIRS} ${TARGET_MAC}`, HERE);
    assert.equal(bench.host.stats().neighbors, 0);
  });

  it('with another MAC address count with override alone', async (t) => {
    const bench = new Bench(t);
    await bench.ask();
    await bench.send(`8800 0000 60000000 ${THEIRS} ${TARGET_MAC}`, HERE);
    await bench.send(`8800 0000 40000000 ${THEIRS} 0201 020000000066`, HERE);
    await bench.ask();
    assert.equal(bench.other.datagrams, 2);
    await bench.send(`8800 0000 20000000 ${THEIRS} 0201 020000000066`, HERE);
    await bench.ask();
    assert.equal(bench.other.datagrams, 2);
  });

  it('that are not valid are dropped', async (t) => {
    const bench = new Bench(t);
    await bench.ask();
    const valid = `8800 0000 60000000 ${THEIRS} ${TARGET_MAC}`;
    const all = { destinationMac: '33:33:00:00:00:01', destination: 'ff02::1' };
    await bench.send(valid, { ...HERE, hopLimit: 254 });
    await bench.send(valid, all);
    await bench.send(`8801 0000 60000000 ${THEIRS} ${TARGET_MAC}`, HERE);
    await bench.send(`8800 0000 60000000 ff020000000000000000000000000007 ${TARGET_MAC}`, HERE);
    await bench.send(`8800 0000 60000000 ${THEIRS} 0200 020000000007`, HERE);
    await bench.send(`8800 0000 60000000 ${THEIRS.slice(0, 24)}`, HERE);
    assert.equal(bench.other.datagrams, 0);
    await bench.send(valid, HERE);
    assert.equal(bench.other.datagrams, 1);
  });
});

describe('routers', () => {
  const ADVERTISEMENT = `8600 0000 00 00 0708 00000000 00000000 ${SOURCE_MAC}`;

  function configured(t: TestContext): Bench {
    const bench = new Bench(t, ['2001:db8::9/64', 'fe80::9/64']);
    bench.host.slaac({ timeout: Number.POSITIVE_INFINITY }).catch(() => undefined);
    return bench;
  }

  const gateways = ({ host }: Bench) => host.routes().flatMap(({ gateway }) => gateway ?? []);

  it('advertisements that are not valid are dropped', async (t) => {
    const bench = configured(t);
    const all = { destinationMac: '33:33:00:00:00:01', destination: 'ff02::1' };
    const tell = (message: string, fields = {}) => bench.send(message, { ...all, ...fields });
    await tell(ADVERTISEMENT, { source: '2001:db8::7' });
    await tell(ADVERTISEMENT, { hopLimit: 254 });
    await tell(`8601 0000 00 00 0708 00000000 00000000 ${SOURCE_MAC}`);
    await tell('8600 0000 00 00 0708 00000000 0000');
    await tell('8600 0000 00 00 0708 00000000 00000000 0100 020000000007');
    assert.deepEqual([gateways(bench), bench.host.stats().neighbors], [[], 0]);
    await tell(ADVERTISEMENT);
    assert.deepEqual([gateways(bench), bench.host.stats().neighbors], [['fe80::7'], 1]);
  });

  it('reserved bits, unknown options and fields that say nothing change nothing', async (t) => {
    const bench = configured(t);
    await bench.other.tell(`8600 0000 40 07 0708 00007530 000003e8 fd01 000000000000 0501 0000 00000578`);
    assert.deepEqual([gateways(bench), bench.host.mtu], [['fe80::7'], 1400]);
    await bench.other.tell(`8600 0000 00 00 0708 00000000 00000000 0501 0000 00000500`);
    assert.equal(bench.host.mtu, 1280);
    await bench.other.tell(`8600 0000 00 00 0708 00000000 00000000 0501 0000 000004ff`);
    assert.equal(bench.host.mtu, 1280, 'less than every link must carry');
    await bench.other.tell(`8600 0000 00 00 0708 00000000 00000000 0501 0000 00002328`);
    assert.equal(bench.host.mtu, 1500, 'no more than the link carries');
  });

  it('networks on the link by their flag alone, not link-local ones, and gone with their lifetime', async (t) => {
    const bench = configured(t);
    const prefix = (flags: string, valid: string, network: string) =>
      `0304 40${flags} ${valid} 00000000 00000000 ${network.padEnd(32, '0')}`;
    const head = '8600 0000 00 00 0000 00000000 00000000';
    const a = prefix('80', '0000000a', '20010db8000a');
    const b = prefix('00', '0000000a', '20010db8000b');
    await bench.other.tell(`${head} ${a} ${b} ${prefix('80', '0000000a', 'fe80')}`);
    const networks = () => bench.host.routes().map(({ destination }) => destination);
    assert.deepEqual(networks().sort(), ['2001:db8::/64', '2001:db8:a::/64', 'fe80::/64']);
    // Without the flag it says nothing of what was said before.
    await bench.other.tell(`${head} ${prefix('00', '00000000', '20010db8000a')}`);
    assert.ok(networks().includes('2001:db8:a::/64'));
    await bench.net.advance(10_000);
    assert.ok(!networks().includes('2001:db8:a::/64'));
    await bench.other.tell(`${head} ${a}`);
    await bench.other.tell(`${head} ${prefix('80', '00000000', '20010db8000a')}`);
    assert.ok(!networks().includes('2001:db8:a::/64'));
  });

  it('are asked by the group of all routers, again until one is a default router', async (t) => {
    const bench = configured(t);
    await bench.net.settle();
    const question = '333300000002 fe80::9 > ff02::2 255 85000000000000000101020000000009';
    assert.deepEqual(bench.sent(133), [question]);
    await bench.other.tell(`8600 0000 00 00 0000 00000000 00000000`);
    await bench.net.advance(5000);
    assert.deepEqual(bench.sent(133), [question, question]);
    await bench.other.tell(ADVERTISEMENT);
    await bench.net.advance(600_000);
    assert.equal(bench.sent(133).length, 2);
  });

  it('are asked again when the link comes back, not more often than every four seconds', async (t) => {
    const bench = configured(t);
    await bench.other.tell(ADVERTISEMENT);
    await bench.net.advance(10_000);
    const { port } = bench.host.stack.state.relay as MemoryRelay;
    const flap = async () => {
      port.setUp(false);
      port.setUp(true);
      await bench.net.settle();
    };
    await flap();
    await flap();
    assert.equal(bench.sent(133).length, 2);
    await bench.net.advance(4000);
    assert.equal(bench.sent(133).length, 3);
    await bench.other.tell(ADVERTISEMENT);
    await bench.net.advance(600_000);
    assert.deepEqual([bench.sent(133).length, gateways(bench)], [3, ['fe80::7']]);
  });

  it('we are none: solicitations are not answered, redirects followed by nobody', async (t) => {
    const bench = new Bench(t);
    const routers = { destinationMac: '33:33:00:00:00:02', destination: 'ff02::2' };
    await bench.send(`8500 0000 00000000 ${SOURCE_MAC}`, routers);
    await bench.send(`8500 0000 00000000 ${SOURCE_MAC}`, HERE);
    await bench.send(`8900 0000 00000000 ${THEIRS} ${THEIRS} ${TARGET_MAC}`, HERE);
    assert.deepEqual([bench.sent(134), bench.sent(137), bench.host.stats().neighbors], [[], [], 0]);
  });
});
