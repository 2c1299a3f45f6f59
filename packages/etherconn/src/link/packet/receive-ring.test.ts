import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CollectingReceiver } from '../../test-support/collecting-receiver.ts';
import { allocateFrameMemory } from '../frame-memory.ts';
import { FrameFlag } from '../link.ts';
import { ApartFrames } from './apart-frames.ts';
import type { ReceiveRing } from './receive-ring.ts';
import { RingV2 } from './ring-v2.ts';
import { RingV3 } from './ring-v3.ts';

/** The rings over memory that the test fills as the kernel would. */

const NO_VNET = Buffer.alloc(10);
const GEOMETRY = { blockSize: 1024, blockCount: 4, frameSize: 192 };
const SLOTS = 5 * GEOMETRY.blockCount;
const BASE = 64;
/** When all frames were received; their first payload byte stands for the nanoseconds. Past 2038. */
const SECONDS = 3_000_000_000;

interface Written {
  readonly bytes: Buffer;
  /** Length on the wire when it was longer than what is there. */
  readonly length?: number;
  readonly status?: number;
  readonly tci?: number;
  readonly tpid?: number;
  readonly packetType?: number;
  /** struct virtio_net_hdr before the frame. */
  readonly vnet?: Buffer;
}

function frame(mark: number, length = 60): Buffer {
  const bytes = Buffer.alloc(length, mark);
  Buffer.from('02000000000b02000000000a0800', 'hex').copy(bytes);
  return bytes;
}

/** Frames that the socket has queued. */
function apartFrames(copies: Buffer[]): ApartFrames {
  return new ApartFrames((bytes, offset) => {
    const copy = copies.shift();
    if (copy === undefined) return -11;
    bytes.set(copy, offset);
    return copy.length;
  });
}

/** One kernel side per ring format: writes frames, and tells which are the kernel's again. */
interface KernelSide {
  readonly ring: ReceiveRing;
  write(...frames: Written[]): void;
  /** Whether everything that was written has been given back. */
  returned(): boolean;
}

function kernelV2(copies: Buffer[] = []): KernelSide {
  const memory = allocateFrameMemory(BASE + GEOMETRY.blockSize * GEOMETRY.blockCount);
  const ring = new RingV2(memory, BASE, GEOMETRY, apartFrames(copies));
  const { view, u8 } = memory;
  const slotAt = (slot: number) => BASE + Math.floor(slot / 5) * 1024 + (slot % 5) * 192;
  let next = 0;
  return {
    ring,
    write(...frames) {
      for (const {
        bytes,
        length = bytes.length,
        status = 0,
        tci = 0,
        tpid = 0,
        packetType = 0,
        vnet,
      } of frames) {
        const at = slotAt(next);
        assert.equal(view.getUint32(at, true), 0, 'the ring is full');
        view.setUint32(at + 4, length, true);
        view.setUint32(at + 8, bytes.length, true);
        view.setUint16(at + 12, 70, true);
        view.setUint32(at + 16, SECONDS, true);
        view.setUint32(at + 20, bytes[14], true);
        view.setUint16(at + 24, tci, true);
        view.setUint16(at + 26, tpid, true);
        u8[at + 42] = packetType;
        u8.set(bytes, at + 70);
        u8.set(vnet ?? NO_VNET, at + 60);
        view.setUint32(at, status | 1, true);
        next = (next + 1) % SLOTS;
      }
    },
    returned: () =>
      Array.from({ length: SLOTS }, (_, slot) => view.getUint32(slotAt(slot), true)).every((s) => s === 0),
  };
}

