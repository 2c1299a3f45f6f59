// A network in each of several threads; a real interface in two threads at once, where that is allowed.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { isMainThread, Worker } from 'node:worker_threads';
import { addonStatus, Host, MemoryNetwork, RawSocketRelay } from 'etherconn';

async function use(): Promise<void> {
  const network = new MemoryNetwork();
  const host = (n: number): Promise<Host> =>
    Host.create(network.relay(), { mac: `02:00:00:00:00:0${n}`, addresses: [`10.0.0.${n}/24`] });
  const [one] = [await host(1), await host(2)];
  assert.equal((await one.ping('10.0.0.2')).address, '10.0.0.2');
  await network.close();
  if (process.getuid?.() !== 0 || !addonStatus().available) return;
  const relay = await RawSocketRelay.open('lo');
  await relay.close();
}

if (isMainThread) {
  const workers = [1, 2].map(() => new Worker(new URL(import.meta.url)));
  const [codes] = await Promise.all([
    Promise.all(workers.map(async (worker) => (await once(worker, 'exit'))[0] as number)),
    use(),
  ]);
  assert.deepEqual(codes, [0, 0]);
} else {
  await use();
}
