/** mqtt on simulated hosts, against mosquitto. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Host } from 'etherconn';
import { requireCommand, requireNamespaces } from 'etherconn/testing';
import mqtt from 'mqtt';
import { openStage, SERVER, startServer } from './stage.mjs';

const skip = requireNamespaces() || requireCommand('ss') || requireCommand('mosquitto', '-h');

test('mqtt: a fleet of hosts publishes by QoS 0, 1 and 2, and one of them hears it all', {
  skip,
}, async (t) => {
  const { kernel, relay, host, folder } = await openStage(t);
  const config = join(folder, 'mosquitto.conf');
  writeFileSync(config, `listener 1883 ${SERVER}\nallow_anonymous true\npersistence false\n`);
  await startServer(kernel, 1883, 'mosquitto', '-c', config);
  const connect = async (machine, options = {}) => {
    const client = new mqtt.MqttClient(() => machine.net.connect(1883, SERVER), {
      reconnectPeriod: 0,
      ...options,
    });
    await once(client, 'connect');
    return client;
  };
  const listener = await connect(host);
  await listener.subscribeAsync('sensors/#', { qos: 2 });
  const heard = new Map();
  const all = new Promise((resolve) => {
    listener.on('message', (topic, payload) => {
      heard.set(topic, payload.length);
      if (heard.size === 300) resolve();
    });
  });
  const machines = await Promise.all(
    Array.from({ length: 100 }, (_, i) =>
      Host.create(relay, {
        mac: `02:00:00:00:09:${i.toString(16).padStart(2, '0')}`,
        addresses: [`10.8.0.${i + 100}/24`],
      }),
    ),
  );
  const clients = await Promise.all(
    machines.map((machine, i) => connect(machine, { clientId: `sensor-${i}` })),
  );
  await Promise.all(
    clients.flatMap((client, i) =>
      [0, 1, 2].map((qos) => client.publishAsync(`sensors/${i}/${qos}`, Buffer.alloc(i * 100), { qos })),
    ),
  );
  await all;
  for (const [topic, length] of heard) assert.equal(length, Number(topic.split('/')[1]) * 100);
  await Promise.all([listener, ...clients].map((client) => client.endAsync()));
});
