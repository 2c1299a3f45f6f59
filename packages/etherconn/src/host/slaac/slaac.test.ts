import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClosedError, TimeoutError } from '../../errors.ts';
import { VirtualClock } from '../../virtual-clock.ts';
import { formatIp, parseIp } from '../../wire/ip.ts';
import type { AddressState } from '../ip/addresses.ts';
import type { AdvertisedPrefix, RouterAdvertisement } from './router-advertisement.ts';
import { Slaac, type SlaacLink } from './slaac.ts';
import { checkSlaacOptions, type SlaacOptions } from './slaac-options.ts';

interface Address {
  readonly text: string;
  state: AddressState;
  settle(isFree: boolean): void;
}

/** Configuration on a link that a test plays router on. The random number is always a half. */
class Bench implements SlaacLink<Address, string> {
  readonly clock: VirtualClock = new VirtualClock();
  readonly slaac: Slaac<Address, string>;
  readonly events: string[] = [];
  readonly inUse: Address[] = [];
  readonly routes: string[] = [];
  /** Seconds. */
  readonly solicited: number[] = [];
  mtu: number | null = null;
  neighborTimes: (number | null)[] = [];
  closed = false;

  constructor(options: SlaacOptions = {}) {
    this.slaac = Slaac.of<Address, string>(this, checkSlaacOptions(options));
    for (const name of ['address', 'deprecated', 'removed', 'duplicate'] as const)
      this.slaac.on(name, (address) => this.events.push(`${name} ${address}`));
  }

  random(): number {
    return 0.5;
  }

  solicit(): void {
    this.solicited.push(this.clock.now() / 1000);
  }

  addressIn(prefix: Uint8Array, attempt: number): Uint8Array {
    const address = prefix.slice();
    address[15] = 1 + attempt;
    return address;
  }

  addAddress(bytes: Uint8Array, length: number, settle: (isFree: boolean) => void): Address {
    const address: Address = { text: `${formatIp(bytes)}/${length}`, state: 'optimistic', settle };
    this.inUse.push(address);
    return address;
  }

  advertisedBy(): void {}

  removeAddress(address: Address): void {
    this.inUse.splice(this.inUse.indexOf(address), 1);
  }

  stateOf(address: Address): AddressState {
    return address.state;
  }

  setPreferred(address: Address, isPreferred: boolean): void {
    if (address.state === 'tentative') return;
    address.state = isPreferred ? 'preferred' : 'deprecated';
  }

  addRoute(prefix: Uint8Array, length: number, gateway: Uint8Array | null): string {
    const route = `${formatIp(prefix)}/${length}${gateway === null ? '' : ` by ${formatIp(gateway)}`}`;
    this.routes.push(route);
    return route;
  }

  removeRoute(route: string): void {
    this.routes.splice(this.routes.indexOf(route), 1);
  }

  setNeighborTimes(reachable: number | null, retransmit: number | null): void {
    this.neighborTimes = [reachable, retransmit];
  }

  setMtu(mtu: number | null): void {
    this.mtu = mtu;
  }

  close(): void {
    this.closed = true;
  }

  advertise(fields: Partial<RouterAdvertisement> = {}): void {
    this.slaac.advertised({
      router: parseIp('fe80::1'),
      lifetime: 1800,
      preference: 'medium',
      hopLimit: 64,
      reachableTime: 0,
      retransTimer: 0,
      mtu: 0,
      managed: false,
      other: false,
      prefixes: [prefix()],
      routes: [],
      dnsServers: [],
      domainSearch: [],
      ...fields,
    });
  }

  get states(): string[] {
    return this.inUse.map(({ text, state }) => `${text} ${state}`);
  }

  async after(seconds: number): Promise<string[]> {
    await this.clock.advance(seconds * 1000);
    return this.events.splice(0);
  }
}

function prefix(fields: Partial<AdvertisedPrefix> = {}): AdvertisedPrefix {
  return {
    prefix: parseIp('2001:db8:1::'),
    length: 64,
    onLink: true,
    autonomous: true,
    validLifetime: 86_400,
    preferredLifetime: 14_400,
    ...fields,
  };
}

const DAY = 86_400;

test('routers are asked in growing intervals, until one has spoken', async () => {
  const bench = new Bench();
  bench.slaac.start();
  await bench.after(100);
  assert.deepEqual(bench.solicited, [0, 4, 12, 28, 60]);
  bench.advertise();
  await bench.after(1000);
  assert.equal(bench.solicited.length, 5);
  assert.deepEqual(bench.slaac.stats(), { solicitations: 5, advertisements: 1, prefixesIgnored: 0 });
});

