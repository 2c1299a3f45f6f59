import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClosedError, TimeoutError } from '../../errors.ts';
import { VirtualClock } from '../../virtual-clock.ts';
import { type Dhcpv4Fields, emitDhcpv4, parseDhcpv4 } from '../../wire/dhcpv4.ts';
import {
  Dhcpv4Option,
  type Dhcpv4Options,
  Dhcpv4Type,
  readDhcpv4Options,
  writeDhcpv4Options,
} from '../../wire/dhcpv4-options.ts';
import { formatIp, parseIp } from '../../wire/ip.ts';
import { DhcpClient, type DhcpLink } from './dhcp-client.ts';
import { checkDhcpOptions, type DhcpOptions } from './dhcp-options.ts';
import type { DhcpLease } from './lease.ts';

const MAC = Uint8Array.of(2, 0, 0, 0, 0, 1);
const NAMES = Object.fromEntries(
  Object.entries(Dhcpv4Type).map(([name, type]) => [type, name.toLowerCase()]),
);
const LEASE: Dhcpv4Options = {
  serverId: '10.0.0.1',
  leaseTime: 3600,
  subnetMask: '255.255.255.0',
  routers: ['10.0.0.1'],
};

/** A client on a link that a test plays server on. The random number is always a half: no jitter. */
class Bench implements DhcpLink {
  readonly clock: VirtualClock = new VirtualClock();
  readonly mac: Uint8Array = MAC;
  readonly client: DhcpClient;
  readonly log: string[] = [];
  readonly events: string[] = [];
  /** The last message. */
  last: Dhcpv4Options = {};
  xid = 0;
  secs = 0;
  taken = false;
  hasRoute = true;
  closed = false;
  inUse: DhcpLease | null = null;
  #fraction = 0;

  constructor(options: DhcpOptions = {}) {
    this.client = DhcpClient.of(this, checkDhcpOptions({ probe: false, ...options }, MAC));
    this.client.on('bound', (lease) => this.events.push(`bound ${lease.address}`));
    this.client.on('renewed', (lease) => this.events.push(`renewed ${lease.address}`));
    this.client.on('expired', (lease, reason) => this.events.push(`expired ${lease.address} ${reason}`));
    this.client.on('nak', (reason) => this.events.push(`nak ${reason}`));
    this.client.on('declined', (address) => this.events.push(`declined ${address}`));
  }

  random(): number {
    // Around a half, and never the same: transactions differ.
    this.#fraction = (this.#fraction + 1) % 1000;
    return 0.5 + this.#fraction * 1e-9;
  }

  send(payload: Uint8Array, source: string | null, server: string | null, mac: Uint8Array | null): boolean {
    if (server !== null && mac === null && !this.hasRoute) return false;
    const message = parseDhcpv4(payload)!;
    assert.deepEqual([message.op, message.hardwareAddress], [1, MAC]);
    this.last = readDhcpv4Options(message.options);
    this.xid = message.xid;
    this.secs = message.secs;
    const time = Math.round(this.clock.now() / 1000);
    const way = `${source ?? '0.0.0.0'} > ${server ?? 'all'}`;
    const ciaddr = formatIp(message.clientAddress);
    this.log.push(`${time} ${NAMES[this.last.messageType!]} ${way}${ciaddr === '0.0.0.0' ? '' : ` ciaddr`}`);
    return true;
  }

  async isTaken(): Promise<boolean> {
    return this.taken;
  }

  configure(lease: DhcpLease): void {
    this.inUse = lease;
  }

  unconfigure(): void {
    this.inUse = null;
  }

  close(): void {
    this.closed = true;
  }

  answer(type: number, options: Dhcpv4Options, fields: Partial<Dhcpv4Fields> = {}): void {
    const raw = writeDhcpv4Options({ messageType: type, ...options });
    const yourAddress = parseIp(type === Dhcpv4Type.NAK ? '0.0.0.0' : '10.0.0.5');
    const payload = emitDhcpv4({
      op: 2,
      xid: this.xid,
      hardwareAddress: MAC,
      yourAddress,
      ...fields,
      options: raw,
    });
    const frame = Uint8Array.from([2, 0, 0, 0, 0, 9, ...payload]);
    this.client.receive(frame, 6, frame.length, 0);
  }

