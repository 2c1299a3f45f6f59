import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ClosedError, TimeoutError } from '../../errors.ts';
import { HostNetwork, PortUser } from '../../test-support/hosts.ts';
import { emitDhcpv4, parseDhcpv4 } from '../../wire/dhcpv4.ts';
import {
  type Dhcpv4Options,
  Dhcpv4Type,
  readDhcpv4Options,
  writeDhcpv4Options,
} from '../../wire/dhcpv4-options.ts';
import { parseIp } from '../../wire/ip.ts';
import type { Host } from '../host.ts';
import type { HostOptions } from '../host-options.ts';
import type { UdpPort } from '../udp/udp-port.ts';
import type { DhcpClient } from './dhcp-client.ts';
import type { DhcpOptions } from './dhcp-options.ts';

const LEASE: Dhcpv4Options = {
  serverId: '10.0.0.1',
  leaseTime: 600,
  subnetMask: '255.255.255.0',
  routers: ['10.0.0.1', '10.0.0.254'],
};

/** A server of one address on a host: it offers and acknowledges always the same. */
class Server {
  lease: Dhcpv4Options = LEASE;
  address = '10.0.0.5';
  /** Message types that have come. */
  readonly types: number[] = [];
  readonly #user: PortUser = new PortUser();
  readonly #port: UdpPort;

  constructor(host: Host) {
    this.#port = host.openUdpPort(this.#user, { version: 4 });
    this.#port.bind(new Uint8Array(4), 67);
    this.#port.broadcast = true;
    this.#user.batchEnd = (...batch) => {
      PortUser.prototype.batchEnd.apply(this.#user, batch);
      for (const { data } of this.#user.batches.splice(0).flat()) this.#answer(data);
    };
  }

  #answer(data: Uint8Array): void {
    const request = parseDhcpv4(data)!;
    const { messageType } = readDhcpv4Options(request.options);
    this.types.push(messageType!);
    const isDiscover = messageType === Dhcpv4Type.DISCOVER;
    if (!isDiscover && messageType !== Dhcpv4Type.REQUEST) return;
    const type = isDiscover ? Dhcpv4Type.OFFER : Dhcpv4Type.ACK;
    const reply = emitDhcpv4({
      op: 2,
      xid: request.xid,
      hardwareAddress: request.hardwareAddress,
      yourAddress: parseIp(this.address),
      options: writeDhcpv4Options({ messageType: type, ...this.lease }),
    });
    this.#port.destination(Uint8Array.of(255, 255, 255, 255), 68, '').trySend(reply, 0, reply.length);
  }
}

interface Bench {
  readonly hosts: HostNetwork;
  readonly server: Server;
  readonly client: Host;
  dhcp(options?: DhcpOptions): Promise<DhcpClient>;
}

function setUp(t: TestContext, options: HostOptions = {}): Bench {
  const hosts = new HostNetwork(t);
  const server = new Server(hosts.host(1));
  const client = hosts.host(9, { addresses: [], ...options });
  const dhcp = async (dhcpOptions: DhcpOptions = {}) => {
    const promise = client.dhcp({ probe: false, ...dhcpOptions });
    await hosts.settle();
    return promise;
  };
  return { hosts, server, client, dhcp };
}

test('the lease is in use: address, routes in order, and gone after the release', async (t) => {
  const { hosts, server, client, dhcp } = setUp(t);
  const dhcpClient = await dhcp();
  assert.deepEqual(client.addresses(), [
    { address: '10.0.0.5', prefixLength: 24, version: 4, state: 'preferred' },
  ]);
  assert.deepEqual(client.routes(), [
    { destination: '10.0.0.0/24', metric: 0 },
    { destination: '0.0.0.0/0', gateway: '10.0.0.1', metric: 0 },
    { destination: '0.0.0.0/0', gateway: '10.0.0.254', metric: 1 },
  ]);
  dhcpClient.release();
  await hosts.settle();
  assert.deepEqual([client.addresses(), client.routes()], [[], []]);
  assert.deepEqual(server.types, [Dhcpv4Type.DISCOVER, Dhcpv4Type.REQUEST, Dhcpv4Type.RELEASE]);
});

test('what can be no router is none', async (t) => {
  const { client, server, dhcp } = setUp(t);
  server.lease = {
    ...LEASE,
    routers: ['0.0.0.0', '255.255.255.255', '224.0.0.1', '127.0.0.1', '10.0.0.5', '10.0.0.1'],
  };
  (await dhcp()).release();
  const routes = () =>
    client.routes().flatMap(({ destination, gateway }) => (gateway ? [`${destination} ${gateway}`] : []));
  await dhcp();
  assert.deepEqual(routes(), ['0.0.0.0/0 10.0.0.1']);
});

