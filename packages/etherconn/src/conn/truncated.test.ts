import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { decodeFrame } from '../capture/decode.ts';
import { FrameFlag } from '../link/link.ts';
import { Relay } from '../relay/relay.ts';
import { FakeLink } from '../test-support/fake-link.ts';
import { frames } from '../test-support/frames.ts';
import { EtherConn } from './ether-conn.ts';
import { RUDPConn } from './rudp-conn.ts';

const MAC = '02:00:00:00:00:02';
const { TRUNCATED } = FrameFlag;

function open(t: TestContext) {
  const link = new FakeLink();
  const relay = new Relay(link);
  t.after(() => relay.close());
  return { link, relay };
}

describe('a packet whose total length is 0, as segmentation offload leaves it', () => {
  it('reaches who reads from an EtherConn, up to the end of the frame, and no UDP conn', async (t) => {
    const { link, relay } = open(t);
    const offloaded = frames.udp4.slice();
    // The total length, and what the header checksum is then.
    offloaded.set([0, 0], 16);
    offloaded.set([0x66, 0xe4], 24);
    assert.equal(decodeFrame(offloaded)['ip.checksum'], 'good');
    const conn = new EtherConn(MAC, relay);
    link.deliver([offloaded]);
    assert.deepEqual(Buffer.from((await conn.readPacket()).data), Buffer.from(offloaded.subarray(14)));
    await conn.close();
    const udp = new RUDPConn({ address: '10.0.0.2', port: 53 }, new EtherConn(MAC, relay));
    link.deliver([offloaded, frames.udp4]);
    assert.equal(`${(await udp.readFrom()).data}`, 'hello');
    assert.equal(udp.stats().malformed, 1);
  });
});

describe('a frame that the link could receive only in part', () => {
  it('reaches who reads from an EtherConn, and says so', async (t) => {
    const { link, relay } = open(t);
    const conn = new EtherConn(MAC, relay);
    link.deliver([frames.udp4.subarray(0, 40)], TRUNCATED);
    link.deliver([frames.udp4]);
    const cut = await conn.readPacket();
    assert.deepEqual([cut.data.length, cut.truncated], [26, true]);
    assert.equal((await conn.readPacket()).truncated, false);
    link.deliver([frames.udp4.subarray(0, 40)], TRUNCATED);
    const into = await conn.readPacketFrom(new Uint8Array(100));
    assert.deepEqual([into.data.length, into.length, into.truncated], [26, 26, true]);
  });

  it("reaches listeners of 'message' and onBatch, and says so", (t) => {
    const { link, relay } = open(t);
    const conn = new EtherConn(MAC, relay);
    const got: unknown[] = [];
    conn.on('message', (data, _remote, truncated) => got.push([data.length, truncated]));
    link.deliver([frames.udp4.subarray(0, 40)], TRUNCATED);
    conn.onBatch((batch) => {
      while (batch.next()) got.push([batch.payloadLength, batch.truncated]);
    });
    link.deliver([frames.udp4.subarray(0, 40)], TRUNCATED);
    link.deliver([frames.udp4]);
    assert.deepEqual(got, [
      [26, true],
      [26, true],
      [33, false],
    ]);
  });

  it('reaches who registered by himself, and says so', (t) => {
    const { link, relay } = open(t);
    const got: boolean[] = [];
    const registration = relay.register([new EtherConn(MAC, relay).localAddr().getKey()]);
    registration.receive(({ truncated }) => got.push(truncated));
    const conn = new EtherConn(MAC, relay, [0x0800]);
    relay.register([conn.localAddr().getKey()]).receive(({ truncated }) => got.push(truncated));
    link.deliver([frames.udp4.subarray(0, 40)], TRUNCATED);
    link.deliver([frames.udp4]);
    assert.deepEqual(got, [true, false]);
  });

  it('is no datagram: UDP conns drop and count it', (t) => {
    const { link, relay } = open(t);
    const conn = new RUDPConn({ address: '10.0.0.2', port: 53 }, new EtherConn(MAC, relay), {
      verifyChecksum: 'off',
    });
    link.deliver([frames.udp4.subarray(0, 44), frames.udp4.subarray(0, 30)], TRUNCATED);
    link.deliver([frames.udp4.subarray(0, 44)]);
    const { truncated, malformed, enqueued } = conn.stats();
    assert.deepEqual({ truncated, malformed, enqueued }, { truncated: 2, malformed: 1, enqueued: 0 });
  });

  it('whose packet is whole all the same, as only padding is missing, is delivered as such', async (t) => {
    const { link, relay } = open(t);
    const ether = new EtherConn(MAC, relay, [0x0800]);
    link.deliver([frames.udp4Padded.subarray(0, 50)], TRUNCATED);
    assert.equal((await ether.readPacket()).truncated, false);
    const conn = new RUDPConn({ address: '10.0.0.2', port: 53 }, ether);
    link.deliver([frames.udp4Padded.subarray(0, 50)], TRUNCATED);
    assert.equal((await conn.readFrom()).data.toString(), 'hello');
    assert.equal(conn.stats().truncated, 0);
  });
});
