/** ws on a simulated host, against a server of ws in another process: plain and over TLS. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { get } from 'node:https';
import { join } from 'node:path';
import { test } from 'node:test';
import tls from 'node:tls';
import { fileURLToPath } from 'node:url';
import { requireCommand, requireNamespaces } from 'etherconn/testing';
import { Agent, request } from 'undici';
import { WebSocket } from 'ws';
import { openStage, SERVER, startServer } from './stage.mjs';

const skip = requireNamespaces() || requireCommand('ss') || requireCommand('openssl', 'version');

const SERVER_PROGRAM = fileURLToPath(new URL('servers/web.cjs', import.meta.url));

/** A certificate for the server's address. */
function makeCertificate(folder) {
  const subject = ['-subj', '/CN=server', '-addext', `subjectAltName=IP:${SERVER},DNS:server.test`];
  const files = ['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')];
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  execFileSync('openssl', ['req', ...kind, ...subject, ...files], { stdio: 'ignore' });
  return readFileSync(join(folder, 'cert.pem'));
}

test('ws, node:https, node:tls and undici over TLS', { skip }, async (t) => {
  const { kernel, host, folder } = await openStage(t);
  const ca = makeCertificate(folder);
  await startServer(kernel, 8443, process.execPath, SERVER_PROGRAM, folder);
  for (const [url, agent] of [
    [`ws://${SERVER}:8080`, host.agent()],
    [`wss://${SERVER}:8443`, host.secureAgent({ ca })],
  ]) {
    const socket = new WebSocket(url, { agent });
    await once(socket, 'open');
    for (const length of [1, 1000, 1_000_000]) {
      const message = randomBytes(length);
      socket.send(message);
      assert.ok((await once(socket, 'message'))[0].equals(message), url);
    }
    socket.close();
    await once(socket, 'close');
    agent.destroy();
  }
  const agent = host.secureAgent({ ca, keepAlive: true });
  for (let i = 0; i < 3; i++) {
    const [response] = await once(get({ host: SERVER, port: 8443, agent }), 'response');
    assert.equal(String((await response.toArray())[0]), '10.8.0.5');
  }
  agent.destroy();
  const dispatcher = new Agent({ connect: host.connector({ ca }) });
  const { body } = await request(`https://${SERVER}:8443/`, { dispatcher });
  assert.equal(await body.text(), '10.8.0.5');
  await dispatcher.destroy();
  const secure = tls.connect({ socket: host.net.connect(8443, SERVER), ca, servername: 'server.test' });
  await once(secure, 'secureConnect');
  assert.ok(secure.authorized);
  assert.equal(secure.remoteAddress, SERVER);
  secure.destroy();
  await assert.rejects(
    once(
      tls.connect({ socket: host.net.connect(8443, SERVER), servername: 'other.test', ca }),
      'secureConnect',
    ),
    { code: 'ERR_TLS_CERT_ALTNAME_INVALID' },
  );
});
