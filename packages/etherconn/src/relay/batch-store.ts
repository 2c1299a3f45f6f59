import type { FrameMemory } from '../link/link.ts';
import { rethrowLater } from '../rethrow.ts';
import { EtherType } from '../wire/ethertype.ts';
import { IpProtocol } from '../wire/protocol.ts';
import type { FrameRecord } from '../wire/record.ts';

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

/** {@link Field.KINDS} of UDP in IPv4, without flags. */
const PLAIN_UDP = 4 | ((IpProtocol.UDP + 1) << 4);

/** Who has taken frames of a batch, and is told when all are there. */
export interface BatchTaker {
  batchEnd(store: BatchStore): void;
}

/**
 * The frames of one wake-up that conns have accepted, as rows of integers. Frames of many conns come
 * interleaved; each conn's rows form a linked list, so a conn needs two integers, and nothing is
 * allocated per frame, however many conns there are. Emptied when the batch ends.
 */
export class BatchStore {
  words: Int32Array = new Int32Array(256 << SHIFT);
  /** Memory of the batch under way. */
  memory: FrameMemory | null = null;
  /** Whether the frames come from this process itself (the hairpin, a loopback), not from the wire. */
  local = false;
  #count = 0;
  /** The list is not cut, for it would be grown anew every time. */
  readonly #takers: (BatchTaker | null)[] = [];
  #takerCount = 0;

  begin(memory: FrameMemory): void {
    this.memory = memory;
    this.#count = 0;
  }

  end(): void {
    this.memory = null;
  }

  addTaker(taker: BatchTaker): void {
    this.#takers[this.#takerCount++] = taker;
  }

  /** Tells all takers, in the order in which they were added: their programs run here. */
  tellTakers(): void {
    const takers = this.#takers;
    const count = this.#takerCount;
    this.#takerCount = 0;
    for (let i = 0; i < count; i++) {
      try {
        takers[i]!.batchEnd(this);
      } catch (error) {
        // The others' frames are only here now.
        rethrowLater(error);
      }
      // What is closed meanwhile is not to be kept here.
      takers[i] = null;
    }
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
    words[at + Field.KINDS] = record.ipVersion | ((record.protocol + 1) << 4) | (flags << 13);
    words[at + Field.PORTS] = (record.sourcePort << 16) | (record.destinationPort & 0xffff);
    words[at + Field.VLAN_COUNT] = record.vlanCount;
    words[at + Field.ETHER_TYPE] = record.etherType;
    words[at + Field.L4] = record.l4;
    words[at + Field.VLAN_KEY] = record.vlanKey;
    words[at + Field.NEXT] = -1;
    return at;
  }

  /**
   * As {@link append}, of an untagged or once tagged UDP datagram in IPv4 without options whose header is at `l3`.
   * `ports` as in the row.
   */
  appendPlain(
    start: number,
    end: number,
    l3: number,
    payloadEnd: number,
    ports: number,
    flags: number,
    vlanCount: number,
    vlanKey: number,
  ): number {
    const at = this.#count << SHIFT;
    if (at === this.words.length) this.#grow();
    this.#count++;
    const words = this.words;
    words[at] = start;
    words[at + Field.END] = end;
    words[at + Field.PAYLOAD] = l3 + 28;
    words[at + Field.PAYLOAD_END] = payloadEnd;
    words[at + Field.L3] = l3;
    words[at + Field.IP_SOURCE] = l3 + 12;
    words[at + Field.IP_DESTINATION] = l3 + 16;
    words[at + Field.KINDS] = PLAIN_UDP | (flags << 13);
    words[at + Field.PORTS] = ports;
    words[at + Field.VLAN_COUNT] = vlanCount;
    words[at + Field.ETHER_TYPE] = EtherType.IPV4;
    words[at + Field.L4] = l3 + 20;
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