function kernelV3(): KernelSide {
  const memory = allocateFrameMemory(BASE + GEOMETRY.blockSize * GEOMETRY.blockCount);
  const ring = new RingV3(memory, BASE, GEOMETRY, apartFrames([]));
  const { view, u8 } = memory;
  let block = 0;
  const closeBlock = (frames: readonly Written[]) => {
    const start = BASE + block * 1024;
    assert.equal(view.getUint32(start + 8, true), 0, 'the ring is full');
    let at = start + 48;
    for (const {
      bytes,
      length = bytes.length,
      status = 0,
      tci = 0,
      tpid = 0,
      packetType = 0,
      vnet,
    } of frames) {
      const size = Math.ceil((86 + bytes.length) / 8) * 8;
      view.setUint32(at, size, true);
      view.setUint32(at + 4, SECONDS, true);
      view.setUint32(at + 8, bytes[14], true);
      view.setUint32(at + 12, bytes.length, true);
      view.setUint32(at + 16, length, true);
      view.setUint32(at + 20, status | 1, true);
      view.setUint16(at + 24, 86, true);
      view.setUint32(at + 32, tci, true);
      view.setUint16(at + 36, tpid, true);
      u8[at + 58] = packetType;
      u8.set(bytes, at + 86);
      u8.set(vnet ?? NO_VNET, at + 76);
      at += size;
    }
    view.setUint32(start + 12, frames.length, true);
    view.setUint32(start + 16, 48, true);
    view.setUint32(start + 8, 1, true);
    block = (block + 1) % 4;
  };
  return {
    ring,
    write(...frames) {
      for (let i = 0; i < frames.length; i += 5) closeBlock(frames.slice(i, i + 5));
    },
    returned: () => [0, 1, 2, 3].every((block) => view.getUint32(BASE + block * 1024 + 8, true) === 0),
  };
}

