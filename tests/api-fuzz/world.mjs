/** Objects of every class that can be had without privileges, on one memory network. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import * as etherconn from 'etherconn';
import * as capture from 'etherconn/capture';
import * as dgram from 'etherconn/dgram';
import * as link from 'etherconn/link';

const { EtherConn, Host, L2Endpoint, L2EndpointKey, L4HashKey, MemoryNetwork, RUDPConn } = etherconn;

/** Subjects that are known by an interface, not by their class. */
export const INTERFACES = {
  registration: 'Registration',
  l4: 'L4Registration',
  socket: 'DgramSocket',
  unbound: 'DgramSocket',
  timer: 'ClockTimer',
  fault: 'FaultLink',
  shown: 'Link',
  port: 'MemoryLink',
};

export async function makeWorld() {
  const network = new MemoryNetwork();
  const relay = network.relay({ hairpin: true });
  const other = network.relay({ sendDepth: 4 });
  const registration = relay.register([L2EndpointKey.of('02:00:00:00:00:0a', 0x0800)]);
  const ether = new EtherConn('02:00:00:00:00:01', relay);
  const shared = new etherconn.SharedEtherConn('02:00:00:00:00:02', relay);
  const l4 = shared.register(new L4HashKey('10.0.0.2', 17, 99));
  const rudp = new RUDPConn({ address: '10.0.0.3', port: 7 }, new EtherConn('02:00:00:00:00:03', relay), {
    resolveNextHop: () => '02:00:00:00:00:02',
  });
  const sharedRudp = new etherconn.SharedRUDPConn({ address: '10.0.0.2', port: 7 }, shared, {
    resolveNextHop: () => '02:00:00:00:00:03',
  });
  const peer = rudp.peer({ address: '10.0.0.2', port: 7 });
  const host = await Host.create(other, {
    mac: '02:00:00:00:00:05',
    addresses: ['10.0.0.5/24', '2001:db8::5/64'],
    detectDuplicates: 'off',
  });
  const socket = host.dgram.createSocket('udp4').bind(0);
  await once(socket, 'listening');
  const unbound = host.dgram.createSocket('udp6');
  // What a closed network is to a socket is told to who listens.
  for (const one of [socket, unbound]) one.on('error', () => undefined);
  const clock = new etherconn.VirtualClock();
  const fault = link.faultLink(network.port());
  const shown = link.captureLink(network.port(), () => undefined);
  const port = network.port();
  const arp = new etherconn.ArpResolver(relay, { mac: '02:00:00:00:00:06', address: '10.0.0.6/24' });
  const nd7 = new etherconn.SharedEtherConn('02:00:00:00:00:07', relay);
  const nd = new etherconn.NdResolver(nd7, { address: '2001:db8::7/64' });
  const sink = () => true;
  const subjects = {
    network,
    relay,
    registration,
    ether,
    shared,
    l4,
    rudp,
    sharedRudp,
    peer,
    host,
    socket,
    unbound,
    clock,
    timer: clock.setTimer(() => undefined, 5),
    fault,
    shown,
    port,
    arp,
    nd,
    endpoint: new L2Endpoint('02:00:00:00:00:01', 0x0800),
    endpointKey: L2EndpointKey.of('02:00:00:00:00:01', 0x0800),
    hashKey: new L4HashKey('10.0.0.1', 17, 7),
    pcap: new capture.PcapWriter(sink),
    pcapng: new capture.PcapngWriter(sink),
  };
  // What only callbacks and messages hand out.
  rudp.onBatch((batch) => {
    subjects.batch = batch;
  });
  registration.receive((response) => {
    subjects.response = response;
  });
  sharedRudp.on('message', (_data, remote) => {
    subjects.remote = remote;
  });
  peer.trySend(Buffer.from('a datagram'));
  sharedRudp.trySendTo(Buffer.from('a datagram'), { address: '10.0.0.3', port: 7 });
  ether.trySendPacketTo(Buffer.alloc(60), 0x0800, '02:00:00:00:00:0a');
  for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve));
  for (const name of ['batch', 'response', 'remote']) assert.ok(subjects[name] !== undefined, name);
  return {
    subjects,
    /** What must be as it was after a call that has thrown. */
    state: () =>
      JSON.stringify([
        relay.stats().registrations,
        other.stats().registrations,
        relay.stats().waitingWriters,
        shared.stats().registrations,
        host.addresses?.().length,
        host.stats().ports,
        clock.pendingTimers,
      ]),
    async close() {
      await network.close();
      await host.close();
      dgram.setDefaultHost(null)?.close();
    },
  };
}
