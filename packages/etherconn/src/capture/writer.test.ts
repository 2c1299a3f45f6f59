import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { OptionError } from '../errors.ts';
import { tsharkMissing } from '../test-support/tshark.ts';
import type { CapturePacket } from './packet.ts';
import { PcapWriter, type PcapWriterOptions } from './pcap-writer.ts';
import { type PcapngPacket, PcapngWriter, xdpVerdict } from './pcapng-writer.ts';
import { readCapture } from './read.ts';

/** A sink that keeps everything. */
class Kept {
  readonly chunks: Uint8Array[] = [];

  write(bytes: Uint8Array): void {
    this.chunks.push(bytes);
  }

  get bytes(): Uint8Array {
    return new Uint8Array(Buffer.concat(this.chunks));
  }
}

async function readAll(chunks: Iterable<Uint8Array>): Promise<CapturePacket[]> {
  const packets: CapturePacket[] = [];
  for await (const packet of readCapture(chunks)) packets.push(packet);
  return packets;
}

const byteOrder = fc.constantFrom('little' as const, 'big' as const);
const optional = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(value, { nil: undefined });

/** The object without its undefined fields. */
function defined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter((entry) => entry[1] !== undefined)) as T;
}

test('pcap: literal bytes', () => {
  const kept = new Kept();
  const writer = new PcapWriter(kept, { byteOrder: 'big', snapLength: 4 });
  assert.equal(writer.write({ timestamp: 3_000_007_999n, data: new Uint8Array([1, 2, 3, 4, 5, 6]) }), true);
  assert.equal(
    Buffer.from(kept.bytes).toString('hex'),
    `${'a1b2c3d4 0002 0004 00000000 00000000 00000004 00000001'.replaceAll(' ', '')}${'00000003 00000007 00000004 00000006 01020304'.replaceAll(' ', '')}`,
  );
});

test('pcap: what is written is read again', async () => {
  await fc.assert(
    fc.asyncProperty(
      byteOrder,
      fc.constantFrom('microsecond' as const, 'nanosecond' as const),
      fc.nat({ max: 0xffff }),
      fc.array(
        fc.record({
          timestamp: fc.bigInt({ min: 0n, max: 4_294_967_295_999_999_999n }),
          data: fc.uint8Array({ maxLength: 100 }),
          missing: fc.nat({ max: 2000 }),
        }),
        { maxLength: 8 },
      ),
      async (order, resolution, linkType, written) => {
        const kept = new Kept();
        const writer = new PcapWriter(kept, { byteOrder: order, resolution, linkType });
        for (const { timestamp, data, missing } of written) {
          writer.write({ timestamp, data, originalLength: data.length + missing });
        }
        assert.deepEqual(
          await readAll(kept.chunks),
          written.map(({ timestamp, data, missing }) => ({
            timestamp: resolution === 'nanosecond' ? timestamp : timestamp - (timestamp % 1000n),
            data,
            originalLength: data.length + missing,
            interfaceId: 0,
            linkType,
          })),
        );
      },
    ),
    { numRuns: 200 },
  );
});

test('pcapng: what is written is read again', async () => {
  const interfaces = fc.array(
    fc.record({
      name: optional(fc.string({ maxLength: 20 })),
      description: optional(fc.string({ maxLength: 20 })),
      linkType: fc.nat({ max: 0xffff }),
      snapLength: fc.integer({ min: 1, max: 200 }),
    }),
    { minLength: 1, maxLength: 3 },
  );
  const packet = fc.record({
    timestamp: fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }),
    data: fc.uint8Array({ maxLength: 100 }),
    missing: fc.nat({ max: 2000 }),
    interfaceId: fc.nat({ max: 2 }),
    direction: optional(fc.constantFrom('in' as const, 'out' as const)),
    flags: optional(fc.nat({ max: 0xffffffff }).map((flags) => flags - (flags % 4))),
    queue: optional(fc.nat({ max: 0xffffffff })),
    dropCount: optional(fc.maxSafeNat()),
    packetId: optional(fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn })),
    verdict: optional(fc.uint8Array({ maxLength: 20 })),
    comment: optional(fc.string({ unit: 'binary', maxLength: 20 })),
  });
  const texts = fc.record({
    hardware: optional(fc.string()),
    os: optional(fc.string()),
    application: optional(fc.string()),
  });
  await fc.assert(
    fc.asyncProperty(
      byteOrder,
      texts,
      interfaces,
      fc.array(packet, { maxLength: 8 }),
      async (order, system, ports, list) => {
        const kept = new Kept();
        const writer = new PcapngWriter(kept, defined({ ...system, byteOrder: order }) as object);
        for (const [id, port] of ports.entries())
          assert.equal(writer.addInterface(defined(port) as object), id);
        const expected: CapturePacket[] = [];
        for (const { missing, ...fields } of list) {
          const interfaceId = fields.interfaceId % ports.length;
          const originalLength = fields.data.length + missing;
          const port = ports[interfaceId]!;
          writer.write(defined({ ...fields, interfaceId, originalLength }) as PcapngPacket);
          const directionBits = fields.direction === undefined ? 0 : fields.direction === 'in' ? 1 : 2;
          expected.push(
            defined({
              ...fields,
              data: fields.data.slice(0, port.snapLength),
              interfaceId,
              originalLength,
              linkType: port.linkType,
              interfaceName: port.name,
              flags: directionBits > 0 ? (fields.flags ?? 0) + directionBits : fields.flags,
            }) as CapturePacket,
          );
        }
        assert.deepEqual(await readAll(kept.chunks), expected);
      },
    ),
    { numRuns: 300 },
  );
});

