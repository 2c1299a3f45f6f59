// Answers mDNS questions for a name, as a machine of its own on a real interface:
//   sudo node examples/mdns-responder.mjs eth0 10.0.0.78/24 simulated.local
import { Host, RawSocketRelay } from 'etherconn';
import multicastDns from 'multicast-dns';

const [interfaceName, prefix, name] = process.argv.slice(2);
const address = prefix.split('/')[0];
const relay = await RawSocketRelay.open(interfaceName);
const host = await Host.create(relay, { mac: '02:00:00:00:00:78', addresses: [prefix] });

const mdns = multicastDns({
  socket: host.dgram.createSocket({ type: 'udp4', reuseAddr: true }),
  interface: address,
  bind: '0.0.0.0',
});
mdns.on('query', ({ questions }, { address: asker }) => {
  if (!questions.some((question) => question.name === name)) return;
  console.log(`${asker} asks for ${name}`);
  mdns.respond({ answers: [{ name, type: 'A', ttl: 120, data: address }] });
});
mdns.on('ready', () => console.log(`${name} is ${address}`));

process.once('SIGTERM', () => mdns.destroy(() => host.close().then(() => relay.close())));
