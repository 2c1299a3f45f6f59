import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import { RawSocketRelay } from 'etherconn';
import { hasCommand } from 'etherconn/testing';
import { Dhcpv4Type } from 'etherconn/wire';
import { DhcpResponder, memoryServerPlan } from '../dhcp/server/dhcp-responder.ts';
import { etherconn, objects, RunningCommand } from '../test-support/command.ts';
import { folderForTests } from '../test-support/folder.ts';
import { ObservedDhcpServer } from '../test-support/observed-dhcp-server.ts';
import { wireForTests } from '../test-support/wire.ts';

/** `etherconn dhcp` as a process on a veth pair, against dnsmasq, kea, and a server of ours in VLANs. */

const wire = wireForTests({ name: 'va' }, { name: 'vb', addresses: ['10.8.0.1/16'] });
const { skip } = wire;
const folder = folderForTests();
const CLIENTS = 5000;

/** Ends the server of a test, however the test has ended: the next one needs its port. */
let stopServer = async (): Promise<void> => {};
afterEach(() => stopServer());

/** A server that runs in the far namespace until the test ends; it says by `ready` that it serves. */
async function serve(
  command: string,
  args: readonly string[],
  ready: RegExp,
  env: NodeJS.ProcessEnv = {},
): Promise<{ stop(): Promise<void>; log(): string }> {
  const words = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const child: ChildProcess = wire.far.spawn('env', ...words, command, ...args);
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await exited;
  };
  stopServer = stop;
  let log = '';
  await new Promise<void>((resolve, reject) => {
    const heed = (chunk: Buffer): void => {
      log += chunk;
      if (ready.test(log)) resolve();
    };
    child.stdout!.on('data', heed);
    child.stderr!.on('data', heed);
    child.once('error', reject);
    child.once('close', () => reject(new Error(`${command} has ended: ${log}`)));
  });
  return { log: () => log, stop };
}

function addressesOf(csv: string, state: string): string[] {
  const lines = readFileSync(csv, 'utf8').trimEnd().split('\n').slice(1);
  return lines
    .map((line) => line.split(','))
    .filter((each) => each[3] === state)
    .map((each) => each[4]);
}

/** Servers other than ours are as fast as they are: what is lost on the way is asked for again. */
const PATIENT = ['--rate', '400', '--timeout', '2s', '--retries', '6', '--fail-if', 'failed>0', '--json'];

test('dnsmasq: 5,000 clients, each with the address that the server has for it', {
  skip: skip || !hasCommand('dnsmasq'),
}, async () => {
  // Addresses are reserved: dnsmasq offers a free one to several clients, and then refuses all but the first.
  const hosts = join(folder, 'hosts');
  const reserved = Array.from({ length: CLIENTS }, (_, n) => {
    const [high, low] = [(n + 1) >> 8, (n + 1) & 255];
    const hex = [high, low].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
    return `02:ec:00:00:${hex},10.8.${64 + high}.${low}`;
  });
  writeFileSync(hosts, `${reserved.join('\n')}\n`);
  await serve(
    'dnsmasq',
    [
      ...['--no-daemon', '--conf-file=/dev/null', '--no-resolv', '--no-hosts', '--port=0', '--no-ping'],
      ...['--interface=vb', '--except-interface=lo', '--dhcp-authoritative', '--dhcp-lease-max=10000'],
      ...['--dhcp-range=10.8.64.0,static,255.255.0.0,1h', `--dhcp-hostsfile=${hosts}`],
      // A log or a file of leases that is written for each message would be what is measured.
      ...['--leasefile-ro', '--quiet-dhcp', '--log-facility=-'],
    ],
    /started, version/,
  );
  const csv = join(folder, 'dnsmasq.csv');
  // By broadcast: the kernel's table of neighbours has no room for so many.
  const end = await etherconn([
    ...['dhcp', 'va', '--netns', wire.near.path, '--clients', `${CLIENTS}`, '--broadcast', '--leases', csv],
    ...PATIENT,
  ]);
  assert.equal(end.status, 0, end.stderr + end.stdout.slice(0, 5000));
  const { fleet } = objects(end)[0];
  assert.deepEqual([fleet.leases, fleet.bound, fleet.naks], [CLIENTS, CLIENTS, 0]);
  const ours = readFileSync(csv, 'utf8').trimEnd().split('\n').slice(1);
  assert.deepEqual(
    ours.map((line) => line.split(',')).map((each) => `${each[1]},${each[4]}`),
    reserved,
  );
});

test('dnsmasq: flapping clients give their leases back', {
  skip: skip || !hasCommand('dnsmasq'),
}, async () => {
  const leases = join(folder, 'flap.leases');
  const server = await serve(
    'dnsmasq',
    [
      ...['--no-daemon', '--conf-file=/dev/null', '--no-resolv', '--no-hosts', '--port=0', '--no-ping'],
      ...['--interface=vb', '--except-interface=lo', '--dhcp-authoritative', '--log-facility=-'],
      ...['--dhcp-range=10.8.64.0,10.8.127.255,255.255.0.0,1h', `--dhcp-leasefile=${leases}`],
    ],
    /started, version/,
  );
  const end = await etherconn([
    ...['dhcp', 'va', '--netns', wire.near.path],
    ...['--engine', 'packet', '--clients', '100', '--release', '--json'],
    ...['--flap', '1s', '--duration', '4s', '--option', '82=1:port-{n}', '--option', '12=host-{n}'],
  ]);
  assert.equal(end.status, 0, end.stderr);
  const { fleet } = objects(end)[0];
  assert.ok(fleet.leases > 100, `${fleet.leases}`);
  assert.equal(fleet.messages.release, fleet.leases);
  assert.match(server.log(), /DHCPRELEASE\(vb\) 10\.8\.\d+\.\d+ 02:ec:00:00:00:01/);
  assert.match(server.log(), /DHCPACK\(vb\) [\d.]+ 02:ec:00:00:00:08 host-7\b/);
  await server.stop();
  assert.equal(readFileSync(leases, 'utf8'), '');
});

