import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RawSocketRelay } from '../../relay/raw-socket-relay.ts';
import { addVethPair, openNamespace, requireNamespaces } from '../../testing/namespaces.ts';
import { Host } from '../host.ts';

describe('two default routers, of which one is a kernel and one is not there', {
  skip: requireNamespaces(),
}, () => {
  it('the kernel routes what the other did not take, over both IP versions', async () => {
    await using near = await openNamespace();
    await using router = await openNamespace();
    router.run('sh', '-c', 'echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad');
    addVethPair(
      { namespace: near, name: 'near0' },
      { namespace: router, name: 'far0', addresses: ['10.9.0.2/24', '2001:db8:9::2/64'] },
      { ipv6: true },
    );
    // What is behind it.
    router.run('ip', 'address', 'add', '192.0.2.1/32', 'dev', 'lo');
    router.run('ip', 'address', 'add', '2001:db8:77::1/128', 'dev', 'lo');
    router.run('sh', '-c', 'echo 1 > /proc/sys/net/ipv6/conf/all/forwarding');
    await using relay = await RawSocketRelay.open('near0', { netns: near.path });
    await using host = await Host.create(relay, {
      addresses: ['10.9.0.9/24', '2001:db8:9::9/64'],
      gateways: ['10.9.0.1', '10.9.0.2', '2001:db8:9::1', '2001:db8:9::2'],
      detectDuplicates: 'off',
    });
    await Promise.all(
      ['192.0.2.1', '2001:db8:77::1'].map(async (address) => {
        await assert.rejects(host.ping(address, { timeout: 10_000 }), { code: 'EHOSTUNREACH' });
        assert.equal((await host.ping(address, { timeout: 10_000 })).address, address);
      }),
    );
  });
});
