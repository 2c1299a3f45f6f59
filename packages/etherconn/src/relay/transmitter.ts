import { MessageTooLongError, OptionError } from '../errors.ts';
import type { FrameMemory, Link, LinkTx } from '../link/link.ts';
import { CaptureTx } from '../link/middleware/capture-tx.ts';
import type { FrameSink } from '../link/middleware/frame-sink.ts';
import { show } from '../options.ts';
import { readU16 } from '../wire/bytes.ts';
import { ETHERNET_HEADER_LENGTH } from '../wire/ethernet.ts';
import { parseFrame } from '../wire/parse.ts';
import { FrameRecord } from '../wire/record.ts';
import { atTurnsEnd } from './batches.ts';
import type { EndpointTable } from './endpoint-table.ts';
import { type Hairpin, WireAndHairpin } from './hairpin.ts';
import { commitEach, type FrameSender, reserveEach } from './transmit.ts';

/** Frames that gather in 'batch' mode before they are flushed: the kernel's own transmit budget is 32. */
const BATCH = 32;

/** The way to the wire that all conns of a relay share, and the choice between it and the hairpin. */
export class Transmitter implements FrameSender {
  readonly memory: FrameMemory;
  /** Frames committed. */
  sent = 0;
  /** Set when the relay stops: nothing is flushed any more. */
  stopped = false;
  /** The link's, or what shows a tap what goes there. */
  tx: LinkTx;
  /** Longest frame with this type field behind its addresses; see `Link.maxFrameLengthOf`. */
  readonly longestOf: (type: number) => number;
  readonly #link: Link;
  /** The same way for frames that gather in every sending mode. */
  readonly #gathering: FrameSender;
  readonly #batching: boolean;
  readonly #table: EndpointTable;
  readonly #hairpin: Hairpin | null;
  readonly #wireAndHairpin: WireAndHairpin | null;
  /** Users of {@link hold}. */
  #holds = 0;
  #unflushed = 0;
  #flushScheduled = false;
  readonly #flushTick: () => void;

