import assert from 'node:assert/strict';
import { test } from 'node:test';
import { frames } from '../test-support/frames.ts';
import { isArpIpv4, printArp } from './arp.ts';
import { parseCommonFrame } from './common-frame.ts';
import { ipv4ChecksumState } from './ipv4.ts';
import { findIpv6Extension, ipv6FinalDestination } from './ipv6.ts';
import { findNdOption, isNd, isValidNd, NdOption } from './nd.ts';
import { parseFrame, parseLayers } from './parse.ts';
import { ParseError, parseErrorText } from './parse-error.ts';
import { printFrame } from './print.ts';
import { FrameRecord } from './record.ts';
import { transportChecksumState } from './transport-checksum.ts';
import { vlanTciAt } from './vlan.ts';

/**
 * Any bytes: nothing is thrown, nothing outside the frame is read, and the record is consistent.
 *
 * "Nothing outside" is shown by parsing the same frame amid zeros, amid ones and amid noise: what is found must be
 * the same. The margins are wider than any length field can point.
 */
const RUNS = Number(process.env.ETHERCONN_FUZZ_RUNS ?? 100_000);
const SEED = Number(process.env.ETHERCONN_FUZZ_SEED ?? 1);
const MARGIN = 70_000;
const LONGEST = 2048;

/** mulberry32: the same numbers for the same seed, everywhere. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

const random = generator(SEED);
const below = (limit: number): number => random() % limit;
const pick = <T>(values: readonly T[]): T => values[below(values.length)]!;

const FRAMES: readonly Uint8Array[] = Object.values(frames);
/** Bytes at which parsers change their minds. */
const EDGES = [
  0, 1, 5, 6, 7, 8, 17, 20, 43, 44, 58, 59, 60, 0x08, 0x40, 0x44, 0x45, 0x46, 0x4f, 0x60, 0x81, 0x88, 0x86,
  0xdd, 0xff,
];

function anyBytes(): Uint8Array {
  return Uint8Array.from({ length: below(pick([20, 64, 128])) }, () => random());
}

/** A frame that is right but for a few bytes, its length, or tags put in. */
function mutated(): Uint8Array {
  let bytes = [...pick(FRAMES)];
  if (below(4) === 0) {
    const tags = 1 + below(3);
    for (let i = 0; i < tags; i++)
      bytes.splice(
        12,
        0,
        ...pick([
          [0x81, 0],
          [0x88, 0xa8],
        ]),
        below(256),
        below(256),
      );
  }
  const changes = below(5);
  for (let i = 0; i < changes; i++) {
    const at = below(bytes.length);
    bytes[at] = pick([() => bytes[at]! ^ (1 << below(8)), () => pick(EDGES), () => below(256)])();
  }
  const cut = below(4);
  if (cut === 0) bytes = bytes.slice(0, below(bytes.length + 1));
  if (cut === 1) bytes.push(...Array.from({ length: below(40) }, () => below(256)));
  return Uint8Array.from(bytes);
}

function surroundings(fill: (index: number) => number): Uint8Array {
  return Uint8Array.from({ length: MARGIN + LONGEST + MARGIN }, (_, index) => fill(index));
}

const AMID = [surroundings(() => 0), surroundings(() => 0xff), surroundings(() => random())];

/** All that can be found out about a frame. */
function findings(u8: Uint8Array, start: number, length: number): unknown[] {
  const record = new FrameRecord();
  parseFrame(u8, start, length, record);
  checkConsistent(record, start, start + length);
  const tags = Array.from({ length: record.vlanCount }, (_, index) => vlanTciAt(u8, record, index));
  const nd = isNd(u8, record);
  return [
    { ...record },
    tags,
    printFrame(u8, start, length),
    isArpIpv4(u8, record),
    printArp(u8, record),
    ipv4ChecksumState(u8, record),
    transportChecksumState(u8, record),
    [0, 43, 44, 60].map((kind) => findIpv6Extension(u8, record, kind)),
    record.ipVersion === 6 ? ipv6FinalDestination(u8, record) : -1,
    nd ? Object.values(NdOption).map((kind) => findNdOption(u8, record, kind)) : [],
    isValidNd(u8, record),
  ];
}

