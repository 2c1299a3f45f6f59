import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HostNetwork, TestPort } from '../../test-support/hosts.ts';
import { Host } from '../host.ts';

describe('many hosts on one relay', () => {
  it('are spared what is asked of others, and get what they have joined', async (t) => {
    const net = new HostNetwork(t);
    const relay = net.relay();
    const hosts = Array.from({ length: 20 }, (_, n) =>
      Host.createNow(relay, { addresses: [`10.0.0.${100 + n}/24`, `2001:db8::${100 + n}/64`] }),
    );
    const asker = net.host(1);
    await net.advance(5000);
    const before = hosts.map((host) => host.stats().received);
    for (const address of ['10.0.0.105', '2001:db8::105']) {
      const answer = asker.ping(address);
      await net.settle();
      assert.equal((await answer).address, address);
    }
    const busy = hosts.filter((host, n) => host.stats().received > before[n]);
    assert.deepEqual(busy.map(String), [String(hosts[5])]);
    const member = new TestPort(hosts[3], { version: 6 }).bind('', 7);
    member.port.join(Uint8Array.of(239, 7, 7, 7), null);
    new TestPort(asker).send('x', '239.7.7.7', 7);
    await net.settle();
    assert.deepEqual(member.user.texts, ['x']);
    await hosts[3].addAddress('10.0.0.77/24');
    const answer = asker.ping('10.0.0.77');
    await net.settle();
    await answer;
    hosts[3].removeAddress('10.0.0.77');
    member.port.leave(Uint8Array.of(239, 7, 7, 7), null);
    await net.advance(5000);
    const after = hosts[3].stats().received;
    new TestPort(asker).send('x', '239.7.7.7', 7);
    asker.ping('10.0.0.78', { timeout: 1 }).catch(() => undefined);
    await net.advance(5000);
    assert.equal(hosts[3].stats().received, after);
  });
});
