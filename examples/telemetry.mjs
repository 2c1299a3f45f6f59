// A sensor hub that sends a thousand readings in a few calls, and the collector that counts them without allocation:
//   node examples/telemetry.mjs
import { once } from 'node:events';
import { Host, MemoryNetwork } from 'etherconn';

const COUNT = 1000;
const network = new MemoryNetwork();
const hub = await Host.create(network.relay(), { addresses: ['10.0.0.2/24'] });
const collector = await Host.create(network.relay(), { addresses: ['10.0.0.1/24'] });

const receiver = collector.dgram.createSocket('udp4').bind(5555);
let received = 0;
let sum = 0;
const complete = new Promise((resolve) => {
  receiver.onBatch((batch) => {
    while (batch.next()) {
      const { u8, payloadOffset } = batch;
      sum += (u8[payloadOffset + 2] << 8) | u8[payloadOffset + 3];
      if (++received === COUNT) resolve();
    }
  });
});

const readings = Array.from({ length: COUNT }, (_, i) => {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt16BE(i, 0); // which sensor
  buffer.writeUInt16BE(200 + (i % 10), 2); // tenths of a degree
  return { buffer, port: 5555, address: '10.0.0.1' };
});
const sender = hub.dgram.createSocket('udp4').bind();
await once(sender, 'listening');
await hub.ping('10.0.0.1'); // resolves the next hop
for (let sent = 0; sent < COUNT; ) {
  sent += sender.sendMany(sent === 0 ? readings : readings.slice(sent));
  if (sent < COUNT) await once(sender, 'drain');
}
await complete;
console.log(`${received} readings, ${(sum / received / 10).toFixed(2)} degrees on average`);
await network.close();
