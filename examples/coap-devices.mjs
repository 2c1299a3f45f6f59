// 500 CoAP thermometers, each a machine with its own addresses and server, and one that reads them all:
//   node examples/coap-devices.mjs [HOW MANY]
import { once } from 'node:events';
import coap from 'coap';
import { Host, MemoryNetwork } from 'etherconn';

const count = Number(process.argv[2] ?? 500);
const network = new MemoryNetwork();
const byte = (n) => (n & 255).toString(16).padStart(2, '0');

const devices = network.relay({ hairpin: true });
for (let i = 1; i <= count; i++) {
  const device = await Host.create(devices, {
    mac: `02:00:00:01:${byte(i >> 8)}:${byte(i)}`,
    addresses: [`10.1.${i >> 8}.${i & 255}/16`],
    detectDuplicates: 'off',
  });
  const socket = device.dgram.createSocket('udp4').bind(5683);
  await once(socket, 'listening');
  coap.createServer((_request, response) => response.end(`${15 + (i % 10)}`)).listen(socket);
}

const reader = await Host.create(network.relay(), { mac: '02:00:00:02:00:00', addresses: ['10.1.255.1/16'] });
const agent = new coap.Agent({ socket: reader.dgram.createSocket('udp4') });
let sum = 0;
for (let i = 1; i <= count; i++) {
  const request = coap.request({ hostname: `10.1.${i >> 8}.${i & 255}`, pathname: '/temperature', agent });
  request.end();
  const [response] = await once(request, 'response');
  sum += Number(response.payload);
}
console.log(`${count} devices, ${(sum / count).toFixed(1)} degrees on average`);
process.exit();
