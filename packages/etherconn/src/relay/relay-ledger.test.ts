import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import { EtherConn } from '../conn/ether-conn.ts';
import { eventually } from '../test-support/eventually.ts';
import { FakeLink } from '../test-support/fake-link.ts';
import { twoRelays } from '../test-support/two-relays.ts';
import type { RelayStats } from './packet-relay.ts';
import { Relay } from './relay.ts';

/** Every received frame is in exactly one of these. */
function dispositions(stats: RelayStats): number {
  return (
    stats.delivered +
    stats.deliveredGroup +
    stats.deliveredDefault +
    stats.noEndpoint +
    stats.noListener +
    stats.noReceiver +
    stats.malformed +
    stats.groupSource +
    stats.ownSource +
    stats.stopped
  );
}

const STRANGER = [2, 0, 0, 0, 0, 9];
const GROUP = [1, 0, 0, 0, 0, 1];

/** Frames that hit and miss: few MAC addresses, EtherTypes and VLANs, and any bytes behind. */
const frameFrom = (...sources: number[][]) =>
  fc
    .tuple(
      fc.constantFrom(
        [2, 0, 0, 0, 0, 1],
        [2, 0, 0, 0, 0, 2],
        [2, 0, 0, 0, 0, 3],
        [0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
      ),
      fc.constantFrom([], [0x81, 0, 0, 5], [0x81, 0, 0, 0], [0x88, 0xa8, 0, 5, 0x81, 0, 0, 6], [0x81, 0]),
      fc.constantFrom(...sources),
      fc.constantFrom([8, 0], [8, 6], [0x86, 0xdd], [0, 4], [0x88, 0xcc]),
      fc.uint8Array({ maxLength: 60 }),
    )
    .map(([mac, tags, source, type, rest]) =>
      Uint8Array.from([...mac, ...source, ...tags, ...type, ...rest]),
    );

describe('the ledger', () => {
  it('has every received frame in exactly one disposition', () => {
    const setup = fc.record({
      frames: fc.array(frameFrom(STRANGER, STRANGER, [2, 0, 0, 0, 0, 2], GROUP), { maxLength: 60 }),
      hasDefault: fc.boolean(),
      hasMirror: fc.boolean(),
      multicast: fc.boolean(),
      hairpin: fc.boolean(),
      closeAt: fc.nat({ max: 80 }),
    });
    fc.assert(
      fc.property(setup, ({ frames, hasDefault, hasMirror, multicast, hairpin, closeAt }) => {
        const link = new FakeLink();
        const relay = new Relay(link, { hairpin });
        const options = { receiveMulticast: multicast, receiveDepth: 3 };
        const conns = [
          new EtherConn('02:00:00:00:00:01', relay, [], options),
          new EtherConn('02:00:00:00:00:02', relay, [0x0800], { ...options, vlans: [5] }),
        ];
        relay.register([conns[0].localAddr().getKey()]);
        if (hasDefault)
          conns.push(new EtherConn('02:00:00:00:00:07', relay, [], { ...options, role: 'default' }));
        if (hasMirror)
          conns.push(new EtherConn('02:00:00:00:00:08', relay, [], { ...options, role: 'mirror' }));
        for (let at = 0; at < frames.length; at += 7) {
          if (at >= closeAt) void relay.close();
          if (!link.closed) link.deliver(frames.slice(at, at + 7));
        }
        const stats = relay.stats();
        assert.equal(stats.received, dispositions(stats));
        assert.ok(stats.groupCopies >= stats.deliveredGroup);
        let enqueued = 0;
        for (const conn of conns) {
          const own = conn.stats();
          assert.equal(own.enqueued, own.read + own.dropped + own.queued);
          enqueued += own.enqueued;
        }
        // Each default conn takes a frame at most once, and there is one.
        assert.equal(enqueued, stats.delivered + stats.groupCopies + stats.deliveredDefault + stats.mirrored);
      }),
      { numRuns: 300 },
    );
  });

  it('agrees with the links on random traffic between two relays', async (t: TestContext) => {
    const { a, b } = twoRelays(t, { sendingMode: 'batch' });
    const conns = [
      new EtherConn('02:00:00:00:00:01', a, [], { receiveMulticast: true }),
      new EtherConn('02:00:00:00:00:02', b, [0x0800], { receiveMulticast: true }),
      new EtherConn('02:00:00:00:00:03', b, [0x0800], { vlans: [5] }),
    ];
    const raw = a.register([new EtherConn('02:00:00:00:00:0a', a, [0x9999]).localAddr().getKey()]);
    let sent = 0;
    for (const frame of fc.sample(frameFrom(STRANGER, STRANGER, GROUP), { numRuns: 1500, seed: 7 })) {
      while (raw.trySend(frame) === 0) await new Promise((resolve) => setImmediate(resolve));
      sent++;
    }
    await eventually('all frames have arrived', () => b.stats().received === sent);
    assert.equal(a.stats().sent, sent);
    for (const relay of [a, b]) {
      const stats = relay.stats();
      assert.equal(stats.received, dispositions(stats));
      assert.equal(stats.received, stats.link.rxFrames);
      assert.equal(stats.sent, stats.link.txFrames);
      assert.equal(stats.link.rxDropped, 0);
    }
    assert.equal(a.stats().received, 0);
    assert.equal(b.stats().received, sent);
    const enqueued = conns.map((conn) => conn.stats().enqueued);
    assert.equal(enqueued[1] + enqueued[2], b.stats().delivered + b.stats().groupCopies);
  });
});