test('wrong options and fields are refused before anything is written', () => {
  const kept = new Kept();
  const bad = (options: object): void =>
    assert.throws(() => new PcapWriter(kept, options as PcapWriterOptions), OptionError);
  bad({ resolution: 'second' });
  bad({ snapLength: 0 });
  bad({ snapLength: 262_145 });
  bad({ linkType: 70_000 });
  bad({ byteorder: 'big' });
  assert.throws(() => new PcapngWriter(kept, { os: 5 } as object), { option: 'os' });
  assert.throws(() => new PcapngWriter(undefined as unknown as Kept), { option: 'sink' });
  assert.equal(kept.chunks.length, 0);

  const pcap = new PcapWriter(kept);
  const pcapng = new PcapngWriter(kept);
  const data = new Uint8Array(20);
  assert.throws(() => pcapng.write({ timestamp: 0n, data }), { option: 'interfaceId' });
  pcapng.addInterface();
  const before = kept.chunks.length;
  assert.throws(() => pcap.write({ timestamp: -1n, data }), { option: 'timestamp' });
  assert.throws(() => pcap.write({ timestamp: 1n << 63n, data }), { option: 'timestamp' });
  assert.throws(() => pcap.write({ timestamp: 0n, data, originalLength: 19 }), { option: 'originalLength' });
  assert.throws(() => pcapng.write({ timestamp: 1n << 64n, data }), { option: 'timestamp' });
  assert.throws(() => pcapng.write({ timestamp: 0n, data, queue: -1 }), { option: 'queue' });
  assert.throws(() => pcapng.write({ timestamp: 0n, data, direction: 'up' as 'in' }), {
    option: 'direction',
  });
  assert.throws(() => pcapng.write({ timestamp: 0n, data, verdict: new Uint8Array(65_536) }), {
    option: 'verdict',
  });
  assert.throws(() => pcapng.write({ timestamp: 0n, data, comment: 'x'.repeat(65_536) }), {
    option: 'comment',
  });
  assert.equal(kept.chunks.length, before);
});

test('the sink may be a function, and says when it wants a pause', () => {
  const answers: unknown[] = [true, undefined, false];
  const writer = new PcapWriter(() => answers.shift());
  assert.equal(writer.write({ timestamp: 0n, data: new Uint8Array(14) }), true);
  assert.equal(writer.write({ timestamp: 0n, data: new Uint8Array(14) }), false);
});

test('tshark reads what is written', { skip: tsharkMissing }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'etherconn-'));
  const fields = (bytes: Uint8Array, ...names: readonly string[]): string[] => {
    const path = join(folder, 'written');
    writeFileSync(path, bytes);
    const arguments_ = ['-r', path, '-T', 'fields', ...names.flatMap((name) => ['-e', name])];
    const result = spawnSync('tshark', arguments_, { encoding: 'utf8' });
    assert.equal(result.status, 0, result.stderr);
    return result.stdout.trimEnd().split('\n');
  };
  const data = new Uint8Array(60);
  const timestamp = 1_700_000_000_123_456_789n;
  try {
    for (const order of ['little', 'big'] as const) {
      const kept = new Kept();
      const writer = new PcapngWriter(kept, { byteOrder: order, os: 'Linux', application: 'etherconn' });
      writer.addInterface({ name: 'veth0' });
      writer.addInterface({ name: 'veth1', snapLength: 40 });
      writer.write({
        timestamp,
        data,
        direction: 'in',
        queue: 3,
        dropCount: 5,
        verdict: xdpVerdict(4, order),
      });
      writer.write({ timestamp, data, interfaceId: 1, direction: 'out', packetId: 77n, comment: 'naïve' });
      const lines = fields(
        kept.bytes,
        ...[
          'frame.time_epoch',
          'frame.len',
          'frame.cap_len',
          'frame.interface_name',
          'frame.packet_flags_direction',
        ],
        ...[
          'frame.interface_queue',
          'frame.drop_count',
          'frame.packet_id',
          'frame.verdict.ebpf_xdp',
          'frame.comment',
        ],
      );
      assert.deepEqual(
        lines.map((line) => line.split('\t')),
        [
          ['1700000000.123456789', '60', '60', 'veth0', '0x00000001', '3', '5', '', '4', ''],
          ['1700000000.123456789', '60', '40', 'veth1', '0x00000002', '', '', '77', '', 'naïve'],
        ],
      );
      for (const resolution of ['microsecond', 'nanosecond'] as const) {
        const classic = new Kept();
        new PcapWriter(classic, { byteOrder: order, resolution }).write({
          timestamp,
          data,
          originalLength: 99,
        });
        const fraction = resolution === 'nanosecond' ? '123456789' : '123456000';
        assert.deepEqual(fields(classic.bytes, 'frame.time_epoch', 'frame.len', 'frame.cap_len'), [
          `1700000000.${fraction}\t99\t60`,
        ]);
      }
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
