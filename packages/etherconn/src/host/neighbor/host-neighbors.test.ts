import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import type { MemoryRelay } from '../../relay/memory-relay.ts';
import { type FrameName, frames, hex, parsed } from '../../test-support/frames.ts';
import { HostNetwork, TestPort } from '../../test-support/hosts.ts';
import { ARP_LENGTH, ArpOperation, emitArp } from '../../wire/arp.ts';
import { emitEthernet } from '../../wire/ethernet.ts';
import { EtherType } from '../../wire/ethertype.ts';
import { parseIp } from '../../wire/ip.ts';
import { fillIpv4Checksum } from '../../wire/ipv4.ts';
import { BROADCAST, parseMac } from '../../wire/mac.ts';
import { Host } from '../host.ts';

interface ArpQuestion {
  readonly operation?: number;
  readonly senderMac?: string;
  readonly senderIp: string;
  readonly targetIp: string;
  readonly targetMac?: string;
}

function arpFrame({
  operation = ArpOperation.REQUEST,
  senderMac = '02:00:00:00:00:99',
  ...rest
}: ArpQuestion) {
  const frame = new Uint8Array(14 + ARP_LENGTH);
  const source = parseMac(senderMac);
  emitEthernet(frame, 0, { destination: BROADCAST, source, etherType: EtherType.ARP });
  emitArp(frame, 14, {
    operation,
    senderMac: source,
    senderIp: parseIp(rest.senderIp),
    targetIp: parseIp(rest.targetIp),
    ...(rest.targetMac === undefined ? {} : { targetMac: parseMac(rest.targetMac) }),
  });
  return frame;
}

/** All ARP packets that pass by, as 'who > whom'. */
function overhear(
  net: HostNetwork,
  etherType: number = EtherType.ARP,
): { relay: MemoryRelay; seen: Uint8Array[] } {
  const relay = net.relay();
  const seen: Uint8Array[] = [];
  relay.addCatchAll('mirror', true, [etherType], {
    macHigh: 0,
    macLow: 0,
    vlanKey: 0,
    etherTypes: [],
  }).receiver = {
    frame: (store, record) => seen.push(store.memory!.u8.slice(record.start, record.end)),
    keyReplaced: () => undefined,
    relayStopped: () => undefined,
  };
  return { relay, seen };
}

