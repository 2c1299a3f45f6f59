import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { describe, test } from 'node:test';
import { EtherConn } from '../conn/ether-conn.ts';
import { RUDPConn } from '../conn/rudp-conn.ts';
import { UdpService } from '../conn/udp-service.ts';
import { eventually } from '../test-support/eventually.ts';
import { runNode, startNode } from '../test-support/node-in-namespace.ts';
import { FAR, FAR_MAC, NEAR, NEAR_MAC, promiscuity } from '../test-support/veth-links.ts';
import { hasProgram, requireXdp } from '../test-support/xdp-bench.ts';
import {
  addVethPair,
  type Namespace,
  openNamespace,
  requireCommand,
  requireNamespaces,
} from '../testing/namespaces.ts';
import type { KernelRelay } from './kernel-relay.ts';
import { RawSocketRelay } from './raw-socket-relay.ts';
import { XDPRelay } from './xdp-relay.ts';

const SERVICE = { address: '10.0.0.2', port: 53 };
const SERVICE6 = { address: 'fd00::2', port: 53 };

interface Bench {
  readonly near: Namespace;
  readonly far: Namespace;
  readonly relay: KernelRelay;
}

/** A relay on the far interface of the pair of {@link withVeth}. */
function withBench(
  open: (netns: string) => Promise<KernelRelay>,
  body: (bench: Bench) => Promise<void>,
  queues = 1,
): Promise<void> {
  return withVeth(async ({ near, far }) => {
    await using relay = await open(far.path);
    await body({ near, far, relay });
  }, queues);
}

/** A veth pair whose kernels have addresses. */
async function withVeth(body: (bench: Omit<Bench, 'relay'>) => Promise<void>, queues = 1): Promise<void> {
  const [near, far] = await Promise.all([openNamespace(), openNamespace()]);
  try {
    addVethPair(
      { namespace: near, name: NEAR, mac: NEAR_MAC, addresses: ['10.0.0.1/24'] },
      { namespace: far, name: FAR, mac: FAR_MAC, addresses: ['10.0.0.2/24'] },
      { ipv6: true, queues },
    );
    near.run('ip', 'address', 'add', 'fd00::1/64', 'dev', NEAR, 'nodad');
    far.run('ip', 'address', 'add', 'fd00::2/64', 'dev', FAR, 'nodad');
    await body({ near, far });
  } finally {
    await near.close();
    await far.close();
  }
}

/** Asks by a connected socket of the kernel's until there is an answer, and prints it, or the code of the error. */
function ask(address: string, port: number, question: string): string {
  return `
    const socket = require('node:dgram').createSocket('udp${address.includes(':') ? 6 : 4}');
    const end = (text) => { console.log(text); process.exit(); };
    socket.on('error', (error) => end(error.code)).on('message', (message) => end(String(message)));
    socket.connect(${port}, '${address}', () => {
      const send = () => socket.send('${question}', (error) => error && end(error.code));
      setInterval(send, 300);
      send();
    });
  `;
}

/** A server on the kernel's stack that answers with what was asked. */
function echo(address: string, port: number): string {
  return `
    const socket = require('node:dgram').createSocket('udp4');
    socket.on('message', (message, { port, address }) => socket.send(message, port, address));
    socket.bind(${port}, '${address}', () => console.log('ready'));
  `;
}

/** Binds a socket of the kernel's, and prints whether it could. */
function bindPort({ address, port }: typeof SERVICE): string {
  return `
    const socket = require('node:dgram').createSocket('udp${address.includes(':') ? 6 : 4}');
    socket.on('error', (error) => console.log(error.code));
    socket.bind(${port}, '${address}', () => { console.log('bound'); socket.close(); });
  `;
}

const TCP_SERVER = `
  require('node:net').createServer((socket) => socket.pipe(socket)).listen(7000, '10.0.0.2', () => console.log('ready'));
`;
const TCP_CLIENT = `
  const socket = require('node:net').connect(7000, '10.0.0.2');
  let received = 0;
  socket.on('data', (data) => { received += data.length; });
  socket.on('end', () => console.log(received));
  socket.end(Buffer.alloc(3_000_000));
`;

/** Answers every datagram with 'our ' and itself. */
function answerAll(service: UdpService | RUDPConn): void {
  service.onBatch((batch) => {
    while (batch.next()) batch.reply(Buffer.concat([Buffer.from('our '), batch.copyPayload()]));
  });
}

function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

