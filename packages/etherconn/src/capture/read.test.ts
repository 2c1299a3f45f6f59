import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { CaptureError } from './error.ts';
import { type CapturePacket, MAX_PACKET_LENGTH } from './packet.ts';
import { type CaptureSource, readCapture, readCaptureFile } from './read.ts';

/** Bytes from hex digits; whatever else stands in the text separates. */
function hex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replace(/[^0-9a-f]/g, ''), 'hex'));
}

function bytesOf(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** All packets, and the error that ended them. */
async function readAll(
  source: CaptureSource,
): Promise<{ packets: CapturePacket[]; error: CaptureError | null }> {
  const packets: CapturePacket[] = [];
  try {
    for await (const packet of readCapture(source)) packets.push(packet);
  } catch (error) {
    assert.ok(error instanceof CaptureError, `not a CaptureError: ${error}`);
    assert.equal(error.code, 'ERR_ETHERCONN_CAPTURE');
    return { packets, error };
  }
  return { packets, error: null };
}

const pcapLittle = hex(`
  d4c3b2a1 0200 0400 00000000 00000000 ffff0000 01000000
  01000000 02000000 03000000 3c000000 aabbcc
  05000000 3f420f00 00000000 00000000`);
const pcapBigNanos = hex(`
  a1b23c4d 0002 0004 00000000 00000000 0000ffff 00000071
  80000000 3b9ac9ff 00000002 00000002 1122`);

const sectionLittle = '0a0d0d0a 1c000000 4d3c2b1a 0100 0000 ffffffffffffffff 1c000000';
const sectionBig = '0a0d0d0a 0000001c 1a2b3c4d 0001 0000 ffffffffffffffff 0000001c';
const ethernetLittle = '01000000 14000000 0100 0000 00000000 14000000';
/** Interface 0, time 0x100000002, 5 of 9 bytes. */
const enhancedLittle =
  '06000000 28000000 00000000 01000000 02000000 05000000 09000000 0102030405 000000 28000000';

test('pcap: both byte orders, micro- and nanoseconds, cut packets, other link types', async () => {
  assert.deepEqual(await readAll(pcapLittle), {
    packets: [
      {
        timestamp: 1_000_002_000n,
        data: hex('aabbcc'),
        originalLength: 60,
        interfaceId: 0,
        linkType: 1,
      },
      { timestamp: 5_999_999_000n, data: hex(''), originalLength: 0, interfaceId: 0, linkType: 1 },
    ],
    error: null,
  });
  assert.deepEqual(await readAll(pcapBigNanos), {
    packets: [
      {
        timestamp: 0x80000000n * 1_000_000_000n + 999_999_999n,
        data: hex('1122'),
        originalLength: 2,
        interfaceId: 0,
        linkType: 113,
      },
    ],
    error: null,
  });
});

test('pcap: FCS bits of the link type word are not part of the link type', async () => {
  const file = hex(
    'd4c3b2a1 0200 0400 00000000 00000000 ffff0000 01000024 01000000 00000000 00000000 00000000',
  );
  assert.equal((await readAll(file)).packets[0]!.linkType, 1);
});

test('pcap: lengths the other way round before version 2.3', async () => {
  const file = hex(
    'd4c3b2a1 0200 0200 00000000 00000000 ffff0000 01000000 00000000 00000000 3c000000 01000000 aa',
  );
  const { packets, error } = await readAll(file);
  assert.equal(error, null);
  assert.equal(packets[0]!.originalLength, 60);
  assert.deepEqual(packets[0]!.data, hex('aa'));
});

test("Kuznetzov's pcap: longer packet headers, which tell the direction", async () => {
  for (const littleEndian of [true, false]) {
    const bytes = new Uint8Array(24 + 2 * 24 + 5);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, 0xa1b2cd34, littleEndian);
    view.setUint16(4, 2, littleEndian);
    view.setUint16(6, 4, littleEndian);
    view.setUint32(16, 0xffff, littleEndian);
    view.setUint32(20, 1, littleEndian);
    for (const [at, type, length] of [
      [24, 4, 3],
      [51, 1, 2],
    ] as const) {
      view.setUint32(at, 7, littleEndian);
      view.setUint32(at + 4, 5, littleEndian);
      view.setUint32(at + 8, length, littleEndian);
      view.setUint32(at + 12, 60, littleEndian);
      view.setUint32(at + 16, 2, littleEndian);
      view.setUint16(at + 20, 0x0800);
      view.setUint8(at + 22, type);
      bytes.fill(0xaa, at + 24, at + 24 + length);
    }
    const { packets, error } = await readAll(bytes);
    assert.equal(error, null);
    assert.deepEqual(
      packets.map((packet) => [
        packet.timestamp,
        packet.data.length,
        packet.originalLength,
        packet.direction,
      ]),
      [
        [7_000_005_000n, 3, 60, 'out'],
        [7_000_005_000n, 2, 60, 'in'],
      ],
    );
    assert.deepEqual([...new Set(packets.flatMap(({ data }) => [...data]))], [0xaa]);
    const cut = await readAll(bytes.subarray(0, 24 + 20));
    assert.match(cut.error!.message, /cut off in a packet header, 20 of 24 bytes/);
  }
});

