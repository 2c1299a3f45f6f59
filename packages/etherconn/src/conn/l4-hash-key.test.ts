import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OptionError } from '../errors.ts';
import { EthernetResponse } from '../relay/ethernet-response.ts';
import { frames, hex, parsed } from '../test-support/frames.ts';
import { L4HashKey } from './l4-hash-key.ts';

function ofFrame(frame: Uint8Array): L4HashKey {
  return L4HashKey.withEthernet(new EthernetResponse(frame, parsed(frame)));
}

describe('L4HashKey', () => {
  it('withUDPAddr: 19 bytes, IPv4 in its mapped form, protocol, port in big endian', () => {
    const key = L4HashKey.withUDPAddr({ address: '10.0.0.2', port: 0x1234 });
    assert.deepEqual(key.bytes, hex('00000000 00000000 0000ffff 0a000002 11 1234'));
    assert.deepEqual([key.protocol, key.port, String(key)], [17, 0x1234, '10.0.0.2|17|4660']);
  });

  it('withUDPAddr: an IPv6 address as it is', () => {
    const key = L4HashKey.withUDPAddr({ address: '2001:db8::2', port: 53 });
    assert.deepEqual(key.bytes, hex('20010db8 00000000 00000000 00000002 11 0035'));
    assert.equal(String(key), '2001:db8::2|17|53');
  });

  it("withEthernet: a received frame's own side, of any IP protocol", () => {
    assert.ok(ofFrame(frames.udp4).equals(L4HashKey.withUDPAddr({ address: '10.0.0.2', port: 53 })));
    assert.ok(ofFrame(frames.udp6).equals(L4HashKey.withUDPAddr({ address: '2001:db8::2', port: 53 })));
    assert.equal(String(ofFrame(frames.tcp4)), '10.0.0.2|6|80');
    assert.equal(String(ofFrame(frames.sctp4)), '10.0.0.2|132|9');
    assert.equal(String(ofFrame(frames.icmpv4Echo)), '10.0.0.2|1|0');
    assert.equal(String(ofFrame(frames.icmpv6Echo)), '2001:db8::2|58|0');
    assert.equal(String(ofFrame(frames.arpRequest)), '::|0|0');
  });

  it('equals a key of the same address, protocol and port only', () => {
    const key = new L4HashKey('10.0.0.2', 17, 53);
    assert.ok(key.equals(new L4HashKey(Uint8Array.of(10, 0, 0, 2), 17, 53)));
    for (const other of [
      new L4HashKey('10.0.0.3', 17, 53),
      new L4HashKey('10.0.0.2', 6, 53),
      new L4HashKey('10.0.0.2', 17, 54),
      new L4HashKey('::a00:2', 17, 53),
    ]) {
      assert.ok(!key.equals(other));
    }
  });

  it('refuses wrong addresses, protocols and ports', () => {
    assert.throws(() => new L4HashKey('10.0.0', 17, 53), OptionError);
    assert.throws(() => new L4HashKey(new Uint8Array(5), 17, 53), { option: 'address' });
    assert.throws(() => new L4HashKey('10.0.0.1', 256, 53), { option: 'protocol' });
    assert.throws(() => new L4HashKey('10.0.0.1', 17, 65536), { option: 'port' });
    assert.throws(() => L4HashKey.withUDPAddr({ address: '10.0.0.1' } as never), { option: 'address.port' });
  });
});
