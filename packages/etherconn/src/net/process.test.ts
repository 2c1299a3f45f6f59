import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

/** What sockets mean to the life of a process. Programs of their own, which end by themselves. */

const INDEX = new URL('../index.js', import.meta.url).href;

/** Two hosts on a network, and a server on the second that notes what comes. */
const STAGE = `
  import { Host, MemoryNetwork } from ${JSON.stringify(INDEX)};
  const network = new MemoryNetwork({ seed: Number(process.argv[2]) });
  const host = (i) => Host.create(network.relay(), { mac: '02:00:00:00:00:0' + i, addresses: ['10.0.0.' + i + '/24'] });
  const a = await host(1);
  const b = await host(2);
  let received = '';
  const server = b.net.createServer((socket) => {
    socket.on('data', (data) => (received += data)).on('end', () => (received += ' end'));
  });
  server.listen(80);
  process.on('exit', () => console.log(received));
`;

interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number | null;
}

function run(program: string, ...args: string[]): Outcome {
  const folder = mkdtempSync(join(tmpdir(), 'etherconn-'));
  const file = join(folder, 'program.mjs');
  writeFileSync(file, program);
  try {
    return spawnSync(process.execPath, [file, ...args], { encoding: 'utf8', timeout: 30_000 });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

for (const [how, program] of [
  ['end', "socket.end('hello');"],
  ['destroy', "socket.write('hello', () => socket.destroy());"],
]) {
  test(`a process that has nothing more to do stays until its data has arrived: ${how}`, () => {
    for (const seed of ['1', '2', '3']) {
      const { stdout, stderr, status } = run(
        `${STAGE}
        const socket = a.net.connect(80, '10.0.0.2', () => {
          network.impair({ delay: 2, loss: 0.4 });
          ${program}
        });`,
        seed,
      );
      assert.deepEqual([seed, stdout, stderr, status], [seed, 'hello end\n', '', 0]);
    }
  });
}

test('it does not stay for a socket that is not referenced', () => {
  const { stdout, stderr, status } = run(
    `${STAGE}
    network.impair({ loss: 1 });
    a.net.connect(80, '10.0.0.2').on('error', () => undefined).unref().write('hello');`,
    '1',
  );
  assert.deepEqual([stdout, stderr, status], ['\n', '', 0]);
});

test('a socket of a host cannot be sent to another process, kept open or not', () => {
  const { stdout, stderr, status } = run(
    `${STAGE}
    import { fork } from 'node:child_process';
    import { writeFileSync } from 'node:fs';
    const file = new URL('child.mjs', import.meta.url);
    writeFileSync(file, "process.on('message', () => undefined);");
    const child = fork(file);
    const tell = (what, handle, options) => {
      try {
        child.send('x', handle, options);
        console.log(what, 'sent');
      } catch (error) {
        console.log(what, error.code);
      }
    };
    server.on('connection', (socket) => {
      for (const options of [undefined, { keepOpen: true }]) {
        tell('client', client, options);
        tell('accepted', socket, options);
        tell('server', server, options);
      }
      client.end(socket.server === server ? 'hello' : 'lost');
      child.disconnect();
    });
    const client = a.net.connect(80, '10.0.0.2');`,
    '1',
  );
  const six = ['client', 'accepted', 'server', 'client', 'accepted', 'server'];
  const refused = six.map((what) => `${what} ERR_INVALID_HANDLE_TYPE\n`).join('');
  assert.deepEqual([stdout, stderr, status], [`${refused}hello end\n`, '', 0]);
});