test('what is not a capture is named', async () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['', /empty/],
    ['d4', /cut off in its magic number/],
    ['a1b234cd 0200 0400', /Navtel/],
    ['1c0001ac 0200 0400', /IXIA/],
    ['736e6f6f70000000', /snoop/],
    ['28b52ffd 00000000', /zstd/],
    ['474554202f', /not a pcap or pcapng capture: it begins with 0x47455420/],
    ['d4c3b2a1 0100 0000 00000000 00000000 ffff0000 01000000', /version 1\.0 is not supported/],
    ['0a0d0d0a 1c000000 4d3c2b1b 0100 0000 ffffffffffffffff 1c000000', /byte-order magic/],
    ['0a0d0d0a 1c000000 4d3c2b1a 0200 0000 ffffffffffffffff 1c000000', /version 2 is not supported/],
  ];
  for (const [bytes, message] of cases) {
    const { packets, error } = await readAll(hex(bytes));
    assert.equal(packets.length, 0);
    assert.match(error?.message ?? 'no error', message);
    assert.equal(error?.offset, 0);
  }
});

test('pcap: an absurd length is an error at its header, after the packets before it', async () => {
  for (const length of ['ffffffff', '01000400', '00000080']) {
    const { packets, error } = await readAll(
      bytesOf(pcapLittle, hex(`00000000 00000000 ${length} 3c000000`)),
    );
    assert.equal(packets.length, 2);
    assert.equal(error?.offset, pcapLittle.length);
    assert.match(error.message, /captured bytes, over the limit of 262144/);
  }
});

test('pcapng: enhanced packet with all options', async () => {
  const file = hex(`${sectionLittle}
    01000000 28000000 0100 0000 00000000
      0200 0500 7665746830000000  0900 0100 09000000  28000000
    06000000 74000000 00000000 01000000 02000000 05000000 09000000 0102030405000000
      0100 0200 68690000
      0200 0400 02000180
      0300 0300 02aabb00
      0400 0800 0700000000000000
      0500 0800 efcdab8967452301
      0600 0400 03000000
      0700 0900 020400000000000000 000000
      0000 0000
    74000000`);
  assert.deepEqual(await readAll(file), {
    packets: [
      {
        timestamp: 0x100000002n,
        data: hex('0102030405'),
        originalLength: 9,
        interfaceId: 0,
        linkType: 1,
        interfaceName: 'veth0',
        comment: 'hi',
        flags: 0x80010002,
        direction: 'out',
        dropCount: 7,
        packetId: 0x0123456789abcdefn,
        queue: 3,
        verdict: hex('020400000000000000'),
      },
    ],
    error: null,
  });
});

test('pcapng: sections of different byte order, each with its own interfaces', async () => {
  const file = hex(`${sectionLittle} ${ethernetLittle} ${enhancedLittle}
    ${sectionBig}
    00000001 00000014 0071 0000 00000000 00000014
    00000006 00000028 00000000 00000001 00000002 00000005 00000009 0102030405 000000 00000028`);
  const { packets, error } = await readAll(file);
  assert.equal(error, null);
  assert.equal(packets.length, 2);
  assert.deepEqual(packets[1], { ...packets[0], linkType: 113 });

  const noInterface = await readAll(
    hex(`${sectionLittle} ${ethernetLittle} ${sectionLittle} ${enhancedLittle}`),
  );
  assert.match(
    noInterface.error!.message,
    /packet of interface 0, but 0 interfaces are described \(at byte 76\)/,
  );
});

