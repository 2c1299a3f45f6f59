import assert from 'node:assert/strict';
import nodeDgram from 'node:dgram';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { MemoryNetwork } from '../relay/memory-relay.ts';
import { TRIALS } from '../test-support/socket-trials.ts';
import { addVethPair, openNamespace, requireNamespaces } from '../testing/namespaces.ts';
import { Host } from './host.ts';
import type { DgramModule } from './socket-class.ts';

/** The kernel's sockets in a namespace, and ours on a host with the same interface and addresses, are asked the same. */

const MAC = '02:00:00:ff:00:09';
const ADDRESSES = ['10.0.0.9/24', '2001:db8:1::9/64', 'fe80::ff:fe00:9/64'];
const ROUTERS = ['10.0.0.1', '2001:db8:1::1'];

/** What the kernel's sockets say to a trial. */
async function asKernel(name: string): Promise<string[]> {
  const [ours, theirs] = await Promise.all([openNamespace(), openNamespace()]);
  try {
    addVethPair(
      { namespace: ours, name: 'eth0', mac: MAC },
      { namespace: theirs, name: 'far0' },
      { ipv6: true },
    );
    const set = [
      'ip link set eth0 addrgenmode none',
      'ip -6 address flush dev eth0',
      ...ADDRESSES.map(
        (address) => `ip address add ${address} dev eth0 ${address.includes(':') ? 'nodad' : ''}`,
      ),
      ...ROUTERS.map((router) => `ip route add default via ${router}`),
    ];
    ours.run('sh', '-ec', set.join('\n'));
    const child = ours.spawn(process.execPath, fileURLToPath(import.meta.url), name);
    let output = '';
    child.stdout!.on('data', (chunk) => {
      output += chunk;
    });
    child.stderr!.pipe(process.stderr);
    const [status] = await once(child, 'close');
    assert.equal(status, 0);
    return JSON.parse(output);
  } finally {
    await ours.close();
    await theirs.close();
  }
}

async function asHost(name: string): Promise<string[]> {
  await using network = new MemoryNetwork();
  const host = await Host.create(network.relay(), {
    mac: MAC,
    addresses: ADDRESSES,
    gateways: ROUTERS,
    linkLocal: false,
    detectDuplicates: 'off',
  });
  const lines = await TRIALS[name](host.dgram);
  await host.close();
  return lines;
}

const [, , trial] = process.argv;
if (trial !== undefined) {
  process.stdout.write(JSON.stringify(await TRIALS[trial](nodeDgram as unknown as DgramModule)));
} else {
  for (const name of Object.keys(TRIALS)) {
    test(`sockets say what the kernel's say: ${name}`, { skip: requireNamespaces() }, async () => {
      const [theirs, ours] = [await asKernel(name), await asHost(name)];
      assert.ok(theirs.length > 20);
      assert.deepEqual(ours, theirs);
    });
  }
}