describe('a host among its neighbors', () => {
  it('answers ARP for its own addresses, and for no other', async (t) => {
    const net = new HostNetwork(t);
    const host = net.host(1);
    const { relay, seen } = overhear(net);
    relay.trySendFrame(arpFrame({ senderIp: '10.0.0.99', targetIp: '10.0.0.1' }));
    await net.settle();
    // The answer is to the asker alone: this port has learned of him by the question.
    assert.equal(seen.length, 1);
    assert.deepEqual(seen[0].subarray(0, 6), parseMac('02:00:00:00:00:99'));
    assert.deepEqual(seen[0].subarray(14 + 6, 14 + 8), hex('0002'));
    assert.deepEqual(seen[0].subarray(14 + 8, 14 + 18), hex('020000000001 0a000001'));
    relay.trySendFrame(arpFrame({ senderIp: '10.0.0.99', targetIp: '10.0.0.7' }));
    relay.trySendFrame(arpFrame({ senderIp: '0.0.0.0', targetIp: '10.0.0.1' }));
    await net.settle();
    assert.equal(seen.length, 2, 'a probe is answered, too');
    assert.equal(host.stats().neighbors, 1, 'who asks is remembered, who probes has no address yet');
  });

  it('keeps no neighbor that it has not asked for, however loud', async (t) => {
    const net = new HostNetwork(t);
    const host = net.host(1, { neighbors: 16 });
    const { relay } = overhear(net);
    const reply = { operation: ArpOperation.REPLY, targetIp: '10.0.0.1', targetMac: '02:00:00:00:00:01' };
    for (let i = 0; i < 50; i++) relay.trySendFrame(arpFrame({ ...reply, senderIp: `10.0.0.${100 + i}` }));
    for (let i = 0; i < 50; i++) {
      relay.trySendFrame(arpFrame({ senderIp: `10.0.0.${100 + i}`, targetIp: `10.0.0.${100 + i}` }));
    }
    await net.settle();
    assert.equal(host.stats().neighbors, 0);
    for (let i = 0; i < 50; i++) {
      relay.trySendFrame(arpFrame({ senderIp: `10.0.0.${100 + i}`, targetIp: '10.0.0.1' }));
    }
    await net.settle();
    assert.equal(host.stats().neighbors, 16);
  });

  it('resolves once for many packets, and gives up after three seconds', async (t) => {
    const net = new HostNetwork(t);
    const host = net.host(1);
    const { seen } = overhear(net);
    const client = new TestPort(host).bind('');
    for (let i = 0; i < 5; i++) assert.equal(client.send(`${i}`, '10.0.0.2', 7), 1);
    await net.settle();
    assert.equal(seen.length, 1);
    const server = new TestPort(net.host(2)).bind('', 7);
    await net.advance(1000);
    assert.deepEqual(server.user.texts, ['0', '1', '2', '3', '4']);
    client.send('x', '10.0.0.3', 7);
    assert.equal(host.stats().waiting, 1);
    await net.advance(3000);
    const { unreachable, waiting } = host.stats();
    assert.deepEqual(
      { unreachable, waiting, errors: client.user.errors },
      { unreachable: 1, waiting: 0, errors: [] },
    );
  });

  it('lets a writer wait when too many packets wait for a next hop already: none is lost', async (t) => {
    const net = new HostNetwork(t);
    const host = net.host(1);
    const server = new TestPort(net.host(2)).bind('', 7);
    const client = new TestPort(host);
    const destination = client.port.destination(parseIp('10.0.0.2'), 7, '');
    const total = 3000;
    let sent = 0;
    const call = {
      settled: false,
      onSettled: null as (() => void) | null,
      attempt: () => {
        while (sent < total) {
          const payload = Buffer.from(`${sent}`);
          if (destination.trySend(payload, 0, payload.length) === 0) return false;
          sent++;
        }
        call.settled = true;
        call.onSettled?.();
        return true;
      },
      reject: (error: unknown) => assert.fail(String(error)),
    };
    assert.equal(call.attempt(), false);
    assert.equal(sent, 64);
    client.port.waiting.add(call);
    const other = new TestPort(host);
    assert.equal(other.send('somebody else is not held up', '127.0.0.1', 7), 1);
    assert.equal(host.stack.state.relay.waiting.size, 0);
    await net.settle();
    assert.deepEqual(
      server.user.texts,
      Array.from({ length: total }, (_, i) => `${i}`),
    );
    const { queueDropped, noRoomDropped } = host.stats();
    assert.deepEqual([queueDropped, noRoomDropped], [0, 0]);
  });

  it('lets no writer wait longer than a second for a next hop: what is too much is dropped, and counted', async (t) => {
    const net = new HostNetwork(t);
    const host = net.host(1);
    const client = new TestPort(host);
    const send = (count: number) => {
      let taken = 0;
      for (let i = 0; i < count; i++) taken += client.send('x', '10.0.0.9', 7);
      return taken;
    };
    assert.equal(send(100), 64);
    await net.advance(1000);
    assert.equal(send(100), 100);
    assert.deepEqual([host.stats().queueDropped, client.port.lost], [100, 100]);
    await net.advance(2000);
    assert.deepEqual([host.stats().unreachable, client.port.lost], [64, 164]);
    assert.equal(send(100), 100, 'he has been asked for in vain before');
    assert.deepEqual([host.stats().queueDropped, host.stats().waiting], [136, 64]);
  });

  it('reaches a router from very many hosts at once', async (t) => {
    const net = new HostNetwork(t);
    const relay = net.relay();
    const router = net.host(1, { addresses: ['10.0.255.254/16', '2001:db8::ffff/64'], neighbors: 4096 });
    const hosts = Array.from({ length: 500 }, (_, n) =>
      Host.createNow(relay, {
        addresses: [`10.0.${(n >> 8) + 1}.${n & 255}/16`, `2001:db8::1:${n.toString(16)}/64`],
        detectDuplicates: 'off',
      }),
    );
    await net.settle();
    for (const address of ['10.0.255.254', '2001:db8::ffff']) {
      const answers = Promise.all(hosts.map((host) => host.ping(address)));
      await net.settle();
      for (const { rtt } of await answers) assert.equal(rtt, 0, 'nothing was lost and asked again');
    }
    assert.equal(router.stats().noRoomDropped, 0);
  });

  it('does not trouble a connected port with a next hop that does not answer, as Linux does not', async (t) => {
    const net = new HostNetwork(t);
    const host = net.host(1);
    const client = new TestPort(host).connect('10.0.0.3', 7);
    client.send('x', '10.0.0.3', 7);
    await net.advance(3000);
    assert.deepEqual([client.user.errors, host.stats().unreachable], [[], 1]);
    const server = new TestPort(net.host(3)).bind('', 7);
    client.send('y', '10.0.0.3', 7);
    await net.settle();
    assert.deepEqual(server.user.texts, ['y']);
  });

  it('follows a neighbor whose MAC address changes', async (t) => {
    const net = new HostNetwork(t);
    const host = net.host(1);
    const client = new TestPort(host).bind('');
    const destination = client.port.destination(parseIp('10.0.0.2'), 7, '');
    const send = async () => {
      destination.trySend(Buffer.from('x'), 0, 1);
      await net.settle();
    };
    const old = net.host(2);
    const oldServer = new TestPort(old).bind('', 7);
    await send();
    assert.equal(oldServer.user.taken.length, 1);
    await old.close();
    const server = new TestPort(net.host(2, { mac: '02:00:00:00:00:22', announce: true })).bind('', 7);
    await net.settle();
    await send();
    assert.equal(server.user.taken.length, 1);
  });

  it('goes by the longest prefix, over gateways', async (t) => {
    const net = new HostNetwork(t);
    const options = {
      addresses: ['10.0.0.1/24', 'fe80::1/64', '2001:db8::1/64'],
      gateways: ['10.0.0.254', 'fe80::fe'],
      routes: [
        { destination: '172.16.0.0/12', gateway: '10.0.0.253' },
        { destination: '172.16.5.0/24' },
        { destination: '172.16.0.0/12', gateway: '10.0.0.252', metric: 5 },
      ],
    };
    const host = net.host(1, options);
    const hop = (address: string) => host.stack.output.path(parseIp(address), 'send').nextHop;
    assert.deepEqual(hop('10.0.0.7'), parseIp('10.0.0.7'));
    assert.deepEqual(hop('8.8.8.8'), parseIp('10.0.0.254'));
    assert.deepEqual(hop('172.16.1.1'), parseIp('10.0.0.253'));
    assert.deepEqual(hop('172.16.5.5'), parseIp('172.16.5.5'));
    assert.deepEqual(hop('2001:db8:5::1'), parseIp('fe80::fe'));
    assert.deepEqual(hop('fe80::1234'), parseIp('fe80::1234'));
    assert.equal(host.removeRoute({ destination: '172.16.0.0/12', gateway: '10.0.0.253' }), true);
    assert.deepEqual(hop('172.16.1.1'), parseIp('10.0.0.252'));
    assert.equal(host.removeRoute({ destination: '192.168.0.0/16' }), false);
    host.setGateway('10.0.0.9');
    assert.deepEqual(hop('8.8.8.8'), parseIp('10.0.0.9'));
    host.setGateway(null);
    assert.throws(() => hop('8.8.8.8'), { code: 'ENETUNREACH' });
    assert.deepEqual(hop('2001:db8:5::1'), parseIp('fe80::fe'));
    assert.deepEqual(host.routes(), [
      { destination: 'fe80::/64', metric: 0 },
      { destination: '2001:db8::/64', metric: 0 },
      { destination: '172.16.5.0/24', metric: 0 },
      { destination: '10.0.0.0/24', metric: 0 },
      { destination: '172.16.0.0/12', gateway: '10.0.0.252', metric: 5 },
      { destination: '::/0', gateway: 'fe80::fe', metric: 0 },
    ]);
    const path = (address: string) => host.stack.output.path(parseIp(address), 'send').source;
    assert.deepEqual(path('fe80::77'), parseIp('fe80::1'));
    assert.deepEqual(path('2001:db8::77'), parseIp('2001:db8::1'));
  });

  it('finds out that an address is taken before it uses it', async (t) => {
    const net = new HostNetwork(t);
    net.host(2);
    for (const address of ['10.0.0.2/24', '2001:db8::2/64']) {
      const relay = net.relay();
      const attempt = Host.create(relay, {
        mac: '02:00:00:00:00:03',
        addresses: [address],
        detectDuplicates: 'wait',
      });
      const outcome = assert.rejects(attempt, { code: 'EADDRINUSE', syscall: 'addAddress' });
      await net.advance(5000);
      await outcome;
      const fine = Host.create(relay, {
        mac: '02:00:00:00:00:03',
        addresses: [address.replace('2/', '3/')],
        detectDuplicates: 'wait',
      });
      await net.advance(5000);
      assert.ok((await fine).addresses().every(({ state }) => state === 'preferred'));
      await (await fine).close();
    }
  });

  it('gives an optimistic address up when it is somebody else’s', async (t) => {
    const net = new HostNetwork(t);
    net.host(2);
    const host = net.host(3, {
      addresses: ['2001:db8::2/64', '10.0.0.3/24'],
      detectDuplicates: 'optimistic',
    });
    assert.equal(host.addresses()[0].state, 'optimistic');
    const conflict = once(host, 'conflict');
    await net.settle();
    assert.deepEqual(await conflict, [{ address: '2001:db8::2', mac: '02:00:00:00:00:02', lost: true }]);
    await net.advance(2000);
    assert.deepEqual(
      host.addresses().map(({ address, state }) => `${address} ${state}`),
      ['10.0.0.3 preferred', 'fe80::ff:fe00:3 preferred'],
    );
  });

  it('defends its address once in ten seconds, and says so', async (t) => {
    const net = new HostNetwork(t);
    const host = net.host(1);
    let conflicts = 0;
    host.on('conflict', ({ address, lost }) => {
      assert.deepEqual({ address, lost }, { address: '10.0.0.1', lost: false });
      conflicts++;
    });
    const { relay, seen } = overhear(net);
    const claim = async () => {
      relay.trySendFrame(arpFrame({ senderIp: '10.0.0.1', targetIp: '10.0.0.1' }));
      await net.settle();
      return seen.length;
    };
    assert.equal(await claim(), 1);
    assert.equal(await claim(), 1);
    await net.advance(10_000);
    assert.equal(await claim(), 2);
    assert.equal(conflicts, 3);
    assert.equal(host.stats().conflicts, 3);
  });

  it('says whether anybody has an address', async (t) => {
    const net = new HostNetwork(t);
    const host = net.host(1);
    net.host(2);
    for (const [address, mac] of [
      ['10.0.0.2', '02:00:00:00:00:02'],
      ['2001:db8::2', '02:00:00:00:00:02'],
      ['10.0.0.3', null],
      ['2001:db8::3', null],
    ] as const) {
      const answer = host.probeAddress(address);
      await net.advance(3000);
      assert.equal(await answer, mac);
    }
    await assert.rejects(host.probeAddress('10.0.0.1'), { option: 'address' });
    assert.equal(host.addresses().length, 3, 'nothing is left of the probes');
  });

  it('drops what is broken, forged or not meant for it, and counts it', async (t) => {
    const net = new HostNetwork(t);
    const host = net.host(2, { addresses: ['10.0.0.2/24', '2001:db8::2/64'] });
    const { relay } = overhear(net);
    const before = host.stats();
    const send = async (change: (frame: Uint8Array) => void, name: FrameName, fix = true) => {
      const frame = frames[name].slice();
      change(frame);
      if (fix && parsed(frame).ipVersion === 4) {
        fillIpv4Checksum(frame, 14);
      }
      assert.equal(relay.trySendFrame(frame), 1);
      await net.settle();
    };
    await send((frame) => frame.set([127, 0, 0, 1], 26), 'udp4');
    await send((frame) => frame.set([10, 0, 0, 2], 26), 'udp4');
    await send((frame) => frame.set([224, 0, 0, 5], 26), 'udp4');
    await send((frame) => frame.set([127, 0, 0, 1], 30), 'udp4');
    assert.equal(host.stats().martian - before.martian, 4);
    await send((frame) => frame.set([10, 0, 0, 77], 30), 'udp4');
    assert.equal(host.stats().notOurs - before.notOurs, 1);
    await send((frame) => frame.set([0xff], 24), 'udp4', false);
    await send((frame) => frame.set([0xff], 42), 'udp4');
    assert.equal(host.stats().badChecksum - before.badChecksum, 2);
    await send((frame) => frame.set([0x42], 14), 'udp4', false);
    assert.equal(host.stats().malformed - before.malformed, 1);
    await send(() => undefined, 'sctp4');
    assert.equal(host.stats().noProtocol - before.noProtocol, 1);
    await send(() => undefined, 'tcp4');
    assert.equal(host.stats().tcp - before.tcp, 1);
  });
});
