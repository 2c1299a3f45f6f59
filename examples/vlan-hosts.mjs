// Three customers behind one interface. Their machines have the same addresses, and their VLANs keep them apart:
//   node examples/vlan-hosts.mjs
import { Host, MemoryNetwork } from 'etherconn';

const network = new MemoryNetwork();
const access = network.relay();
const core = network.relay();
for (const customer of [101, 102, 103]) {
  // Outermost first: the service tag of the provider, then the customer's own VLAN.
  const vlans = [
    { id: customer, tpid: 0x88a8 },
    { id: 7, pcp: 5 },
  ];
  const server = await Host.create(core, { vlans, addresses: ['10.0.0.1/24'] });
  const socket = server.dgram.createSocket('udp4');
  socket.on('message', (_message, { port, address }) => socket.send(`customer ${customer}`, port, address));
  socket.bind(4000);

  const client = await Host.create(access, { vlans, addresses: ['10.0.0.2/24'] });
  const asking = client.dgram.createSocket('udp4');
  asking.once('message', (message) => console.log(`VLAN ${customer}: 10.0.0.1 is of ${message}`));
  asking.send('whose are you?', 4000, '10.0.0.1');
  const { rtt } = await client.ping('10.0.0.1');
  if (!(rtt >= 0)) throw new Error('no answer');
}
await network.close();
