import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { crc32 } from 'node:zlib';

/** Bytes before each record: its length and its checksum, little-endian. */
const HEADER = 8;
/** A record is never longer; a longer length is garbage. */
const RECORD_MAX = 16 * 2 ** 20;

/** What is to be in a journal instead. */
export interface Replacement {
  readonly records: readonly string[];
  placed?(offsets: readonly number[]): void;
}

/**
 * Records in a file that survive a crash: each has a checksum, and a tail that was torn by one is cut off when the file
 * is opened again. `append` writes at once, `sync` makes it last.
 */
export class Journal {
  /** Syncs under way in this process: virtual time waits for them. */
  static syncs: number = 0;

  /** Real time that virtual time waits for. */
  static async busy<T>(work: Promise<T>): Promise<T> {
    Journal.syncs++;
    try {
      return await work;
    } finally {
      Journal.syncs--;
    }
  }

  readonly path: string;
  /** Bytes at the end that belonged to no whole record and were cut off. */
  readonly torn: number;
  #fd: number;
  #size: number;
  #syncing: Promise<void> | null = null;
  #dirty = false;

  private constructor(path: string, fd: number, size: number, torn: number) {
    this.path = path;
    this.#fd = fd;
    this.#size = size;
    this.torn = torn;
  }

  /** Opens or creates it; `each` gets the records that are there. */
  static open(path: string, each: (record: string, offset: number) => void = () => {}): Journal {
    const fd = openSync(path, 'a+', 0o600);
    try {
      const { end, size } = readRecords(fd, each);
      if (end < size) ftruncateSync(fd, end);
      return new Journal(path, fd, end, size - end);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  get size(): number {
    return this.#size;
  }

  /** Returns where it is. */
  append(record: string): number {
    const offset = this.#size;
    const bytes = frame(record);
    try {
      writeAll(this.#fd, bytes, offset);
    } catch (error) {
      // What did not fit must not stand before what comes next.
      ftruncateSync(this.#fd, offset);
      throw error;
    }
    this.#size += bytes.length;
    this.#dirty = true;
    return offset;
  }

  /** The record that is there. */
  read(offset: number): string {
    const header = Buffer.alloc(HEADER);
    readSync(this.#fd, header, 0, HEADER, offset);
    const record = Buffer.alloc(header.readUInt32LE(0));
    readSync(this.#fd, record, 0, record.length, offset + HEADER);
    return record.toString();
  }

  /** Resolves when all that was appended before is on the disk. Calls that come meanwhile share one. */
  async sync(): Promise<void> {
    while (this.#syncing !== null) await this.#syncing;
    if (!this.#dirty) return;
    this.#dirty = false;
    this.#syncing = toDisk(this.#fd);
    try {
      await this.#syncing;
    } finally {
      this.#syncing = null;
    }
  }

  /**
   * Puts other records in place of all that is there, whole or not at all. They are asked for, and written, in one go: what is
   * appended meanwhile would be lost. `placed` is told where they are.
   */
  async replace(make: () => Replacement): Promise<void> {
    while (this.#syncing !== null) await this.#syncing;
    const { records, placed } = make();
    const next = `${this.path}.new`;
    const fd = openSync(next, 'w+', 0o600);
    const offsets: number[] = [];
    let size = 0;
    try {
      for (const record of records) {
        offsets.push(size);
        size += writeAll(fd, frame(record), size);
      }
      fdatasyncSync(fd);
      renameSync(next, this.path);
    } catch (error) {
      closeSync(fd);
      rmSync(next, { force: true });
      throw error;
    }
    closeSync(this.#fd);
    this.#fd = fd;
    this.#size = size;
    this.#dirty = false;
    placed?.(offsets);
  }

  async close(): Promise<void> {
    await this.sync();
    closeSync(this.#fd);
  }
}

function toDisk(fd: number): Promise<void> {
  return Journal.busy(
    new Promise<void>((resolve, reject) => {
      fdatasync(fd, (error) => (error === null ? resolve() : reject(error)));
    }),
  );
}

function writeAll(fd: number, bytes: Uint8Array, at: number): number {
  let written = 0;
  while (written < bytes.length)
    written += writeSync(fd, bytes, written, bytes.length - written, at + written);
  return written;
}

function frame(record: string): Buffer {
  const length = Buffer.byteLength(record);
  const bytes = Buffer.allocUnsafe(HEADER + length);
  bytes.writeUInt32LE(length, 0);
  bytes.write(record, HEADER);
  bytes.writeUInt32LE(crc32(bytes.subarray(HEADER)), 4);
  return bytes;
}

/** Where the whole records end, and the file. */
function readRecords(
  fd: number,
  each: (record: string, offset: number) => void,
): { end: number; size: number } {
  const header = Buffer.alloc(HEADER);
  let at = 0;
  for (;;) {
    const got = readSync(fd, header, 0, HEADER, at);
    if (got < HEADER) return { end: at, size: at + got };
    const length = header.readUInt32LE(0);
    const record = length > RECORD_MAX ? null : Buffer.alloc(length);
    const whole = record !== null && readSync(fd, record, 0, length, at + HEADER) === length;
    if (!whole || crc32(record) !== header.readUInt32LE(4)) return { end: at, size: sizeOf(fd, at) };
    each(record.toString(), at);
    at += HEADER + length;
  }
}

function sizeOf(fd: number, from: number): number {
  const block = Buffer.alloc(65_536);
  let size = from;
  for (let got = -1; got !== 0; size += got) got = readSync(fd, block, 0, block.length, size);
  return size;
}
