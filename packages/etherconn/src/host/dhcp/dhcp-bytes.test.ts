import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { MemoryRelay } from '../../relay/memory-relay.ts';
import { hex } from '../../test-support/frames.ts';
import { HostNetwork } from '../../test-support/hosts.ts';
import { Station } from '../../test-support/station.ts';
import { readU16, readU32 } from '../../wire/bytes.ts';
import { fillIpv4Checksum } from '../../wire/ipv4.ts';
import type { Host } from '../host.ts';
import type { DhcpClient } from './dhcp-client.ts';
import type { DhcpOptions } from './dhcp-options.ts';

/** DHCP byte by byte, with a server that a test plays: RFC 2131, 2132, 3442. Offsets of messages are RFC 2131's. */

const SERVER = '36040a000001';
const LEASE = `${SERVER} 330400000258 0104ffffff00`;
const OFFER = `350102 ${LEASE} ff`;
const ACK = `350105 ${LEASE} ff`;

/** A message that has been sent: its frame's destination, IP addresses, ports, and itself. */
interface Sent {
  readonly to: string;
  readonly way: string;
  readonly message: Uint8Array;
  readonly type: number;
  /** By code; those that are there twice would be an error. */
  readonly options: Map<number, string>;
}

class Bench {
  readonly net: HostNetwork;
  readonly server: Station;
  readonly host: Host;
  client: Promise<DhcpClient> | null = null;

  constructor(t: TestContext) {
    this.net = new HostNetwork(t);
    this.server = new Station(this.net, '02:00:00:00:00:01', '10.0.0.1');
    this.host = this.net.host(9, { addresses: [] });
  }

  /** What has been sent to port 67. */
  get sent(): Sent[] {
    return this.server.seen
      .filter((frame) => frame[23] === 17 && readU16(frame, 36) === 67)
      .map((frame) => {
        const message = frame.subarray(42, 34 + readU16(frame, 38));
        const options = readOptions(message);
        const dots = (at: number) => [...frame.subarray(at, at + 4)].join('.');
        const way = `${dots(26)}:${readU16(frame, 34)} > ${dots(30)}:${readU16(frame, 36)}`;
        const type = Number.parseInt(options.get(53) ?? '', 16);
        return { to: Buffer.from(frame.subarray(0, 6)).toString('hex'), way, message, type, options };
      });
  }

  get last(): Sent {
    return this.sent.at(-1)!;
  }

  /** Answers the last message, to the host's MAC address and 10.0.0.5, which is yiaddr. */
  async answer(options: string, file = '', serverName = ''): Promise<void> {
    const { message } = this.last;
    const bytes = Uint8Array.of(
      ...hex('02010600'),
      ...message.subarray(4, 8),
      ...hex('00000000 00000000 0a000005 00000000 00000000'),
      ...message.subarray(28, 44),
      ...padded(serverName, 64),
      ...padded(file, 128),
      ...hex(`63825363 ${options}`),
    );
    const total = bytes.length + 28;
    const frame = Uint8Array.of(
      ...hex('020000000009 020000000001 0800 4500'),
      total >> 8,
      total & 255,
      ...hex('0000 0000 40 11 0000 0a000001 0a000005 0043 0044'),
      (total - 20) >> 8,
      (total - 20) & 255,
      ...hex('0000'),
      ...bytes,
    );
    fillIpv4Checksum(frame, 14);
    this.server.send(frame);
    await this.net.settle();
  }

  /** Begins to ask; the promise of the client is kept. */
  async begin(options: DhcpOptions = {}): Promise<void> {
    this.client = this.host.dhcp({ probe: false, ...options });
    this.client.catch(() => undefined);
    await this.net.settle();
  }

  /** A lease of ten minutes of 10.0.0.5. */
  async bind(options: DhcpOptions = {}): Promise<DhcpClient> {
    await this.begin(options);
    await this.answer(OFFER);
    await this.answer(ACK);
    return await this.client!;
  }
}

function padded(text: string, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  bytes.set(hex(text));
  return bytes;
}

function readOptions(message: Uint8Array): Map<number, string> {
  const options = new Map<number, string>();
  let at = 240;
  while (message[at] !== 255) {
    const [code, length] = message.subarray(at, at + 2);
    assert.ok(!options.has(code!), `option ${code} is there once`);
    options.set(code!, Buffer.from(message.subarray(at + 2, at + 2 + length!)).toString('hex'));
    at += 2 + length!;
  }
  assert.ok(
    message.subarray(at + 1).every((byte) => byte === 0),
    'nothing behind the end',
  );
  return options;
}

