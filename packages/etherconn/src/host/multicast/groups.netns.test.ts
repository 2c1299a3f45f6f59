import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { RawSocketRelay } from '../../relay/raw-socket-relay.ts';
import { eventually } from '../../test-support/eventually.ts';
import { TestPort } from '../../test-support/hosts.ts';
import { tsharkFields, tsharkMissing } from '../../test-support/tshark.ts';
import {
  addVethPair,
  type Namespace,
  openNamespace,
  requireCapture,
  requireNamespaces,
  startCapture,
} from '../../testing/namespaces.ts';
import { parseIp } from '../../wire/ip.ts';
import { Host } from '../host.ts';

const skip = requireNamespaces();

/** A kernel socket that joins a group and says what it hears. Arguments: group, own address, interface. */
const MEMBER = `
  const dgram = require('node:dgram');
  const [group, address, name] = process.argv.slice(1);
  const socket = dgram.createSocket({ type: group.includes(':') ? 'udp6' : 'udp4', reuseAddr: true });
  socket.on('message', (data, from) => console.log(data.toString() + ' from ' + from.address.split('%')[0]));
  socket.bind(7000, () => {
    socket.addMembership(group, group.includes(':') ? '::%' + name : address);
    console.log('ready');
  });
`;

/** Sends a text to a group, and then to another. Arguments: group, other group, own address, interface, text. */
const SENDER = `
  const dgram = require('node:dgram');
  const [group, fence, address, name, text] = process.argv.slice(1);
  const socket = dgram.createSocket(group.includes(':') ? 'udp6' : 'udp4');
  socket.bind(() => {
    socket.setMulticastInterface(group.includes(':') ? '::%' + name : address);
    socket.send(text, 7001, group, () => socket.send(text, 7003, fence, () => socket.close()));
  });
`;

describe('groups of hosts and of the kernel', { skip }, () => {
  let kernel: Namespace;
  let ours: Namespace;
  let relay: RawSocketRelay;
  let host: Host;

  before(async () => {
    [kernel, ours] = await Promise.all([openNamespace(), openNamespace()]);
    addVethPair(
      { namespace: ours, name: 'near0' },
      { namespace: kernel, name: 'far0', addresses: ['10.9.0.1/24', '2001:db8:9::1/64'] },
      { ipv6: true },
    );
    kernel.run('sh', '-c', 'while ip -6 address show dev far0 | grep -q tentative; do sleep 0.05; done');
    relay = await RawSocketRelay.open('near0', { netns: ours.path });
    host = await Host.create(relay, {
      mac: '02:00:00:00:01:05',
      addresses: ['10.9.0.5/24', '2001:db8:9::5/64'],
      detectDuplicates: 'off',
    });
  });

  after(async () => {
    await host?.close();
    await relay?.close();
    await kernel?.close();
    await ours?.close();
  });

  for (const [group, local, from] of [
    ['239.7.7.7', '10.9.0.1', '10.9.0.5'],
    ['ff15::7:7', '2001:db8:9::1', '2001:db8:9::5'],
  ] as const) {
    const version = group.includes(':') ? 6 : 4;

    it(`the kernel joins ${group}, a host sends`, async () => {
      const member = kernel.spawn(process.execPath, '-e', MEMBER, group, local, 'far0');
      const [ready] = await once(member.stdout!, 'data');
      assert.equal(String(ready).trim(), 'ready');
      const port = new TestPort(host, { version }).bind('', 0);
      const heard = once(member.stdout!, 'data');
      assert.equal(port.send('hi', group, 7000), 1);
      assert.equal(String((await heard)[0]).trim(), `hi from ${from}`);
      port.port.close();
      member.kill();
    });

    /** Resolves when a group datagram that was sent after this one has been heard. */
    const send = async (text: string) => {
      const fence = new TestPort(host, { version }).bind('', 7003);
      const other = version === 4 ? '239.7.7.9' : 'ff15::7:9';
      fence.port.join(parseIp(other), null);
      kernel.run(process.execPath, '-e', SENDER, group, other, local, 'far0', text);
      await eventually('fence', () => fence.user.texts.length > 0);
      fence.port.close();
    };

    it(`a host joins ${group}, the kernel sends`, async () => {
      const port = new TestPort(host, { version }).bind('', 7001);
      await send('before');
      port.port.join(parseIp(group), null);
      await send('while');
      port.port.leave(parseIp(group), null);
      await send('after');
      port.port.join(parseIp(group), null);
      await send('again');
      assert.deepEqual(port.user.texts, ['while', 'again']);
      port.port.close();
    });

    it(`one source of ${group}, and another`, async () => {
      const port = new TestPort(host, { version }).bind('', 7001);
      const stranger = version === 4 ? '10.9.0.77' : '2001:db8:9::77';
      port.port.join(parseIp(group), parseIp(stranger));
      await send('refused');
      port.port.join(parseIp(group), parseIp(local));
      await send('taken');
      assert.deepEqual(port.user.texts, ['taken']);
      port.port.close();
    });
  }

  it('tshark understands what routers are told', { skip: tsharkMissing || requireCapture() }, async () => {
    // A host of which nothing else is still to be told; without an IPv6 address its MLD comes from "::".
    await using fresh = Host.createNow(relay, { mac: '02:00:00:00:01:06', addresses: ['10.9.0.6/24'] });
    const filter = 'ether src 02:00:00:00:01:06 and (igmp or ip6[40] == 58)';
    const capture = await startCapture(kernel, 'far0', filter);
    const port = new TestPort(fresh, { version: 6 }).bind('', 7002).port;
    port.join(parseIp('239.7.7.8'), null);
    port.join(parseIp('ff15::7:8'), null);
    port.join(parseIp('ff3e::7:8'), parseIp('2001:db8::1'));
    port.leave(parseIp('ff15::7:8'), null);
    port.leave(parseIp('239.7.7.8'), null);
    await capture.frames(5);
    const names = [
      'ip.dst',
      'ipv6.dst',
      'ip.ttl',
      'ipv6.hlim',
      'igmp.record_type',
      'igmp.maddr',
      'igmp.checksum.status',
      'icmpv6.mldr.mar.record_type',
      'icmpv6.mldr.mar.multicast_address',
      'icmpv6.mldr.mar.source_address',
      'icmpv6.checksum.status',
    ] as const;
    const rows = tsharkFields(capture.file, names, { preferences: ['ip.check_checksum:TRUE'] });
    assert.deepEqual(
      rows.slice(0, 3).map((row) => names.map((name) => row[name].join(' ')).join('|')),
      [
        '224.0.0.22||1||4|239.7.7.8|1||||',
        '|ff02::16||1||||4|ff15::7:8||1',
        '|ff02::16||1||||4 5|ff15::7:8 ff3e::7:8|2001:db8::1|1',
      ],
    );
    const told = rows.flatMap((row) => row['igmp.record_type'].map((type) => `${type} ${row['igmp.maddr']}`));
    assert.ok(told.includes('3 239.7.7.8'), told.join());
    port.close();
  });
});
