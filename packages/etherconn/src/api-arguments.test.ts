import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  decodeFrame,
  formatTimestamp,
  LinkType,
  PcapngWriter,
  PcapWriter,
  xdpVerdict,
} from './capture/index.ts';
import { EtherConn } from './conn/ether-conn.ts';
import { L4HashKey } from './conn/l4-hash-key.ts';
import { RUDPConn } from './conn/rudp-conn.ts';
import { SharedEtherConn } from './conn/shared-ether-conn.ts';
import { Host } from './dgram/host.ts';
import { OptionError } from './errors.ts';
import type { UdpPortOptions, UdpPortUser } from './host/udp/udp-port.ts';
import type { Link, LinkReceiver } from './link/link.ts';
import { captureLink } from './link/middleware/capture-link.ts';
import { faultLink } from './link/middleware/fault-link.ts';
import type { CallOptions } from './pending.ts';
import { EthernetResponse } from './relay/ethernet-response.ts';
import { MemoryNetwork } from './relay/memory-relay.ts';
import { Relay } from './relay/relay.ts';
import { VirtualClock } from './virtual-clock.ts';

/** A wrong value, for the compiler a right one. */
const wrong = (value?: unknown) => value as never;

/** The names of the options that the calls complain about. */
function refused(...calls: (() => unknown)[]): string[] {
  return calls.map((call) => {
    try {
      call();
    } catch (error) {
      assert.ok(error instanceof OptionError, `${call}: ${error}`);
      return error.option;
    }
    return 'taken';
  });
}

