import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { FrameFlag } from '../link/link.ts';
import { Relay } from '../relay/relay.ts';
import { FakeLink } from '../test-support/fake-link.ts';
import { frames, hex } from '../test-support/frames.ts';
import { uncaught } from '../test-support/uncaught.ts';
import type { Batch } from './batch.ts';
import { EtherConn } from './ether-conn.ts';
import type { EthernetOptions } from './ethernet-endpoint.ts';

const MAC = '02:00:00:00:00:02';

function open(t: TestContext, etherTypes: readonly number[] = [], options: EthernetOptions = {}) {
  const link = new FakeLink();
  const relay = new Relay(link);
  t.after(() => relay.close());
  return { link, relay, conn: new EtherConn(MAC, relay, etherTypes, options) };
}

describe('onBatch', () => {
  it('walks over all packets of a wake-up, with everything about them', (t) => {
    const { link, conn } = open(t);
    const seen: unknown[] = [];
    conn.onBatch((batch) => {
      seen.push(batch.length);
      while (batch.next()) {
        seen.push([batch.etherType, batch.frameLength, batch.payloadLength, batch.ipVersion, batch.protocol]);
        seen.push([batch.remoteAddress(), batch.remotePort, batch.localAddress(), batch.localPort]);
        seen.push([
          batch.remoteMac(),
          batch.vlanCount,
          batch.flags,
          batch.transportOffset - batch.networkOffset,
        ]);
      }
      assert.equal(batch.next(), false);
    });
    link.deliver([frames.udp4Padded, frames.udp6], FrameFlag.CHECKSUM_VALID);
    assert.deepEqual(seen, [
      2,
      [0x0800, 60, 33, 4, 17],
      ['10.0.0.1', 1000, '10.0.0.2', 53],
      ['02:00:00:00:00:01', 0, 2, 20],
      [0x86dd, 67, 53, 6, 17],
      ['2001:db8::1', 1000, '2001:db8::2', 53],
      ['02:00:00:00:00:01', 0, 2, 40],
    ]);
    assert.deepEqual(conn.stats().read, 2);
  });

  it('gives the bytes where they are, or a copy to keep', (t) => {
    const { link, conn } = open(t);
    let copy: Buffer = Buffer.alloc(0);
    conn.onBatch((batch) => {
      assert.ok(batch.next());
      const { u8, payloadOffset, payloadLength, frameOffset } = batch;
      assert.equal(u8, batch.memory.u8);
      assert.deepEqual(u8.slice(frameOffset, frameOffset + 14), frames.udp4.slice(0, 14));
      assert.deepEqual(u8.slice(payloadOffset, payloadOffset + payloadLength), frames.udp4.slice(14));
      copy = batch.copyPayload();
    });
    link.deliver([frames.udp4]);
    conn.onBatch(null);
    link.deliver([frames.udp6]);
    assert.deepEqual(copy, Buffer.from(frames.udp4.slice(14)));
  });

  it('knows protocols without ports, and packets without IP', (t) => {
    const { link, conn } = open(t, [0x0800, 0x0806], { receiveMulticast: true });
    const seen: number[][] = [];
    conn.onBatch((batch) => {
      while (batch.next()) seen.push([batch.ipVersion, batch.protocol, batch.remoteAddressOffset]);
    });
    link.deliver([frames.arpRequest]);
    assert.deepEqual(seen, [[0, -1, 0]]);
  });

  it('says VLANs and the sending side as an object', (t) => {
    const { link, conn } = open(t, [0x86dd], { vlans: [100, 5] });
    const seen: unknown[] = [];
    conn.onBatch((batch) => {
      while (batch.next()) seen.push(batch.vlans(), String(batch.remoteEndpoint()));
    });
    link.deliver([frames.qinq]);
    assert.deepEqual(seen, [[100, 5], 'l2ep&02:00:00:00:00:01|100|5#0x86dd']);
  });

  it('takes precedence over events and readers; null ends it', async (t) => {
    const { link, conn } = open(t);
    let events = 0;
    let batches = 0;
    conn.on('message', () => events++);
    conn.onBatch(() => batches++);
    link.deliver([frames.udp4]);
    conn.onBatch(null);
    link.deliver([frames.udp4]);
    assert.deepEqual([batches, events], [1, 1]);
  });

  it('counts packets that the callback leaves alone as read', (t) => {
    const { link, conn } = open(t);
    conn.onBatch((batch) => batch.next());
    link.deliver([frames.udp4, frames.udp4, frames.udp4]);
    const { enqueued, read } = conn.stats();
    assert.deepEqual({ enqueued, read }, { enqueued: 3, read: 3 });
  });

  it('takes more packets than its rows had room for', (t) => {
    const { link, conn } = open(t);
    let seen = 0;
    conn.onBatch((batch) => {
      while (batch.next()) seen += batch.payloadLength;
    });
    link.deliver(Array.from({ length: 3000 }, () => frames.udp4));
    assert.equal(seen, 3000 * 33);
  });

  it('keeps the packets of many conns apart, each in order', (t) => {
    const { link, relay } = open(t);
    const got = new Map<number, number[]>();
    for (let i = 10; i < 20; i++) {
      const numbers: number[] = [];
      got.set(i, numbers);
      new EtherConn(Uint8Array.of(2, 0, 0, 0, 0, i), relay, [0x88b5]).onBatch((batch) => {
        while (batch.next()) numbers.push(batch.u8[batch.payloadOffset]);
      });
    }
    const list = Array.from({ length: 250 }, (_, n) =>
      hex(
        `0200000000${(10 + (n % 10)).toString(16).padStart(2, '0')} 020000000001 88b5 ${(n % 256).toString(16).padStart(2, '0')}`,
      ),
    );
    link.deliver(list);
    for (const [i, numbers] of got) {
      assert.deepEqual(
        numbers,
        Array.from({ length: 25 }, (_, n) => n * 10 + (i - 10)),
      );
    }
  });
});