  offer(options: Dhcpv4Options = LEASE): void {
    this.answer(Dhcpv4Type.OFFER, options);
  }

  ack(options: Dhcpv4Options = LEASE, fields: Partial<Dhcpv4Fields> = {}): void {
    this.answer(Dhcpv4Type.ACK, options, fields);
  }

  /** What was sent since the last call, after `seconds` more. */
  async after(seconds: number): Promise<string[]> {
    await this.clock.advance(seconds * 1000);
    return this.log.splice(0);
  }

  /** A client with a lease, at 0 s. */
  static async bound(options: DhcpOptions = {}, lease: Dhcpv4Options = LEASE): Promise<Bench> {
    const bench = new Bench(options);
    bench.client.start();
    bench.offer(lease);
    bench.ack(lease);
    await bench.after(0);
    return bench;
  }
}

test('discover, offer, request, acknowledgement', async () => {
  const bench = new Bench({
    hostName: 'h1',
    vendorClass: 'test',
    requestedAddress: '10.0.0.7',
    leaseTime: 60,
    options: new Map([[77, Uint8Array.of(1, 2)]]),
  });
  const promise = bench.client.bound();
  bench.client.start();
  assert.equal(bench.client.state, 'selecting');
  const { hostName, vendorClass, requestedAddress, leaseTime, clientId, maxMessageSize, serverId } =
    bench.last;
  assert.deepEqual(
    [hostName, vendorClass, requestedAddress, leaseTime, clientId, maxMessageSize, serverId],
    ['h1', 'test', '10.0.0.7', 60, Uint8Array.of(1, ...MAC), 1472, undefined],
  );
  assert.ok(bench.last.parameterList!.includes(Dhcpv4Option.ROUTERS));
  const { xid } = bench;
  await bench.after(2);
  bench.offer();
  assert.equal(bench.client.state, 'requesting');
  assert.deepEqual([bench.last.requestedAddress, bench.last.serverId], ['10.0.0.5', '10.0.0.1']);
  assert.deepEqual([bench.xid, bench.secs], [xid, 0], 'the transaction and the seconds of the discover');
  bench.ack({ ...LEASE, dnsServers: ['10.0.0.3'], mtu: 1400, relayAgent: Uint8Array.of(1, 1, 7) });
  const lease = await promise;
  assert.equal(bench.client.state, 'bound');
  assert.equal(bench.inUse, lease);
  assert.equal(bench.client.lease, lease);
  const { options, obtained, expires, ...rest } = lease;
  assert.deepEqual(rest, {
    address: '10.0.0.5',
    prefixLength: 24,
    subnetMask: '255.255.255.0',
    routers: ['10.0.0.1'],
    routes: [],
    dnsServers: ['10.0.0.3'],
    ntpServers: [],
    domainName: '',
    hostName: '',
    broadcastAddress: '',
    domainSearch: [],
    mtu: 1400,
    serverId: '10.0.0.1',
    leaseTime: 3600,
    renewalTime: 1800,
    rebindingTime: 3150,
  });
  assert.equal(obtained, bench.clock.wallTime(), 'when it was asked for');
  assert.equal(expires, obtained + 3_600_000);
  assert.deepEqual(options.get(Dhcpv4Option.RELAY_AGENT), Uint8Array.of(1, 1, 7));
  assert.deepEqual(await bench.after(0), ['2 request 0.0.0.0 > all']);
  assert.deepEqual(bench.events, ['bound 10.0.0.5']);
  assert.equal(await bench.client.bound(), lease);
});

test('nobody answers: 4, 8, 16, 32, then every 64 seconds', async () => {
  const bench = new Bench();
  bench.client.start();
  assert.deepEqual(
    (await bench.after(200)).map((line) => Number(line.split(' ')[0])),
    [0, 4, 12, 28, 60, 124, 188],
  );
  assert.equal(bench.client.stats().retries, 6);
});

