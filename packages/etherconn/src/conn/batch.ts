import { EtherconnError } from '../errors.ts';
import { FrameFlag, type FrameMemory } from '../link/link.ts';
import { type BatchStore, destinationOffset, Field, sourceOffset } from '../relay/batch-store.ts';
import { frameVlans, L2Endpoint } from '../relay/l2-endpoint.ts';
import { formatIp } from '../wire/ip.ts';
import { formatMac } from '../wire/mac.ts';
import { messages } from './message-slab.ts';

/** What a conn adds to the cursor: how a packet of its kind is answered. */
export interface Replier {
  /** Answers the packet the cursor stands on; 1, or 0 when there is no room. */
  reply(batch: Batch, payload: Uint8Array): number;
}

/** Here, for the optimizing compiler folds no imported constants. */
const ROW = Field;

/** What a cursor reads that stands on no packet: all zero. */
const NO_ROW = new Int32Array(16);

/**
 * A reusable cursor over the packets of one wake-up for one conn. Its values are numbers until the program requests
 * text or a copy; the bytes are those of the ring itself. It is valid only inside the callback.
 *
 * ```ts
 * conn.onBatch((batch) => {
 *   while (batch.next()) bytes += batch.payloadLength;
 * });
 * ```
 */
export class Batch {
  /** Number of packets in this batch. */
  length = 0;
  #memory: FrameMemory | null = null;
  #words: Int32Array = NO_ROW;
  /** The row that the cursor stands on; 0 before the first. */
  #at = 0;
  #next = -1;
  #replier: Replier | null = null;

  /** @internal Runs `callback` over the list of `count` rows that begins at row `head`. */
  run(
    store: BatchStore,
    head: number,
    count: number,
    replier: Replier,
    callback: (batch: Batch) => void,
  ): void {
    this.length = count;
    this.#memory = store.memory;
    this.#words = store.words;
    this.#next = head;
    this.#replier = replier;
    try {
      callback(this);
    } finally {
      this.length = 0;
      this.#memory = null;
      this.#words = NO_ROW;
      this.#at = 0;
      this.#next = -1;
      this.#replier = null;
    }
  }

  /**
   * Moves to the next packet, at the beginning to the first one. Returns false if there is none. Closing the conn
   * or the relay inside the callback does not end the batch: its packets stay until the callback returns.
   */
  next(): boolean {
    const at = this.#next;
    if (at < 0) return false;
    this.#at = at;
    this.#next = this.#words[at + ROW.NEXT];
    return true;
  }

  /** The memory to which all offsets of this batch refer. */
  get memory(): FrameMemory {
    if (this.#memory === null)
      throw new EtherconnError(
        'ERR_ETHERCONN_BATCH_OVER',
        'a batch is valid only inside the onBatch callback',
      );
    return this.#memory;
  }

  get u8(): Uint8Array {
    return this.memory.u8;
  }

  /** Offset of the Ethernet header. */
  get frameOffset(): number {
    return this.#words[this.#at + ROW.START];
  }

  get frameLength(): number {
    return this.#words[this.#at + ROW.END] - this.#words[this.#at + ROW.START];
  }

  /**
   * Offset of the payload: the UDP payload for UDP conns, the Ethernet payload for an EtherConn. The length fields
   * of the headers limit it.
   */
  get payloadOffset(): number {
    return this.#words[this.#at + ROW.PAYLOAD];
  }

  get payloadLength(): number {
    return this.#words[this.#at + ROW.PAYLOAD_END] - this.#words[this.#at + ROW.PAYLOAD];
  }

  get etherType(): number {
    return this.#words[this.#at + ROW.TYPE] & 0xffff;
  }

  /** Number of VLAN tags. */
  get vlanCount(): number {
    return this.#words[this.#at + ROW.KINDS] >>> 16;
  }

  /** Offset of the network header. */
  get networkOffset(): number {
    return this.#words[this.#at + ROW.L3];
  }

  /** Offset of the transport header, 0 if there is none. */
  get transportOffset(): number {
    const behind = this.#words[this.#at + ROW.TYPE] >>> 16;
    return behind === 0 ? 0 : this.#words[this.#at + ROW.L3] + behind;
  }

  /** 4, 6, or 0. */
  get ipVersion(): number {
    return this.#words[this.#at + ROW.KINDS] & 0xf;
  }

  /** IP protocol number, -1 without IP. */
  get protocol(): number {
    return ((this.#words[this.#at + ROW.KINDS] >> 4) & 0x1ff) - 1;
  }

  /** Bits of `FrameFlag`. */
  get flags(): number {
    return (this.#words[this.#at + ROW.KINDS] >> 13) & 7;
  }

  /** Whether the link could receive only the beginning of the frame. (UDP conns receive complete datagrams only.) */
  get truncated(): boolean {
    return (this.flags & FrameFlag.TRUNCATED) !== 0;
  }

  /** Source port, if the protocol has ports. */
  get remotePort(): number {
    return this.#words[this.#at + ROW.PORTS] >>> 16;
  }

  get localPort(): number {
    return this.#words[this.#at + ROW.PORTS] & 0xffff;
  }

  /** Offset of the source IP address (4 or 16 bytes), 0 without IP. */
  get remoteAddressOffset(): number {
    return sourceOffset(this.#words, this.#at);
  }

  get localAddressOffset(): number {
    return destinationOffset(this.#words, this.#at);
  }

  /** Source IP address as text. Creates a string. */
  remoteAddress(): string {
    return formatIp(this.u8, this.remoteAddressOffset, this.ipVersion);
  }

  /** Destination IP address as text. Creates a string. */
  localAddress(): string {
    return formatIp(this.u8, this.localAddressOffset, this.ipVersion);
  }

  /** Source MAC address as text. Creates a string. */
  remoteMac(): string {
    return formatMac(this.u8, this.frameOffset + 6);
  }

  /** The VLANs as one integer, see `FrameRecord.vlanKey`. */
  get vlanKey(): number {
    return this.#words[this.#at + ROW.VLAN_KEY];
  }

  /** VLAN ids, outermost first. Creates an array. */
  vlans(): readonly number[] {
    return frameVlans(this.u8, this.frameOffset, this.vlanCount);
  }

  /** The source of the frame as an object. */
  remoteEndpoint(): L2Endpoint {
    const at = this.frameOffset + 6;
    return new L2Endpoint(this.u8.subarray(at, at + 6), this.etherType, this.vlans());
  }

  /** A copy of the payload that the program may keep. */
  copyPayload(): Buffer {
    return messages.copy(this.memory, this.payloadOffset, this.payloadOffset + this.payloadLength);
  }

  /**
   * Sends `payload` back to the source of this packet: addresses and ports are swapped, the VLANs are those of the
   * conn (for a catch-all conn, those of the frame). Returns 1, or 0 if there is no room now. Throws the same
   * errors as the conn's trySend.
   */
  reply(payload: Uint8Array): number {
    if (this.#replier === null || this.#at === 0) {
      throw new EtherconnError(
        'ERR_ETHERCONN_BATCH_OVER',
        'reply: the cursor stands on no packet; it is valid only inside the onBatch callback',
      );
    }
    return this.#replier.reply(this, payload);
  }
}
