import type { FrameMemory } from '../link/link.ts';
import { rethrowLater } from '../rethrow.ts';
import { EtherType } from '../wire/ethertype.ts';
import { IpProtocol } from '../wire/protocol.ts';
import type { FrameRecord } from '../wire/record.ts';
import { LIST_SHIFT, List, type TakerLists } from './taker-lists.ts';

/** Words of one entry. A power of two, so that an entry's place is a shift. */
const SHIFT = 4;
// Not exported itself, for the optimizing compiler folds no exported constants.
const ROW = {
  START: 0,
  END: 1,
  PAYLOAD: 2,
  PAYLOAD_END: 3,
  L3: 4,
  /** IP version in bits 0-3, protocol + 1 in bits 4-12, link flags in bits 13-15, number of VLAN tags above. */
  KINDS: 5,
  /** Source port in the high half, destination port in the low. */
  PORTS: 6,
  /** EtherType in the low half; in the high one how far behind L3 the transport header is, 0 where there is none. */
  TYPE: 7,
  VLAN_KEY: 8,
  /** Place of the taker's next row, -1 in its last. */
  NEXT: 9,
} as const;
export const Field: typeof ROW = ROW;

/** {@link Field.KINDS} of a UDP datagram of each IP version, without flags. */
export const UDP4: number = 4 | ((IpProtocol.UDP + 1) << 4);
export const UDP6: number = 6 | ((IpProtocol.UDP + 1) << 4);
/** {@link Field.TYPE} of the same. */
export const TYPE4: number = EtherType.IPV4 | (20 << 16);
export const TYPE6: number = EtherType.IPV6 | (40 << 16);
/** Where the link's flags and the number of VLAN tags begin in {@link Field.KINDS}. */
export const FLAGS_SHIFT = 13;
export const VLANS_SHIFT = 16;

/** Offset of a row's source IP address (4 or 16 bytes), 0 without IP. */
export function sourceOffset(words: Int32Array, at: number): number {
  const version = words[at + ROW.KINDS] & 0xf;
  return version === 0 ? 0 : words[at + ROW.L3] + (version === 4 ? 12 : 8);
}

/** The same of the destination's. */
export function destinationOffset(words: Int32Array, at: number): number {
  const version = words[at + ROW.KINDS] & 0xf;
  return version === 0 ? 0 : words[at + ROW.L3] + (version === 4 ? 16 : 24);
}

/** A taker of frames of a batch: the inbox of a conn, the receiver of a socket. */
export interface BatchTaker {
  /**
   * All frames of the batch have arrived. Called once for each batch with frames for the taker, with the first of
   * its `count` rows; `Field.NEXT` leads to the others. User code runs here, while the frames are still in their
   * memory.
   */
  batchEnd(store: BatchStore, head: number, count: number): void;
  /**
   * Reads what {@link batchEnd} will read first, and does nothing else. Thousands of takers do not fit into the caches of
   * the processor: asked one after the other, before any is told, it waits for the memory of several at a time. Returns a
   * number made of what was read, so that the compiler does not remove the reads.
   */
  prefetch?(): number;
}

/** Work to do after all takers of a batch have been called. */
export interface BatchSequel {
  batchTold(store: BatchStore): void;
}

/**
 * The frames of one wake-up that conns have accepted, as rows of integers. Frames of many conns come
 * interleaved; each taker's rows form a linked list (see TakerLists), and nothing is allocated per frame,
 * however many takers there are. Emptied when the batch ends.
 */
export class BatchStore {
  words: Int32Array = new Int32Array(256 << SHIFT);
  /** Memory of the batch under way. */
  memory: FrameMemory | null = null;
  /** Whether the frames come from this process itself (the hairpin, a loopback), not from the wire. */
  local = false;
  /** Rows; the first is none, and all zero: a cursor stands there before its first packet. */
  #count = 1;
  /** Lists with rows of the batch, in the order in which they got their first. */
  #touched = new Int32Array(64);
  #touchedCount = 0;
  /** Means nothing, see {@link BatchTaker.prefetch}. */
  prefetched = 0;
  readonly #lists: TakerLists<BatchTaker>;
  readonly #sequels: BatchSequel[] = [];

  /** `lists` are those of the takers that rows are noted for. */
  constructor(lists: TakerLists<BatchTaker>) {
    this.#lists = lists;
  }

  begin(memory: FrameMemory): void {
    this.memory = memory;
    this.#count = 1;
  }