test('pcapng: timestamp resolutions and offsets', async () => {
  const cases: readonly (readonly [string, bigint])[] = [
    ['', 0x100000002n * 1000n],
    ['0900 0100 09000000', 0x100000002n],
    ['0900 0100 03000000', 0x100000002n * 1_000_000n],
    ['0900 0100 00000000', 0x100000002n * 1_000_000_000n],
    ['0900 0100 0c000000', 0x100000002n / 1000n],
    // 2^-20 seconds: 4096 s and 2 ticks of 1/1048576 s.
    ['0900 0100 94000000', 4096n * 1_000_000_000n + 1907n],
    ['0900 0100 7f000000', 0n],
    ['0900 0100 09000000 0e00 0800 ffffffffffffffff', 0x100000002n - 1_000_000_000n],
    ['0e00 0800 0a00000000000000 0900 0100 09000000', 0x100000002n + 10_000_000_000n],
  ];
  for (const [options, expected] of cases) {
    const body = hex(options);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(20 + body.length);
    const description = bytesOf(hex('01000000'), length, hex('0100 0000 00000000'), body, length);
    const { packets, error } = await readAll(bytesOf(hex(sectionLittle), description, hex(enhancedLittle)));
    assert.equal(error, null);
    assert.equal(packets[0]!.timestamp, expected, options);
  }
});

test('pcapng: simple and obsolete packet blocks; unknown blocks are passed over', async () => {
  const file = hex(`${sectionLittle}
    01000000 14000000 0100 0000 04000000 14000000
    0a000000 10000000 deadbeef 10000000
    03000000 14000000 09000000 01020304 14000000
    03000000 14000000 02000000 01020000 14000000
    02000000 2c000000 0000 0500 00000000 07000000 01000000 01000000 ff000000 0200 0400 01000000 2c000000
    ad0b0000 0c000000 0c000000
    02000000 24000000 0000 ffff 00000000 07000000 01000000 01000000 ff000000 24000000`);
  const { packets, error } = await readAll(file);
  assert.equal(error, null);
  const common = { interfaceId: 0, linkType: 1 };
  assert.deepEqual(packets, [
    { ...common, timestamp: undefined, data: hex('01020304'), originalLength: 9 },
    { ...common, timestamp: undefined, data: hex('0102'), originalLength: 2 },
    {
      ...common,
      timestamp: 7000n,
      data: hex('ff'),
      originalLength: 1,
      dropCount: 5,
      flags: 1,
      direction: 'in',
    },
    { ...common, timestamp: 7000n, data: hex('ff'), originalLength: 1 },
  ]);
});

test('pcapng: damaged blocks are errors with their offset, after the packets before them', async () => {
  const good = `${sectionLittle} ${ethernetLittle} ${enhancedLittle}`;
  const cases: readonly (readonly [string, RegExp])[] = [
    ['06000000 08000000 00000000', /length 8 of block type 0x00000006 is not a multiple of 4 from 12 up/],
    ['06000000 29000000 00000000', /not a multiple of 4/],
    ['06000000 fcffffff 00000000', /length 4294967292 .* over the limit/],
    ['01000000 0000ff7f 00000000', /over the limit/],
    ['06000000 10000000 00000000 10000000', /enhanced packet block of 16 bytes, 32 at least/],
    ['03000000 0c000000 0c000000', /simple packet block of 12 bytes, 16 at least/],
    ['02000000 0c000000 0c000000', /packet block of 12 bytes, 32 at least/],
    ['01000000 0c000000 0c000000', /interface description of 12 bytes, 20 at least/],
    ['0a0d0d0a 14000000 4d3c2b1a 01000000 14000000', /section header of 20 bytes, 28 at least/],
    [
      enhancedLittle.replace('06000000 28000000 00000000', '06000000 28000000 07000000'),
      /packet of interface 7, but 1/,
    ],
    [
      enhancedLittle.replace('05000000', '09000000'),
      /packet says 9 captured bytes, its block has room for 8/,
    ],
    [enhancedLittle.replace('05000000', 'ffffffff'), /packet says 4294967295 captured bytes/],
    [enhancedLittle.replace(/28000000$/, '2c000000'), /leading length is 40, its trailing length 44/],
    ['aaaaaaaa 10000000 00000000 00000000', /leading length is 16, its trailing length 0/],
    ['aaaaaaaa f0ffffff 00000000 00000000', /cut off in a block of 4294967280 bytes/],
    [
      '06000000 28000000 00000000 00000000 00000000 00000000 00000000 0200 0800 00000000 28000000',
      /option 2 of 8 bytes, but 4 are left in its block/,
    ],
  ];
  for (const [bytes, message] of cases) {
    const { packets, error } = await readAll(hex(good + bytes));
    assert.equal(packets.length, 1, bytes);
    assert.match(error?.message ?? 'no error', message);
    assert.equal(error?.offset, hex(good).length);
  }
});