  constructor(link: Link, batching: boolean, table: EndpointTable, hairpin: Hairpin | null) {
    this.#link = link;
    this.tx = link.tx;
    const { maxFrameLength } = link;
    this.longestOf = link.maxFrameLengthOf?.bind(link) ?? (() => maxFrameLength);
    this.memory = link.tx.memory;
    this.#batching = batching;
    this.#table = table;
    this.#hairpin = hairpin;
    this.#wireAndHairpin = hairpin === null ? null : new WireAndHairpin(this, hairpin);
    this.#gathering = new Gathering(this);
    this.#flushTick = () => {
      this.#flushScheduled = false;
      this.flush();
    };
  }

  /**
   * Which way frames to a destination go. Ask again when the relay's `epoch` has changed. With `gathering`, those to
   * the wire alone are handed over at the end of the turn in every sending mode.
   */
  senderFor(
    macHigh: number,
    macLow: number,
    vlanKey: number,
    etherType: number,
    gathering = false,
  ): FrameSender {
    if (this.#hairpin === null) return gathering ? this.#gathering : this;
    if (((macHigh >>> 24) & 1) === 1) return this.#wireAndHairpin!;
    if (this.#table.get(macHigh, macLow, vlanKey, etherType) >= 0) return this.#hairpin;
    return gathering ? this.#gathering : this;
  }

  /** Shows `sink` what is sent from now on; null ends that. */
  show(sink: FrameSink | null): void {
    this.tx = sink === null ? this.#link.tx : new CaptureTx(this.#link, sink);
  }

  reserve(length: number): number {
    const offset = this.tx.reserve(length);
    if (offset >= 0 || this.#unflushed === 0) return offset;
    // The room may be taken by frames that only gather.
    this.flush();
    return this.tx.reserve(length);
  }

  reserveMany(offsets: Int32Array, count: number, length: number): number {
    const taken = reserveMany(this.tx, offsets, count, length);
    if (taken > 0 || this.#unflushed === 0) return taken;
    this.flush();
    return reserveMany(this.tx, offsets, count, length);
  }

  commit(offset: number, length: number): void {
    this.tx.commit(offset, length);
    this.#committed(1);
  }

  commitMany(offsets: Int32Array, lengths: Int32Array, count: number): void {
    commitMany(this.tx, offsets, lengths, count);
    this.#committed(count);
  }

  cancel(offset: number): void {
    this.tx.cancel(offset);
  }

  #committed(frames: number): void {
    if (this.#batching || this.#holds > 0) {
      this.gathered(frames);
    } else {
      this.sent += frames;
      this.flush();
    }
  }

  /** Lets committed frames wait for others in every sending mode, until a batch is full or the turn ends. */
  gathered(frames: number): void {
    this.sent += frames;
    this.#unflushed += frames;
    if (this.#unflushed >= BATCH) {
      this.flush();
    } else if (this.#holds === 0 && !this.#flushScheduled) {
      this.#flushScheduled = true;
      atTurnsEnd(this.#flushTick);
    }
  }

  /** Frames gather until {@link release}. Nests. */
  hold(): void {
    this.#holds++;
  }

  release(): void {
    if (--this.#holds === 0 && this.#unflushed > 0) this.flush();
  }

  /** Passes gathered frames to the interface. Returns how many it accepted. */
  flush(): number {
    this.#unflushed = 0;
    if (this.stopped) return 0;
    return this.tx.flush();
  }

  /** Sends a whole frame as it is, the way its destination says. 1, or 0 without room. Throws MessageTooLongError. */
  trySendFrame(frame: Uint8Array): number {
    if (!(frame instanceof Uint8Array) || frame.length < ETHERNET_HEADER_LENGTH) {
      throw new OptionError(
        'frame',
        `must be a Uint8Array of at least ${ETHERNET_HEADER_LENGTH} bytes, got ${show(frame)}`,
      );
    }
    const longest = this.longestOf(readU16(frame, 12));
    if (frame.length > longest) throw new MessageTooLongError('send', frame.length, longest);
    const sender = this.#hairpin === null ? this : this.#senderOfFrame(frame);
    const { length } = frame;
    const offset = sender.reserve(length);
    if (offset < 0) return 0;
    try {
      sender.memory.u8.set(frame, offset);
    } catch (error) {
      sender.cancel(offset);
      throw error;
    }
    sender.commit(offset, length);
    return 1;
  }

  #senderOfFrame(frame: Uint8Array): FrameSender {
    const record = new FrameRecord();
    parseFrame(frame, 0, frame.length, record);
    const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
    return this.senderFor(view.getUint32(0), view.getUint16(4), record.vlanKey, record.etherType);
  }
}

/** See {@link Transmitter.gathered}. */
class Gathering implements FrameSender {
  readonly memory: FrameMemory;
  readonly #transmitter: Transmitter;

  constructor(transmitter: Transmitter) {
    this.memory = transmitter.memory;
    this.#transmitter = transmitter;
  }

  reserve(length: number): number {
    return this.#transmitter.reserve(length);
  }

  reserveMany(offsets: Int32Array, count: number, length: number): number {
    return this.#transmitter.reserveMany(offsets, count, length);
  }

  commit(offset: number, length: number): void {
    const transmitter = this.#transmitter;
    transmitter.tx.commit(offset, length);
    transmitter.gathered(1);
  }

  commitMany(offsets: Int32Array, lengths: Int32Array, count: number): void {
    const transmitter = this.#transmitter;
    commitMany(transmitter.tx, offsets, lengths, count);
    transmitter.gathered(count);
  }

  cancel(offset: number): void {
    this.#transmitter.cancel(offset);
  }
}

function reserveMany(tx: LinkTx, offsets: Int32Array, count: number, length: number): number {
  if (tx.reserveMany === undefined) return reserveEach(tx, offsets, count, length);
  return tx.reserveMany(offsets, count, length);
}

function commitMany(tx: LinkTx, offsets: Int32Array, lengths: Int32Array, count: number): void {
  if (tx.commitMany === undefined) commitEach(tx, offsets, lengths, count);
  else tx.commitMany(offsets, lengths, count);
}
