/**
 * Libraries of npm, as they are published, on simulated hosts: each takes its socket (or the module) from `host.dgram`,
 * and talks to another instance of itself, or to another library, on another host.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import DHT from 'bittorrent-dht';
import Bonjour from 'bonjour-service';
import coap from 'coap';
import dnsPacket from 'dns-packet';
import DnsSocket from 'dns-socket';
import { Host, MemoryNetwork } from 'etherconn';
import multicastDns from 'multicast-dns';
import snmp from 'net-snmp';
import osc from 'osc';

const stun = createRequire(import.meta.url)('stun');

/** A test with hosts 10.0.0.1, 10.0.0.2 … on one network. */
function testOnHosts(name, count, run) {
  test(name, async (t) => {
    const network = new MemoryNetwork();
    const hosts = [];
    // Hosts first: when a network is closed under them, their sockets are told of an error.
    t.after(async () => {
      await Promise.all(hosts.map((host) => host.close()));
      await network.close();
    });
    for (let i = 1; i <= count; i++) {
      const options = { mac: `02:00:00:00:02:0${i}`, addresses: [`10.0.0.${i}/24`] };
      hosts.push(await Host.create(network.relay(), options));
    }
    await run(hosts);
  });
}

async function bound(socket, ...args) {
  socket.bind(...args);
  await once(socket, 'listening');
  return socket;
}

testOnHosts('multicast-dns: a question and its answer between two hosts', 2, async (hosts) => {
  const [asking, answering] = hosts.map((host, i) =>
    multicastDns({
      socket: host.dgram.createSocket({ type: 'udp4', reuseAddr: true }),
      // As on Linux, a socket that is bound to the interface's own address gets no multicast.
      interface: `10.0.0.${i + 1}`,
      bind: '0.0.0.0',
    }),
  );
  answering.on('query', (query) => {
    const [{ name, type }] = query.questions;
    answering.respond({ answers: [{ name, type, ttl: 60, data: '10.0.0.2' }] });
  });
  await Promise.all([once(asking, 'ready'), once(answering, 'ready')]);
  const response = new Promise((resolve) => {
    asking.on('response', (packet, rinfo) => resolve([packet, rinfo]));
  });
  asking.query('printer.local', 'A');
  const [packet, rinfo] = await response;
  assert.equal(packet.answers[0].data, '10.0.0.2');
  assert.deepEqual([rinfo.address, rinfo.port], ['10.0.0.2', 5353]);
  for (const one of [asking, answering]) await new Promise((done) => one.destroy(done));
});

testOnHosts('bonjour-service: a service of one host is found by the other', 2, async (hosts) => {
  const [finder, publisher] = hosts.map(
    (host, i) =>
      new Bonjour.Bonjour({
        socket: host.dgram.createSocket({ type: 'udp4', reuseAddr: true }),
        interface: `10.0.0.${i + 1}`,
        bind: '0.0.0.0',
      }),
  );
  const found = new Promise((resolve) => {
    finder.find({ type: 'http' }, resolve);
  });
  publisher.publish({ name: 'Web', type: 'http', port: 8080, probe: false });
  const service = await found;
  assert.deepEqual([service.name, service.port, service.referer.address], ['Web', 8080, '10.0.0.2']);
  await new Promise((done) => publisher.unpublishAll(done));
  for (const one of [finder, publisher]) await new Promise((done) => one.destroy(done));
});

testOnHosts('dns-socket asks a server of dns-packet', 2, async (hosts) => {
  const server = await bound(hosts[1].dgram.createSocket('udp4'), 53);
  server.on('message', (message, { port, address }) => {
    const { id, questions } = dnsPacket.decode(message);
    const answers = [{ type: 'A', name: questions[0].name, ttl: 1, data: '192.0.2.7' }];
    server.send(dnsPacket.encode({ id, type: 'response', questions, answers }), port, address);
  });
  const client = new DnsSocket({ socket: hosts[0].dgram.createSocket('udp4') });
  const query = { questions: [{ type: 'A', name: 'example.org' }] };
  const response = await new Promise((resolve, reject) => {
    client.query(query, 53, '10.0.0.2', (error, found) => (error ? reject(error) : resolve(found)));
  });
  assert.equal(response.answers[0].data, '192.0.2.7');
  client.destroy();
  server.close();
});