const ENGINES = [
  [
    'AF_XDP, native',
    (netns: string) => XDPRelay.open(FAR, { netns, mode: 'native', audit: true }),
    requireXdp(),
  ],
  [
    'AF_XDP, generic',
    (netns: string) => XDPRelay.open(FAR, { netns, mode: 'generic', audit: true }),
    requireXdp(),
  ],
  ['AF_PACKET', (netns: string) => RawSocketRelay.open(FAR, { netns }), requireNamespaces()],
] as const;

for (const [name, open, skip] of ENGINES) {
  describe(`services on the interface's own address, ${name}`, { skip }, () => {
    test('a kernel asks the service; ping, TCP and other ports of the same address stay the kernel’s', async () => {
      await withBench(open, async ({ near, far, relay }) => {
        const service = await UdpService.open(relay, SERVICE);
        answerAll(service);
        await startNode(far, echo('10.0.0.2', 54));
        await startNode(far, TCP_SERVER);
        const answers = await Promise.all([
          runNode(near, ask('10.0.0.2', 53, 'question')),
          runNode(near, ask('10.0.0.2', 54, 'question')),
          runNode(near, TCP_CLIENT),
        ]);
        assert.deepEqual(answers, ['our question', 'question', '3000000']);
        if (requireCommand('ping') === false)
          near.run('ping', '-c', '3', '-i', '0.05', '-W', '2', '10.0.0.2');
        assert.ok(service.stats().sent > 0);
        // A fragmented question is the kernel's; it does not refuse it, and other ports get theirs.
        const big = 'x'.repeat(4000);
        assert.equal(await runNode(near, ask('10.0.0.2', 54, big)), big);
      });
    });

    test('over IPv6', async () => {
      await withBench(open, async ({ near, relay }) => {
        const service = await UdpService.open(relay, SERVICE6);
        answerAll(service);
        assert.equal(await runNode(near, ask('fd00::2', 53, 'question')), 'our question');
      });
    });

    test('what is written goes where the kernel’s routes and neighbors say', async () => {
      await withBench(open, async ({ near, far, relay }) => {
        near.run('ip', 'address', 'add', '192.0.2.1/32', 'dev', 'lo');
        near.run('ip', '-6', 'address', 'add', '2001:db8::1/128', 'dev', 'lo', 'nodad');
        far.run('ip', 'route', 'add', '192.0.2.0/24', 'via', '10.0.0.1');
        far.run('ip', 'route', 'add', '2001:db8::/64', 'via', 'fd00::1');
        far.run('ip', 'route', 'add', '198.51.100.0/24', 'via', 'inet6', 'fd00::1', 'dev', FAR);
        far.run('ip', 'route', 'add', 'unreachable', '203.0.113.0/24');
        const v4 = await UdpService.open(relay, SERVICE);
        const v6 = await UdpService.open(relay, SERVICE6);
        const resolve = relay.registerService({ address: '10.0.0.2', port: 9 }).resolveNextHop;
        const mac = Buffer.from(NEAR_MAC.replaceAll(':', ''), 'hex');

        await startNode(near, echo('10.0.0.1', 7));
        await startNode(near, echo('192.0.2.1', 7));
        for (const address of ['10.0.0.1', '192.0.2.1']) {
          await v4.writeTo(Buffer.from(address), { address, port: 7 });
          const { data, remote } = await v4.readFrom({ timeout: 5000 });
          assert.deepEqual([String(data), remote.address, remote.mac], [address, address, NEAR_MAC]);
        }
        await startNode(near, echo('2001:db8::1', 7).replace('udp4', 'udp6'));
        await v6.writeTo(Buffer.from('six'), { address: '2001:db8::1', port: 7 });
        assert.equal(String((await v6.readFrom({ timeout: 5000 })).data), 'six');

        // Known by now, so at once; kept, so the same bytes.
        const known = resolve('10.0.0.1');
        assert.deepEqual(Buffer.from(known as Uint8Array), mac);
        assert.equal(resolve('10.0.0.1'), known);
        assert.deepEqual(Buffer.from((await resolve('198.51.100.7'))!), mac);
        assert.equal(resolve('203.0.113.1'), null);
        assert.equal(resolve('10.0.0.2'), null);
        assert.deepEqual(resolve('255.255.255.255'), resolve('10.0.0.255'));
        assert.deepEqual(resolve('10.0.0.255'), Uint8Array.of(255, 255, 255, 255, 255, 255));
        assert.deepEqual(resolve('224.0.0.251'), Uint8Array.of(0x01, 0, 0x5e, 0, 0, 251));
        assert.deepEqual(resolve('ff02::fb'), Uint8Array.of(0x33, 0x33, 0, 0, 0, 251));
        await assert.rejects(v4.writeTo(Buffer.from('x'), { address: '203.0.113.1', port: 7 }), {
          code: 'EHOSTUNREACH',
        });
      });
    });

    test('a neighbor that does not answer: EHOSTUNREACH, and the next write asks again', async () => {
      await withBench(open, async ({ near, far, relay }) => {
        far.run('sh', '-c', `echo 100 > /proc/sys/net/ipv4/neigh/${FAR}/retrans_time_ms`);
        const service = await UdpService.open(relay, SERVICE);
        const absent = { address: '10.0.0.77', port: 7 };
        await assert.rejects(service.writeTo(Buffer.from('x'), absent), { code: 'EHOSTUNREACH' });
        near.run('ip', 'address', 'add', '10.0.0.77/24', 'dev', NEAR);
        await startNode(near, echo('10.0.0.77', 7));
        await service.writeTo(Buffer.from('now'), absent);
        assert.equal(String((await service.readFrom({ timeout: 5000 })).data), 'now');
      });
    });

    test('closing while a neighbor is being asked for ends the wait', async () => {
      await withBench(open, async ({ relay }) => {
        const before = openDescriptors();
        const service = await UdpService.open(relay, SERVICE);
        const write = service.writeTo(Buffer.from('x'), { address: '10.0.0.77', port: 7 });
        const refused = assert.rejects(write, { code: 'ERR_ETHERCONN_CLOSED' });
        await service.close();
        await refused;
        assert.equal(openDescriptors(), before);
      });
    });

    test('the port is reserved while the service is open, and the kernel’s again afterwards', async () => {
      await withBench(open, async ({ near, far, relay }) => {
        const before = openDescriptors();
        const service = await UdpService.open(relay, SERVICE);
        answerAll(service);
        const bind = (address: string) => `
          require('node:dgram').createSocket('udp4').on('error', (error) => console.log(error.code))
            .bind(53, '${address}', function () { console.log('bound'); this.close(); });`;
        assert.equal(await runNode(far, bind('10.0.0.2')), 'EADDRINUSE');
        assert.equal(await runNode(near, ask('10.0.0.2', 53, 'a')), 'our a');
        assert.throws(() => relay.registerService(SERVICE), { code: 'ERR_ETHERCONN_IN_USE' });
        await service.close();
        assert.equal(openDescriptors(), before);
        assert.equal(await runNode(near, ask('10.0.0.2', 53, 'b')), 'ECONNREFUSED');
        assert.equal(await runNode(far, bind('10.0.0.2')), 'bound');
      });
    });

    test('a port or an address that cannot be had is refused, and nothing stays open', async () => {
      await withBench(open, async ({ near, far, relay }) => {
        await startNode(far, echo('10.0.0.2', 53));
        const before = openDescriptors();
        await assert.rejects(UdpService.open(relay, SERVICE), {
          code: 'EADDRINUSE',
          message: /reserve: false/,
        });
        await assert.rejects(UdpService.open(relay, { address: '10.0.0.3', port: 53 }), {
          code: 'EADDRNOTAVAIL',
          message: /not an address of the machine/,
        });
        await assert.rejects(UdpService.open(relay, SERVICE, { reserve: false, ttl: 0 }), { option: 'ttl' });
        assert.equal(openDescriptors(), before);
        if (relay instanceof RawSocketRelay) return;
        // Whoever has the port, what comes over this interface comes here.
        const service = await UdpService.open(relay, SERVICE, { reserve: false });
        answerAll(service);
        assert.equal(await runNode(near, ask('10.0.0.2', 53, 'a')), 'our a');
        await service.close();
        assert.equal(await runNode(near, ask('10.0.0.2', 53, 'b')), 'b');
      });
    });

    test('addresses at which nothing can be heard are refused by what they are', async () => {
      await withBench(open, async ({ relay }) => {
        for (const [address, what] of [
          ['10.0.0.255', /10\.0\.0\.255 is a broadcast address/],
          ['255.255.255.255', /a broadcast address/],
          ['127.0.0.1', /a loopback address/],
          ['::1', /a loopback address/],
          ['::ffff:10.0.0.2', /written as IPv6: give 10\.0\.0\.2/],
          ['0.0.0.0', /no address/],
          ['::', /no address/],
          ['224.0.0.1', /a multicast address/],
        ] as const) {
          for (const reserve of [true, false]) {
            const refused = UdpService.open(relay, { address, port: 53 }, { reserve });
            await assert.rejects(refused, { option: 'address', message: what });
          }
        }
        for (const [port, shown] of [
          [undefined, 'undefined'],
          [null, 'null'],
          [[53], '[53]'],
        ]) {
          assert.throws(() => relay.registerService({ address: '10.0.0.2', port } as never), {
            option: 'port',
            message: `port: must be an integer from 1 to 65535, got ${shown}`,
          });
        }
        for (const options of [null, 7] as never[]) {
          await assert.rejects(UdpService.open(relay, SERVICE, options), { option: 'options' });
        }
        const misspelled = UdpService.open(relay, SERVICE, { reserved: true } as object);
        await assert.rejects(misspelled, { option: 'reserved', message: /known are .*ttl.*reserve/ });
      });
    });

    test('a service of another relay is in the way as any other program is', async () => {
      await withBench(open, async ({ far, relay }) => {
        const service = await UdpService.open(relay, SERVICE);
        await using other = await RawSocketRelay.open(FAR, { netns: far.path });
        await assert.rejects(UdpService.open(other, SERVICE), { code: 'EADDRINUSE' });
        await service.close();
        await (await UdpService.open(other, SERVICE)).close();
      });
    });

    test('a relay that is closed, or loses its interface, closes its services', async () => {
      for (const end of ['close', 'delete'] as const) {
        await withBench(open, async ({ far, relay }) => {
          relay.on('error', () => {});
          const service = await UdpService.open(relay, SERVICE);
          const raw = relay.registerService({ address: '10.0.0.2', port: 54 });
          if (end === 'close') await relay.close();
          else far.run('ip', 'link', 'delete', FAR);
          await eventually('the end of the services', () => service.closed && raw.closed);
          await service.close();
          assert.throws(() => relay.registerService(SERVICE), { code: 'ERR_ETHERCONN_RELAY_STOPPED' });
        });
      }
    });
  });
}

