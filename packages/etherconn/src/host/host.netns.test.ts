import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { RawSocketRelay } from '../relay/raw-socket-relay.ts';
import { eventually } from '../test-support/eventually.ts';
import { TestPort } from '../test-support/hosts.ts';
import {
  addVethPair,
  type Namespace,
  openNamespace,
  requireCommand,
  requireNamespaces,
} from '../testing/namespaces.ts';
import { Host } from './host.ts';

const skip = requireNamespaces();
const MAC = '02:00:00:00:01:05';
const HOST4 = '10.9.0.5';
const HOST6 = '2001:db8:9::5';
const KERNEL4 = '10.9.0.1';
const KERNEL6 = '2001:db8:9::1';
/** Bytes of UDP payload: one packet, the longest in one packet, and fragments of both ends' making. */
const SIZES = [0, 1, 1472, 1473, 9000, 65_507];

/** A kernel socket that echoes, and tells of each datagram in one line of text. */
const ECHO = `
  const dgram = require('node:dgram');
  const socket = dgram.createSocket('udp6');
  socket.on('message', (data, from) => socket.send(data, from.port, from.address, () => console.log(data.length)));
  socket.bind(7000, '::', () => console.log('ready'));
`;

/** Sends one datagram to a closed port, connected, and tells of the error. */
const REFUSED = `
  const dgram = require('node:dgram');
  const socket = dgram.createSocket(process.argv[1].includes(':') ? 'udp6' : 'udp4');
  socket.on('error', (error) => { console.log(error.code); socket.close(); });
  socket.connect(7999, process.argv[1], () => socket.send('x'));
`;

async function firstLine(child: ChildProcess): Promise<string> {
  const [chunk] = await once(child.stdout!, 'data');
  return String(chunk).split('\n')[0];
}

