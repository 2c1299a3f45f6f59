/** Examples that use a library of this folder. Each runs as a user would run it, but that it finds the library here. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { requireCommand, requireNamespaces } from 'etherconn/testing';
import { openStage, SERVER, startServer } from './stage.mjs';

const skip = requireNamespaces() || requireCommand('ss') || requireCommand('mosquitto', '-h');
const examples = fileURLToPath(new URL('../../examples', import.meta.url));
const cache = fileURLToPath(new URL('node_modules/.cache', import.meta.url));

/** What the example says, of `examples/`, when it runs in the namespace. */
async function run(namespace, name, ...args) {
  mkdirSync(cache, { recursive: true });
  const copy = join(cache, name);
  copyFileSync(join(examples, name), copy);
  const child = namespace.spawn(process.execPath, copy, ...args);
  const [output, errors, [status]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  assert.equal(errors, '');
  assert.equal(status, 0);
  return output;
}

test('a fleet of MQTT sensors', { skip }, async (t) => {
  const { ours, kernel, relay, host, folder } = await openStage(t);
  // The example opens the interface itself.
  await host.close();
  await relay.close();
  kernel.run('ip', 'route', 'add', '10.8.0.0/16', 'dev', 'far0', 'src', SERVER);
  const config = join(folder, 'mosquitto.conf');
  writeFileSync(config, `listener 1883 ${SERVER}\nallow_anonymous true\npersistence false\n`);
  await startServer(kernel, 1883, 'mosquitto', '-c', config);
  assert.equal(
    await run(ours, 'mqtt-fleet.mjs', 'near0', SERVER, '60'),
    '60 sensors, 19.5 degrees on average\n',
  );
});
