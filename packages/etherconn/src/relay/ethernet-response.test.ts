import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { frames, parsed } from '../test-support/frames.ts';
import { EthernetResponse } from './ethernet-response.ts';

function response(frame: Uint8Array, etherTypes?: readonly number[]): EthernetResponse {
  return new EthernetResponse(frame, parsed(frame), etherTypes);
}

describe('EthernetResponse', () => {
  it('carries endpoints, addresses, ports and payload of a UDP frame', () => {
    const { udp4 } = frames;
    const got = response(udp4);
    assert.equal(String(got.localEndpoint), 'l2ep&02:00:00:00:00:02#0x0800');
    assert.equal(String(got.remoteEndpoint), 'l2ep&02:00:00:00:00:01#0x0800');
    assert.deepEqual(got.etherBytes, Buffer.from(udp4));
    assert.deepEqual(got.etherPayloadBytes, Buffer.from(udp4.subarray(14)));
    assert.equal(got.transportPayloadBytes?.toString(), 'hello');
    assert.deepEqual(
      [got.remoteIP, got.remotePort, got.protocol, got.localIP, got.localPort],
      ['10.0.0.1', 1000, 17, '10.0.0.2', 53],
    );
  });

  it('cuts payloads by the IP and UDP lengths, not by the padding', () => {
    const got = response(frames.udp4Padded);
    assert.equal(got.etherBytes.length, 60);
    assert.equal(got.etherPayloadBytes?.length, 33);
    assert.equal(got.transportPayloadBytes?.toString(), 'hello');
  });

  it('knows IPv6 with extension headers, and VLANs', () => {
    const got = response(frames.udp6Extensions);
    assert.deepEqual([got.remoteIP, got.localIP, got.protocol], ['2001:db8::1', '2001:db8::2', 17]);
    assert.equal(got.transportPayloadBytes?.toString(), 'ext');
    assert.deepEqual(response(frames.qinq).remoteEndpoint.vlans, [100, 5]);
  });

  it('carries ports and payload of TCP and SCTP', () => {
    const tcp = response(frames.tcp4);
    assert.deepEqual([tcp.protocol, tcp.remotePort, tcp.localPort], [6, 1234, 80]);
    assert.equal(tcp.transportPayloadBytes?.toString(), 'GET');
    const sctp = response(frames.sctp4);
    assert.deepEqual([sctp.protocol, sctp.remotePort, sctp.localPort], [132, 7, 9]);
    assert.equal(sctp.transportPayloadBytes?.length, 4);
  });

  it('has no ports and no transport payload for other protocols and later fragments', () => {
    for (const [frame, protocol] of [
      [frames.icmpv4Echo, 1],
      [frames.udp4Later, 17],
    ] as const) {
      const got = response(frame);
      assert.deepEqual([got.protocol, got.remotePort, got.localPort], [protocol, 0, 0]);
      assert.equal(got.transportPayloadBytes, null);
      assert.equal(got.remoteIP, '10.0.0.1');
    }
  });

  it('carries the Ethernet payload of the EtherTypes asked for only', () => {
    const got = response(frames.arpRequest);
    assert.equal(got.etherPayloadBytes, null);
    assert.deepEqual([got.remoteIP, got.localIP, got.protocol], [null, null, 0]);
    assert.equal(response(frames.arpRequest, [0x0806]).etherPayloadBytes?.length, 28);
    assert.equal(response(frames.udp4, [0x0806]).etherPayloadBytes, null);
  });

  it('is a copy', () => {
    const frame = Uint8Array.from(frames.udp4);
    const got = response(frame);
    frame.fill(0);
    assert.equal(got.transportPayloadBytes?.toString(), 'hello');
    assert.equal(String(got.remoteEndpoint), 'l2ep&02:00:00:00:00:01#0x0800');
  });

  it('survives every frame cut off at every length', () => {
    for (const frame of Object.values(frames)) {
      for (let length = 14; length <= frame.length; length++) {
        const cut = response(frame.slice(0, length));
        assert.equal(cut.etherBytes.length, length);
        assert.ok((cut.etherPayloadBytes?.length ?? 0) <= length - 14);
      }
    }
  });
});
