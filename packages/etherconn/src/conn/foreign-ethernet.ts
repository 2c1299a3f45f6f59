import { type Clock, systemClock } from '../clock.ts';
import { OptionError } from '../errors.ts';
import { allocateFrameMemory } from '../link/frame-memory.ts';
import { FrameFlag, type FrameMemory } from '../link/link.ts';
import { show } from '../options.ts';
import { BatchStore, type BatchTaker } from '../relay/batch-store.ts';
import type { EthernetResponse } from '../relay/ethernet-response.ts';
import type { FrameReceiver } from '../relay/frame-receiver.ts';
import { RoomQueue } from '../relay/room-queue.ts';
import { TakerLists } from '../relay/taker-lists.ts';
import type { FrameSender } from '../relay/transmit.ts';
import { ETHERNET_HEADER_LENGTH } from '../wire/ethernet.ts';
import { parseFrame } from '../wire/parse.ts';
import { FrameRecord } from '../wire/record.ts';
import type { Vlan } from '../wire/vlan.ts';
import type { Carrier } from './carrier.ts';
import type { L4HashKey } from './l4-hash-key.ts';
import type { L4Registration, SharedEthernetConn, SharedLower } from './shared-ethernet.ts';

/** MTU of a conn that does not say. */
const DEFAULT_MTU = 1500;
/** Packets that may be under way in the foreign conn; beyond, writers wait. */
const IN_FLIGHT_MAX = 64;
/** Writers that may wait, and datagrams that are queued for readers: what relays have by default. */
const DEPTH = 1024;

/**
 * Lets a UDP endpoint work over a SharedEthernetConn that is not ours: what it commits goes to `writeIPPktTo` as a
 * copy, and responses come back in as frames. Convenient, not fast; our own conns do not come here.
 */
export class ForeignEthernet implements SharedLower, Carrier, FrameSender {
  // The conn below writes the Ethernet header: ours is only there to be cut off.
  readonly macHigh = 0;
  readonly macLow = 0;
  readonly macBytes: Uint8Array = new Uint8Array(6);
  readonly vlans: readonly Vlan[] = [];
  readonly vlanKey = 0;
  readonly tagBytes: Uint8Array = new Uint8Array(0);
  readonly clock: Clock;
  readonly receiveDepth: number = DEPTH;
  readonly #mtu: number;
  readonly #maxFrameLength: number;
  /** What is under the conn is not known; a veth pair may be. */
  readonly partialChecksums = true;
  readonly epoch = 0;
  readonly waiting: RoomQueue = new RoomQueue(DEPTH);
  /** One slot. */
  readonly memory: FrameMemory;
  readonly #conn: SharedEthernetConn;
  readonly #record = new FrameRecord();
  readonly lists: TakerLists<BatchTaker> = new TakerLists();
  readonly #store = new BatchStore(this.lists);
  #received: FrameMemory;
  #registration: L4Registration | null = null;
  #inFlight = 0;
  #failure: unknown;

  /** Throws an OptionError when `conn` is no SharedEthernetConn. */
  constructor(conn: SharedEthernetConn) {
    const methods = conn as Partial<SharedEthernetConn> | null | undefined;
    if (typeof methods?.register !== 'function' || typeof methods.writeIPPktTo !== 'function') {
      throw new OptionError('conn', `must be a SharedEthernetConn, got ${show(conn)}`);
    }
    this.#conn = conn;
    this.clock = conn.clock ?? systemClock;
    this.#mtu = conn.mtu ?? DEFAULT_MTU;
    this.#maxFrameLength = ETHERNET_HEADER_LENGTH + this.#mtu;
    this.memory = frameMemory(this.#maxFrameLength);
    this.#received = frameMemory(this.#maxFrameLength);
  }

  mtuBehind(): number {
    return this.#mtu;
  }

  get carrier(): Carrier {
    return this;
  }

  claim(key: L4HashKey, receiver: FrameReceiver): void {
    this.#registration = this.#conn.register(key);
    this.#registration.receive((response) => this.#receive(response, receiver));
  }

  release(): void {
    this.#registration?.receive(null);
    this.#registration?.close();
    this.#registration = null;
  }

  /** What comes from below is whole packets already, one by one. */
  openUdp(): null {
    return null;
  }

  senderFor(): FrameSender {
    return this;
  }

  /** Throws what an earlier packet has failed with, once: it had been taken already when that came to light. */
  checkOpen(): void {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure;
  }

  reserve(length: number): number {
    if (length > this.#maxFrameLength) throw new RangeError(`a frame of ${length} bytes is over the maximum`);
    return this.#inFlight < IN_FLIGHT_MAX ? 2 : -1;
  }

  commit(offset: number, length: number): void {
    const { u8 } = this.memory;
    const packet = u8.slice(offset + ETHERNET_HEADER_LENGTH, offset + length);
    this.#inFlight++;
    void this.#write(packet, u8.slice(offset, offset + 6));
  }

  /** The one slot is free again by itself. */
  cancel(): void {}

  /** Each packet is a call of its own below. */
  reserveMany(offsets: Int32Array, _count: number, length: number): number {
    offsets[0] = this.reserve(length);
    return offsets[0] < 0 ? 0 : 1;
  }

  commitMany(offsets: Int32Array, lengths: Int32Array): void {
    this.commit(offsets[0], lengths[0]);
  }

  async #write(packet: Uint8Array, destMac: Uint8Array): Promise<void> {
    try {
      await this.#conn.writeIPPktTo(packet, destMac);
    } catch (error) {
      this.#failure = error ?? new Error('writeIPPktTo failed');
      // A conn that throws where it should reject is still inside of the commit: the writer has not been told yet.
      await null;
    }
    this.#inFlight--;
    this.waiting.retry();
  }

  #receive(response: EthernetResponse, receiver: FrameReceiver): void {
    const { etherBytes } = response;
    if (etherBytes.length + 2 > this.#received.u8.length) this.#received = frameMemory(etherBytes.length);
    const { u8 } = this.#received;
    u8.set(etherBytes, 2);
    parseFrame(u8, 2, etherBytes.length, this.#record);
    this.#store.begin(this.#received);
    const flags = response.truncated === true ? FrameFlag.TRUNCATED : 0;
    receiver.frame(this.#store, this.#record, flags);
    this.#store.tellTakers();
    this.#store.end();
  }
}

/** Memory for one frame that starts 2 bytes past a word. */
function frameMemory(frameLength: number): FrameMemory {
  return allocateFrameMemory((frameLength + 2 + 3) & ~3);
}