testOnHosts('coap: requests, one that comes twice, and a reset for an answer to none', 2, async (hosts) => {
  const serverSocket = await bound(hosts[1].dgram.createSocket('udp4'), 5683);
  const server = coap.createServer((request, response) => response.end(`you asked for ${request.url}`));
  await new Promise((done) => server.listen(serverSocket, done));
  const agentSocket = hosts[0].dgram.createSocket('udp4');
  const agent = new coap.Agent({ socket: agentSocket });
  const request = coap.request({ hostname: '10.0.0.2', pathname: '/temperature', agent });
  try {
    request.end();
    const [response] = await once(request, 'response');
    assert.equal(response.payload.toString(), 'you asked for /temperature');
    const raw = await bound(hosts[1].dgram.createSocket('udp4'));
    // RFC 7252 §3: version 1, type, no token; code; message id. Confirmable GET; its acknowledgement with 2.05. Only a
    // socket that is an instance of dgram.Socket is answered again from what is remembered (§4.5).
    for (let i = 0; i < 2; i++) {
      raw.send(Buffer.from([0x40, 0x01, 0x00, 0x01]), 5683, '10.0.0.2');
      const [answer] = await once(raw, 'message');
      assert.deepEqual([...answer.subarray(0, 4)], [0x60, 0x45, 0x00, 0x01]);
    }
    // A confirmable 2.05 to a request that was never made: type 3 is a reset, which is empty (§4.2).
    raw.send(Buffer.from([0x40, 0x45, 0x12, 0x34]), agentSocket.address().port, '10.0.0.1');
    const [reset] = await once(raw, 'message');
    assert.deepEqual([...reset], [0x70, 0x00, 0x12, 0x34]);
  } finally {
    // Its timers would hold the process.
    agent.abort(request);
    agent.close();
    await new Promise((done) => server.close(done));
  }
});

testOnHosts('net-snmp: a session of one host reads from an agent of the other', 2, async (hosts) => {
  const [client, server] = hosts;
  const agent = snmp.createAgent(
    { port: 161, address: '10.0.0.2', dgramModule: server.dgram, disableAuthorization: true },
    (error) => assert.equal(error, null),
  );
  const oid = '1.3.6.1.2.1.1.5';
  agent.getMib().registerProvider({
    name: 'sysName',
    type: snmp.MibProviderType.Scalar,
    oid,
    scalarType: snmp.ObjectType.OctetString,
    maxAccess: snmp.MaxAccess['read-only'],
  });
  agent.getMib().setScalarValue('sysName', 'simulated');
  const session = snmp.createSession('10.0.0.2', 'public', { dgramModule: client.dgram });
  const value = await new Promise((resolve, reject) => {
    session.get([`${oid}.0`], (error, varbinds) =>
      error ? reject(error) : resolve(varbinds[0].value.toString()),
    );
  });
  assert.equal(value, 'simulated');
  session.close();
  agent.close();
});

testOnHosts('bittorrent-dht: a peer that one node announces is found by another', 3, async (hosts) => {
  const infoHash = Buffer.alloc(20, 7);
  const nodes = [];
  for (const host of hosts) {
    const bootstrap = nodes.length === 0 ? false : ['10.0.0.1:20000'];
    const node = new DHT({ bootstrap, socket: host.dgram.createSocket('udp4') });
    node.listen(20_000);
    await once(node, nodes.length === 0 ? 'listening' : 'ready');
    nodes.push(node);
  }
  await new Promise((resolve, reject) => {
    nodes[1].announce(infoHash, 6881, (error) => (error ? reject(error) : resolve()));
  });
  const found = once(nodes[2], 'peer');
  nodes[2].lookup(infoHash);
  const [peer] = await found;
  assert.deepEqual(peer, { host: '10.0.0.2', port: 6881 });
  await Promise.all(nodes.map((node) => new Promise((done) => node.destroy(done))));
});

testOnHosts('osc: messages between two ports', 2, async (hosts) => {
  const ports = [];
  for (const [i, host] of hosts.entries()) {
    const socket = await bound(host.dgram.createSocket('udp4'), 57_121, `10.0.0.${i + 1}`);
    // With a socket of ours it is open at once.
    ports.push(new osc.UDPPort({ socket, remoteAddress: `10.0.0.${2 - i}`, remotePort: 57_121 }));
  }
  const message = once(ports[1], 'message');
  ports[0].send({ address: '/fader/1', args: [{ type: 'f', value: 0.5 }] });
  assert.deepEqual((await message)[0], { address: '/fader/1', args: [0.5] });
  for (const port of ports) port.close();
});

testOnHosts('stun: a client learns its address and port from a server', 2, async (hosts) => {
  const serverSocket = await bound(hosts[1].dgram.createSocket('udp4'), 3478);
  const server = stun.createServer({ socket: serverSocket, type: 'udp4' });
  server.on('bindingRequest', (request, rinfo) => {
    const response = stun.createMessage(stun.constants.STUN_BINDING_RESPONSE, request.transactionId);
    response.addXorAddress(rinfo.address, rinfo.port);
    server.send(response, rinfo.port, rinfo.address);
  });
  const socket = await bound(hosts[0].dgram.createSocket('udp4'));
  const response = await new Promise((resolve, reject) => {
    stun.request('10.0.0.2:3478', { socket }, (error, found) => (error ? reject(error) : resolve(found)));
  });
  const { address, port } = response.getXorAddress();
  assert.deepEqual([address, port], ['10.0.0.1', socket.address().port]);
  socket.close();
  serverSocket.close();
});
