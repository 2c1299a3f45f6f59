import type { FrameMemory } from '../link/link.ts';
import { rethrowLater } from '../rethrow.ts';
import { EtherType } from '../wire/ethertype.ts';
import { IpProtocol } from '../wire/protocol.ts';
import type { FrameRecord } from '../wire/record.ts';
import { LIST_SHIFT, List, type TakerLists } from './taker-lists.ts';

/** Words of one entry. A power of two, so that an entry's place is a shift. */
const SHIFT = 4;
export const Field = {
  START: 0,
  END: 1,
  PAYLOAD: 2,
  PAYLOAD_END: 3,
  L3: 4,
  IP_SOURCE: 5,
  IP_DESTINATION: 6,
  /** IP version in bits 0-3, protocol + 1 in bits 4-12, link flags above. */
  KINDS: 7,
  /** Source port in the high half, destination port in the low. */
  PORTS: 8,
  VLAN_COUNT: 9,
  VLAN_KEY: 10,
  ETHER_TYPE: 11,
  L4: 12,
  /** Place of the taker's next row, -1 in its last. */
  NEXT: 13,
} as const;

/** {@link Field.KINDS} of a UDP datagram of each IP version, without flags. */
export const UDP4: number = 4 | ((IpProtocol.UDP + 1) << 4);
export const UDP6: number = 6 | ((IpProtocol.UDP + 1) << 4);
/** Where the link's flags begin in {@link Field.KINDS}. */
export const FLAGS_SHIFT = 13;

/** Who takes frames of a batch in: a conn's inbox, a socket's receiver. */
export interface BatchTaker {
  /**
   * All frames of the batch are there. Called once for each batch in which the taker was given any, with the first of
   * its `count` rows; the others follow by `Field.NEXT`. Programs run here: frames are still in their memory.
   */
  batchEnd(store: BatchStore, head: number, count: number): void;
  /**
   * Reads what {@link batchEnd} will read first, and does nothing else. Thousands of takers do not fit into the caches of
   * the processor: asked one after the other, before any is told, it waits for the memory of several at a time. Returns a
   * number made of what was read, lest the compiler leaves it out.
   */
  prefetch?(): number;
}

/** What is to be done when all takers of a batch have been told. */
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
  #count = 0;
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
    this.#count = 0;
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
      this.words[lists[at + List.TAIL] + Field.NEXT] = row;
    }
    lists[at + List.TAIL] = row;
  }

  /** Has `sequel` called when all takers have been told. */
  afterwards(sequel: BatchSequel): void {
    this.#sequels.push(sequel);
  }

  /** Tells all takers, in the order in which they got their first frames: their programs run here. Then come sequels. */
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

  /** A list has got its first row: its taker is to be told. For who does what {@link note} does by himself. */
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
    words[at + Field.END] = record.end;
    words[at + Field.PAYLOAD] = payload;
    words[at + Field.PAYLOAD_END] = payloadEnd;
    words[at + Field.L3] = record.l3;
    words[at + Field.IP_SOURCE] = record.ipSource;
    words[at + Field.IP_DESTINATION] = record.ipDestination;
    words[at + Field.KINDS] = record.ipVersion | ((record.protocol + 1) << 4) | (flags << FLAGS_SHIFT);
    words[at + Field.PORTS] = (record.sourcePort << 16) | (record.destinationPort & 0xffff);
    words[at + Field.VLAN_COUNT] = record.vlanCount;
    words[at + Field.ETHER_TYPE] = record.etherType;
    words[at + Field.L4] = record.l4;
    words[at + Field.VLAN_KEY] = record.vlanKey;
    words[at + Field.NEXT] = -1;
    return at;
  }

  /**
   * As {@link append}, of a faultless UDP datagram: its IP header is at `l3`, its UDP header at `l4`. `ports` and `kinds`
   * as in the row.
   */
  appendUdp(
    start: number,
    end: number,
    l3: number,
    l4: number,
    payloadEnd: number,
    ports: number,
    kinds: number,
    vlanCount: number,
    vlanKey: number,
  ): number {
    const at = this.#count << SHIFT;
    if (at === this.words.length) this.#grow();
    this.#count++;
    const words = this.words;
    const is4 = (kinds & 0xf) === 4;
    words[at] = start;
    words[at + Field.END] = end;
    words[at + Field.PAYLOAD] = l4 + 8;
    words[at + Field.PAYLOAD_END] = payloadEnd;
    words[at + Field.L3] = l3;
    words[at + Field.IP_SOURCE] = is4 ? l3 + 12 : l3 + 8;
    words[at + Field.IP_DESTINATION] = is4 ? l3 + 16 : l3 + 24;
    words[at + Field.KINDS] = kinds;
    words[at + Field.PORTS] = ports;
    words[at + Field.VLAN_COUNT] = vlanCount;
    words[at + Field.ETHER_TYPE] = is4 ? EtherType.IPV4 : EtherType.IPV6;
    words[at + Field.L4] = l4;
    words[at + Field.VLAN_KEY] = vlanKey;
    words[at + Field.NEXT] = -1;
    return at;
  }

  #grow(): void {
    const words = new Int32Array(this.words.length * 2);
    words.set(this.words);
    this.words = words;
  }
}