test('a discover: from nobody to all, with what RFC 2131 table 5 asks for', async (t) => {
  const bench = new Bench(t);
  await bench.begin();
  const { to, way, message, type, options } = bench.last;
  assert.deepEqual([to, way, type], ['ffffffffffff', '0.0.0.0:68 > 255.255.255.255:67', 1]);
  assert.deepEqual(message.subarray(0, 4), hex('01010600'));
  assert.deepEqual(message.subarray(8, 12), hex('0000 0000'), 'seconds, and answers by unicast');
  assert.deepEqual(message.subarray(12, 28), new Uint8Array(16), 'no addresses');
  assert.deepEqual(message.subarray(28, 44), hex('020000000009 00000000000000000000'));
  assert.deepEqual(message.subarray(240 - 4, 243), hex('63825363 350101'), 'the type comes first');
  assert.equal(options.get(61), '01020000000009');
  assert.ok(Number.parseInt(options.get(57)!, 16) >= 576);
  assert.deepEqual([options.has(50), options.has(54)], [false, false]);
});

test('classless routes are asked for before routers, static routes not at all', async (t) => {
  const bench = new Bench(t);
  await bench.begin();
  const list = [...hex(bench.last.options.get(55)!)];
  assert.ok(list.includes(121) && list.indexOf(121) < list.indexOf(3));
  assert.ok(!list.includes(33));
});

test('a request for an offer: its address and server; transaction, seconds and list of the discover', async (t) => {
  const bench = new Bench(t);
  await bench.begin();
  await bench.net.advance(5000);
  const discover = bench.last;
  assert.equal(discover.type, 1);
  assert.ok(readU16(discover.message, 8) >= 3, 'the second one, after 3 to 5 seconds');
  await bench.net.advance(2000);
  await bench.answer(OFFER);
  const { to, way, message, type, options } = bench.last;
  assert.deepEqual([to, way, type], ['ffffffffffff', '0.0.0.0:68 > 255.255.255.255:67', 3]);
  assert.deepEqual(message.subarray(4, 28), discover.message.subarray(4, 28));
  assert.deepEqual([options.get(50), options.get(54)], ['0a000005', '0a000001']);
  for (const code of [55, 57, 61]) assert.equal(options.get(code), discover.options.get(code));
  await bench.net.advance(5000);
  assert.deepEqual(bench.last.message, message, 'repeated as it was');
});

test('an answer to another transaction, and an acknowledgement of nothing, are dropped', async (t) => {
  const bench = new Bench(t);
  await bench.begin();
  await bench.answer(ACK);
  bench.last.message[7] ^= 1;
  const { length } = bench.sent;
  await bench.answer(OFFER);
  bench.last.message[7] ^= 1;
  assert.equal(bench.sent.length, length);
  await bench.answer(OFFER);
  assert.equal(bench.last.type, 3);
});

test('renewed by unicast, rebound by broadcast: the address in ciaddr, no options 50 and 54', async (t) => {
  const bench = new Bench(t);
  await bench.bind();
  await bench.net.advance(300_000);
  const renewal = bench.last;
  assert.deepEqual([renewal.to, renewal.way], ['020000000001', '10.0.0.5:68 > 10.0.0.1:67']);
  await bench.net.advance(225_000);
  const rebinding = bench.last;
  assert.deepEqual([rebinding.to, rebinding.way], ['ffffffffffff', '10.0.0.5:68 > 255.255.255.255:67']);
  for (const { type, message, options } of [renewal, rebinding]) {
    assert.deepEqual([type, message.subarray(12, 16)], [3, hex('0a000005')]);
    assert.deepEqual([options.has(50), options.has(54), options.has(55)], [false, false, true]);
  }
  assert.equal(bench.host.addresses().length, 1);
  await bench.net.advance(75_000);
  assert.deepEqual(
    [bench.host.addresses().length, bench.last.type],
    [0, 1],
    'the time is over: it begins anew',
  );
});

