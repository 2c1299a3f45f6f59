// A DNS client on a machine that does not exist, with a MAC and an IP address of its own on a real interface:
//   sudo node examples/dns-client.mjs eth0 10.0.0.77/24 10.0.0.1 example.org
import { once } from 'node:events';
import dnsPacket from 'dns-packet';
import { Host, RawSocketRelay } from 'etherconn';

const [interfaceName, address, server, name] = process.argv.slice(2);
const relay = await RawSocketRelay.open(interfaceName);
const host = await Host.create(relay, { mac: '02:00:00:00:00:77', addresses: [address] });

const socket = host.dgram.createSocket('udp4');
const query = dnsPacket.encode({
  type: 'query',
  id: 1 + Math.floor(Math.random() * 65_535),
  flags: dnsPacket.RECURSION_DESIRED,
  questions: [{ type: 'A', name }],
});
socket.send(query, 53, server);
const [message] = await once(socket, 'message', { signal: AbortSignal.timeout(5000) });
for (const answer of dnsPacket.decode(message).answers) console.log(answer.name, answer.type, answer.data);

socket.close();
await host.close();
await relay.close();
