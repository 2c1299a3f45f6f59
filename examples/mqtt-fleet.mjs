// A fleet of 100 sensors, each a machine with its own MAC and IP address, publishes to an MQTT broker, and one more
// machine hears them all: sudo node examples/mqtt-fleet.mjs eth0 10.8.0.1 100
// The machines have addresses of the broker's /16 network, from 10.8.1.1 on.
import { once } from 'node:events';
import { Host, Relay } from 'etherconn';
import mqtt from 'mqtt';

const [device, broker, count = '100'] = process.argv.slice(2);
if (!broker) throw new Error('usage: node mqtt-fleet.mjs INTERFACE BROKER [HOW MANY]');
const relay = await Relay.open(device);
const network = broker.split('.').slice(0, 2).join('.');
const byte = (n) => n.toString(16).padStart(2, '0');

async function connect(number) {
  const [high, low] = [1 + Math.floor(number / 250), 1 + (number % 250)];
  const mac = `02:00:00:04:${byte(high)}:${byte(low)}`;
  const host = await Host.create(relay, { mac, addresses: [`${network}.${high}.${low}/16`] });
  const client = new mqtt.MqttClient(() => host.net.connect(1883, broker), { clientId: `sensor-${number}` });
  await once(client, 'connect');
  return client;
}
const reader = await connect(0);
await reader.subscribeAsync('sensors/+/temperature', { qos: 1 });
const readings = new Map();
const all = new Promise((resolve) => {
  reader.on('message', (topic, payload) => {
    readings.set(topic, Number(payload));
    if (readings.size === Number(count)) resolve();
  });
});
const sensors = await Promise.all(Array.from({ length: Number(count) }, (_, i) => connect(i + 1)));
const publish = (sensor, i) =>
  sensor.publishAsync(`sensors/${i + 1}/temperature`, `${15 + (i % 10)}`, { qos: 1 });
await Promise.all([all, ...sensors.map(publish)]);
const sum = [...readings.values()].reduce((a, b) => a + b);
console.log(`${readings.size} sensors, ${(sum / readings.size).toFixed(1)} degrees on average`);
await Promise.all([reader, ...sensors].map((client) => client.endAsync()));
await relay.close();