test('pcapng: the packet limit goes by link type', async () => {
  const packet = (length: number): Uint8Array => {
    const bytes = new DataView(new ArrayBuffer(16 + length));
    bytes.setUint32(0, 3, true);
    bytes.setUint32(4, 16 + length, true);
    bytes.setUint32(8, length, true);
    bytes.setUint32(12 + length, 16 + length, true);
    return new Uint8Array(bytes.buffer);
  };
  const usb = hex('01000000 14000000 dc00 0000 00000000 14000000');
  const largest = await readAll(bytesOf(hex(sectionLittle), usb, packet(MAX_PACKET_LENGTH)));
  assert.equal(largest.error, null);
  assert.equal(largest.packets[0]!.data.length, MAX_PACKET_LENGTH);
  const ethernet = hex(ethernetLittle);
  assert.equal((await readAll(bytesOf(hex(sectionLittle), ethernet, packet(262_144)))).error, null);
  const over = await readAll(bytesOf(hex(sectionLittle), ethernet, packet(262_148)));
  assert.match(over.error!.message, /over the limit of 262144/);
});

const pcapngSmall = hex(`${sectionLittle} ${ethernetLittle} ${enhancedLittle}
  0a000000 10000000 deadbeef 10000000
  03000000 14000000 02000000 01020000 14000000 ${enhancedLittle}`);
/** Files, and where in them each packet ends. */
const samples: readonly (readonly [string, Uint8Array, readonly number[], readonly number[]])[] = [
  ['pcap', pcapLittle, [43, 59], [24, 43, 59]],
  ['pcapng', pcapngSmall, [88, 124, 164], [28, 48, 88, 104, 124, 164]],
];

test('cut off at every byte: the packets before the cut, then an error unless it is between two structures', async () => {
  for (const [name, file, ends, clean] of samples) {
    const whole = (await readAll(file)).packets;
    for (let length = 0; length <= file.length; length++) {
      const { packets, error } = await readAll(file.subarray(0, length));
      const count = ends.filter((end) => end <= length).length;
      assert.deepEqual(packets, whole.slice(0, count), `${name} cut to ${length}`);
      assert.equal(error === null, clean.includes(length), `${name} cut to ${length}: ${error}`);
      if (error !== null) assert.ok(error.offset <= length);
    }
  }
});

test('the sizes of the chunks do not matter', async () => {
  for (const [, file] of samples) {
    for (const bytes of [file, new Uint8Array(gzipSync(file))]) {
      const whole = await readAll(file);
      for (const size of [1, 2, 3, 7, 16, 61]) {
        const chunks: Uint8Array[] = [];
        for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
        assert.deepEqual(await readAll(chunks), whole);
        assert.deepEqual(await readAll(Readable.from(chunks)), whole);
      }
    }
  }
});

test('any bytes: an error or packets, never anything else', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...samples.map((sample) => sample[1])),
      fc.array(fc.tuple(fc.nat({ max: 200 }), fc.nat({ max: 255 })), { minLength: 1, maxLength: 6 }),
      fc.uint8Array({ maxLength: 64 }),
      async (file, changes, tail) => {
        const bytes = bytesOf(file, tail);
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        await readAll(bytes);
      },
    ),
    { numRuns: 3000 },
  );
});

