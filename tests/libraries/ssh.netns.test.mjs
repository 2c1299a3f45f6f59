/** ssh2 on a simulated host, against a server of ssh2 in another process. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { requireCommand, requireNamespaces } from 'etherconn/testing';
import ssh from 'ssh2';
import { openStage, SERVER, startServer } from './stage.mjs';

const skip = requireNamespaces() || requireCommand('ss');

test('ssh2: password, a command, a megabyte both ways, its exit code; a wrong password', {
  skip,
}, async (t) => {
  const { kernel, host } = await openStage(t);
  await startServer(kernel, 22, process.execPath, fileURLToPath(new URL('servers/ssh.cjs', import.meta.url)));
  const client = new ssh.Client();
  client.connect({ sock: host.net.connect(22, SERVER), username: 'tester', password: 'secret' });
  await once(client, 'ready');
  const stream = await new Promise((resolve, reject) =>
    client.exec('echo', (error, stream) => (error ? reject(error) : resolve(stream))),
  );
  const body = randomBytes(1_000_001);
  const parts = [];
  stream.on('data', (data) => parts.push(data));
  const exit = once(stream, 'exit');
  const closed = once(stream, 'close');
  stream.end(body);
  assert.deepEqual((await exit)[0], 1);
  await closed;
  assert.ok(Buffer.concat(parts).equals(body));
  // The server closes without reading all of the goodbye, which its kernel may answer with a reset.
  client.on('error', () => {});
  client.end();

  const stranger = new ssh.Client();
  stranger.connect({ sock: host.net.connect(22, SERVER), username: 'tester', password: 'wrong' });
  const errors = [];
  stranger.on('error', ({ level }) => errors.push(level));
  await new Promise((resolve) => stranger.once('close', resolve));
  assert.equal(errors[0], 'client-authentication');
});
