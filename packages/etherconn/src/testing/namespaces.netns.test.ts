import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { test } from 'node:test';
import { eventually } from '../test-support/eventually.ts';
import { addVethPair, openNamespace, requireCapture, requireNamespaces, startCapture } from './namespaces.ts';

const skip = requireNamespaces();

test('a veth pair as it was asked for', { skip }, async () => {
  const [a, b] = [await openNamespace(), await openNamespace()];
  addVethPair(
    { namespace: a, name: 'va', mac: '02:00:00:00:00:01', addresses: ['10.0.0.1/24'] },
    { namespace: b, name: 'vb', addresses: ['10.0.0.2/24', '2001:db8::2/64'] },
    { mtu: 3000, queues: 3, ipv6: true },
  );
  const { stdout } = a.run('ip', '-details', 'address', 'show', 'va');
  for (const part of [
    'mtu 3000',
    'numtxqueues 3',
    'numrxqueues 3',
    '02:00:00:00:00:01',
    '10.0.0.1/24',
    ',UP',
  ]) {
    assert.ok(stdout.includes(part), `${part} in ${stdout}`);
  }
  assert.match(b.run('ip', 'address', 'show', 'vb').stdout, /inet6 2001:db8::2\/64/);
  assert.throws(() => a.run('ip', 'link', 'show', 'vb'), /ip link show vb: status 1\n.*does not exist/);
  const child = a.spawn('cat');
  await a.close();
  await a.close();
  assert.equal(child.signalCode, 'SIGKILL');
  // With the last process in it the namespace goes, and takes the pair along.
  await eventually('the other end gone', () => !b.run('ip', 'link').stdout.includes('vb'));
  await b.close();
});

test('nothing is left of a process that is killed', { skip }, async () => {
  const program = `
    const { openNamespace } = await import(${JSON.stringify(new URL('./namespaces.js', import.meta.url).href)});
    const namespace = await openNamespace();
    console.log(namespace.pid);
    setInterval(() => {}, 1000);
  `;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [pid] = await once(child.stdout, 'data');
  const path = `/proc/${String(pid).trim()}/ns/net`;
  assert.notEqual(readlinkSync(path), readlinkSync('/proc/self/ns/net'));
  child.kill('SIGKILL');
  await eventually('the holder gone', () => {
    try {
      readlinkSync(path);
      return false;
    } catch {
      return true;
    }
  });
});

test('a capture has the frames that were sent', { skip: skip || requireCapture() }, async () => {
  const [a, b] = [await openNamespace(), await openNamespace()];
  addVethPair(
    { namespace: a, name: 'va', addresses: ['10.0.0.1/24'] },
    { namespace: b, name: 'vb', addresses: ['10.0.0.2/24'] },
  );
  const capture = await startCapture(b, 'vb', 'arp');
  const program =
    "const s = require('dgram').createSocket('udp4'); s.send('x', 9, '10.0.0.2', () => s.close())";
  a.run(process.execPath, '-e', program);
  const frames = await capture.frames(2);
  assert.deepEqual(
    frames.slice(0, 2).map((frame) => frame.readUInt16BE(12)),
    [0x0806, 0x0806],
  );
  assert.ok(capture.file.length >= 24 + 2 * (16 + 42));
  await a.close();
  await b.close();
});
