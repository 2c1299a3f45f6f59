/** A simulated host, and a namespace with the kernel's network stack behind a veth pair, for servers. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { Host, RawSocketRelay } from 'etherconn';
import { addVethPair, openNamespace } from 'etherconn/testing';

/** Addresses of the namespace with the servers, and of the host. */
export const SERVER = '10.8.0.1';
export const SERVER6 = '2001:db8:8::1';
export const CLIENT = '10.8.0.5';

/** Opens the stage. The test `t` closes it. The veth pair has the kernel's default offloads. */
export async function openStage(t) {
  const folder = mkdtempSync(join(tmpdir(), 'etherconn-libraries-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const [ours, kernel] = await Promise.all([openNamespace(), openNamespace()]);
  t.after(() => Promise.all([ours.close(), kernel.close()]));
  addVethPair(
    { namespace: ours, name: 'near0' },
    { namespace: kernel, name: 'far0', addresses: [`${SERVER}/24`, `${SERVER6}/64`] },
    { ipv6: true },
  );
  kernel.run('ip', 'link', 'set', 'lo', 'up');
  kernel.run('sh', '-c', 'while ip -6 address show dev far0 | grep -q tentative; do sleep 0.05; done');
  const relay = await RawSocketRelay.open('near0', { netns: ours.path });
  t.after(() => relay.close());
  const host = await Host.create(relay, {
    mac: '02:00:00:00:08:05',
    addresses: [`${CLIENT}/24`, '2001:db8:8::5/64'],
  });
  t.after(() => host.close());
  return { ours, kernel, relay, host, folder };
}

/**
 * Starts a server in the namespace, and waits until it listens on the TCP port. When the server ends, the error has what it
 * has written.
 */
export async function startServer(kernel, port, command, ...args) {
  const server = kernel.spawn(command, ...args);
  let log = '';
  for (const stream of [server.stdout, server.stderr]) stream.on('data', (data) => (log += data));
  for (;;) {
    if (kernel.run('ss', '-Hltn', `sport = :${port}`).stdout !== '') return server;
    if (server.exitCode !== null) throw new Error(`${command} has ended: ${log}`);
    await setTimeout(50);
  }
}
