import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { openDgramHosts } from '../test-support/dgram-hosts.ts';
import type { DgramSocket } from './socket-class.ts';

async function boundTo(socket: DgramSocket, port: number): Promise<DgramSocket> {
  socket.bind(port);
  await once(socket, 'listening');
  return socket;
}

for (const [type, group] of [
  ['udp4', '239.1.2.3'],
  ['udp6', 'ff02::1:99'],
] as const) {
  test(`members on this and other hosts get what is sent to ${group}`, async () => {
    await using net = await openDgramHosts(2);
    const [a, b] = net.hosts;
    const here = await boundTo(a.dgram.createSocket({ type, reuseAddr: true }), 7000);
    const there = await boundTo(b.dgram.createSocket({ type, reuseAddr: true }), 7000);
    here.addMembership(group);
    there.addMembership(group);
    const sender = await boundTo(a.dgram.createSocket(type), 0);
    const both = [once(here, 'message'), once(there, 'message')];
    sender.send('all', 7000, group);
    for (const [message, rinfo] of await Promise.all(both)) {
      assert.deepEqual([message.toString(), rinfo.port], ['all', sender.address().port]);
    }
    sender.setMulticastLoopback(false);
    here.on('message', () => assert.fail('loopback is off'));
    const again = once(there, 'message');
    sender.send('others', 7000, group);
    assert.equal((await again)[0].toString(), 'others');
    there.dropMembership(group);
    assert.throws(() => there.dropMembership(group), {
      code: 'EADDRNOTAVAIL',
      message: 'dropMembership EADDRNOTAVAIL',
    });
  });
}

test('source-specific members get what the source sends only', async () => {
  await using net = await openDgramHosts(3);
  const [a, b, c] = net.hosts;
  const receiver = await boundTo(c.dgram.createSocket({ type: 'udp4', reuseAddr: true }), 7001);
  receiver.addSourceSpecificMembership('10.0.0.1', '232.1.1.1');
  const wanted = await boundTo(a.dgram.createSocket('udp4'), 0);
  const unwanted = await boundTo(b.dgram.createSocket('udp4'), 0);
  const message = once(receiver, 'message');
  unwanted.send('unwanted', 7001, '232.1.1.1');
  await new Promise(setImmediate);
  wanted.send('wanted', 7001, '232.1.1.1');
  assert.equal((await message)[0].toString(), 'wanted');
  receiver.dropSourceSpecificMembership('10.0.0.1', '232.1.1.1');
});

for (const [type, group, loopback, second] of [
  ['udp4', '239.1.2.4', '127.0.0.1', '10.0.0.66'],
  ['udp6', 'ff05::1:99', '::1', 'fd00::66'],
  ['udp6', 'ff05::1:99', '::%lo', 'fd00::66'],
] as const) {
  test(`the interface for multicast is chosen: ${loopback}, and one of several addresses`, async () => {
    await using net = await openDgramHosts(2);
    const [a, b] = net.hosts;
    await a.addAddress(`${second}/${type === 'udp4' ? 24 : 64}`, { detectDuplicates: 'off' });
    const here = await boundTo(a.dgram.createSocket({ type, reuseAddr: true }), 7000);
    const there = await boundTo(b.dgram.createSocket({ type, reuseAddr: true }), 7000);
    for (const member of [here, there]) {
      member.addMembership(group);
      member.addMembership(group, loopback);
    }
    const sender = await boundTo(a.dgram.createSocket(type), 0);
    sender.setMulticastInterface(second);
    const both = [once(here, 'message'), once(there, 'message')];
    sender.send('from the second address', 7000, group);
    for (const [, { address }] of await Promise.all(both)) assert.equal(address, second);
    const heardThere: string[] = [];
    there.on('message', (message) => heardThere.push(String(message)));
    sender.setMulticastInterface(loopback);
    const inside = once(here, 'message');
    sender.send('inside', 7000, group);
    const [message, { address }] = await inside;
    assert.deepEqual([String(message), address], ['inside', type === 'udp4' ? '127.0.0.1' : '::1']);
    sender.setMulticastInterface(type === 'udp4' ? '0.0.0.0' : '::%eth0');
    const outside = once(there, 'message');
    sender.send('outside', 7000, group);
    const [, { address: first }] = await outside;
    assert.deepEqual([first, heardThere], [type === 'udp4' ? '10.0.0.1' : 'fd00::1', ['outside']]);
    // A membership is that of one interface.
    const heardHere: string[] = [];
    here.on('message', (text) => heardHere.push(String(text)));
    here.dropMembership(group, loopback);
    sender.setMulticastInterface(loopback);
    sender.send('nobody hears it', 7000, group);
    sender.setMulticastInterface(second);
    const last = once(there, 'message');
    sender.send('the last', 7000, group);
    assert.equal(String((await last)[0]), 'the last');
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(heardHere, ['the last']);
  });
}