for (const [name, makeKernel] of [
  ['V2', kernelV2],
  ['V3', kernelV3],
] as const) {
  test(`${name}: when the kernel received a frame is known while it is delivered`, () => {
    const { ring, write } = makeKernel();
    const times: (bigint | null)[] = [];
    const receiver = new CollectingReceiver();
    receiver.frame = () => times.push(ring.receivedAt());
    receiver.end = () => times.push(ring.receivedAt());
    write({ bytes: frame(7) }, { bytes: frame(250) });
    while (ring.ready) ring.drain(receiver, 64);
    assert.deepEqual(times, [3_000_000_000_000_000_007n, 3_000_000_000_000_000_250n, null]);
  });

  test(`${name}: frames in order, round and round, all given back`, () => {
    const kernel = makeKernel();
    const receiver = new CollectingReceiver();
    assert.ok(!kernel.ring.ready);
    assert.equal(kernel.ring.drain(receiver, 100), 0);
    assert.equal(receiver.batches.length, 0);
    const written: Buffer[] = [];
    for (let round = 0; round < 7; round++) {
      const frames = Array.from({ length: 13 }, (_, i) => frame(round * 13 + i));
      written.push(...frames);
      kernel.write(...frames.map((bytes) => ({ bytes })));
      assert.ok(kernel.ring.ready);
      assert.equal(kernel.ring.drain(receiver, 100), 13);
      assert.ok(kernel.returned());
    }
    assert.deepEqual(
      receiver.frames.map(({ bytes }) => bytes),
      written,
    );
    assert.equal(kernel.ring.rxFrames, 91);
    assert.equal(kernel.ring.rxBytes, 91 * 60);
  });

  test(`${name}: a budget ends a batch, the rest stays ready`, () => {
    const kernel = makeKernel();
    const receiver = new CollectingReceiver();
    kernel.write(...Array.from({ length: 12 }, (_, i) => ({ bytes: frame(i) })));
    assert.equal(kernel.ring.drain(receiver, 7), 7);
    assert.ok(kernel.ring.ready);
    assert.equal(kernel.ring.drain(receiver, 7), 5);
    assert.ok(!kernel.ring.ready);
    assert.ok(kernel.returned());
    assert.deepEqual(receiver.batches, [7, 5]);
    assert.deepEqual(
      receiver.frames.map(({ bytes }) => bytes[59]),
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
    );
  });

  test(`${name}: a full ring is one batch`, () => {
    const kernel = makeKernel();
    const receiver = new CollectingReceiver();
    kernel.write(...Array.from({ length: SLOTS }, (_, i) => ({ bytes: frame(i) })));
    assert.equal(kernel.ring.drain(receiver, 1000), SLOTS);
    assert.ok(kernel.returned());
    assert.deepEqual(receiver.batches, [SLOTS]);
  });

  test(`${name}: VLAN tags are put back, with priority, DEI and TPID`, () => {
    const kernel = makeKernel();
    const receiver = new CollectingReceiver();
    const bytes = frame(7);
    kernel.write(
      { bytes, status: 0x10 | 0x40, tci: 0xb064, tpid: 0x88a8 },
      { bytes, status: 0x10, tci: 0x2001 },
      { bytes, status: 0x40, tci: 5, tpid: 0x8100 },
    );
    kernel.ring.drain(receiver, 10);
    const addresses = bytes.subarray(0, 12);
    const rest = bytes.subarray(12);
    assert.deepEqual(
      receiver.frames.map(({ bytes }) => bytes),
      [
        Buffer.concat([addresses, Buffer.from('88a8b064', 'hex'), rest]),
        Buffer.concat([addresses, Buffer.from('81002001', 'hex'), rest]),
        bytes,
      ],
    );
    assert.equal(kernel.ring.rxBytes, 64 + 64 + 60);
  });

  test(`${name}: checksum and truncation flags, outgoing copies and runts`, () => {
    const kernel = makeKernel();
    const receiver = new CollectingReceiver();
    const bytes = frame(1);
    kernel.write(
      { bytes, status: 0x08 },
      { bytes, status: 0x80 },
      { bytes, length: 2000 },
      { bytes, packetType: 4 },
      { bytes: bytes.subarray(0, 13) },
      { bytes: bytes.subarray(0, 14) },
    );
    assert.equal(kernel.ring.drain(receiver, 10), 6);
    assert.deepEqual(
      receiver.frames.map(({ flags }) => flags),
      [FrameFlag.CHECKSUM_PARTIAL, FrameFlag.CHECKSUM_VALID, FrameFlag.TRUNCATED, 0],
    );
    assert.deepEqual([kernel.ring.rxFrames, kernel.ring.rxRunts, kernel.ring.rxOversize], [4, 1, 1]);
    assert.ok(kernel.returned());
  });

  test(`${name}: slots belong to the receiver until end returns`, () => {
    const kernel = makeKernel();
    const receiver = new CollectingReceiver();
    kernel.write({ bytes: frame(1) }, { bytes: frame(2) });
    receiver.onFrame = () => assert.ok(!kernel.returned());
    const end = receiver.end.bind(receiver);
    receiver.end = () => {
      assert.ok(!kernel.returned());
      end();
    };
    kernel.ring.drain(receiver, 10);
    assert.ok(kernel.returned());
  });

  test(`${name}: a receiver that throws costs one frame`, () => {
    const kernel = makeKernel();
    const receiver = new CollectingReceiver();
    kernel.write({ bytes: frame(1) }, { bytes: frame(2) }, { bytes: frame(3) });
    receiver.onFrame = ({ bytes }) => {
      if (bytes[59] === 2) throw new Error('receiver');
    };
    assert.throws(() => kernel.ring.drain(receiver, 10), /receiver/);
    assert.ok(kernel.ring.ready);
    kernel.ring.drain(receiver, 10);
    assert.deepEqual(
      receiver.frames.map(({ bytes }) => bytes[59]),
      [1, 2, 3],
    );
    assert.deepEqual(receiver.batches, [2, 1]);
    assert.ok(kernel.returned());
  });

  test(`${name}: stopped inside a batch, no further frame but end`, () => {
    const kernel = makeKernel();
    const receiver = new CollectingReceiver();
    let ends = 0;
    const end = receiver.end.bind(receiver);
    receiver.end = () => {
      ends++;
      end();
    };
    kernel.write({ bytes: frame(1) }, { bytes: frame(2) });
    receiver.onFrame = () => {
      kernel.ring.stopped = true;
    };
    assert.equal(kernel.ring.drain(receiver, 10), 1);
    assert.equal(ends, 1);
    assert.ok(!kernel.ring.ready);
    assert.equal(kernel.ring.drain(receiver, 10), 0);
  });
}