test('the server falls silent after its offer: it begins again', async () => {
  const bench = new Bench();
  bench.client.start();
  bench.offer();
  const { xid } = bench;
  assert.deepEqual(await bench.after(130), [
    '0 discover 0.0.0.0 > all',
    '0 request 0.0.0.0 > all',
    '4 request 0.0.0.0 > all',
    '12 request 0.0.0.0 > all',
    '28 request 0.0.0.0 > all',
    '60 request 0.0.0.0 > all',
    '124 discover 0.0.0.0 > all',
    '128 discover 0.0.0.0 > all',
  ]);
  assert.notEqual(bench.xid, xid);
});

test('renewed at its server after half of the time', async () => {
  const bench = await Bench.bound();
  const { xid } = bench;
  bench.log.length = 0;
  assert.deepEqual(await bench.after(1801), ['1800 request 10.0.0.5 > 10.0.0.1 ciaddr']);
  assert.equal(bench.client.state, 'renewing');
  assert.notEqual(bench.xid, xid);
  assert.deepEqual([bench.last.requestedAddress, bench.last.serverId], [undefined, undefined]);
  bench.ack({ ...LEASE, dnsServers: ['10.0.0.4'] });
  assert.equal(bench.client.state, 'bound');
  assert.deepEqual(bench.inUse?.dnsServers, ['10.0.0.4']);
  assert.deepEqual(await bench.after(1798), []);
  assert.deepEqual(await bench.after(3), ['3600 request 10.0.0.5 > 10.0.0.1 ciaddr']);
  assert.deepEqual(bench.events, ['bound 10.0.0.5', 'renewed 10.0.0.5']);
});

test('its server is gone: any other may go on with it', async () => {
  const bench = await Bench.bound();
  bench.log.length = 0;
  assert.deepEqual(await bench.after(3000), [
    '1800 request 10.0.0.5 > 10.0.0.1 ciaddr',
    '2475 request 10.0.0.5 > 10.0.0.1 ciaddr',
    '2813 request 10.0.0.5 > 10.0.0.1 ciaddr',
    '2981 request 10.0.0.5 > 10.0.0.1 ciaddr',
  ]);
  assert.deepEqual(await bench.after(200), [
    '3066 request 10.0.0.5 > 10.0.0.1 ciaddr',
    '3126 request 10.0.0.5 > 10.0.0.1 ciaddr',
    '3150 request 10.0.0.5 > all ciaddr',
  ]);
  assert.equal(bench.client.state, 'rebinding');
  bench.ack({ ...LEASE, serverId: '10.0.0.2' });
  assert.equal(bench.client.lease?.serverId, '10.0.0.2');
});

test('nobody goes on with it: the lease ends on time, and it begins again', async () => {
  const bench = await Bench.bound();
  await bench.after(3599);
  assert.ok(bench.inUse !== null);
  bench.log.length = 0;
  assert.deepEqual(await bench.after(1), ['3600 discover 0.0.0.0 > all']);
  assert.equal(bench.inUse, null);
  assert.equal(bench.client.lease, null);
  bench.offer();
  bench.ack();
  await bench.after(0);
  assert.deepEqual(bench.events, ['bound 10.0.0.5', 'expired 10.0.0.5 time', 'bound 10.0.0.5']);
});

test('a host without a way to the server counts that, and rebinds in time', async () => {
  const bench = await Bench.bound();
  bench.hasRoute = false;
  bench.log.length = 0;
  assert.deepEqual(await bench.after(3151), ['3150 request 10.0.0.5 > all ciaddr']);
  assert.equal(bench.client.stats().unsent, 6);
});