test('gzip: read when whole, also in several members; what was readable comes before the error', async () => {
  const zipped = new Uint8Array(gzipSync(pcapLittle));
  const whole = await readAll(pcapLittle);
  assert.deepEqual(await readAll(zipped), whole);
  const members = bytesOf(gzipSync(pcapLittle.subarray(0, 30)), gzipSync(pcapLittle.subarray(30)));
  assert.deepEqual(await readAll(members), whole);

  for (let length = 2; length < zipped.length; length++) {
    const { packets, error } = await readAll(zipped.subarray(0, length));
    assert.match(error?.message ?? 'no error', /gzip: cut off/, `cut to ${length}`);
    assert.deepEqual(packets, whole.packets.slice(0, packets.length));
  }
  // All but the trailer is there: so are all packets.
  assert.equal((await readAll(zipped.subarray(0, -8))).packets.length, 2);

  const wrongChecksum = zipped.slice();
  wrongChecksum[zipped.length - 8]! ^= 1;
  const damaged = await readAll(wrongChecksum);
  assert.deepEqual(damaged.packets, whole.packets);
  assert.match(damaged.error!.message, /gzip: damaged, incorrect data check/);
});

test('gzip: a cut or damage in the middle of a long file loses only what is near it', async () => {
  const packet = hex('01000000 02000000 10000000 10000000');
  const parts = [pcapLittle.subarray(0, 24)];
  let seed = 1;
  for (let i = 0; i < 20_000; i++) {
    // Noise, so that the compressed file is long as well.
    const data = new Uint8Array(16).map(() => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return seed >>> 24;
    });
    parts.push(packet, data);
  }
  const zipped = new Uint8Array(gzipSync(bytesOf(...parts)));
  assert.equal((await readAll(zipped)).packets.length, 20_000);
  const cut = await readAll(zipped.subarray(0, zipped.length / 2));
  assert.match(cut.error!.message, /^gzip: cut off/);
  assert.ok(cut.packets.length > 9_500 && cut.packets.length < 10_500, `${cut.packets.length} packets`);

  // Which of the two notices it depends on what the damaged bytes happen to inflate to.
  zipped.fill(0xff, zipped.length / 2, zipped.length / 2 + 2000);
  const { packets, error } = await readAll(zipped);
  assert.match(error!.message, /^gzip: damaged|^pcap: packet header says/);
  assert.ok(packets.length > 8_500 && packets.length < 12_000, `${packets.length} packets`);
});

test('stopping early closes the source, and its own errors come through', async () => {
  let closed = 0;
  async function* endless(): AsyncGenerator<Uint8Array, void, void> {
    try {
      yield pcapLittle;
      for (;;) yield hex('01000000 02000000 00000000 00000000');
    } finally {
      closed++;
    }
  }
  let seen = 0;
  for await (const _ of readCapture(endless())) if (++seen === 100) break;
  assert.equal(closed, 1);

  async function* failing(): AsyncGenerator<Uint8Array, void, void> {
    yield pcapLittle;
    throw new Error('disk on fire');
  }
  const packets: CapturePacket[] = [];
  await assert.rejects(async () => {
    for await (const packet of readCapture(failing())) packets.push(packet);
  }, /disk on fire/);
  assert.equal(packets.length, 2);
});

test('files are read by name; a stream of text is refused', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'etherconn-'));
  try {
    const path = join(folder, 'small.pcap');
    writeFileSync(path, pcapLittle);
    let count = 0;
    for await (const _ of readCaptureFile(path)) count++;
    assert.equal(count, 2);
    await assert.rejects(readCaptureFile(join(folder, 'missing.pcap')).next(), { code: 'ENOENT' });
  } finally {
    rmSync(folder, { recursive: true });
  }
  const text = ['abc'] as unknown as Iterable<Uint8Array>;
  await assert.rejects(readCapture(text).next(), { code: 'ERR_ETHERCONN_OPTION' });
});

test('a capture file is opened when it is iterated, and closed when that stops', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'etherconn-'));
  try {
    const path = join(folder, 'small.pcap');
    writeFileSync(path, pcapLittle);
    const open = (): number =>
      readdirSync('/proc/self/fd').filter((fd) => linkOf(`/proc/self/fd/${fd}`) === path).length;
    // Nobody hears of what could not be opened, as nobody has asked for it.
    const unused = Array.from({ length: 50 }, () => readCaptureFile(path));
    readCaptureFile(join(folder, 'missing.pcap'));
    await setImmediate();
    if (process.platform === 'linux') assert.equal(open(), 0);
    for (const iterator of unused) await iterator.return();

    const url = readCaptureFile(pathToFileURL(path));
    assert.equal((await url.next()).value?.originalLength, 60);
    await url.return();
    while (process.platform === 'linux' && open() > 0) await setImmediate();
    assert.throws(() => readCaptureFile(7 as unknown as string), { code: 'ERR_ETHERCONN_OPTION' });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
