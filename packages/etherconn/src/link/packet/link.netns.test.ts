import assert from 'node:assert/strict';
import { readlinkSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { CollectingReceiver } from '../../test-support/collecting-receiver.ts';
import { eventually } from '../../test-support/eventually.ts';
import { sendFrame } from '../../test-support/link-probe.ts';
import { tsharkFields, tsharkMissing } from '../../test-support/tshark.ts';
import { FAR, NEAR, openVethBench, type VethBench } from '../../test-support/veth-links.ts';
import { requireCapture, requireNamespaces, startCapture } from '../../testing/namespaces.ts';
import { FrameFlag, type Station } from '../link.ts';
import { captureLink } from '../middleware/capture-link.ts';
import { openPacketLink, type PacketLink } from './link.ts';

const skip = requireNamespaces();
const MODES = ['latency', 'throughput'] as const;
const ADDRESSES = '02000000009902000000000a';

/** A frame from hexadecimal: addresses and all. */
function hex(...parts: string[]): Buffer {
  return Buffer.from(parts.join(''), 'hex');
}

/** An untagged frame with a number in it. */
function numbered(number: number, length = 60, target = '020000000099'): Buffer {
  const frame = Buffer.alloc(length, 0x5a);
  hex(target, '02000000000a', '88b5').copy(frame);
  frame.writeUInt32BE(number, 14);
  return frame;
}

function numbers(receiver: CollectingReceiver): number[] {
  return receiver.frames.map(({ bytes }) => bytes.readUInt32BE(14));
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

function send(link: PacketLink, ...frames: readonly Uint8Array[]): void {
  for (const frame of frames) assert.ok(sendFrame(link, frame));
  link.tx.flush();
}

function bytesOf(receiver: CollectingReceiver): string[] {
  return receiver.frames.map(({ bytes }) => bytes.toString('hex'));
}

/** tshark has other names for 802.1ad tags, which stand outside here. */
const TAG_FIELDS = ['ieee8021ad.id', 'vlan.id', 'ieee8021ad.priority', 'vlan.priority'] as const;

/** Frames with every kind of tag stack, and what tshark calls their tags. */
const TAGGED = [
  { tags: '', ids: '', priorities: '' },
  { tags: '81000064', ids: '100', priorities: '0' },
  { tags: '8100e064', ids: '100', priorities: '7' },
  { tags: '81007fff', ids: '4095', priorities: '3' },
  { tags: '8100a000', ids: '0', priorities: '5' },
  { tags: '88a8b0c8', ids: '200', priorities: '5' },
  { tags: '88a860c881002001', ids: '200,1', priorities: '3,1' },
  { tags: '8100000a8100f014', ids: '10,20', priorities: '0,7' },
  { tags: '810000018100000281000003', ids: '1,2,3', priorities: '0,0,0' },
].map(({ tags, ...expected }) => ({ frame: hex(ADDRESSES, tags, '88b5', '11'.repeat(60)), ...expected }));

describe('AF_PACKET link on a veth pair', { skip }, () => {
  let bench: VethBench;
  before(async () => {
    bench = await openVethBench();
  });
  after(() => bench.close());

  for (const receive of MODES) {
    test(`${receive}: captured with the kernel's time, in nanoseconds`, async () => {
      const [near, far] = [bench.open(NEAR), bench.open(FAR, { receive })];
      const times: bigint[] = [];
      const captured = captureLink(
        far,
        (_u8, _offset, _length, _direction, _timestamp, _queue, nanoseconds) => times.push(nanoseconds),
      );
      const before = BigInt(Date.now()) * 1_000_000n;
      send(near, ...range(20).map((number) => numbered(number)));
      // They wait in the ring: when they are delivered is not when they came.
      await setTimeout(50);
      const after = BigInt(Date.now() + 1) * 1_000_000n;
      captured.start(new CollectingReceiver());
      await eventually('all frames', () => times.length === 20);
      for (const time of times) assert.ok(time >= before && time <= after, `${before} ${time} ${after}`);
      assert.ok(times.some((time) => time % 1_000_000n !== 0n));
      assert.deepEqual(times.toSorted(), times);
    });

    test(`${receive}: VLAN tags arrive as they were sent`, async () => {
      const [near, far] = [bench.open(NEAR), bench.open(FAR, { receive })];
      const receiver = new CollectingReceiver();
      far.start(receiver);
      send(near, ...TAGGED.map(({ frame }) => frame));
      await eventually('all frames', () => receiver.frames.length >= TAGGED.length);
      assert.deepEqual(
        bytesOf(receiver),
        TAGGED.map(({ frame }) => frame.toString('hex')),
      );
      const { rxFrames, rxBytes, rxDropped } = far.stats();
      assert.deepEqual(
        [rxFrames, rxBytes, rxDropped],
        [TAGGED.length, TAGGED.reduce((sum, { frame }) => sum + frame.length, 0), 0],
      );
      await near.close();
      await far.close();
    });
  }

  test('a capture on the far side has the very frames, and tshark sees the tags', {
    skip: requireCapture() || tsharkMissing,
  }, async () => {
    const capture = await startCapture(bench.far, FAR);
    const near = bench.open(NEAR);
    send(near, ...TAGGED.map(({ frame }) => frame));
    const frames = await capture.frames(TAGGED.length);
    assert.deepEqual(
      frames.map((frame) => frame.toString('hex')),
      TAGGED.map(({ frame }) => frame.toString('hex')),
    );
    const rows = tsharkFields(Buffer.from(capture.file), TAG_FIELDS, { preferences: [] });
    assert.deepEqual(
      rows.map((row) => ({
        ids: [...row['ieee8021ad.id'], ...row['vlan.id']].join(),
        priorities: [...row['ieee8021ad.priority'], ...row['vlan.priority']].join(),
      })),
      TAGGED.map(({ ids, priorities }) => ({ ids, priorities })),
    );
    await near.close();
  });

  for (const receive of MODES) {
    test(`${receive}: what this machine sends is not received here`, async () => {
      const [near, beside, far] = [
        bench.open(NEAR, { receive }),
        bench.open(NEAR, { receive }),
        bench.open(FAR),
      ];
      const [nearReceiver, besideReceiver] = [new CollectingReceiver(), new CollectingReceiver()];
      near.start(nearReceiver);
      beside.start(besideReceiver);
      send(near, numbered(1), numbered(2, 60, 'ffffffffffff'));
      send(beside, numbered(3));
      send(far, numbered(4));
      await eventually(
        'the frame from the far side',
        () => nearReceiver.frames.length + besideReceiver.frames.length > 1,
      );
      assert.deepEqual([numbers(nearReceiver), numbers(besideReceiver)], [[4], [4]]);
      for (const link of [near, beside, far]) await link.close();
    });

    test(`${receive}: frames that arrived since open are delivered, in batches with turns between them`, async () => {
      const [near, far] = [bench.open(NEAR), bench.open(FAR, { receive })];
      const receiver = new CollectingReceiver();
      for (const start of [0, 500, 1000]) send(near, ...range(500).map((i) => numbered(start + i)));
      let turns = 0;
      const count = () => {
        turns++;
        if (receiver.frames.length < 1500) setImmediate(count);
      };
      far.start(receiver);
      setImmediate(count);
      await eventually('all frames', () => receiver.frames.length >= 1500);
      assert.deepEqual(numbers(receiver), range(1500));
      assert.ok(Math.max(...receiver.batches) <= 256);
      assert.ok(turns >= 5, `${turns} turns of the event loop between 1500 frames`);
      await near.close();
      await far.close();
    });

    test(`${receive}: frames that a full ring could not take are counted`, async () => {
      const [near, far] = [bench.open(NEAR), bench.open(FAR, { receive, receiveRing: 64 })];
      const receiver = new CollectingReceiver();
      for (let i = 0; i < 4000; i += 500) send(near, ...range(500).map((j) => numbered(i + j, 1000)));
      far.start(receiver);
      await eventually('every frame received or dropped', () => {
        const { rxFrames, rxDropped } = far.stats();
        return rxFrames + rxDropped === 4000;
      });
      const { rxFrames, rxDropped, rxBytes } = far.stats();
      assert.ok(rxFrames > 0 && rxDropped > 0);
      assert.equal(rxFrames, receiver.frames.length);
      assert.equal(rxBytes, rxFrames * 1000);
      assert.equal(far.stats().rxDropped, rxDropped);
      await near.close();
      await far.close();
      assert.equal(far.stats().rxFrames + far.stats().rxDropped, 4000);
    });

    test(`${receive}: only steered stations and wanted groups pass the kernel's filter`, async () => {
      const [near, far] = [bench.open(NEAR), bench.open(FAR, { receive })];
      const receiver = new CollectingReceiver();
      far.start(receiver);
      const station: Station = { macHigh: 0x02000000, macLow: 0x99, vlanKey: 0, etherTypes: [0x88b5] };
      const other: Station = { ...station, macLow: 0x98 };
      const mixed = (base: number) => [
        numbered(base, 60, '020000000098'),
        numbered(base + 1, 60, '010000000001'),
        numbered(base + 2, 60, 'ffffffffffff'),
        numbered(base + 3, 60, '020000000099'),
      ];
      far.steer([station], [], { all: false, group: false });
      await eventually('narrowed', () => far.info().filter === '1 addresses');
      send(near, ...mixed(0));
      await eventually('a frame', () => receiver.frames.length > 0);
      far.steer([], [], { all: false, group: true });
      send(near, ...mixed(10));
      await eventually('three frames more', () => receiver.frames.length >= 4);
      far.steer([other], [], { all: false, group: true });
      send(near, ...mixed(20));
      await eventually('four frames more', () => receiver.frames.length >= 8);
      assert.deepEqual(numbers(receiver), [3, 11, 12, 13, 20, 21, 22, 23]);
      assert.equal(far.stats().rxFrames, 8);
      await near.close();
      await far.close();
    });
  }

  test('frames with partial checksums are flagged', async () => {
    bench.near.run('ip', 'address', 'add', '192.0.2.1/24', 'dev', NEAR);
    bench.near.run('ip', 'neigh', 'add', '192.0.2.2', 'lladdr', '02:00:00:00:00:0b', 'dev', NEAR);
    const far = bench.open(FAR);
    const receiver = new CollectingReceiver();
    far.start(receiver);
    const program =
      "const s = require('dgram').createSocket('udp4'); s.send('hello', 9, '192.0.2.2', () => s.close())";
    bench.near.run(process.execPath, '-e', program);
    await eventually('the datagram', () => receiver.frames.length > 0);
    assert.equal(receiver.frames[0].bytes.readUInt16BE(12), 0x0800);
    assert.equal(receiver.frames[0].flags, FrameFlag.CHECKSUM_PARTIAL);
    assert.ok(far.partialChecksums);
    await far.close();
    bench.near.run('ip', 'address', 'flush', 'dev', NEAR);
  });

  test('frames that the interface refuses are counted, the others go', async () => {
    const [near, far] = [bench.open(NEAR), bench.open(FAR)];
    const receiver = new CollectingReceiver();
    far.start(receiver);
    // Only a tagged frame may have the 4 bytes over MTU and header.
    const tagged = Buffer.concat([hex(ADDRESSES, '81000064', '88b5'), Buffer.alloc(1500, 1)]);
    assert.equal(tagged.length, near.maxFrameLength);
    send(near, numbered(1, 1514), numbered(2, 1515), tagged, numbered(3));
    await eventually('three frames', () => receiver.frames.length >= 3);
    assert.deepEqual(
      receiver.frames.map(({ bytes }) => bytes.length),
      [1514, 1518, 60],
    );
    const { txFrames, txErrors, txBytes } = near.stats();
    assert.deepEqual([txFrames, txErrors, txBytes], [3, 1, 1514 + 1518 + 60]);
    await near.close();
    await far.close();
  });

  test('a full send ring: reserve says so, onRoom comes, nothing is lost', async () => {
    const [near, far] = [bench.open(NEAR, { sendRing: 16 }), bench.open(FAR)];
    const receiver = new CollectingReceiver();
    far.start(receiver);
    near.start(new CollectingReceiver());
    let next = 0;
    const fill = () => {
      while (next < 1000 && sendFrame(near, numbered(next))) next++;
      near.tx.flush();
    };
    near.tx.onRoom = fill;
    fill();
    assert.equal(next, 16);
    await eventually('all frames', () => receiver.frames.length >= 1000);
    assert.deepEqual(numbers(receiver), range(1000));
    assert.ok(near.stats().txNoRoom >= 1000 / 16 - 1);
    await near.close();
    await far.close();
  });

  test('a link opens in another namespace, and the thread stays in its own', async () => {
    const own = readlinkSync('/proc/thread-self/ns/net');
    const near = bench.open(NEAR);
    assert.notEqual(readlinkSync(bench.near.path), own);
    assert.equal(readlinkSync('/proc/thread-self/ns/net'), own);
    assert.equal(near.mtu, 1500);
    assert.equal(Buffer.from(near.hardwareAddress).toString('hex'), '02000000000a');
    assert.deepEqual([near.info().driver, near.info().netns], ['veth', bench.near.path]);
    // The interface is not in the namespace of this process.
    assert.throws(() => openPacketLink(NEAR), {
      code: 'ENODEV',
      errno: -19,
      message: /no interface 'near0' in this/,
    });
    assert.throws(() => bench.open(FAR, { netns: bench.near.path }), { code: 'ENODEV' });
    assert.throws(() => bench.open(FAR, { netns: '/proc/self/status' }), {
      code: 'EINVAL',
      message: /not a network n/,
    });
    assert.throws(() => bench.open(FAR, { netns: '/nowhere' }), {
      code: 'ENOENT',
      message: /netns: \/nowhere/,
    });
    assert.equal(readlinkSync('/proc/thread-self/ns/net'), own);
    await near.close();
  });

  test('a ring that cannot be is refused with the option to change', () => {
    assert.throws(() => bench.open(NEAR, { receiveRing: 1 << 20 }), { option: 'receiveRing' });
  });
});

describe('AF_PACKET link and frame sizes', { skip }, () => {
  for (const receive of MODES) {
    test(`${receive}: jumbo frames, both ways`, async () => {
      const bench = await openVethBench({ mtu: 9000 });
      const [near, far] = [bench.open(NEAR, { receive }), bench.open(FAR, { receive })];
      const receivers = [new CollectingReceiver(), new CollectingReceiver()];
      near.start(receivers[0]);
      far.start(receivers[1]);
      const tagged = Buffer.concat([hex(ADDRESSES, '8100e064', '88b5'), Buffer.alloc(9000, 0xc3)]);
      assert.equal(near.maxFrameLength, tagged.length);
      for (const [link, receiver] of [
        [near, receivers[1]],
        [far, receivers[0]],
      ] as const) {
        send(link, numbered(1, 9014), tagged, numbered(2));
        await eventually('three frames', () => receiver.frames.length >= 3);
        assert.deepEqual(
          bytesOf(receiver),
          [numbered(1, 9014), tagged, numbered(2)].map((f) => f.toString('hex')),
        );
        assert.ok(receiver.frames.every(({ flags }) => (flags & FrameFlag.TRUNCATED) === 0));
      }
      await bench.close();
    });

    test(`${receive}: merged TCP segments are received whole, in order, with their tags`, async () => {
      const bench = await openVethBench();
      const far = bench.open(FAR, { receive });
      const receiver = new CollectingReceiver();
      far.start(receiver);
      bench.far.run('ip', 'link', 'set', FAR, 'mtu', '65535');
      bench.near.run('ip', 'link', 'set', NEAR, 'mtu', '65535');
      const tcp = (number: number, length: number, tags = ''): Buffer => {
        const start = hex(ADDRESSES, tags, '0800', '45000000000000004006', '0000');
        return Buffer.concat([start, Buffer.alloc(length - start.length, number)]);
      };
      const frames = [
        ...range(5).map((i) => tcp(i, 65_549)),
        numbered(1),
        tcp(6, 30_000, '8100e064'),
        tcp(7, 65_553, '8100e064'),
        tcp(8, 1600),
        numbered(2),
      ];
      const near = bench.open(NEAR);
      for (const frame of frames) send(near, frame);
      await eventually('all frames', () => receiver.frames.length >= frames.length);
      assert.deepEqual(
        receiver.frames.map(({ flags }) => flags),
        frames.map(() => 0),
      );
      for (const [i, frame] of frames.entries())
        assert.ok(frame.equals(receiver.frames[i].bytes), `frame ${i}`);
      const { rxOversize, rxDropped } = far.stats();
      assert.deepEqual([rxOversize, rxDropped], [0, 0]);
      await bench.close();
    });

    test(`${receive}: a frame longer than the ring was made for is flagged and counted`, async () => {
      const bench = await openVethBench();
      const far = bench.open(FAR, { receive });
      const receiver = new CollectingReceiver();
      far.start(receiver);
      bench.far.run('ip', 'link', 'set', FAR, 'mtu', '65535');
      bench.near.run('ip', 'link', 'set', NEAR, 'mtu', '65535');
      const long = numbered(1, 65_549);
      const near = bench.open(NEAR);
      send(near, long, numbered(2));
      await eventually('two frames', () => receiver.frames.length >= 2);
      const [first, second] = receiver.frames;
      assert.ok(first.bytes.length < long.length);
      assert.deepEqual(first.bytes, long.subarray(0, first.bytes.length));
      assert.equal(first.flags & FrameFlag.TRUNCATED, FrameFlag.TRUNCATED);
      assert.deepEqual(second.bytes, numbered(2));
      assert.equal(far.stats().rxOversize, 1);
      await bench.close();
    });
  }
});