test('a server refuses what it has offered, and again', async () => {
  const bench = new Bench();
  bench.client.start();
  const refuse = () => {
    bench.offer();
    bench.answer(Dhcpv4Type.NAK, { serverId: '10.0.0.1', message: 'wrong net' });
  };
  refuse();
  assert.deepEqual((await bench.after(0)).pop(), '0 discover 0.0.0.0 > all', 'at once');
  refuse();
  assert.deepEqual((await bench.after(4.01)).pop(), '4 discover 0.0.0.0 > all', 'after a while');
  refuse();
  assert.deepEqual((await bench.after(8.01)).pop(), '12 discover 0.0.0.0 > all', 'after a longer while');
  assert.deepEqual(bench.events, ['nak wrong net', 'nak wrong net', 'nak wrong net']);
});

test('a lease is refused when it is renewed', async () => {
  const bench = await Bench.bound();
  await bench.after(1800);
  bench.answer(Dhcpv4Type.NAK, { serverId: '10.0.0.1' });
  assert.equal(bench.inUse, null);
  assert.equal((await bench.after(1)).pop(), '1800 discover 0.0.0.0 > all');
  assert.deepEqual(bench.events, ['bound 10.0.0.5', 'nak ', 'expired 10.0.0.5 nak']);
});

test('an address that somebody has is declined', async () => {
  const bench = new Bench({ probe: true });
  bench.taken = true;
  bench.client.start();
  bench.offer();
  bench.ack();
  assert.equal(bench.client.state, 'probing');
  bench.log.length = 0;
  assert.deepEqual(await bench.after(9), ['0 decline 0.0.0.0 > all']);
  assert.deepEqual([bench.last.requestedAddress, bench.last.serverId], ['10.0.0.5', '10.0.0.1']);
  assert.equal(bench.last.parameterList, undefined);
  assert.equal(bench.inUse, null);
  bench.taken = false;
  assert.deepEqual(await bench.after(1), ['10 discover 0.0.0.0 > all']);
  bench.offer();
  bench.ack();
  await bench.after(0);
  assert.deepEqual(bench.events, ['declined 10.0.0.5', 'bound 10.0.0.5']);
});

test('after ten addresses that somebody had, another is tried once a minute', async () => {
  const bench = new Bench({ probe: true });
  bench.taken = true;
  bench.client.start();
  const waits: number[] = [];
  for (let tries = 0; tries < 12; tries++) {
    bench.offer();
    bench.ack();
    await bench.after(0);
    bench.log.length = 0;
    let seconds = 0;
    while (bench.log.length === 0) {
      await bench.clock.advance(1000);
      seconds++;
    }
    waits.push(seconds);
  }
  assert.deepEqual(waits, [...Array<number>(9).fill(10), 60, 60, 60]);
  bench.client.close();
});

test('a lease is given back', async () => {
  const bench = await Bench.bound();
  bench.hasRoute = false;
  bench.log.length = 0;
  bench.client.release();
  assert.deepEqual(bench.log, ['0 release 10.0.0.5 > 10.0.0.1 ciaddr'], 'by the MAC address it came from');
  assert.equal(bench.last.serverId, '10.0.0.1');
  assert.deepEqual([bench.inUse, bench.client.lease, bench.client.state], [null, null, 'closed']);
  assert.ok(bench.closed);
  bench.client.release();
  bench.client.close();
  assert.equal(bench.log.length, 1);
  assert.equal(bench.clock.pendingTimers, 0);
  await assert.rejects(bench.client.bound(), ClosedError);
});

test('an earlier lease is confirmed with one request, or not', async () => {
  const bench = new Bench({ previousAddress: '10.0.0.5' });
  bench.client.start();
  assert.equal(bench.client.state, 'rebooting');
  assert.deepEqual([bench.last.requestedAddress, bench.last.serverId], ['10.0.0.5', undefined]);
  bench.ack();
  assert.equal(bench.client.state, 'bound');
  const moved = new Bench({ previousAddress: '10.0.0.5' });
  moved.client.start();
  moved.answer(Dhcpv4Type.NAK, { serverId: '10.0.0.1' });
  assert.deepEqual(await moved.after(1), ['0 request 0.0.0.0 > all', '0 discover 0.0.0.0 > all']);
});