describe('services with AF_XDP', { skip: requireXdp() }, () => {
  const open = (netns: string) => XDPRelay.open(FAR, { netns, audit: true });

  test('any conn may be on the own MAC address while there is a service, and gets that alone', async () => {
    await withBench(open, async ({ near, far, relay }) => {
      assert.throws(() => new EtherConn(relay.hardwareAddress, relay), { code: 'ERR_ETHERCONN_TAKEOVER' });
      const registration = relay.registerService(SERVICE);
      const { resolveNextHop } = registration;
      const conn = new RUDPConn(SERVICE, new EtherConn(relay.hardwareAddress, relay), { resolveNextHop });
      answerAll(conn);
      await startNode(far, echo('10.0.0.2', 54));
      assert.equal(await runNode(near, ask('10.0.0.2', 54, 'a')), 'a');
      assert.equal(await runNode(near, ask('10.0.0.2', 53, 'a')), 'our a');
      assert.equal(conn.stats().notOurs, 0);
      await assert.rejects(UdpService.open(relay, { address: '10.0.0.2', port: 55 }), {
        code: 'ERR_ETHERCONN_IN_USE',
      });
      registration.close();
      assert.equal(await runNode(near, ask('10.0.0.2', 53, 'b')), 'ECONNREFUSED');
      await conn.close();
      assert.throws(() => new EtherConn(relay.hardwareAddress, relay), { code: 'ERR_ETHERCONN_TAKEOVER' });
    });
  });

  for (const mode of ['native', 'generic'] as const) {
    test(`killed while it serves, ${mode}: the ports are free, the program is gone, and promiscuity`, async () => {
      await withVeth(async ({ near, far }) => {
        const server = `
          import { UdpService, XDPRelay } from '${new URL('../index.js', import.meta.url).href}';
          const relay = await XDPRelay.open('${FAR}', { mode: '${mode}' });
          for (const address of ${JSON.stringify([SERVICE, SERVICE6])}) {
            const service = await UdpService.open(relay, address);
            service.onBatch((batch) => {
              while (batch.next()) batch.reply(Buffer.concat([Buffer.from('our '), batch.copyPayload()]));
            });
          }
          console.log('open');
        `;
        const child = far.spawn(process.execPath, '--input-type=module', '-e', server);
        child.stderr!.pipe(process.stderr);
        await once(child.stdout!, 'data');
        for (const { address, port } of [SERVICE, SERVICE6]) {
          assert.equal(await runNode(near, ask(address, port, 'a')), 'our a');
        }
        assert.ok(hasProgram(far, FAR) && promiscuity(far, FAR) > 0);
        assert.equal(await runNode(far, bindPort(SERVICE)), 'EADDRINUSE');
        child.kill('SIGKILL');
        await once(child, 'exit');
        await eventually('no program', () => !hasProgram(far, FAR));
        await eventually('not promiscuous', () => promiscuity(far, FAR) === 0);
        for (const service of [SERVICE, SERVICE6])
          assert.equal(await runNode(far, bindPort(service)), 'bound');
        // What comes to it is the kernel's again, and it can be served anew.
        await startNode(far, echo('10.0.0.2', 53));
        assert.equal(await runNode(near, ask('10.0.0.2', 53, 'b')), 'b');
        await using relay = await open(far.path);
        const service = await UdpService.open(relay, SERVICE6);
        answerAll(service);
        assert.equal(await runNode(near, ask('fd00::2', 53, 'c')), 'our c');
      });
    });
  }

  test('it goes on when somebody changes the interface’s MAC address', async () => {
    await withBench(open, async ({ near, far, relay }) => {
      const service = await UdpService.open(relay, SERVICE);
      answerAll(service);
      const lost = new EtherConn('02:00:00:00:00:98', relay);
      for (const mac of ['02:00:00:00:00:99', '02:00:00:00:00:98', FAR_MAC]) {
        far.run('ip', 'link', 'set', FAR, 'address', mac);
        await eventually('followed', () => relay.info().hardwareAddress === mac);
        near.run('ip', 'neigh', 'flush', 'dev', NEAR);
        assert.equal(await runNode(near, ask('10.0.0.2', 53, mac)), `our ${mac}`);
        // Everything else is the kernel's, also where a conn had this address before.
        if (requireCommand('ping') === false) near.run('ping', '-c', '1', '-W', '2', '10.0.0.2');
      }
      await lost.close();
      await service.close();
      assert.equal(relay.stats().registrations, 0);
    });
  });

  test('relays that share a program share services, in any order; nobody else gets in', async () => {
    const first = (netns: string) => XDPRelay.open(FAR, { netns, queues: [0], audit: true });
    await withBench(
      first,
      async ({ far, relay }) => {
        const early = await UdpService.open(relay, SERVICE);
        const { program } = relay as XDPRelay;
        await using joined = await XDPRelay.open(FAR, {
          netns: far.path,
          queues: [1],
          attach: false,
          program,
        });
        const [a, b] = [await UdpService.open(joined, SERVICE), await UdpService.open(joined, SERVICE6)];
        const late = await UdpService.open(relay, SERVICE6);
        for (const service of [early, a, b, late]) answerAll(service);
        await using stranger = await RawSocketRelay.open(FAR, { netns: far.path });
        for (const service of [SERVICE, SERVICE6]) {
          await assert.rejects(UdpService.open(stranger, service), { code: 'EADDRINUSE' });
        }
        await early.close();
        await assert.rejects(UdpService.open(stranger, SERVICE), { code: 'EADDRINUSE' });
        await late.close();
        await (await UdpService.open(relay, SERVICE)).close();
      },
      2,
    );
  });

  test('the program of a relay that has been closed is none', async () => {
    await withBench(open, async ({ relay }) => {
      await relay.close();
      assert.throws(() => (relay as XDPRelay).program, { code: 'ERR_ETHERCONN_RELAY_STOPPED' });
    });
  });

  test('with takeover everything to the own MAC address comes here, services or not', async () => {
    const taking = (netns: string) => XDPRelay.open(FAR, { netns, takeover: true });
    await withBench(taking, async ({ near, relay }) => {
      const conn = new RUDPConn(
        { address: '10.0.0.2', port: 54 },
        new EtherConn(relay.hardwareAddress, relay),
      );
      answerAll(conn);
      // The kernel gets no ARP any more: it only hears what is broadcast.
      near.run('ip', 'neigh', 'replace', '10.0.0.2', 'lladdr', FAR_MAC, 'dev', NEAR);
      assert.equal(await runNode(near, ask('10.0.0.2', 54, 'a')), 'our a');
    });
  });
});
