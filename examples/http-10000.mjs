// 10,000 machines behind one interface, each with a connection of its own that it keeps to one HTTP server:
//   sudo node examples/http-10000.mjs eth0 10.0.0.1 80 10000
// Their addresses are 10.1.1.1 to 10.1.40.250. A server on Linux knows 1,024 neighbors by default: on it, raise
// net.ipv4.neigh.default.gc_thresh3, or enter the machines with `ip neigh replace … nud permanent`.
import { once } from 'node:events';
import http from 'node:http';
import { Host, Relay } from 'etherconn';

const [device, server, port = '80', count = '10000', rounds = '3'] = process.argv.slice(2);
if (!server) throw new Error('usage: node http-10000.mjs INTERFACE SERVER [PORT] [HOW MANY] [ROUNDS]');
const relay = await Relay.open(device, { sendingMode: 'batch' });
const byte = (n) => n.toString(16).padStart(2, '0');
const memoryBefore = process.memoryUsage().rss;
const agents = Array.from({ length: Number(count) }, (_, i) => {
  const [high, low] = [1 + Math.floor(i / 250), 1 + (i % 250)];
  const [mac, addresses] = [`02:00:00:03:${byte(high)}:${byte(low)}`, [`10.1.${high}.${low}/8`]];
  return Host.createNow(relay, { mac, addresses, detectDuplicates: 'off' }).agent({ keepAlive: true });
});

const ports = new Map(); // by agent: the port of its connection, which must not change
async function fetchPage(agent) {
  const request = http.get({ host: server, port, agent });
  const [response] = await once(request, 'response');
  const { localPort } = request.socket;
  if ((ports.get(agent) ?? localPort) !== localPort) throw new Error('the connection was not kept');
  ports.set(agent, localPort);
  await once(response.resume(), 'end');
}
for (let round = 0; round < rounds; round++) {
  const [start, rest] = [performance.now(), agents.values()];
  const workers = Array.from({ length: 256 }, async () => {
    for (const agent of rest) await fetchPage(agent);
  });
  await Promise.all(workers);
  const rate = Math.round((agents.length * 1000) / (performance.now() - start));
  const kilobytes = Math.round((process.memoryUsage().rss - memoryBefore) / agents.length / 1024);
  console.log(`round ${round + 1}: ${ports.size} connections, ${rate} pages/s, ${kilobytes} KB a machine`);
}
process.exit();