  end(): void {
    this.memory = null;
  }

  /** Notes a row for a taker's list. */
  note(list: number, row: number): void {
    const lists = this.#lists.words;
    const at = list << LIST_SHIFT;
    if (lists[at + List.COUNT]++ === 0) {
      lists[at] = row;
      this.touch(list);
    } else {
      this.words[lists[at + List.TAIL] + ROW.NEXT] = row;
    }
    lists[at + List.TAIL] = row;
  }

  /** Has `sequel` called when all takers have been told. */
  afterwards(sequel: BatchSequel): void {
    this.#sequels.push(sequel);
  }

  /** Calls all takers, in the order of their first frames. User code runs here. Then calls the sequels. */
  tellTakers(): void {
    this.#tellLists();
    while (this.#sequels.length > 0) {
      try {
        this.#sequels.shift()!.batchTold(this);
      } catch (error) {
        rethrowLater(error);
      }
    }
  }

  #tellLists(): void {
    const count = this.#touchedCount;
    this.#touchedCount = 0;
    if (count > 1) this.#prefetch(count);
    for (let i = 0; i < count; i++) {
      const list = this.#touched[i];
      const rows = this.#lists.take(list);
      // Its taker has gone meanwhile.
      if (rows === 0) continue;
      try {
        this.#lists.taker(list)!.batchEnd(this, this.#lists.head(list), rows);
      } catch (error) {
        // The others' frames are only here now.
        rethrowLater(error);
      }
    }
  }

  #prefetch(count: number): void {
    let sum = 0;
    for (let i = 0; i < count; i++) sum += this.#lists.taker(this.#touched[i])?.prefetch?.() ?? 0;
    this.prefetched = sum;
  }

  /**
   * A list has got its first row, so its taker must be called. For callers that do the work of {@link note}
   * themselves.
   */
  touch(list: number): void {
    if (this.#touchedCount === this.#touched.length) {
      const touched = new Int32Array(this.#touched.length * 2);
      touched.set(this.#touched);
      this.#touched = touched;
    }
    this.#touched[this.#touchedCount++] = list;
  }

  /** Writes a row; `payload` and `payloadEnd` are what the taker calls its payload. Returns the row's place. */
  append(record: FrameRecord, payload: number, payloadEnd: number, flags: number): number {
    const at = this.#count << SHIFT;
    if (at === this.words.length) this.#grow();
    this.#count++;
    const words = this.words;
    words[at] = record.start;
    words[at + ROW.END] = record.end;
    words[at + ROW.PAYLOAD] = payload;
    words[at + ROW.PAYLOAD_END] = payloadEnd;
    words[at + ROW.L3] = record.l3;
    words[at + ROW.KINDS] =
      record.ipVersion |
      ((record.protocol + 1) << 4) |
      ((flags & 7) << FLAGS_SHIFT) |
      (record.vlanCount << VLANS_SHIFT);
    words[at + ROW.PORTS] = (record.sourcePort << 16) | (record.destinationPort & 0xffff);
    words[at + ROW.TYPE] = record.etherType | ((record.l4 === 0 ? 0 : record.l4 - record.l3) << 16);
    words[at + ROW.VLAN_KEY] = record.vlanKey;
    words[at + ROW.NEXT] = -1;
    return at;
  }

  /** As {@link append}, of a faultless UDP datagram whose IP header is at `l3`; `kinds`, `ports` and `type` as in the row. */
  appendUdp(
    start: number,
    end: number,
    l3: number,
    payload: number,
    payloadEnd: number,
    kinds: number,
    ports: number,
    type: number,
    vlanKey: number,
  ): number {
    const at = this.#count << SHIFT;
    if (at === this.words.length) this.#grow();
    this.#count++;
    const words = this.words;
    words[at] = start;
    words[at + ROW.END] = end;
    words[at + ROW.PAYLOAD] = payload;
    words[at + ROW.PAYLOAD_END] = payloadEnd;
    words[at + ROW.L3] = l3;
    words[at + ROW.KINDS] = kinds;
    words[at + ROW.PORTS] = ports;
    words[at + ROW.TYPE] = type;
    words[at + ROW.VLAN_KEY] = vlanKey;
    words[at + ROW.NEXT] = -1;
    return at;
  }

  #grow(): void {
    const words = new Int32Array(this.words.length * 2);
    words.set(this.words);
    this.words = words;
  }
}