function checkConsistent(record: FrameRecord, start: number, end: number): void {
  for (const value of Object.values(record))
    assert.ok(Number.isInteger(value) && value >= -1 && value < 2 ** 31);
  assert.equal(record.start, start);
  assert.equal(record.end, end);
  assert.notEqual(parseErrorText(record.error), `unknown parse error ${record.error}`);
  if (record.l3 === 0) {
    assert.ok(record.error !== 0 && record.l3End === 0 && record.etherType === 0 && record.length8023 === -1);
  } else {
    assert.ok(
      start + 14 + 4 * record.vlanCount === record.l3 && record.l3 <= record.l3End && record.l3End <= end,
    );
    assert.notEqual(record.etherType >= 0x0600, record.length8023 >= 0);
  }
  if (record.ipVersion === 0) {
    assert.ok(
      record.ipSource === 0 && record.ipDestination === 0 && record.protocol === -1 && record.l4 === 0,
    );
  } else {
    const addressLength = record.ipVersion === 4 ? 4 : 16;
    assert.ok(record.l3 < record.ipSource && record.ipSource + addressLength === record.ipDestination);
    assert.ok(record.ipDestination + addressLength <= record.l3End);
  }
  assert.ok(record.l4 === 0 || (record.ipDestination < record.l4 && record.l4 <= record.l3End));
  assert.equal(record.sourcePort < 0, record.destinationPort < 0);
  assert.ok(record.sourcePort <= 65535 && record.destinationPort <= 65535);
  if (record.sourcePort >= 0) assert.ok(record.l4 !== 0 && record.fragment !== 2);
  if (record.payload === 0) assert.equal(record.payloadEnd, 0);
  else
    assert.ok(
      record.l4 < record.payload && record.payload <= record.payloadEnd && record.payloadEnd <= record.l3End,
    );
}

function checkSameEverywhere(frame: Uint8Array): void {
  let expected: string | undefined;
  for (const u8 of AMID) {
    const before = u8.slice(MARGIN, MARGIN + frame.length);
    u8.set(frame, MARGIN);
    const found = JSON.stringify(findings(u8, MARGIN, frame.length));
    u8.set(before, MARGIN);
    expected ??= found;
    assert.equal(found, expected);
  }
  checkShortCut(frame);
}

/** The short cut for common frames finds what the layers find, or leaves the record alone. */
function checkShortCut(frame: Uint8Array): void {
  const short = new FrameRecord();
  const untouched = new FrameRecord();
  const isCommon = parseCommonFrame(frame, 0, frame.length, short);
  const layers = new FrameRecord();
  parseLayers(frame, 0, frame.length, layers);
  assert.deepEqual(short, isCommon ? layers : untouched);
}

function fuzz(frameOf: () => Uint8Array, runs: number): void {
  for (let run = 0; run < runs; run++) {
    const frame = frameOf();
    try {
      checkSameEverywhere(frame);
    } catch (error) {
      throw new Error(`seed ${SEED}, run ${run}, frame ${Buffer.from(frame).toString('hex')}`, {
        cause: error,
      });
    }
  }
}

test('any bytes', () => fuzz(anyBytes, Math.ceil(RUNS / 5)));

test('frames with mutations', () => fuzz(mutated, RUNS - Math.ceil(RUNS / 5)));

test('whole frames, cut at every length', () => {
  for (const frame of FRAMES)
    for (let length = 0; length <= frame.length; length++) checkSameEverywhere(frame.slice(0, length));
});

test('the mutations reach every error and every kind of frame', () => {
  const errors = new Set<number>();
  let common = 0;
  const record = new FrameRecord();
  const runs = 50_000;
  for (let run = 0; run < runs; run++) {
    const frame = mutated();
    parseFrame(frame, 0, frame.length, record);
    errors.add(record.error);
    if (parseCommonFrame(frame, 0, frame.length, record)) common++;
  }
  assert.equal(errors.size, Object.keys(ParseError).length, [...errors].sort((a, b) => a - b).join());
  assert.ok(common > runs / 50 && common < runs / 2, `${common}`);
});