test('a release goes to the server alone, with nothing that does not belong in it', async (t) => {
  const bench = new Bench(t);
  const client = await bench.bind();
  await bench.net.advance(7000);
  client.release();
  await bench.net.settle();
  const { to, way, message, type, options } = bench.last;
  assert.deepEqual([to, way, type], ['020000000001', '10.0.0.5:68 > 10.0.0.1:67', 7]);
  assert.deepEqual(message.subarray(8, 16), hex('0000 0000 0a000005'), 'no seconds, no flags, ciaddr');
  assert.deepEqual([...options.keys()].sort(), [53, 54, 61]);
  assert.equal(options.get(61), '01020000000009', 'as in the request');
});

test('an address is asked for from 0.0.0.0 before it is used, and announced; one that is taken is declined', async (t) => {
  const bench = new Bench(t);
  await bench.begin({ probe: true });
  await bench.answer(OFFER);
  await bench.answer(ACK);
  const arps = () => bench.server.seen.filter((frame) => frame[12] === 8 && frame[13] === 6);
  const question = '0001 0800 0604 0001 020000000009';
  assert.deepEqual(arps()[0]!.subarray(14, 42), hex(`${question} 00000000 000000000000 0a000005`));
  assert.equal(bench.host.addresses()[0]!.state, 'tentative');
  // Somebody has it.
  const answer =
    '020000000009 020000000077 0806 0001 0800 0604 0002 020000000077 0a000005 020000000009 00000000';
  bench.server.send(hex(answer));
  await bench.net.settle();
  const { to, way, message, type, options } = bench.last;
  assert.deepEqual([to, way, type], ['ffffffffffff', '0.0.0.0:68 > 255.255.255.255:67', 4]);
  assert.deepEqual(message.subarray(8, 28), new Uint8Array(20));
  assert.deepEqual([...options.keys()].sort(), [50, 53, 54, 61]);
  assert.deepEqual([options.get(50), options.get(54)], ['0a000005', '0a000001']);
  await bench.net.advance(9999);
  assert.equal(bench.last.type, 4, 'not before ten seconds');
  await bench.net.advance(1);
  assert.equal(bench.last.type, 1);
  await bench.answer(OFFER);
  await bench.answer(ACK);
  await bench.net.advance(500);
  assert.deepEqual(arps().at(-1)!.subarray(14, 42), hex(`${question} 0a000005 000000000000 0a000005`));
});

test('an earlier address is asked for by option 50, without a server', async (t) => {
  const bench = new Bench(t);
  await bench.begin({ previousAddress: '10.0.0.5' });
  const { way, message, type, options } = bench.last;
  assert.deepEqual([way, type], ['0.0.0.0:68 > 255.255.255.255:67', 3]);
  assert.deepEqual(message.subarray(12, 16), new Uint8Array(4));
  assert.deepEqual([options.get(50), options.has(54)], ['0a000005', false]);
  await bench.answer(ACK);
  assert.equal((await bench.client!).lease!.address, '10.0.0.5');
});

test('a refusal, and it begins anew with another transaction', async (t) => {
  const bench = new Bench(t);
  await bench.begin();
  const { message } = bench.last;
  await bench.answer(OFFER);
  await bench.answer(`350106 ${SERVER} ff`);
  await bench.net.advance(1);
  assert.equal(bench.last.type, 1);
  assert.notEqual(readU32(bench.last.message, 4), readU32(message, 4));
});

test('options in the file and server name fields: file first, one option in parts', async (t) => {
  const bench = new Bench(t);
  await bench.begin();
  await bench.answer(OFFER);
  // 10.0.0.1, half of 10.0.0.2 in the options field, the rest in file, 10.0.0.3 in the server name.
  const routers = '0306 0a000001 0a00';
  await bench.answer(`350105 340103 ${LEASE} ${routers} ff`, '0302 0002 ff', '0304 0a000003 ff');
  assert.deepEqual((await bench.client!).lease!.routers, ['10.0.0.1', '10.0.0.2', '10.0.0.3']);
});

test('padding, unknown options, and text that ends in NUL', async (t) => {
  const bench = new Bench(t);
  await bench.begin();
  await bench.answer(OFFER);
  await bench.answer(`00 350105 0000 fa03010203 ${LEASE} 0c05 756e697400 0f07 652e6f72670000 ff 00 37`);
  const { hostName, domainName } = (await bench.client!).lease!;
  assert.deepEqual([hostName, domainName], ['unit', 'e.org']);
});