describe('the cursor', () => {
  it('after the callback stands on nothing: no bytes, no answers', (t) => {
    const { link, conn } = open(t);
    let kept!: Batch;
    conn.onBatch((batch) => {
      kept = batch;
      batch.next();
    });
    link.deliver([frames.udp4, frames.udp4]);
    assert.equal(kept.next(), false);
    assert.equal(kept.length, 0);
    for (const use of [
      () => kept.u8,
      () => kept.memory,
      () => kept.copyPayload(),
      () => kept.remoteAddress(),
      () => kept.remoteMac(),
      () => kept.reply(Buffer.alloc(1)),
    ]) {
      assert.throws(use, /valid only inside the onBatch callback/);
    }
    assert.deepEqual([kept.payloadOffset, kept.payloadLength, kept.remotePort, kept.etherType], [0, 0, 0, 0]);
  });

  it('before next stands on nothing, too', (t) => {
    const { link, conn } = open(t);
    let calls = 0;
    conn.onBatch((batch) => {
      calls++;
      assert.equal(batch.length, 1);
      assert.equal(batch.payloadLength, 0);
      assert.throws(() => batch.reply(Buffer.alloc(1)), /stands on no packet/);
    });
    link.deliver([frames.udp4]);
    assert.equal(calls, 1);
  });

  it('is the same after a callback that has thrown', async (t) => {
    const { link, conn } = open(t);
    conn.onBatch(() => {
      throw new Error('mine');
    });
    const errors = await uncaught(() => link.deliver([frames.udp4]));
    assert.deepEqual(
      errors.map((error) => (error as Error).message),
      ['mine'],
    );
    let seen = 0;
    conn.onBatch((batch) => {
      while (batch.next()) seen++;
    });
    link.deliver([frames.udp4]);
    assert.equal(seen, 1);
  });
});

describe('reply on the Ethernet layer', () => {
  it('goes to the sender, from the own MAC address, in the own VLANs', (t) => {
    const { link, conn } = open(t, [0x86dd], { vlans: [{ id: 100, tpid: 0x88a8, pcp: 1 }, 5] });
    conn.onBatch((batch) => {
      while (batch.next()) assert.equal(batch.reply(Buffer.from('abc')), 1);
    });
    link.deliver([frames.qinq]);
    assert.deepEqual(link.sent, [
      Buffer.from(hex('020000000001 020000000002 88a82064 81000005 86dd 616263')),
    ]);
    assert.equal(conn.stats().sent, 1);
  });

  it('of a catch-all conn goes in the VLANs of the frame, from the address that was asked', (t) => {
    const { link, conn } = open(t, [], { role: 'default', receiveMulticast: true });
    conn.onBatch((batch) => {
      while (batch.next()) batch.reply(Buffer.from('abc'));
    });
    link.deliver([
      hex('020000000077 020000000001 88a8d064 81000005 81000006 88b5 00'),
      hex('ffffffffffff 020000000001 88b5 00'),
      hex('020000000077 020000000001 0002 0000'),
    ]);
    assert.deepEqual(link.sent, [
      Buffer.from(hex('020000000001 020000000077 88a8d064 81000005 81000006 88b5 616263')),
      Buffer.from(hex('020000000001 020000000002 88b5 616263')),
      Buffer.from(hex('020000000001 020000000077 0003 616263')),
    ]);
  });

  it('says when there is no room, and refuses what does not fit', (t) => {
    const { link, conn } = open(t);
    const results: number[] = [];
    conn.onBatch((batch) => {
      while (batch.next()) results.push(batch.reply(Buffer.alloc(1)));
      assert.throws(() => batch.reply(Buffer.alloc(1501)), { code: 'EMSGSIZE' });
      assert.throws(() => batch.reply('x' as never), { code: 'ERR_ETHERCONN_OPTION' });
    });
    link.deliver(Array.from({ length: 65 }, () => frames.udp4));
    assert.equal(results.filter((result) => result === 1).length, 64);
    assert.equal(results.at(-1), 0);
    assert.equal(conn.stats().noRoom, 1);
  });
});