/** A TCP segment of IPv4 in a frame of `length` bytes. */
function segment(mark: number, length: number): Buffer {
  const bytes = frame(mark, length);
  bytes[14 + 9] = 6;
  return bytes;
}

test('V2: frames that are too long for a slot are received from the socket, in order with the others', () => {
  const COPIED = 0x02;
  const copies: Buffer[] = [];
  const kernel = kernelV2(copies);
  const receiver = new CollectingReceiver();
  const long = [segment(1, 65_557), segment(2, 81), segment(3, 3000), frame(4, 3000), segment(5, 2000)];
  for (const bytes of long) copies.push(Buffer.concat([NO_VNET, bytes]));
  const slotOf = (bytes: Buffer, more: Partial<Written> = {}): Written => ({
    bytes: bytes.subarray(0, 80),
    length: bytes.length,
    status: COPIED,
    ...more,
  });
  kernel.write(
    { bytes: frame(10) },
    slotOf(long[0], { status: COPIED | 0x08 }),
    slotOf(long[1]),
    slotOf(long[2], { status: COPIED | 0x10, tci: 0x2001 }),
    { bytes: frame(11) },
    slotOf(long[3]),
    slotOf(long[4], { packetType: 4 }),
    // The socket's buffer was full, so there is no copy of this one.
    slotOf(segment(6, 3000), { status: 0 }),
    { bytes: frame(12) },
  );
  while (kernel.ring.ready) kernel.ring.drain(receiver, 100);
  assert.deepEqual(copies, []);
  assert.ok(kernel.returned());
  assert.deepEqual(
    receiver.frames.map(({ bytes, flags }) => ({ bytes, flags })),
    [
      { bytes: frame(10), flags: 0 },
      { bytes: long[0], flags: FrameFlag.CHECKSUM_PARTIAL },
      { bytes: long[1], flags: 0 },
      {
        bytes: Buffer.concat([long[2].subarray(0, 12), Buffer.from('81002001', 'hex'), long[2].subarray(12)]),
        flags: 0,
      },
      { bytes: frame(11), flags: 0 },
      // Not TCP: merged datagrams look like this.
      { bytes: long[3].subarray(0, 80), flags: FrameFlag.TRUNCATED },
      { bytes: segment(6, 3000).subarray(0, 80), flags: FrameFlag.TRUNCATED },
      { bytes: frame(12), flags: 0 },
    ],
  );
  assert.deepEqual(receiver.batches, [1, 3, 1, 1, 2]);
  assert.equal(kernel.ring.rxOversize, 2);
});

test('V3: what is longer than the ring was made for is delivered whole if it is TCP', () => {
  const kernel = kernelV3();
  const receiver = new CollectingReceiver();
  kernel.write({ bytes: segment(1, 700) });
  kernel.write({ bytes: frame(2, 700) });
  while (kernel.ring.ready) kernel.ring.drain(receiver, 100);
  assert.deepEqual(
    receiver.frames.map(({ bytes, flags }) => [bytes.length, flags]),
    [
      [700, 0],
      [80, FrameFlag.TRUNCATED],
    ],
  );
  assert.deepEqual([kernel.ring.rxFrames, kernel.ring.rxOversize], [2, 1]);
});

/** A frame of merged datagrams: `size` bytes for each but the last, as its virtio_net_hdr says. */
function merged(version: 4 | 6, size: number, payload: Buffer, tags = ''): { frame: Buffer; udp: number } {
  const datagram = payload.length + 8;
  const ip =
    version === 4
      ? Buffer.from(`4500${hex16(20 + datagram)}00ff400040110000c0000201c0000202`, 'hex')
      : Buffer.from(`60000000${hex16(datagram)}1140${'20010db8'.padEnd(64, '0')}`, 'hex');
  const start = Buffer.from(`02000000000b02000000000a${tags}${version === 4 ? '0800' : '86dd'}`, 'hex');
  const udp = Buffer.from(`0fa00fa1${hex16(datagram)}fff0`, 'hex');
  const header = Buffer.alloc(10);
  header[1] = 5;
  header.writeUInt16LE(size, 4);
  return {
    frame: Buffer.concat([header, start, ip, udp, payload]),
    udp: start.length + ip.length,
  };
}

