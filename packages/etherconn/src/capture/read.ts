import { createReadStream } from 'node:fs';
import { OptionError } from '../errors.ts';
import { show } from '../options.ts';
import { ByteQueue } from './byte-queue.ts';
import { CaptureError } from './error.ts';
import { gunzip, isGzip } from './gunzip.ts';
import type { CapturePacket } from './packet.ts';
import { PCAP_MAGIC_KUZNETZOV, PCAP_MAGIC_MICROSECONDS, PCAP_MAGIC_NANOSECONDS, PcapParser } from './pcap.ts';
import { BlockType, PcapngParser } from './pcapng.ts';

/** The source of a capture: all of its bytes, or chunks of any size (a Readable, a fetch body). */
export type CaptureSource = Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

interface Parser {
  next(): CapturePacket | null;
  end(): void;
}

/** A large chunk is worked off in pieces, so that a file read at once is not copied at once. */
const PIECE_LENGTH = 65_536;
const MAGIC_LENGTH = 4;
const PCAP_MAGICS: readonly number[] = [
  PCAP_MAGIC_MICROSECONDS,
  PCAP_MAGIC_NANOSECONDS,
  PCAP_MAGIC_KUZNETZOV,
];

/** First words, big-endian, of formats that are not read, and what they are. */
const FOREIGN: ReadonlyMap<number, string> = new Map([
  [0xa1b234cd, "Navtel's modified pcap format"],
  [0xcd34b2a1, "Navtel's modified pcap format"],
  [0xa1e2cb12, "Navtel's modified pcap format"],
  [0x12cbe2a1, "Navtel's modified pcap format"],
  [0x1c0001ac, "IXIA's modified pcap format"],
  [0xac01001c, "IXIA's modified pcap format"],
  [0x1c0001ab, "IXIA's modified pcap format"],
  [0xab01001c, "IXIA's modified pcap format"],
  [0x736e6f6f, 'the snoop format'],
  [0x28b52ffd, 'compressed with zstd'],
  [0xfd377a58, 'compressed with xz'],
  [0x04224d18, 'compressed with lz4'],
  [0x425a6839, 'compressed with bzip2'],
  [0x504b0304, 'a zip archive'],
]);

/**
 * Yields the packets of a pcap or pcapng capture, compressed with gzip or not. It reads from the source only when a
 * packet is requested, and keeps no more than one packet and one chunk. Stopping early closes the source.
 *
 * Throws a {@link CaptureError} if the capture is damaged, truncated or of another format, after it has yielded all
 * packets before that place. Passes on errors of the source.
 */
export async function* readCapture(source: CaptureSource): AsyncGenerator<CapturePacket, void, void> {
  const queue = new ByteQueue();
  let parser: Parser | undefined;
  for await (const chunk of decompressed(chunksOf(source))) {
    for (let at = 0; at < chunk.length; at += PIECE_LENGTH) {
      queue.push(chunk.subarray(at, at + PIECE_LENGTH));
      if (parser === undefined) {
        if (queue.length < MAGIC_LENGTH) continue;
        parser = parserOf(queue);
      }
      for (let packet = parser.next(); packet !== null; packet = parser.next()) yield packet;
    }
  }
  if (parser === undefined) {
    throw new CaptureError(
      0,
      queue.length === 0 ? 'the capture is empty' : 'the capture is cut off in its magic number',
    );
  }
  parser.end();
}

/**
 * Same as {@link readCapture} for a file, which is opened when the first packet is requested. That request fails
 * with Node's error (ENOENT, EACCES …) if the file is not readable.
 */
export function readCaptureFile(path: string | URL): AsyncGenerator<CapturePacket, void, void> {
  if (typeof path !== 'string' && !(path instanceof URL)) {
    throw new OptionError('path', `must be a string or a URL, got ${show(path)}`);
  }
  return readCapture(chunksOfFile(path));
}

/** What is opened here is closed here: a generator that nobody iterates has opened nothing. */
async function* chunksOfFile(path: string | URL): AsyncGenerator<Uint8Array, void, void> {
  yield* createReadStream(path);
}

async function* chunksOf(source: CaptureSource): AsyncGenerator<Uint8Array, void, void> {
  if (source instanceof Uint8Array) {
    yield source;
    return;
  }
  if (
    typeof source !== 'object' ||
    source === null ||
    !(Symbol.asyncIterator in source || Symbol.iterator in source)
  )
    throw new OptionError('source', `must be bytes or give them, got ${show(source)}`);
  for await (const chunk of source) {
    if (!(chunk instanceof Uint8Array)) {
      throw new OptionError('source', `must give chunks of type Uint8Array, got ${show(chunk)}`);
    }
    yield chunk;
  }
}

/** The chunks as they are, or what they decompress to when the first two bytes say so. */
async function* decompressed(
  source: AsyncGenerator<Uint8Array, void, void>,
): AsyncGenerator<Uint8Array, void, void> {
  try {
    let first = new Uint8Array(0);
    while (first.length < 2) {
      const { value, done } = await source.next();
      if (done) {
        yield first;
        return;
      }
      const joined = new Uint8Array(first.length + value.length);
      joined.set(first);
      joined.set(value, first.length);
      first = joined;
    }
    const all = prepended(first, source);
    yield* isGzip(first) ? gunzip(all) : all;
  } finally {
    await source.return();
  }
}

async function* prepended(
  first: Uint8Array,
  rest: AsyncGenerator<Uint8Array, void, void>,
): AsyncGenerator<Uint8Array, void, void> {
  yield first;
  yield* rest;
}

function parserOf(queue: ByteQueue): Parser {
  const big = queue.u32(0, false);
  if (big === BlockType.SECTION_HEADER) return new PcapngParser(queue);
  for (const littleEndian of [true, false]) {
    const magic = queue.u32(0, littleEndian);
    if (PCAP_MAGICS.includes(magic)) return new PcapParser(queue, magic, littleEndian);
  }
  const foreign = FOREIGN.get(big);
  throw new CaptureError(
    0,
    foreign === undefined
      ? `not a pcap or pcapng capture: it begins with 0x${big.toString(16).padStart(8, '0')}`
      : `not supported: the file is ${foreign}`,
  );
}
