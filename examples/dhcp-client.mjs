// A DHCP client on an interface, beside the system's own: node examples/dhcp-client.mjs eth0 [HOSTNAME]
// It gets a lease, pings its router, waits for Ctrl-C (or the end of its input), and gives the lease back.
import { once } from 'node:events';
import { Host, RawSocketRelay } from 'etherconn';

const [interfaceName = 'eth0', hostName = 'etherconn'] = process.argv.slice(2);
const relay = await RawSocketRelay.open(interfaceName);
// Without `mac` it has a random one: for the network it is a machine of its own.
const host = await Host.create(relay);
try {
  const client = await host.dhcp({ hostName, timeout: 20_000 });
  const { address, prefixLength, routers, dnsServers, leaseTime } = client.lease;
  console.log(`${host.mac} has ${address}/${prefixLength} for ${leaseTime} s`);
  console.log(`routers ${routers.join(', ') || 'none'}, DNS ${dnsServers.join(', ') || 'none'}`);
  client.on('renewed', (lease) => console.log(`renewed until ${new Date(lease.expires).toISOString()}`));
  client.on('expired', (_lease, reason) => console.log(`lost (${reason}), asking again`));
  client.on('bound', (lease) => console.log(`now ${lease.address}`));
  if (routers.length > 0) {
    const { rtt } = await host.ping(routers[0]);
    console.log(`${routers[0]} answers within ${rtt.toFixed(3)} ms`);
  }
  await Promise.race([once(process, 'SIGINT'), once(process.stdin.resume(), 'end')]);
  client.release();
  console.log('released');
} finally {
  await host.close();
  await relay.close();
  process.stdin.destroy();
}
