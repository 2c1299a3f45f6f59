import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OptionError } from '../errors.ts';
import { L2Endpoint, L2EndpointKey } from './l2-endpoint.ts';

const MAC = '02:00:00:00:00:01';

describe('L2EndpointKey', () => {
  it('has the 8 bytes of the Go package: MAC address, EtherType', () => {
    const key = L2EndpointKey.of(MAC, 0x0800);
    assert.deepEqual([...key.bytes], [2, 0, 0, 0, 0, 1, 8, 0]);
    assert.equal(key.toString(), '02:00:00:00:00:01#0x0800');
  });

  it('grows by 2 bytes per VLAN, outermost first, before the EtherType', () => {
    const key = L2EndpointKey.of(MAC, 0x86dd, [100, 4094]);
    assert.deepEqual([...key.bytes], [2, 0, 0, 0, 0, 1, 0, 100, 0x0f, 0xfe, 0x86, 0xdd]);
    assert.equal(key.toString(), '02:00:00:00:00:01|100|4094#0x86dd');
    assert.equal(L2EndpointKey.of(MAC, 0x0806, [7]).toString(), '02:00:00:00:00:01|7#0x0806');
  });

  it('equals a key of the same MAC address, EtherType and VLANs, a priority tag not counting', () => {
    const key = L2EndpointKey.of(MAC, 0x0800);
    assert.ok(key.equals(L2EndpointKey.of(Uint8Array.of(2, 0, 0, 0, 0, 1), 0x0800)));
    assert.ok(key.equals(L2EndpointKey.of(MAC, 0x0800, [0])));
    assert.ok(!key.equals(L2EndpointKey.of(MAC, 0x0800, [1])));
    assert.ok(!key.equals(L2EndpointKey.of(MAC, 0x0806)));
    assert.ok(!key.equals(L2EndpointKey.of('02:00:00:00:00:02', 0x0800)));
    assert.ok(!L2EndpointKey.of(MAC, 0x0800, [1, 2]).equals(L2EndpointKey.of(MAC, 0x0800, [2, 1])));
  });

  it('refuses group addresses, EtherTypes that are lengths, wrong VLAN ids and more than two VLANs', () => {
    assert.throws(() => L2EndpointKey.of('01:00:5e:00:00:01', 0x0800), OptionError);
    assert.throws(() => L2EndpointKey.of('ff:ff:ff:ff:ff:ff', 0x0800), { option: 'mac' });
    assert.throws(() => L2EndpointKey.of('02:00', 0x0800), { option: 'mac' });
    assert.throws(() => L2EndpointKey.of(MAC, 0x05ff), { option: 'etherType' });
    assert.throws(() => L2EndpointKey.of(MAC, 0x10000), { option: 'etherType' });
    assert.throws(() => L2EndpointKey.of(MAC, 0x0800, [1, 2, 3]), { option: 'vlans' });
    for (const id of [-1, 4095, 1.5]) {
      assert.throws(() => L2EndpointKey.of(MAC, 0x0800, [id]), { option: 'vlans' });
    }
  });
});

describe('L2Endpoint', () => {
  it('has the network and text forms of the Go package', () => {
    const endpoint = new L2Endpoint(MAC, 0x0800);
    assert.equal(endpoint.network(), 'l2ep');
    assert.equal(endpoint.toString(), 'l2ep&02:00:00:00:00:01#0x0800');
    assert.equal(String(new L2Endpoint(MAC, 0x0800, [5, 6])), 'l2ep&02:00:00:00:00:01|5|6#0x0800');
  });

  it('gives the key it is registered under', () => {
    const endpoint = new L2Endpoint(MAC, 0x0800, [5]);
    assert.ok(endpoint.getKey().equals(L2EndpointKey.of(MAC, 0x0800, [5])));
    assert.deepEqual([...endpoint.hwAddr], [2, 0, 0, 0, 0, 1]);
    assert.equal(endpoint.ethernetType, 0x0800);
    assert.deepEqual(endpoint.vlans, [5]);
  });

  it('may be a group address or have three VLANs, as the sides of received frames do', () => {
    assert.equal(String(new L2Endpoint('ff:ff:ff:ff:ff:ff', 0x0806)), 'l2ep&ff:ff:ff:ff:ff:ff#0x0806');
    const deep = new L2Endpoint(MAC, 0x0800, [1, 2, 3]);
    assert.equal(String(deep), 'l2ep&02:00:00:00:00:01|1|2+1#0x0800');
    assert.ok(!deep.getKey().equals(L2EndpointKey.of(MAC, 0x0800, [1, 2])));
  });

  it('keeps a copy of the address it is given', () => {
    const bytes = Uint8Array.of(2, 0, 0, 0, 0, 1);
    const endpoint = new L2Endpoint(bytes, 0x0800);
    bytes[5] = 9;
    assert.equal(endpoint.hwAddr[5], 1);
  });
});