const keaMissing = hasCommand('kea-dhcp4', '-v')
  ? false
  : 'kea-dhcp4 is missing (Debian package kea-dhcp4-server)';

test('kea: 5,000 clients, answered by unicast', { skip: skip || keaMissing }, async () => {
  const config = join(folder, 'kea.json');
  // It does not wait for the carrier of an interface by itself.
  const retry = { 'service-sockets-max-retries': 20, 'service-sockets-retry-wait-time': 200 };
  writeFileSync(
    config,
    JSON.stringify({
      Dhcp4: {
        'interfaces-config': { interfaces: ['vb'], 'dhcp-socket-type': 'raw', ...retry },
        'lease-database': { type: 'memfile', persist: false },
        'valid-lifetime': 3600,
        subnet4: [{ id: 1, subnet: '10.8.0.0/16', pools: [{ pool: '10.8.64.0-10.8.127.255' }] }],
        loggers: [{ name: 'kea-dhcp4', output_options: [{ output: 'stdout' }], severity: 'INFO' }],
      },
    }),
  );
  const env = { KEA_PIDFILE_DIR: folder, KEA_LOCKFILE_DIR: 'none' };
  await serve('kea-dhcp4', ['-c', config], /DHCP4_STARTED/, env);
  const csv = join(folder, 'kea.csv');
  const end = await etherconn([
    ...['dhcp', 'va', '--netns', wire.near.path, '--clients', `${CLIENTS}`, '--leases', csv],
    ...PATIENT,
  ]);
  assert.equal(end.status, 0, end.stderr + end.stdout.slice(0, 5000));
  const { fleet } = objects(end)[0];
  assert.equal(fleet.leases, CLIENTS);
  assert.equal(new Set(addressesOf(csv, 'bound')).size, CLIENTS);
});

for (const engine of ['packet', 'xdp']) {
  test(`${engine}: clients in VLANs, one and two tags, get leases, renew them and give them back`, {
    skip,
  }, async () => {
    const relay = await RawSocketRelay.open('vb', { netns: wire.far.path });
    const plan = { ...memoryServerPlan(400, 4), renewalTime: 1 };
    const server = new ObservedDhcpServer(plan, () => relay.clock.now());
    const responder = new DhcpResponder(relay, server);
    try {
      for (const [vlan, broadcast] of [
        ['100-199', []],
        ['100-109.200-209', ['--broadcast']],
      ] as const) {
        const end = await etherconn([
          ...['dhcp', 'va', '--netns', wire.near.path],
          ...['--engine', engine, '--clients', '200', '--rate', '400'],
          ...['--vlan', vlan, '--renew', '--release', '--json', '--fail-if', 'failed>0', ...broadcast],
        ]);
        assert.equal(end.status, 0, end.stderr + end.stdout);
        const { fleet } = objects(end)[0];
        assert.equal(fleet.leases, 200);
        assert.ok(fleet.renewed >= 200);
        assert.equal(fleet.messages.release, 200);
      }
      // Two hundred in single tags, two hundred in double ones; the last release may still be on its way.
      assert.equal(server.asked.size, 400);
      for (let i = 0; i < 100 && server.held > 0; i++)
        await new Promise((resolve) => setTimeout(resolve, 20));
      assert.equal(server.held, 0);
      assert.equal(server.seen.get(Dhcpv4Type.RELEASE), 400);
    } finally {
      await responder.close();
      await relay.close();
    }
  });
}

test('there is room for more clients than a relay has room for by itself', { skip }, async () => {
  const end = await etherconn([
    ...['dhcp', 'va', '--netns', wire.near.path, '--engine', 'xdp', '--clients', '140000', '--rate', '10'],
    ...['--duration', '300ms', '--json'],
  ]);
  // Nobody answers, so no client gets a lease; but all of them are there.
  assert.equal(end.status, 1, end.stderr);
  const [result] = objects(end);
  assert.equal(result.clients, 140_000);
  assert.ok(result.fleet.messages.discover >= 1);
});

test('Ctrl-C on an interface gives the leases back', { skip }, async () => {
  const relay = await RawSocketRelay.open('vb', { netns: wire.far.path });
  const server = new ObservedDhcpServer(memoryServerPlan(50, 3600), () => relay.clock.now());
  const responder = new DhcpResponder(relay, server);
  try {
    const running = new RunningCommand([
      ...['dhcp', 'va', '--netns', wire.near.path, '--clients', '50', '--release', '--duration', '1h'],
    ]);
    await running.says(/bound 50/);
    assert.equal(server.held, 50);
    const end = await running.interrupt();
    assert.equal(end.status, 130);
    for (let i = 0; i < 100 && server.held > 0; i++) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(server.held, 0);
  } finally {
    await responder.close();
    await relay.close();
  }
});
