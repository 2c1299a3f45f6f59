import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KernelRelay } from '../../relay/kernel-relay.ts';
import type { OpenRelayOptions } from '../../relay/open-relay.ts';
import { Relay } from '../../relay/relay.ts';
import { eventually } from '../../test-support/eventually.ts';
import { startNode } from '../../test-support/node-in-namespace.ts';
import { pcapOf } from '../../test-support/pcap-of.ts';
import { type TcpEnd, TcpServer, tcpConnect } from '../../test-support/tcp-users.ts';
import { tsharkFields, tsharkMissing } from '../../test-support/tshark.ts';
import { requireXdp } from '../../test-support/xdp-bench.ts';
import {
  addVethPair,
  type Namespace,
  openNamespace,
  requireCapture,
  requireNamespaces,
  startCapture,
} from '../../testing/namespaces.ts';
import { Host } from '../host.ts';

/** A host's TCP and the kernel's, over veth with its default offloads, by every engine. */

const HOSTS = ['10.9.0.5', '2001:db8:9::5'];
const KERNELS = ['10.9.0.1', '2001:db8:9::1'];
const DATA = Buffer.alloc(2_000_003, 'etherconn');
const ENGINES: readonly (readonly [string, OpenRelayOptions, string | false])[] = [
  ['AF_XDP, native', { engine: 'xdp', mode: 'native' }, requireXdp()],
  ['AF_XDP, generic', { engine: 'xdp', mode: 'generic' }, requireXdp()],
  ['AF_PACKET', { engine: 'packet' }, requireNamespaces()],
];
/** Segments that tshark may find fault with. */
const FAULTS = [
  'tcp.analysis.retransmission',
  'tcp.analysis.fast_retransmission',
  'tcp.analysis.spurious_retransmission',
  'tcp.analysis.out_of_order',
] as const;

/**
 * Node's own sockets. On 7000 what comes is sent back; on 7001 it is hashed, and the digest is the answer; 7002 resets;
 * 7003 reads nothing for a second.
 */
const SERVERS = `
  const net = require('node:net');
  const { createHash } = require('node:crypto');
  const options = { allowHalfOpen: true };
  const hashing = (socket) => {
    const hash = createHash('sha256');
    socket.on('data', (data) => hash.update(data)).on('end', () => socket.end(hash.digest('hex')));
    socket.on('error', () => {});
  };
  const servers = [
    (socket) => socket.pipe(socket).on('error', () => {}),
    hashing,
    (socket) => socket.resetAndDestroy(),
    (socket) => setTimeout(hashing, 1000, socket),
  ];
  let left = servers.length;
  servers.forEach((serve, i) => net.createServer({ ...options, pauseOnConnect: i === 3 }, (socket) => {
    serve(socket);
    if (i === 3) setTimeout(() => socket.resume(), 1010);
  }).listen(7000 + i, '::', () => --left === 0 && console.log('ready')));
`;

/** Connects, sends a bulk and ends, and prints the digest of what comes back, which it reads after a while. */
const CLIENT = `
  const net = require('node:net');
  const { createHash } = require('node:crypto');
  const [address, port, size, wait] = process.argv.slice(1);
  const hash = createHash('sha256');
  const socket = net.connect({ host: address, port: +port, allowHalfOpen: true });
  socket.on('error', (error) => console.log(error.code)).pause();
  socket.on('data', (data) => hash.update(data)).on('end', () => console.log(hash.digest('hex'))).pause();
  setTimeout(() => socket.resume(), +wait);
  socket.end(Buffer.alloc(+size, 'etherconn'));
`;