function hex16(value: number): string {
  return value.toString(16).padStart(4, '0');
}

for (const version of [4, 6] as const) {
  for (const tags of ['', '88a80005', '81000007810000ff']) {
    test(`merged datagrams come one by one, IPv${version} behind ${tags.length / 8} tags`, () => {
      const payload = Buffer.from(Array.from({ length: 25 }, (_, i) => i));
      const { frame: bytes, udp } = merged(version, 10, payload, tags);
      const kernel = kernelV2([bytes]);
      const receiver = new CollectingReceiver();
      kernel.write(
        { bytes: frame(1) },
        {
          bytes: bytes.subarray(10, 70),
          length: bytes.length - 10,
          status: 0x02 | 0x08,
          vnet: bytes.subarray(0, 10),
        },
        { bytes: frame(2) },
      );
      while (kernel.ring.ready) kernel.ring.drain(receiver, 100);
      assert.ok(kernel.returned());
      const frames = receiver.frames.slice(1, -1);
      assert.deepEqual(
        frames.map(({ bytes }) => bytes.length - udp - 8),
        [10, 10, 5],
      );
      assert.deepEqual(Buffer.concat(frames.map(({ bytes }) => bytes.subarray(udp + 8))), payload);
      for (const [i, { bytes: each, flags }] of frames.entries()) {
        const length = each.length - udp;
        assert.equal(flags, FrameFlag.CHECKSUM_PARTIAL);
        assert.equal(each.readUInt16BE(udp + 4), length);
        // The sum of the pseudo header has the length in it.
        assert.equal((each.readUInt16BE(udp + 6) - length + 2 * 0xffff) % 0xffff, (0xfff0 - 33) % 0xffff);
        const ip = udp - (version === 4 ? 20 : 40);
        if (version === 6) {
          assert.equal(each.readUInt16BE(ip + 4), length);
          continue;
        }
        assert.deepEqual([each.readUInt16BE(ip + 2), each.readUInt16BE(ip + 4)], [length + 20, 0xff + i]);
        let sum = 0;
        for (let at = ip; at < udp; at += 2) sum += each.readUInt16BE(at);
        assert.equal(sum % 0xffff, 0);
      }
      assert.deepEqual([kernel.ring.rxFrames, kernel.ring.rxOversize], [5, 0]);
    });
  }
}

test('merged datagrams that fit a slot are told apart, too; what is no UDP is counted', () => {
  for (const makeKernel of [kernelV2, kernelV3]) {
    const kernel = makeKernel();
    const receiver = new CollectingReceiver();
    const { frame: good, udp } = merged(4, 10, Buffer.from('0123456789abcdefghijklm'));
    const { frame: bad } = merged(4, 10, Buffer.from('0123456789abcdefghijklm'));
    bad[10 + 14] = 0x15;
    kernel.write(
      { bytes: frame(1) },
      { bytes: good.subarray(10), vnet: good.subarray(0, 10) },
      { bytes: bad.subarray(10), vnet: bad.subarray(0, 10) },
      { bytes: frame(2) },
    );
    while (kernel.ring.ready) kernel.ring.drain(receiver, 100);
    assert.ok(kernel.returned());
    assert.deepEqual(
      receiver.frames.map(({ bytes }) =>
        bytes[59] > 0 && bytes.length === 60 ? '' : String(bytes.subarray(udp + 8)),
      ),
      ['', '0123456789', 'abcdefghij', 'klm', ''],
    );
    assert.deepEqual([kernel.ring.rxFrames, kernel.ring.rxOversize], [5, 1]);
  }
});