test('an address, its network, and the router', async () => {
  const bench = new Bench();
  bench.slaac.start();
  let done = false;
  const configured = bench.slaac.configured().then(() => {
    done = true;
  });
  await bench.after(1);
  assert.ok(!done);
  bench.advertise({
    managed: true,
    mtu: 1400,
    dnsServers: [{ address: '2001:db8::53', lifetime: 600 }],
    domainSearch: [{ name: 'example.org', lifetime: Infinity }],
  });
  await configured;
  await bench.slaac.configured();
  const now = bench.clock.wallTime();
  assert.deepEqual(bench.slaac.addresses(), [
    {
      address: '2001:db8:1::1',
      prefixLength: 64,
      state: 'preferred',
      preferredUntil: now + 14_400_000,
      validUntil: now + 86_400_000,
    },
  ]);
  assert.deepEqual(bench.routes, ['::/0 by fe80::1', '2001:db8:1::/64']);
  const { slaac } = bench;
  assert.deepEqual(
    [slaac.routers(), slaac.dnsServers(), slaac.domainSearch(), slaac.hopLimit, slaac.mtu],
    [['fe80::1'], ['2001:db8::53'], ['example.org'], 64, 1400],
  );
  assert.deepEqual([slaac.managed, slaac.other, bench.mtu], [true, false, 1400]);
  assert.deepEqual(await bench.after(601), ['address 2001:db8:1::1']);
  assert.deepEqual([slaac.dnsServers(), slaac.domainSearch()], [[], ['example.org']]);
});

test('lifetimes: router, preferred, valid', async () => {
  const bench = new Bench();
  bench.advertise();
  await bench.after(1799);
  assert.equal(bench.slaac.routers().length, 1);
  await bench.after(1);
  assert.deepEqual([bench.slaac.routers(), bench.routes], [[], ['2001:db8:1::/64']]);
  await bench.after(14_399 - 1800);
  assert.deepEqual(bench.states, ['2001:db8:1::1/64 preferred']);
  assert.deepEqual(await bench.after(1), ['deprecated 2001:db8:1::1']);
  assert.deepEqual(bench.states, ['2001:db8:1::1/64 deprecated']);
  assert.deepEqual(await bench.after(DAY - 14_401), []);
  assert.deepEqual(await bench.after(1), ['removed 2001:db8:1::1']);
  assert.deepEqual([bench.states, bench.routes], [[], []]);
  assert.equal(bench.clock.pendingTimers, 0);
});

test('advertised again: lifetimes begin anew, and what was deprecated is preferred again', async () => {
  const bench = new Bench();
  bench.advertise();
  await bench.after(20_000);
  assert.deepEqual(bench.states, ['2001:db8:1::1/64 deprecated']);
  bench.advertise();
  assert.deepEqual(bench.states, ['2001:db8:1::1/64 preferred']);
  await bench.after(DAY - 1);
  assert.equal(bench.inUse.length, 1);
});

test('the two-hour rule, RFC 4862 §5.5.3 (e)', async () => {
  const bench = new Bench();
  const left = () => (bench.slaac.addresses()[0]!.validUntil - bench.clock.wallTime()) / 1000;
  const say = (validLifetime: number) =>
    bench.advertise({ prefixes: [prefix({ validLifetime, preferredLifetime: 0 })] });
  say(DAY);
  say(10);
  assert.equal(left(), 7200, 'not shorter than two hours');
  say(7201);
  assert.equal(left(), 7201, 'more than two hours is believed');
  await bench.after(3600);
  say(100);
  assert.equal(left(), 3601, 'when less is left anyway it stays');
  say(3700);
  assert.equal(left(), 3700, 'longer is believed');
  say(0);
  assert.equal(left(), 3700);
});

test('a router that goes, and one more', async () => {
  const bench = new Bench();
  bench.advertise();
  bench.advertise({ router: parseIp('fe80::2'), prefixes: [] });
  assert.deepEqual(bench.slaac.routers(), ['fe80::1', 'fe80::2']);
  bench.advertise({ lifetime: 0 });
  assert.deepEqual(bench.slaac.routers(), ['fe80::2']);
  assert.equal(bench.slaac.addresses().length, 1);
});

test('networks on the link without addresses, and addresses without a network', async () => {
  const bench = new Bench();
  bench.advertise({
    lifetime: 0,
    prefixes: [
      prefix({ autonomous: false }),
      prefix({ prefix: parseIp('2001:db8:2::'), onLink: false }),
      prefix({ prefix: parseIp('2001:db8:3::'), length: 56, autonomous: false }),
    ],
  });
  assert.deepEqual(bench.routes, ['2001:db8:1::/64', '2001:db8:3::/56']);
  assert.deepEqual(bench.states, ['2001:db8:2::1/64 preferred']);
  bench.advertise({ lifetime: 0, prefixes: [prefix({ autonomous: false, validLifetime: 0 })] });
  assert.deepEqual(bench.routes, ['2001:db8:3::/56']);
});