test('rapid commit', async () => {
  const bench = new Bench({ rapidCommit: true });
  bench.client.start();
  assert.equal(bench.last.rapidCommit, true);
  bench.ack();
  assert.equal(bench.client.state, 'selecting', 'an acknowledgement of nothing');
  bench.ack({ ...LEASE, rapidCommit: true });
  assert.equal(bench.client.state, 'bound');
});

test('a lease for ever needs nothing more', async () => {
  const bench = await Bench.bound({}, { ...LEASE, leaseTime: 0xffffffff });
  assert.equal(bench.client.lease?.leaseTime, Infinity);
  assert.equal(bench.clock.pendingTimers, 0);
  bench.client.renew();
  assert.equal(bench.client.state, 'renewing');
  await bench.after(60);
  assert.equal(bench.client.state, 'bound');
});

test('renewed when asked to', async () => {
  const bench = await Bench.bound();
  bench.log.length = 0;
  bench.client.renew();
  assert.deepEqual(bench.log, ['0 request 10.0.0.5 > 10.0.0.1 ciaddr']);
  bench.client.renew();
  assert.equal(bench.log.length, 1);
});

test('what is not for us, not now, or not whole is counted and dropped', async () => {
  const bench = new Bench();
  bench.client.start();
  bench.answer(Dhcpv4Type.OFFER, LEASE, { xid: 5 });
  bench.answer(Dhcpv4Type.OFFER, LEASE, { op: 1 });
  bench.answer(Dhcpv4Type.OFFER, LEASE, { hardwareAddress: Uint8Array.of(2, 0, 0, 0, 0, 2) });
  bench.answer(Dhcpv4Type.OFFER, { ...LEASE, clientId: Uint8Array.of(0, 1) });
  bench.answer(Dhcpv4Type.OFFER, { leaseTime: 5 });
  bench.answer(Dhcpv4Type.OFFER, LEASE, { yourAddress: new Uint8Array(4) });
  bench.ack();
  bench.answer(Dhcpv4Type.NAK, {});
  assert.equal(bench.client.stats().ignored, 8);
  bench.client.receive(new Uint8Array(300), 6, 300, 0);
  assert.equal(bench.client.stats().malformed, 1);
  bench.offer();
  bench.offer();
  bench.ack({ ...LEASE, serverId: '10.0.0.9' });
  bench.answer(Dhcpv4Type.NAK, { serverId: '10.0.0.9' });
  bench.ack({ serverId: '10.0.0.1' });
  bench.ack({ ...LEASE, subnetMask: '255.0.255.0' });
  bench.ack(LEASE, { yourAddress: parseIp('224.0.0.1') });
  assert.equal(bench.client.stats().ignored, 14);
  assert.equal(bench.client.state, 'requesting');
  assert.equal(bench.client.stats().received, 16);
});

test('an offer that could never be taken is passed over for one that can', async () => {
  const bench = new Bench();
  bench.client.start();
  for (const address of ['0.0.0.5', '127.0.0.1', '224.0.0.1', '255.255.255.255'])
    bench.answer(Dhcpv4Type.OFFER, LEASE, { yourAddress: parseIp(address) });
  bench.offer({ ...LEASE, leaseTime: 0 });
  for (const subnetMask of ['255.0.255.0', '0.0.0.0']) bench.offer({ ...LEASE, subnetMask });
  assert.deepEqual([bench.client.state, bench.client.stats().ignored], ['selecting', 7]);
  // How long may be said with the acknowledgement.
  bench.offer({ serverId: '10.0.0.1' });
  bench.ack();
  assert.equal(bench.client.lease?.address, '10.0.0.5');
});

