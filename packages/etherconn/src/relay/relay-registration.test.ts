import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, it, type TestContext } from 'node:test';
import { EtherConn } from '../conn/ether-conn.ts';
import { InUseError, OptionError } from '../errors.ts';
import { FakeLink } from '../test-support/fake-link.ts';
import { settleTurns } from '../test-support/memory-pair.ts';
import { buildUdpFrame } from '../wire/build.ts';
import type { EthernetResponse } from './ethernet-response.ts';
import { L2EndpointKey } from './l2-endpoint.ts';
import { Relay } from './relay.ts';

const MAC = '02:00:00:00:00:01';
const KEY = L2EndpointKey.of(MAC, 0x0800);

function open(t: TestContext): { link: FakeLink; relay: Relay } {
  const link = new FakeLink();
  const relay = new Relay(link);
  t.after(() => relay.close());
  return { link, relay };
}

function frameTo(destinationMac: string): Uint8Array {
  const sourceMac = '02:00:00:00:00:99';
  return buildUdpFrame({
    sourceMac,
    destinationMac,
    source: '10.0.0.9',
    destination: '10.0.0.1',
    sourcePort: 1,
    destinationPort: 2,
  });
}

describe('relay registrations', () => {
  it('register gives a registration that receives copies of its frames', (t) => {
    const { link, relay } = open(t);
    const got: EthernetResponse[] = [];
    const registration = relay.register([KEY]);
    registration.receive((response) => got.push(response));
    link.deliver([frameTo(MAC), frameTo('02:00:00:00:00:02')]);
    assert.equal(got.length, 1);
    assert.equal(got[0].localPort, 2);
    registration.receive(null);
    link.deliver([frameTo(MAC)]);
    assert.equal(got.length, 1);
    const { delivered, noEndpoint, noReceiver, registrations } = relay.stats();
    assert.deepEqual(
      { delivered, noEndpoint, noReceiver, registrations },
      {
        delivered: 1,
        noEndpoint: 1,
        noReceiver: 1,
        registrations: 1,
      },
    );
  });

  it('takes several keys in one registration, the same one twice too', (t) => {
    const { link, relay } = open(t);
    const got: string[] = [];
    const registration = relay.register([KEY, L2EndpointKey.of('02:00:00:00:00:02', 0x0800), KEY]);
    registration.receive((response) => got.push(String(response.localEndpoint)));
    link.deliver([frameTo(MAC), frameTo('02:00:00:00:00:02')]);
    assert.deepEqual(got, ['l2ep&02:00:00:00:00:01#0x0800', 'l2ep&02:00:00:00:00:02#0x0800']);
    assert.deepEqual(registration.replaced, []);
  });

  it('unregister frees the keys; a stale or unknown id is ignored', (t) => {
    const { link, relay } = open(t);
    const first = relay.register([KEY]);
    relay.unregister(first.id);
    assert.equal(relay.stats().registrations, 0);
    const second = relay.register([KEY]);
    assert.notEqual(second.id, first.id);
    for (const id of [first.id, -1, 0.5, Number.NaN, 2 ** 40]) relay.unregister(id);
    first.close();
    let got = 0;
    second.receive(() => got++);
    link.deliver([frameTo(MAC)]);
    assert.equal(got, 1);
    second.close();
    second.close();
    link.deliver([frameTo(MAC)]);
    assert.equal(got, 1);
    assert.equal(relay.stats().registrations, 0);
  });

  it('a key registered again is overridden, and the old owner told', (t) => {
    const { link, relay } = open(t);
    const told: unknown[] = [];
    const onReplaced = (message: unknown) => told.push(message);
    subscribe('etherconn:registration:replaced', onReplaced);
    t.after(() => unsubscribe('etherconn:registration:replaced', onReplaced));
    const got: string[] = [];
    const old = relay.register([KEY, L2EndpointKey.of(MAC, 0x0806)]);
    old.receive(() => got.push('old'));
    const owner = relay.register([KEY]);
    owner.receive(() => got.push('new'));
    assert.deepEqual(old.replaced.map(String), [`${MAC}#0x0800`]);
    assert.deepEqual(owner.replaced, []);
    assert.deepEqual(told, [{ relay, key: KEY, oldId: old.id, newId: owner.id }]);
    link.deliver([frameTo(MAC)]);
    assert.deepEqual(got, ['new']);
  });

  it("the old owner's close leaves the new one alone", (t) => {
    const { link, relay } = open(t);
    const old = relay.register([KEY], { multicast: true });
    const owner = relay.register([KEY], { multicast: true });
    let got = 0;
    owner.receive(() => got++);
    old.close();
    link.deliver([frameTo(MAC), frameTo('ff:ff:ff:ff:ff:ff')]);
    assert.equal(got, 2);
  });

  it("a conn that was overridden emits 'replaced' and hears no group frames of that key any more", async (t) => {
    const { link, relay } = open(t);
    const options = { receiveMulticast: true };
    const old = new EtherConn(MAC, relay, [0x0800, 0x0806], options);
    const keys: string[] = [];
    old.on('replaced', (key) => keys.push(String(key)));
    const owner = new EtherConn(MAC, relay, [0x0800], options);
    await settleTurns();
    assert.deepEqual(keys, [`${MAC}#0x0800`]);
    assert.deepEqual(old.replaced.map(String), keys);
    link.deliver([frameTo('ff:ff:ff:ff:ff:ff')]);
    assert.equal(old.stats().enqueued, 0);
    assert.equal(owner.stats().enqueued, 1);
  });

  it('an overridden owner that keeps another MAC address goes on hearing group frames', (t) => {
    const { link, relay } = open(t);
    let got = 0;
    const old = relay.register([KEY, L2EndpointKey.of('02:00:00:00:00:02', 0x0800)], { multicast: true });
    old.receive(() => got++);
    relay.register([KEY]);
    link.deliver([frameTo('ff:ff:ff:ff:ff:ff')]);
    assert.equal(got, 1);
  });

  it('exclusive: a key that is taken is an InUseError, and nothing changes', (t) => {
    const { link, relay } = open(t);
    let got = 0;
    const owner = relay.register([KEY]);
    owner.receive(() => got++);
    const free = L2EndpointKey.of('02:00:00:00:00:02', 0x0800);
    assert.throws(() => relay.register([free, KEY], { exclusive: true }), InUseError);
    assert.throws(() => new EtherConn(MAC, relay, [], { exclusive: true }), { code: 'ERR_ETHERCONN_IN_USE' });
    link.deliver([frameTo(MAC), frameTo('02:00:00:00:00:02')]);
    assert.equal(got, 1);
    assert.deepEqual(owner.replaced, []);
    assert.equal(relay.stats().registrations, 1);
    assert.equal(relay.stats().noEndpoint, 1);
  });

  it('refuses what is no key, and unknown options', (t) => {
    const { relay } = open(t);
    assert.throws(() => relay.register([]), OptionError);
    assert.throws(() => relay.register(KEY as never), OptionError);
    assert.throws(() => relay.register(['x' as never]), OptionError);
    assert.throws(() => relay.register([KEY], { multicats: true } as never), { option: 'multicats' });
    assert.throws(() => relay.register([KEY], { multicast: 1 as never }), { option: 'multicast' });
    assert.throws(() => relay.register([KEY]).receive(5 as never), OptionError);
  });

  it('100,000 registrations come and go', (t) => {
    const { link, relay } = open(t);
    const all = Array.from({ length: 100_000 }, (_, i) => {
      return relay.register([L2EndpointKey.of(Uint8Array.of(2, 0, 0, i >> 16, i >> 8, i), 0x0800)]);
    });
    let got = 0;
    all[70_000].receive(() => got++);
    link.deliver([frameTo(`02:00:00:01:11:${(70_000 & 255).toString(16)}`)]);
    assert.equal(got, 1);
    for (const registration of all) registration.close();
    assert.equal(relay.stats().registrations, 0);
  });
});