function digest(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

async function firstLine(child: ChildProcess): Promise<string> {
  const [chunk] = await once(child.stdout!, 'data');
  return String(chunk).split('\n')[0];
}

/** One of the kernel's own counters. */
function counter(kernel: Namespace, file: string, table: string, name: string): number {
  const lines = kernel.run('cat', `/proc/net/${file}`).stdout.split('\n');
  const [names, values] = lines.filter((line) => line.startsWith(table)).map((line) => line.split(' '));
  return Number(values[names.indexOf(name)]);
}

function whole(end: TcpEnd): () => boolean {
  return () => end.events.includes('ended');
}

for (const [engine, options, skip] of ENGINES) {
  for (const mtu of [1500, 9000]) {
    describe(`a host's TCP and the kernel's, MTU ${mtu}, over ${engine}`, { skip }, () => {
      let kernel: Namespace;
      let ours: Namespace;
      let relay: KernelRelay;
      let host: Host;

      before(async () => {
        [kernel, ours] = await Promise.all([openNamespace(), openNamespace()]);
        const addresses = [`${KERNELS[0]}/24`, `${KERNELS[1]}/64`];
        const ends = [
          { namespace: ours, name: 'near0' },
          { namespace: kernel, name: 'far0', addresses },
        ] as const;
        addVethPair(...ends, { ipv6: true, mtu });
        kernel.run('sh', '-c', 'while ip -6 address show dev far0 | grep -q tentative; do sleep 0.05; done');
        relay = await Relay.open('near0', { ...options, netns: ours.path });
        host = await Host.create(relay, {
          mac: '02:00:00:00:01:05',
          addresses: HOSTS.map((a, i) => `${a}/${i ? 64 : 24}`),
        });
        await startNode(kernel, SERVERS);
      });

      after(async () => {
        await host?.close();
        await relay?.close();
        await kernel?.close();
        await ours?.close();
      });

      for (const [i, address] of KERNELS.entries()) {
        it(`bulk with a checked digest, echo, half-close, reset and refusal, to and from ${address}`, async () => {
          const { tcp } = host.stack;
          const echo = tcpConnect(tcp, address, 7000);
          echo.send('hello');
          await eventually('an echo', () => echo.text === 'hello');
          echo.send(DATA, true);
          await eventually('everything has come back', () => echo.events.includes('closed'));
          assert.equal(digest(echo.data.subarray(5)), digest(DATA));
          const hashed = tcpConnect(tcp, address, 7001);
          hashed.send(DATA, true);
          await eventually('the digest has come', () => hashed.text === digest(DATA));
          const reset = tcpConnect(tcp, address, 7002);
          await eventually('it is reset', () => reset.events.join() === 'connected,ECONNRESET');
          const refused = tcpConnect(tcp, address, 7999);
          await eventually('it is refused', () => refused.events.join() === 'ECONNREFUSED');
          const server = new TcpServer(tcp, 8000, HOSTS[i]);
          server.prepare = (end) => {
            end.echo = true;
          };
          const client = kernel.spawn(
            process.execPath,
            '-e',
            CLIENT,
            HOSTS[i],
            '8000',
            `${DATA.length}`,
            '0',
          );
          assert.equal(await firstLine(client), digest(DATA));
          assert.equal(digest(server.ends[0].data), digest(DATA));
          server.listening.close();
          const none = kernel.spawn(process.execPath, '-e', CLIENT, HOSTS[i], '8000', '1', '0');
          assert.equal(await firstLine(none), 'ECONNREFUSED');
          assert.equal(tcp.counters.badAcknowledgment, 0);
        });
      }

      it('goes on when a closed window opens, at either end', async () => {
        const { tcp } = host.stack;
        const slow = tcpConnect(tcp, KERNELS[0], 7003);
        const large = Buffer.alloc(16_000_000, 'etherconn');
        slow.send(large, true);
        await eventually('the digest has come', () => slow.text === digest(large));
        const server = new TcpServer(tcp, 8001, HOSTS[1]);
        server.prepare = (end) => {
          end.reading = false;
        };
        const client = kernel.spawn(process.execPath, '-e', CLIENT, HOSTS[1], '8001', `${DATA.length}`, '0');
        await eventually('our window is closed', () => (server.ends[0]?.socket.available ?? 0) > 200_000);
        await sleep(300);
        const [end] = server.ends;
        end.reading = true;
        end.readable();
        await eventually('everything has come', whole(end));
        assert.equal(digest(end.data), digest(DATA));
        end.send('', true);
        await firstLine(client);
        server.listening.close();
      });

      for (const address of KERNELS) {
        it(`outlives the interface being down for two seconds, in both directions, with ${address}`, async () => {
          const { tcp } = host.stack;
          const [there, back] = [tcpConnect(tcp, address, 7001), tcpConnect(tcp, address, 7000)];
          await eventually('both are connected', () =>
            [there, back].every(({ events }) => events.length === 1),
          );
          there.send(DATA);
          back.send(DATA);
          kernel.run('ip', 'link', 'set', 'far0', 'down');
          await sleep(2000);
          kernel.run('ip', 'link', 'set', 'far0', 'up');
          // With the interface the kernel has lost its IPv6 address.
          kernel.run('ip', '-6', 'address', 'replace', `${KERNELS[1]}/64`, 'dev', 'far0', 'nodad');
          there.send(DATA, true);
          back.send(DATA, true);
          const all = Buffer.concat([DATA, DATA]);
          await eventually('the digest has come', () => there.text === digest(all));
          await eventually('everything has come back', whole(back));
          assert.equal(digest(back.data), digest(all));
        });
      }
    });
  }
}

describe('on a clean wire', { skip: requireXdp() || requireCapture() || tsharkMissing }, () => {
  it('neither side sends anything twice, as tshark sees it, over AF_XDP in native mode', async (t) => {
    const [kernel, ours] = await Promise.all([openNamespace(), openNamespace()]);
    t.after(() => kernel.close());
    t.after(() => ours.close());
    addVethPair(
      { namespace: ours, name: 'near0' },
      { namespace: kernel, name: 'far0', addresses: [`${KERNELS[0]}/24`] },
    );
    await using relay = await Relay.open('near0', { engine: 'xdp', mode: 'native', netns: ours.path });
    await using host = await Host.create(relay, { mac: '02:00:00:00:01:05', addresses: [`${HOSTS[0]}/24`] });
    await startNode(kernel, SERVERS);
    const capture = await startCapture(kernel, 'far0', 'tcp');
    const echo = tcpConnect(host.stack.tcp, KERNELS[0], 7000);
    const data = DATA.subarray(0, 500_000);
    echo.send(data, true);
    await eventually('everything has come back', () => echo.events.includes('closed'));
    assert.equal(digest(echo.data), digest(data));
    const { counters } = host.stack.tcp;
    // The file may end inside of a frame.
    const frames = await capture.frames(600);
    const seen = tsharkFields(pcapOf(frames), ['ip.src', ...FAULTS], { preferences: [] });
    assert.ok(seen.length >= 600);
    const faulty = seen.filter((frame) => FAULTS.some((fault) => frame[fault].length > 0));
    const ofOurs = faulty.filter((frame) => frame['ip.src'][0] === HOSTS[0]);
    assert.deepEqual([ofOurs.length, counters.retransmitted], [0, 0]);
    // The kernel probes for a lost tail when this process has not run for a while (RFC 8985 §7).
    const sentAgain = counter(kernel, 'snmp', 'Tcp:', 'RetransSegs');
    assert.equal(sentAgain, counter(kernel, 'netstat', 'TcpExt:', 'TCPLossProbes'));
    assert.ok(faulty.length <= sentAgain);
  });
});