test('times that make no sense are replaced', async () => {
  const bench = await Bench.bound({}, { ...LEASE, renewalTime: 5000, rebindingTime: 4000 });
  assert.deepEqual([bench.client.lease?.renewalTime, bench.client.lease?.rebindingTime], [1800, 3150]);
  // A lease to be renewed at once would be renewed for ever.
  for (const zero of [{ renewalTime: 0 }, { rebindingTime: 0 }, { renewalTime: 0, rebindingTime: 0 }]) {
    const { lease } = (await Bench.bound({}, { ...LEASE, ...zero })).client;
    assert.deepEqual([lease?.renewalTime, lease?.rebindingTime], [1800, 3150]);
  }
  const own = await Bench.bound({}, { ...LEASE, renewalTime: 100, rebindingTime: 200 });
  assert.deepEqual([own.client.lease?.renewalTime, own.client.lease?.rebindingTime], [100, 200]);
});

test('a server that says no mask means that of the class', async () => {
  const { subnetMask: _, ...lease } = LEASE;
  assert.equal((await Bench.bound({}, lease)).client.lease?.prefixLength, 8);
});

test('waiting is bounded', async () => {
  const bench = new Bench();
  bench.client.start();
  const waiting = bench.client.bound({ timeout: 5000 });
  const rejected = assert.rejects(waiting, TimeoutError);
  await bench.after(5);
  await rejected;
  const abort = new AbortController();
  const aborted = assert.rejects(bench.client.bound({ signal: abort.signal }), { name: 'AbortError' });
  abort.abort();
  await aborted;
  const closed = assert.rejects(bench.client.bound(), ClosedError);
  bench.client.close();
  await closed;
});

test('the host is closed under it', async () => {
  const bench = new Bench();
  bench.client.start();
  const rejected = assert.rejects(bench.client.bound(), { message: 'gone' });
  bench.client.hostClosed(new Error('gone'));
  await rejected;
  assert.equal(bench.clock.pendingTimers, 0);
  bench.client.close();
});

test('a random time before the first message', async () => {
  const bench = new Bench({ startDelay: 10_000 });
  bench.client.start();
  assert.deepEqual(await bench.after(4.9), []);
  assert.deepEqual(await bench.after(0.2), ['5 discover 0.0.0.0 > all']);
});

test('options are checked', () => {
  const wrong: [string, DhcpOptions][] = [
    ['nope', { nope: 1 } as DhcpOptions],
    ['hostName', { hostName: '' }],
    ['clientId', { clientId: Uint8Array.of(1) }],
    ['duid', { clientId: { duid: Uint8Array.of(0, 3) } }],
    ['iaid', { clientId: { duid: Uint8Array.of(0, 3, 1), iaid: -1 } }],
    ['requestedAddress', { requestedAddress: '2001:db8::1' }],
    ['previousAddress', { previousAddress: 'x' }],
    ['parameterList', { parameterList: [] }],
    ['parameterList', { parameterList: [256] }],
    ['options', { options: new Map([[53, Uint8Array.of(1)]]) }],
    ['options', { options: new Map([[77, 'x' as unknown as Uint8Array]]) }],
    ['leaseTime', { leaseTime: -1 }],
    ['broadcast', { broadcast: 1 as unknown as boolean }],
    ['timeout', { timeout: -1 }],
    ['signal', { signal: {} as AbortSignal }],
  ];
  for (const [option, options] of wrong)
    assert.throws(() => checkDhcpOptions(options, MAC), { code: 'ERR_ETHERCONN_OPTION', option });
  assert.deepEqual(checkDhcpOptions({ clientId: 'ab' }, MAC).clientId, Uint8Array.of(0, 97, 98));
  assert.equal(checkDhcpOptions({ clientId: null }, MAC).clientId, null);
  const duid = Uint8Array.of(0, 3, 0, 1, 2, 0, 0, 0, 0, 7);
  assert.deepEqual(
    checkDhcpOptions({ clientId: { duid, iaid: 0x01020304 } }, MAC).clientId,
    Uint8Array.of(255, 1, 2, 3, 4, ...duid),
  );
  assert.deepEqual(
    checkDhcpOptions({ clientId: { duid } }, MAC).clientId,
    Uint8Array.of(255, 0, 0, 0, 1, ...duid),
  );
});