test('source-specific members hear the loopback address, as on Linux', async () => {
  await using net = await openDgramHosts(1);
  const { createSocket } = net.hosts[0].dgram;
  const member = await boundTo(createSocket({ type: 'udp4', reuseAddr: true }), 0);
  member.addSourceSpecificMembership('127.0.0.1', '232.5.5.5', '127.0.0.1');
  member.setMulticastInterface('127.0.0.1');
  const heard = once(member, 'message');
  member.send('mine', member.address().port, '232.5.5.5');
  assert.equal((await heard)[1].address, '127.0.0.1');
  const bound = createSocket('udp4').bind(0, '127.0.0.1');
  await once(bound, 'listening');
  const again = once(member, 'message');
  bound.send('bound to it', member.address().port, '232.5.5.5');
  assert.equal(String((await again)[0]), 'bound to it');
});

test('groups, sources and interfaces that do not suit are refused as by Linux', async () => {
  await using net = await openDgramHosts(1);
  const { createSocket } = net.hosts[0].dgram;
  const udp4 = await boundTo(createSocket('udp4'), 0);
  const udp6 = await boundTo(createSocket('udp6'), 0);
  const cases: [action: () => void, message: string][] = [
    [() => udp4.addMembership('10.0.0.9'), 'addMembership EINVAL'],
    [() => udp4.addMembership('239.1.1.1', '10.9.9.9'), 'addMembership ENODEV'],
    [() => udp4.addMembership('239.1.1.1', ''), 'addMembership EINVAL'],
    [() => udp4.addMembership('ff02::5'), 'addMembership ENOPROTOOPT'],
    [() => udp4.addSourceSpecificMembership('::1', '239.1.1.1'), 'addSourceSpecificMembership EINVAL'],
    [() => udp4.setMulticastInterface('::'), 'setMulticastInterface ENOPROTOOPT'],
    [() => udp4.setMulticastInterface('10.9.9.9'), 'setMulticastInterface EADDRNOTAVAIL'],
    [() => udp6.setMulticastInterface('eth0'), 'setMulticastInterface EINVAL'],
  ];
  for (const [action, message] of cases) assert.throws(action, { message });
  udp4.setMulticastInterface('10.0.0.1');
  udp4.setMulticastInterface('0.0.0.0');
  udp6.setMulticastInterface('::%eth0');
  udp4.addMembership('239.1.1.1', '10.0.0.1');
  assert.throws(() => udp4.addMembership('239.1.1.1'), { message: 'addMembership EADDRINUSE' });
  udp6.addMembership('ff02::5', '::%eth0');
});

test('with multicastAll: false a socket hears what it has joined itself', async () => {
  await using net = await openDgramHosts(2);
  const [a, b] = net.hosts;
  for (const [type, group] of [
    ['udp4', '239.1.2.5'],
    ['udp6', 'ff05::1:55'],
  ] as const) {
    const open = (options: object) =>
      boundTo(b.dgram.createSocket({ type, reuseAddr: true, ...options }), 7000);
    const [member, any, strict] = [await open({}), await open({}), await open({ multicastAll: false })];
    member.addMembership(group);
    const sender = await boundTo(a.dgram.createSocket(type), 0);
    strict.on('message', (message) => assert.equal(String(message), 'to all members'));
    const both = [once(member, 'message'), once(any, 'message')];
    sender.send('to members', 7000, group);
    await Promise.all(both);
    strict.addMembership(group);
    const all = [member, any, strict].map((socket) => once(socket, 'message'));
    sender.send('to all members', 7000, group);
    await Promise.all(all);
    for (const socket of [member, any, strict, sender]) socket.close();
  }
});

test('joining binds, as by libuv', async () => {
  await using net = await openDgramHosts(1);
  const socket = net.hosts[0].dgram.createSocket('udp4');
  socket.addMembership('239.1.1.1');
  assert.ok(socket.address().port > 0);
});

test('broadcasts go out when they are allowed', async () => {
  await using net = await openDgramHosts(2);
  const receiver = await boundTo(net.hosts[1].dgram.createSocket('udp4'), 7002);
  const sender = await boundTo(net.hosts[0].dgram.createSocket('udp4'), 0);
  for (const address of ['255.255.255.255', '10.0.0.255']) {
    sender.setBroadcast(false);
    const error = await new Promise<Error | null>((done) => sender.send('x', 7002, address, done));
    assert.equal(error?.message, `send EACCES ${address}:7002`);
    sender.setBroadcast(true);
    const message = once(receiver, 'message');
    sender.send('all', 7002, address);
    assert.equal((await message)[0].toString(), 'all');
  }
});
