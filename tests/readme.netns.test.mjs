import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { addVethPair, openNamespace, requireNamespaces } from '../packages/etherconn/dist/testing/index.js';
import { blocksOf } from './markdown.mjs';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

/** What the README takes for granted: somebody at 10.0.0.1 who answers at port 7. */
const ECHO = `
const socket = require('node:dgram').createSocket('udp4');
socket.on('message', (message, { address, port }) => socket.send(message, port, address));
socket.bind(7, () => console.log('bound'));
`;

describe("the README's program for a real interface", { skip: requireNamespaces() }, () => {
  let near;
  let far;
  before(async () => {
    [near, far] = await Promise.all([openNamespace(), openNamespace()]);
    addVethPair(
      { namespace: near, name: 'eth0' },
      { namespace: far, name: 'far0', addresses: ['10.0.0.1/24'] },
    );
    await once(far.spawn(process.execPath, '-e', ECHO).stdout, 'data');
  });
  after(async () => {
    await near.close();
    await far.close();
  });

  test('pings the kernel, gets its datagram back, and ends', async () => {
    const program = near.spawn(process.execPath, '--input-type=module', '-');
    program.stdin.end(blocksOf(readme, 'js')[1]);
    const [output, errors, [status]] = await Promise.all([
      text(program.stdout),
      text(program.stderr),
      once(program, 'exit'),
    ]);
    assert.equal(errors, '');
    assert.match(output, /^10\.0\.0\.1 answers in \d+\.\d ms\nhello from 10\.0\.0\.1:7\n$/);
    assert.equal(status, 0);
  });
});