test('a lease for ever, and a message of the longest that was asked for', async (t) => {
  const bench = new Bench(t);
  await bench.begin();
  await bench.answer(OFFER);
  const filler = `fbff${'00'.repeat(255)} fcff${'00'.repeat(255)} fdff${'00'.repeat(255)} feff${'00'.repeat(200 + 55)}`;
  await bench.answer(`350105 ${SERVER} 3304ffffffff 0104ffffff00 ${filler} ff`);
  assert.equal((await bench.client!).lease!.leaseTime, Number.POSITIVE_INFINITY);
});

test('classless routes: bits behind the prefix do not count, two options are one, routers are ignored', async (t) => {
  const bench = new Bench(t);
  await bench.begin();
  await bench.answer(OFFER);
  // 172.16.0.0/12 with bits behind it, by 10.0.0.254; 10.9.0.0/16 on the link; everything by 10.0.0.253, cut in two.
  const routes = '790c 0c ac1f 0a0000fe 10 0a09 0000 7907 0000 00 0a0000fd';
  await bench.answer(`350105 ${LEASE} 0304 0a000001 2108 0b000000 0a000001 ${routes} ff`);
  await bench.client!;
  assert.deepEqual(bench.host.routes(), [
    { destination: '10.0.0.0/24', metric: 0 },
    { destination: '10.9.0.0/16', metric: 0 },
    { destination: '172.16.0.0/12', gateway: '10.0.0.254', metric: 0 },
    { destination: '0.0.0.0/0', gateway: '10.0.0.253', metric: 0 },
  ]);
});

test('a node identifier is in every message', async (t) => {
  const bench = new Bench(t);
  const duid = hex('0003 0001 0200000000aa');
  const client = await bench.bind({ clientId: { duid, iaid: 7 } });
  client.release();
  await bench.net.settle();
  assert.deepEqual(
    bench.sent.map(({ type, options }) => [type, options.get(61)]),
    [1, 3, 7].map((type) => [type, 'ff0000000700030001 0200000000aa'.replace(' ', '')]),
  );
});

/** The link of the host goes down and comes back. */
async function flap({ net, host }: Bench): Promise<void> {
  const { port } = host.stack.state.relay as MemoryRelay;
  port.setUp(false);
  port.setUp(true);
  await net.settle();
}

test('when the link comes back, the lease is confirmed', async (t) => {
  const bench = new Bench(t);
  const client = await bench.bind();
  await bench.net.advance(100_000);
  await flap(bench);
  const { way, message, type, options } = bench.last;
  assert.deepEqual([way, type], ['0.0.0.0:68 > 255.255.255.255:67', 3]);
  assert.deepEqual(message.subarray(12, 16), new Uint8Array(4));
  assert.deepEqual([options.get(50), options.has(54)], ['0a000005', false]);
  assert.equal(bench.host.addresses().length, 1, 'it stays in use meanwhile');
  const { length } = bench.sent;
  await flap(bench);
  assert.equal(bench.sent.length, length, 'asked already');
  await bench.answer(ACK);
  assert.deepEqual([client.state, client.lease!.address], ['bound', '10.0.0.5']);
  await bench.net.advance(299_000);
  assert.equal(bench.sent.length, length, 'its time has begun anew');
  await bench.net.advance(1000);
  assert.equal(bench.last.message[15], 5, 'renewed');
});

test('when the link comes back to another network, the lease is given up', async (t) => {
  const bench = new Bench(t);
  await bench.bind();
  await flap(bench);
  await bench.answer(`350106 ${SERVER} ff`);
  await bench.net.advance(1);
  assert.deepEqual([bench.host.addresses(), bench.last.type], [[], 1]);
});

test('when the link comes back and nobody confirms the lease, it goes on to its end', async (t) => {
  const bench = new Bench(t);
  const client = await bench.bind();
  await flap(bench);
  await bench.net.advance(150_000);
  assert.deepEqual([client.state, bench.sent.length, bench.host.addresses().length], ['bound', 7, 1]);
  await bench.net.advance(150_001);
  assert.equal(bench.last.message[15], 5, 'renewed when it was to be');
  await bench.net.advance(289_999);
  await flap(bench);
  assert.equal(bench.host.addresses().length, 1);
  await bench.net.advance(10_000);
  assert.deepEqual([bench.host.addresses().length, bench.last.type], [0, 1]);
});
