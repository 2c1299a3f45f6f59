import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CollectingReceiver } from '../../test-support/collecting-receiver.ts';
import { eventually } from '../../test-support/eventually.ts';
import { STATION_A, sendFrame, testFrame } from '../../test-support/link-probe.ts';
import { FAR, NEAR } from '../../test-support/veth-links.ts';
import { requireXdp, stationAt, withXdpBench } from '../../test-support/xdp-bench.ts';
import { formatMac } from '../../wire/mac.ts';

const NOTHING = { all: false, group: false };
const OTHER = Uint8Array.of(2, 0, 0, 0, 0, 0x99);

for (const mode of ['native', 'generic'] as const) {
  describe(`AF_XDP link, ${mode}: the interface gets another MAC address`, { skip: requireXdp() }, () => {
    test('it is refused as the own one was, which may be had from then on', async () => {
      await withXdpBench({}, async (bench) => {
        const link = await bench.open(FAR, { mode, chunks: 64 });
        link.start(new CollectingReceiver());
        const before = link.hardwareAddress;
        const changes: string[] = [];
        link.onAddressChange = (from, to) => changes.push(`${formatMac(from)} ${formatMac(to)}`);
        link.admit([stationAt(OTHER)]);
        link.steer([], [], NOTHING);
        bench.far.run('ip', 'link', 'set', FAR, 'address', formatMac(OTHER));
        await eventually('told', () => changes.length === 1);
        assert.deepEqual(changes, [`${formatMac(before)} ${formatMac(OTHER)}`]);
        assert.deepEqual([link.hardwareAddress, link.info().hardwareAddress], [OTHER, formatMac(OTHER)]);
        for (const refused of [link.admit.bind(link), (s: never) => link.steer(s, [], NOTHING)]) {
          assert.throws(() => refused([stationAt(OTHER)] as never), {
            code: 'ERR_ETHERCONN_TAKEOVER',
            message: /02:00:00:00:00:99 is the own address/,
          });
        }
        link.steer([stationAt(before)], [], NOTHING);
      });
    });

    test('an endpoint that is there already loses it to the kernel, unless with takeover', async () => {
      for (const takeover of [false, true]) {
        await withXdpBench({}, async (bench) => {
          const link = await bench.open(FAR, { mode, chunks: 64, takeover });
          const receiver = new CollectingReceiver();
          link.start(receiver);
          const near = await bench.open(NEAR, { mode: 'generic', chunks: 64 });
          const send = () => {
            assert.ok(sendFrame(near, testFrame(OTHER, STATION_A, 1, 60)));
            near.tx.flush();
          };
          link.steer([stationAt(OTHER)], [], NOTHING);
          send();
          await eventually('ours', () => receiver.frames.length === 1);
          const before = link.hardwareAddress;
          for (const [address, goesToUs] of [
            [OTHER, takeover],
            [before, true],
          ] as const) {
            bench.far.run('ip', 'link', 'set', FAR, 'address', formatMac(address));
            await eventually('told', () => Buffer.compare(link.hardwareAddress, address) === 0);
            const { redirected, passed } = link.stats().steering!;
            send();
            const seen = () => link.stats().steering!;
            await eventually('seen', () => seen().redirected + seen().passed === redirected + passed + 1);
            assert.equal(seen().redirected - redirected, goesToUs ? 1 : 0);
          }
        });
      }
    });
  });
}