test('renewed by unicast, with what has changed', async (t) => {
  const { hosts, server, client, dhcp } = setUp(t);
  const dhcpClient = await dhcp();
  server.lease = { ...LEASE, routers: ['10.0.0.254'] };
  await hosts.advance(301_000);
  assert.equal(dhcpClient.lease!.expires - dhcpClient.lease!.obtained, 600_000);
  assert.equal(server.types.length, 3);
  assert.deepEqual(
    client.routes().map(({ gateway }) => gateway),
    [undefined, '10.0.0.254'],
  );
  server.address = '10.0.0.6';
  server.lease = { ...LEASE, subnetMask: '255.255.0.0' };
  await hosts.advance(301_000);
  assert.deepEqual(
    client.addresses().map(({ address, prefixLength }) => `${address}/${prefixLength}`),
    ['10.0.0.6/16'],
  );
});

test('a lease that runs out takes the address along', async (t) => {
  const { hosts, client, server, dhcp } = setUp(t);
  await dhcp();
  server.lease = { serverId: '10.0.0.1' };
  await hosts.advance(599_000);
  assert.equal(client.addresses().length, 1);
  await hosts.advance(1000);
  assert.deepEqual([client.addresses(), client.routes()], [[], []]);
});

test('classless routes replace the routers', async (t) => {
  const { server, client, dhcp } = setUp(t);
  server.lease = {
    ...LEASE,
    classlessRoutes: [
      { destination: '10.7.0.0/16', gateway: '10.0.0.2' },
      { destination: '10.8.0.0/16', gateway: '0.0.0.0' },
    ],
  };
  await dhcp();
  assert.deepEqual(client.routes(), [
    { destination: '10.0.0.0/24', metric: 0 },
    { destination: '10.7.0.0/16', gateway: '10.0.0.2', metric: 0 },
    { destination: '10.8.0.0/16', metric: 0 },
  ]);
});

test('a lease of a single address, with a router outside of it, is used as it is', async (t) => {
  const { hosts, server, client, dhcp } = setUp(t);
  server.lease = { ...LEASE, subnetMask: '255.255.255.255', routers: ['10.0.0.1'] };
  await dhcp();
  assert.deepEqual(
    client.addresses().map(({ address, prefixLength }) => `${address}/${prefixLength}`),
    ['10.0.0.5/32'],
  );
  assert.deepEqual(client.routes(), [{ destination: '0.0.0.0/0', gateway: '10.0.0.1', metric: 0 }]);
  const pinged = client.ping('10.0.0.1');
  await hosts.settle();
  assert.equal((await pinged).address, '10.0.0.1');
});

test('the MTU is applied if the host can have it', async (t) => {
  const cases: [number, number, object, object][] = [
    [1400, 1400, {}, {}],
    [1400, 1500, { applyMtu: false }, {}],
    [9000, 1500, {}, {}],
    [68, 1500, {}, {}],
    [1000, 1500, {}, { linkLocal: true }],
  ];
  for (const [offered, applied, dhcpOptions, hostOptions] of cases) {
    const { server, client, dhcp } = setUp(t, hostOptions);
    server.lease = { ...LEASE, mtu: offered };
    const dhcpClient = await dhcp(dhcpOptions);
    assert.deepEqual([client.mtu, dhcpClient.lease!.mtu], [applied, offered]);
    dhcpClient.close();
    assert.equal(client.mtu, 1500);
  }
});

test('an address that somebody has is found out by ARP, and declined', async (t) => {
  const { hosts, server, client } = setUp(t);
  hosts.host(5);
  const failed = assert.rejects(client.dhcp({ timeout: 5000 }), TimeoutError);
  await hosts.advance(5000);
  await failed;
  assert.deepEqual(server.types, [Dhcpv4Type.DISCOVER, Dhcpv4Type.REQUEST, Dhcpv4Type.DECLINE]);
  assert.deepEqual(client.addresses(), []);
});

test('an address that the host has anyway stays its own', async (t) => {
  const { client, dhcp } = setUp(t, { addresses: ['10.0.0.5/24'] });
  const dhcpClient = await dhcp({ probe: true });
  dhcpClient.close();
  assert.equal(client.addresses().length, 1);
});

test('one client per host, and after it another', async (t) => {
  const { client, dhcp } = setUp(t);
  const first = await dhcp();
  await assert.rejects(client.dhcp(), { code: 'EADDRINUSE', syscall: 'bind' });
  assert.equal(first.state, 'bound');
  first.close();
  const second = await dhcp();
  assert.equal(second.state, 'bound');
});

test('nobody answers: nothing is left', async (t) => {
  const hosts = new HostNetwork(t);
  const client = hosts.host(9, { addresses: [] });
  const failed = assert.rejects(client.dhcp({ timeout: 3000 }), TimeoutError);
  await hosts.advance(3000);
  await failed;
  assert.equal(client.stats().ports, 0);
  assert.equal(hosts.network.virtualClock.pendingTimers, 0);
  const abort = AbortSignal.abort();
  await assert.rejects(client.dhcp({ signal: abort }), { name: 'AbortError' });
  await assert.rejects(client.dhcp({ timeout: -1 }), { option: 'timeout' });
});

test('the host is closed while it waits', async (t) => {
  const hosts = new HostNetwork(t);
  const client = hosts.host(9, { addresses: [] });
  const failed = assert.rejects(client.dhcp(), ClosedError);
  await client.close();
  await failed;
  await assert.rejects(client.dhcp(), ClosedError);
});
