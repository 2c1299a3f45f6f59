// A thousand machines, each with its own MAC and IP address, fetch a page from one server over HTTP:
//   node examples/http-clients.mjs 1000
import { once } from 'node:events';
import http from 'node:http';
import { text } from 'node:stream/consumers';
import { Host, MemoryNetwork } from 'etherconn';

const count = Number(process.argv[2] ?? 1000);
const network = new MemoryNetwork();
const server = await Host.create(network.relay(), { mac: '02:00:00:00:00:01', addresses: ['10.0.0.1/16'] });
const visitors = new Set();
const site = http.createServer((request, response) => {
  visitors.add(request.socket.remoteAddress);
  response.end(`hello ${request.socket.remoteAddress}`);
});
await once(server.listen(site, 80, '10.0.0.1'), 'listening');

const relay = network.relay();
const clients = Array.from({ length: count }, (_, i) => {
  const mac = `02:00:00:01:${(i >> 8).toString(16).padStart(2, '0')}:${(i & 255).toString(16).padStart(2, '0')}`;
  const addresses = [`10.0.${1 + Math.floor(i / 250)}.${1 + (i % 250)}/16`];
  return Host.createNow(relay, { mac, addresses, detectDuplicates: 'off' });
});

async function fetchPage(host) {
  const request = http.get({ host: '10.0.0.1', agent: host.agent() });
  const [response] = await once(request, 'response');
  return text(response);
}
const pages = await Promise.all(clients.map(fetchPage));
console.log(`${pages.length} pages for ${visitors.size} machines, the last: ${pages.at(-1)}`);
await network.close();