test('prefixes that nothing can be made of are counted', () => {
  const bench = new Bench();
  bench.advertise({
    prefixes: [
      prefix({ length: 48 }),
      prefix({ prefix: parseIp('2001:db8:2::'), preferredLifetime: DAY + 1 }),
      prefix({ prefix: parseIp('fe80::') }),
      prefix({ prefix: parseIp('ff05::') }),
      prefix({ prefix: parseIp('2001:db8:3::'), validLifetime: 0, preferredLifetime: 0 }),
    ],
  });
  assert.deepEqual(bench.states, []);
  assert.equal(bench.slaac.stats().prefixesIgnored, 4);
});

test('a router that makes things up fills nothing but its bounds', () => {
  const bench = new Bench();
  for (let i = 0; i < 200; i++) {
    const address = parseIp(`2001:db8:${i.toString(16)}::`);
    bench.advertise({
      router: parseIp(`fe80::${i.toString(16)}`),
      prefixes: [prefix({ prefix: address })],
      dnsServers: [{ address: formatIp(address), lifetime: 1 }],
      domainSearch: [{ name: `${i}.example`, lifetime: 1 }],
    });
  }
  assert.deepEqual(
    [
      bench.inUse.length,
      bench.routes.length,
      bench.slaac.dnsServers().length,
      bench.slaac.domainSearch().length,
    ],
    [32, 64, 16, 16],
  );
});

test('one kind of route leaves the places of the others', () => {
  const bench = new Bench();
  const routes = Array.from({ length: 32 }, (_, i) => ({
    prefix: parseIp(`2001:db8:${i.toString(16)}::`),
    length: 48,
    preference: 'high' as const,
    lifetime: Infinity,
  }));
  bench.advertise({ lifetime: 0, prefixes: [], routes });
  bench.advertise({ lifetime: 0, prefixes: [], routes: routes.map((route) => ({ ...route, length: 47 })) });
  assert.equal(bench.routes.length, 32);
  bench.advertise();
  assert.deepEqual(bench.routes.slice(32), ['::/0 by fe80::1', '2001:db8:1::/64']);
});

test('an address that is taken: the next is tried, three times', async () => {
  const bench = new Bench();
  bench.advertise();
  for (let i = 0; i < 3; i++) {
    const address = bench.inUse[0]!;
    bench.inUse.length = 0;
    address.settle(false);
  }
  assert.deepEqual(bench.slaac.addresses(), []);
  assert.deepEqual(
    (await bench.after(0)).filter((event) => event.startsWith('duplicate')),
    ['duplicate 2001:db8:1::1', 'duplicate 2001:db8:1::2', 'duplicate 2001:db8:1::3'],
  );
  bench.advertise();
  assert.deepEqual(bench.states, [], 'it is not begun all over again by the next advertisement');
});

test('an address that becomes known to be free when it is deprecated already', async () => {
  const bench = new Bench();
  bench.addAddress = (bytes, length, settle) => {
    const address: Address = { text: `${formatIp(bytes)}/${length}`, state: 'tentative', settle };
    bench.inUse.push(address);
    return address;
  };
  const configured = bench.slaac.configured();
  bench.advertise({ prefixes: [prefix({ preferredLifetime: 1 })] });
  await bench.after(2);
  bench.inUse[0]!.state = 'preferred';
  bench.inUse[0]!.settle(true);
  await configured;
  assert.deepEqual(bench.states, ['2001:db8:1::1/64 deprecated']);
});

test('closing takes everything away', async () => {
  const bench = new Bench();
  bench.slaac.start();
  const failed = assert.rejects(bench.slaac.configured(), ClosedError);
  bench.advertise({ mtu: 1400, prefixes: [] });
  bench.slaac.close();
  await failed;
  assert.deepEqual([bench.states, bench.routes, bench.mtu, bench.closed], [[], [], null, true]);
  assert.equal(bench.clock.pendingTimers, 0);
  bench.slaac.close();
  bench.advertise();
  assert.deepEqual(bench.states, []);
  await assert.rejects(bench.slaac.configured(), ClosedError);
});

test('waiting is bounded', async () => {
  const bench = new Bench();
  bench.slaac.start();
  const late = assert.rejects(bench.slaac.configured({ timeout: 5000 }), TimeoutError);
  const abort = new AbortController();
  const aborted = assert.rejects(bench.slaac.configured({ signal: abort.signal }), { name: 'AbortError' });
  abort.abort();
  await aborted;
  await bench.after(5);
  await late;
});

test('options are checked', () => {
  const wrong: [string, SlaacOptions][] = [
    ['nope', { nope: 1 } as SlaacOptions],
    ['identifiers', { identifiers: 'mac' as 'eui64' }],
    ['secret', { secret: 'short' }],
    ['detectDuplicates', { detectDuplicates: 'on' as 'off' }],
    ['startDelay', { startDelay: -1 }],
    ['signal', { signal: {} as AbortSignal }],
  ];
  for (const [option, options] of wrong)
    assert.throws(() => checkSlaacOptions(options), { code: 'ERR_ETHERCONN_OPTION', option });
});