describe('a host and the kernel, over veth with its default offloads', { skip }, () => {
  let kernel: Namespace;
  let ours: Namespace;
  let relay: RawSocketRelay;
  let host: Host;

  before(async () => {
    [kernel, ours] = await Promise.all([openNamespace(), openNamespace()]);
    addVethPair(
      { namespace: ours, name: 'near0' },
      { namespace: kernel, name: 'far0', addresses: [`${KERNEL4}/24`, `${KERNEL6}/64`] },
      { ipv6: true },
    );
    kernel.run('sh', '-c', 'while ip -6 address show dev far0 | grep -q tentative; do sleep 0.05; done');
    relay = await RawSocketRelay.open('near0', { netns: ours.path });
    host = await Host.create(relay, { mac: MAC, addresses: [`${HOST4}/24`, `${HOST6}/64`] });
  });

  after(async () => {
    await host?.close();
    await relay?.close();
    await kernel?.close();
    await ours?.close();
  });

  it('ping each other', async () => {
    for (const [address, own] of [
      [KERNEL4, HOST4],
      [KERNEL6, HOST6],
    ]) {
      const { rtt, ...answer } = await host.ping(address);
      assert.ok(rtt > 0);
      assert.deepEqual(answer, { address, ttl: 64, size: 56 });
      assert.equal((await host.ping(address, { size: 20_000 })).size, 20_000);
      // The command blocks this thread, so it is started, not run.
      for (const size of ['56', '20000']) {
        const ping = kernel.spawn('ping', '-c', '1', '-W', '5', '-s', size, own);
        assert.deepEqual(await once(ping, 'exit'), [0, null], `ping -s ${size} ${own}`);
      }
    }
    const linkLocal = host.addresses().find(({ address }) => address.startsWith('fe80::'))!.address;
    const ping = kernel.spawn('ping', '-c', '1', '-W', '5', `${linkLocal}%far0`);
    assert.deepEqual(await once(ping, 'exit'), [0, null]);
    assert.equal(host.stats().badChecksum, 0);
  });

  it('do not reach who is not there', async () => {
    await assert.rejects(host.ping('10.9.0.77'), { code: 'EHOSTUNREACH', syscall: 'ping' });
  });

  it('answers arping', { skip: requireCommand('arping') }, async () => {
    const arping = kernel.spawn('arping', '-c', '1', '-w', '5', '-I', 'far0', HOST4);
    assert.deepEqual(await once(arping, 'exit'), [0, null]);
  });

  it('answers ndisc6', { skip: requireCommand('ndisc6') }, async () => {
    const ndisc6 = kernel.spawn('ndisc6', '-1', '-n', HOST6, 'far0');
    let text = '';
    ndisc6.stdout!.on('data', (chunk) => {
      text += chunk;
    });
    assert.deepEqual(await once(ndisc6, 'close'), [0, null]);
    assert.match(text.toLowerCase(), new RegExp(MAC));
  });

  it('exchange UDP datagrams of every size', async () => {
    const echo = kernel.spawn(process.execPath, '-e', ECHO);
    assert.equal(await firstLine(echo), 'ready');
    for (const [version, address] of [
      [4, KERNEL4],
      [6, KERNEL6],
    ] as const) {
      const client = new TestPort(host, { version });
      for (const [round, size] of SIZES.entries()) {
        const payload = Buffer.from(Uint8Array.from({ length: size }, (_, i) => i * 31));
        assert.equal(client.send(payload, address, 7000), 1);
        await eventually(`${size} bytes over IPv${version}`, () => client.user.taken.length > round);
        assert.ok(client.user.taken[round].data.equals(payload));
        assert.equal(client.user.taken[round].from, address);
      }
      client.port.close();
    }
    assert.equal(host.stats().badChecksum, 0);
    assert.ok(
      host.stats().partialChecksum > 0,
      'the kernel has left checksums to hardware that is not there',
    );
  });

  it('tell each other that a port is closed', async () => {
    for (const [version, address, own] of [
      [4, KERNEL4, HOST4],
      [6, KERNEL6, HOST6],
    ] as const) {
      const client = new TestPort(host, { version }).connect(address, 7999);
      client.send('x', address, 7999);
      await eventually('an error comes', () => client.user.errors.length > 0);
      assert.deepEqual(
        client.user.errors.map(({ code, syscall }) => ({ code, syscall })),
        [{ code: 'ECONNREFUSED', syscall: 'recvmsg' }],
      );
      client.port.close();
      assert.equal(await firstLine(kernel.spawn(process.execPath, '-e', REFUSED, own)), 'ECONNREFUSED');
    }
  });

  it('hear each other speak to groups', async () => {
    const receiver = new TestPort(host).bind('', 7100);
    receiver.port.join(Uint8Array.of(239, 1, 2, 3), null);
    const send = `
      const socket = require('node:dgram').createSocket('udp4');
      socket.bind(() => {
        socket.setMulticastInterface('${KERNEL4}');
        socket.send('to the group', 7100, '239.1.2.3', () => socket.close());
      });
    `;
    kernel.spawn(process.execPath, '-e', send);
    await eventually('the datagram comes', () => receiver.user.taken.length > 0);
    assert.deepEqual(receiver.user.texts, ['to the group']);
    const listen = `
      const socket = require('node:dgram').createSocket('udp4');
      socket.on('message', (data) => { console.log(String(data)); socket.close(); });
      socket.bind(7101, () => { socket.addMembership('239.1.2.4', '${KERNEL4}'); console.log('ready'); });
    `;
    const listener = kernel.spawn(process.execPath, '-e', listen);
    assert.equal(await firstLine(listener), 'ready');
    receiver.send('from the host', '239.1.2.4', 7101);
    assert.equal(await firstLine(listener), 'from the host');
    receiver.port.close();
  });

  it('notice when both have the same address', { skip: requireCommand('arping') }, async () => {
    const conflict = once(host, 'conflict');
    kernel.run('ip', 'address', 'add', `${HOST4}/24`, 'dev', 'far0');
    kernel.spawn('arping', '-U', '-c', '1', '-w', '2', '-I', 'far0', HOST4);
    const [{ address, lost }] = await conflict;
    assert.deepEqual({ address, lost }, { address: HOST4, lost: false });
    assert.equal(host.hasAddress(Uint8Array.of(10, 9, 0, 5)), true);
  });
});