describe('arguments that are no such thing are named', () => {
  const network = new MemoryNetwork();

  it('networks, ports and relays', () => {
    const port = network.port();
    const relay = network.relay();
    assert.deepEqual(
      refused(
        () => port.impair(wrong()),
        () => port.impair(wrong(null)),
        () => port.impair({ direction: 'in', loss: 2 }),
        () => port.start(wrong({ begin() {} })),
        () => network.impair(wrong()),
        () => network.relay(wrong(null)),
        () => network.relay(wrong([])),
        () => new Relay(wrong()),
        () => new Relay({ start() {} } as unknown as Link),
        () => relay.register(wrong()),
        () => relay.unregister(wrong(Symbol('id'))),
      ),
      [
        'impairments',
        'impairments',
        'loss',
        'receiver',
        'options',
        'options',
        'options',
        'link',
        'link',
        'keys',
        'registrationId',
      ],
    );
  });

  it('faults that are wrong leave a port as it was', () => {
    const port = network.port();
    port.impair({ loss: 1 });
    assert.throws(() => port.impair({ loss: 0, delay: -1 }), OptionError);
    assert.equal(port.impairmentStats('out').frames, 0);
    assert.throws(() => port.impair({ direction: 'out', duplicate: wrong('x') }), { option: 'duplicate' });
  });

  it('an unknown option of a memory relay is told with all that are known', () => {
    assert.throws(
      () => network.relay(wrong({ foo: 1 })),
      (error: OptionError) => {
        for (const name of ['hairpin', 'receiveDepth', 'sendDepth', 'logger', 'mtu', 'rxFrames', 'impair'])
          assert.match(error.message, new RegExp(`\\b${name}\\b`));
        return error.option === 'foo';
      },
    );
  });

  it('middleware', () => {
    const link = network.port();
    assert.deepEqual(
      refused(
        () => captureLink(wrong(), () => undefined),
        () => captureLink(link, wrong({})),
        () => captureLink(link, wrong()),
        () => captureLink(link, () => undefined).start(wrong(undefined)),
        () => faultLink(wrong(null)),
        () => faultLink(link).impair(wrong()),
        () => faultLink(link).start({ begin() {} } as unknown as LinkReceiver),
      ),
      ['link', 'sink', 'sink', 'receiver', 'link', 'impairments', 'receiver'],
    );
  });

  it('conns and keys', async () => {
    const relay = network.relay();
    const ether = new EtherConn('02:00:00:00:00:01', relay);
    const udp = new RUDPConn({ address: '10.0.0.1', port: 7 }, new EtherConn('02:00:00:00:00:02', relay));
    const peer = udp.peer({ address: '10.0.0.2', port: 7 });
    assert.deepEqual(
      refused(
        () => ether.packets(wrong(null)),
        () => udp.datagrams(wrong('x')),
        () => ether.onBatch(wrong()),
        () => udp.onBatch(wrong({})),
        () => peer.trySendMany(wrong()),
        () => L4HashKey.withEthernet(wrong(null)),
        () => L4HashKey.withUDPAddr(wrong(null)),
        () => new L4HashKey('10.0.0.1', wrong(), 7),
        () => new L4HashKey('10.0.0.1', 17, wrong()),
        () => new EthernetResponse(wrong(), wrong()),
        () => new EthernetResponse(new Uint8Array(60), wrong({})),
      ),
      [
        'options',
        'options',
        'callback',
        'callback',
        'payloads',
        'response',
        'address',
        'protocol',
        'port',
        'u8',
        'record',
      ],
    );
    await assert.rejects(ether.readPacket(null as unknown as CallOptions), { option: 'options' });
    assert.equal(new L4HashKey('10.0.0.1', 17, 7).equals(wrong()), false);
  });

  it('options of a conn may come in place of its EtherTypes', async () => {
    const relay = network.relay();
    for (const Conn of [EtherConn, SharedEtherConn]) {
      const conn = new Conn('02:00:00:00:00:01', relay, { vlans: [100], receiveMulticast: true });
      assert.deepEqual(
        conn.vlans.map(({ id }) => id),
        [100],
      );
      const plain = new Conn('02:00:00:00:00:02', relay);
      assert.deepEqual(conn.etherTypes, plain.etherTypes);
      await conn.close();
      await plain.close();
      for (const third of [0x0800, null, new Uint8Array(2)])
        assert.throws(() => new Conn('02:00:00:00:00:01', relay, wrong(third)), { option: 'etherTypes' });
      assert.throws(() => new Conn('02:00:00:00:00:01', relay, wrong({ vlan: 1 })), { option: 'vlan' });
      assert.throws(() => new Conn('02:00:00:00:00:01', relay, wrong({}), {}), { option: 'etherTypes' });
    }
    assert.equal(relay.stats().registrations, 0);
  });

  it('the sender of a datagram is an address to read', async () => {
    const relay = network.relay({ hairpin: true });
    for (const [address, text] of [
      ['10.0.0.1', '10.0.0.1:7'],
      ['2001:db8::1', '[2001:db8::1]:7'],
    ] as const) {
      const udp = new RUDPConn({ address, port: 7 }, new EtherConn('02:00:00:00:00:01', relay), {
        resolveNextHop: () => '02:00:00:00:00:01',
      });
      await udp.writeTo(Buffer.from('to itself'), { address, port: 7 });
      const { remote } = await udp.readFrom();
      assert.equal(String(remote), text);
      await udp.close();
    }
  });

  it('hosts', () => {
    const host = Host.createNow(network.relay(), { addresses: ['10.0.0.5/24'] });
    const user = { missed() {}, batchEnd() {}, failed() {}, hostClosed() {} };
    assert.deepEqual(
      refused(
        () => host.hasAddress(wrong()),
        () => host.hasAddress(new Uint8Array(5)),
        () => host.register(wrong()),
        () => host.unregister(wrong()),
        () => host.openUdpPort({ batchEnd() {} } as unknown as UdpPortUser, { version: 4 }),
        () => host.openUdpPort(user, wrong()),
        () => host.openUdpPort(user, { version: 5 } as unknown as UdpPortOptions),
      ),
      ['address', 'address', 'key', 'key', 'user', 'options', 'version'],
    );
    assert.equal(host.hasAddress('10.0.0.5'), true);
    assert.equal(host.hasAddress('10.0.0.6'), false);
    assert.equal(host.stats().ports, 0);
    const socket = host.dgram.createSocket('udp4');
    assert.throws(() => socket.onBatch(wrong()), { code: 'ERR_INVALID_ARG_TYPE' });
  });

  it('captures', () => {
    const written: Uint8Array[] = [];
    const pcap = new PcapWriter((bytes) => written.push(bytes));
    const pcapng = new PcapngWriter((bytes) => written.push(bytes));
    pcapng.addInterface();
    const before = written.length;
    const data = new Uint8Array(60);
    assert.deepEqual(
      refused(
        () => xdpVerdict(wrong('x')),
        () => xdpVerdict(2, wrong('middle')),
        () => decodeFrame(wrong()),
        () => decodeFrame(data, 61),
        () => decodeFrame(data, 0, 61),
        () => formatTimestamp(wrong(1)),
        () => pcap.write(wrong()),
        () => pcap.write({ timestamp: 1n, data: wrong('x') }),
        () => pcapng.write(wrong(null)),
        () => pcapng.write({ timestamp: 1n, data, verdict: wrong('x') }),
        () => pcapng.write({ timestamp: 1n, data, packetId: wrong(1) }),
        () => pcapng.write({ timestamp: 1n, data, interfaceId: wrong('x') }),
      ),
      [
        'action',
        'byteOrder',
        'u8',
        'start',
        'length',
        'timestamp',
        'packet',
        'data',
        'packet',
        'verdict',
        'packetId',
        'interfaceId',
      ],
    );
    assert.equal(written.length, before);
    assert.equal(LinkType.ETHERNET, 1);
  });

  it('clocks', async () => {
    const clock = new VirtualClock();
    assert.deepEqual(
      refused(
        () => clock.setTimer(wrong(), 1),
        () => clock.setTimer(() => undefined, wrong('x')),
        () => clock.addActivity(wrong()),
        () => {
          clock.autoAdvance = wrong(1);
        },
      ),
      ['callback', 'delay', 'busy', 'autoAdvance'],
    );
    for (const ms of [-1, Number.NaN, Infinity, wrong('1'), wrong()])
      await assert.rejects(clock.advance(ms), { code: 'ERR_ETHERCONN_OPTION', option: 'ms' });
    await assert.rejects(clock.runUntil(wrong()), { option: 'predicate' });
    await assert.rejects(
      clock.runUntil(() => true, -1),
      { option: 'limit' },
    );
    assert.equal(clock.now(), 0);
    assert.equal(clock.pendingTimers, 0);
  });
});
