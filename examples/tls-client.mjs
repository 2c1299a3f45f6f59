// Speaks TLS from a machine of its own, and says whom it met:
//   sudo node examples/tls-client.mjs eth0 10.0.0.50/24 10.0.0.1 443 [NAME]
import { once } from 'node:events';
import tls from 'node:tls';
import { Host, Relay } from 'etherconn';

const [device, address, server, port = '443', servername = ''] = process.argv.slice(2);
if (!server) throw new Error('usage: node tls-client.mjs INTERFACE ADDRESS/PREFIX SERVER [PORT] [NAME]');
const relay = await Relay.open(device);
const host = await Host.create(relay, { mac: '02:00:00:00:00:50', addresses: [address] });

const socket = tls.connect({
  socket: host.net.connect(Number(port), server), // the connection below TLS
  rejectUnauthorized: false, // it says below whether it trusts the certificate
  ...(servername === '' ? {} : { servername }),
});
await once(socket, 'secureConnect');
const { subject, valid_to: until } = socket.getPeerCertificate();
console.log(`${socket.getProtocol()} ${socket.getCipher().standardName} from ${socket.localAddress}`);
console.log(`certificate of ${subject.CN} until ${until}, trusted: ${socket.authorized}`);
socket.end();
await once(socket, 'close');
await host.close();
await relay.close();
