/** node:http and undici on a simulated host, against nginx and Node's own server. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { requireCommand, requireNamespaces } from 'etherconn/testing';
import { Agent, fetch, request } from 'undici';
import { openStage, SERVER, SERVER6, startServer } from './stage.mjs';

const skip = requireNamespaces() || requireCommand('ss');
const FILE = randomBytes(5_000_000);

/** nginx serves /file of that content; Node's server echoes bodies. */
async function startNginx({ kernel, folder }) {
  const site = join(folder, 'site');
  mkdirSync(site);
  writeFileSync(join(site, 'file'), FILE);
  const config = join(folder, 'nginx.conf');
  writeFileSync(
    config,
    `daemon off; master_process off; pid ${folder}/nginx.pid; error_log stderr;
     events {}
     http { access_log off; client_body_temp_path ${folder}; proxy_temp_path ${folder}; fastcgi_temp_path ${folder};
       uwsgi_temp_path ${folder}; scgi_temp_path ${folder};
       server { listen 80; listen [::]:80; root ${site}; } }`,
  );
  await startServer(kernel, 80, 'nginx', '-c', config, '-e', 'stderr');
}

const ECHO = `
  require('node:http').createServer((request, response) => {
    response.writeHead(200, { 'x-method': request.method, 'x-peer': request.socket.remoteAddress });
    request.pipe(response);
  }).listen(8080, '::');
`;

/** The response with its body. */
async function get(options) {
  const [response] = await once(http.get(options), 'response');
  const body = [];
  for await (const data of response) body.push(data);
  return { status: response.statusCode, body: Buffer.concat(body) };
}

describe('HTTP clients', { skip }, () => {
  test('node:http and undici read a file from nginx', { skip: requireCommand('nginx') }, async (t) => {
    const stage = await openStage(t);
    await startNginx(stage);
    const agent = stage.host.agent({ keepAlive: true });
    t.after(() => agent.destroy());
    for (const host of [SERVER, SERVER6]) {
      const { status, body } = await get({ host, path: '/file', agent });
      assert.equal(status, 200);
      assert.ok(body.equals(FILE));
    }
    assert.equal((await get({ host: SERVER, path: '/nothing', agent })).status, 404);
    const dispatcher = new Agent({ connect: stage.host.connector() });
    t.after(() => dispatcher.destroy());
    const responses = await Promise.all(
      Array.from({ length: 20 }, () => request(`http://${SERVER}/file`, { dispatcher })),
    );
    for (const { body } of responses) assert.ok(Buffer.from(await body.arrayBuffer()).equals(FILE));
    const fetched = await fetch(`http://[${SERVER6}]/file`, { dispatcher });
    assert.ok(Buffer.from(await fetched.arrayBuffer()).equals(FILE));
  });

  test("bodies both ways, against Node's own server", async (t) => {
    const { kernel, host } = await openStage(t);
    await startServer(kernel, 8080, process.execPath, '-e', ECHO);
    const agent = host.agent({ keepAlive: true, maxSockets: 4 });
    t.after(() => agent.destroy());
    const bodies = Array.from({ length: 20 }, (_, i) => randomBytes(i * 50_000));
    await Promise.all(
      bodies.map(async (body) => {
        const sent = http.request({ host: SERVER, port: 8080, method: 'POST', agent });
        sent.end(body);
        const [response] = await once(sent, 'response');
        const parts = [];
        for await (const data of response) parts.push(data);
        assert.equal(response.headers['x-method'], 'POST');
        assert.match(response.headers['x-peer'], /10\.8\.0\.5$/);
        assert.ok(Buffer.concat(parts).equals(body));
      }),
    );
    const dispatcher = new Agent({ connect: host.connector() });
    t.after(() => dispatcher.destroy());
    const answer = await request(`http://${SERVER}:8080/`, { dispatcher, method: 'PUT', body: FILE });
    assert.ok(Buffer.from(await answer.body.arrayBuffer()).equals(FILE));
    await assert.rejects(request(`http://${SERVER}:8081/`, { dispatcher }), { code: 'ECONNREFUSED' });
  });
});
