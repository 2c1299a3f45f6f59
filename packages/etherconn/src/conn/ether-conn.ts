import { InUseError, MessageTooLongError } from '../errors.ts';
import { FrameFlag } from '../link/link.ts';
import type { CallOptions, DeadlineTime } from '../pending.ts';
import { type BatchStore, Field, VLANS_SHIFT } from '../relay/batch-store.ts';
import type { FrameReceiver } from '../relay/frame-receiver.ts';
import { frameVlans, L2Endpoint, type MacAddress } from '../relay/l2-endpoint.ts';
import type { PacketRelay } from '../relay/packet-relay.ts';
import { readU16, readU32, writeU16 } from '../wire/bytes.ts';
import type { FrameRecord } from '../wire/record.ts';
import type { Batch } from './batch.ts';
import { checkPacket, EthernetEndpoint, type EthernetOptions } from './ethernet-endpoint.ts';
import { Inbox } from './inbox.ts';
import { messages } from './message-slab.ts';
import { checkBuffer, type ReadInto, readInto } from './read-into.ts';
import { ReadIterator } from './read-iterator.ts';
import type { ReceiveCounters } from './receive-queue.ts';
import { emitReplyEthernet, replyHeaderLength, replyOuterType } from './reply.ts';
import type { WriteCounters } from './writer.ts';

export type { ReadInto } from './read-into.ts';

/** Longest payload that an IEEE 802.3 length field can say; from 0x0600 on it is an EtherType. */
const LENGTH_8023_MAX = 1500;

/** A received Ethernet payload. */
export interface Packet {
  /** The payload, limited by the length field of the network layer, so without Ethernet padding after an IP packet. */
  data: Buffer;
  /** The sender. */
  remote: L2Endpoint;
  /** Whether the link could receive only the beginning of the frame, so that the end of `data` is missing. */
  truncated: boolean;
}

/** Counters of a conn. */
export interface ConnStats extends ReceiveCounters, WriteCounters {}

/**
 * Sends and receives Ethernet payloads with one MAC address, its VLANs and EtherTypes. The operating system does
 * not know this address. Packets go to the {@link EtherConn.onBatch} callback if there is one, otherwise to the
 * listeners of 'message' (`(data: Buffer, remote: L2Endpoint, truncated: boolean)`), otherwise to readers. Also
 * emits 'replaced' (another owner has registered a key of this conn) and 'close' (the conn or its relay was
 * closed).
 */
export class EtherConn extends EthernetEndpoint {
  readonly #inbox: Inbox<Packet>;
  /** Has taken over receiving: the RUDPConn on this conn. */
  #user: FrameReceiver | null = null;

  /**
   * @param mac own MAC address, text or 6 bytes
   * @param relay sends and receives the frames
   * @param etherTypes EtherTypes to receive (0x0600 to 0xffff). Empty: ARP, IPv4 and IPv6; for the roles 'default'
   * and 'mirror' all. The options may take their place
   */
  constructor(
    mac: MacAddress,
    relay: PacketRelay,
    etherTypes?: readonly number[] | EthernetOptions,
    options?: EthernetOptions,
  ) {
    super(mac, relay, etherTypes, options);
    this.#inbox = new Inbox<Packet>(this.relay, this.receiveDepth, this);
  }

  /** Reads the next packet. Rejects with TimeoutError, ClosedError, RelayStoppedError or the signal's reason. */
  readPacket(options: CallOptions = {}): Promise<Packet> {
    return this.#inbox.queue.shift(options);
  }

  /** Reads the next packet and copies its payload to `buffer`. */
  async readPacketFrom(buffer: Uint8Array, options: CallOptions = {}): Promise<ReadInto<L2Endpoint>> {
    checkBuffer(buffer);
    return readInto(await this.#inbox.queue.shift(options), buffer);
  }

  /** Returns a packet that is already queued, or undefined. */
  tryReadPacket(): Packet | undefined {
    return this.#inbox.queue.tryShift();
  }

  /** Yields packets until the conn is closed, for `for await`. `options` apply to each read. */
  packets(options: CallOptions = {}): AsyncGenerator<Packet, void, undefined> {
    return new ReadIterator((each) => this.readPacket(each), options);
  }

  /** Same as {@link packets}. */
  [Symbol.asyncIterator](): AsyncGenerator<Packet, void, undefined> {
    return this.packets();
  }

  /** Sets a callback for all packets of a wake-up. Its cursor is valid only inside the callback. null removes it. */
  onBatch(callback: ((batch: Batch) => void) | null): void {
    this.#inbox.onBatch(callback);
  }

  setReadDeadline(time: DeadlineTime): void {
    this.#inbox.queue.setDeadline(time);
  }

  /** Sets both deadlines. A time in the past fails waiting and later calls at once. null clears them. */
  setDeadline(time: DeadlineTime): void {
    this.setReadDeadline(time);
    this.setWriteDeadline(time);
  }

  stats(): ConnStats {
    return { ...this.#inbox.counters(), ...this.writer.counters() };
  }

  /** @internal */
  messageListened(): void {
    this.#inbox.drainToListener();
  }

  /** @internal Hands all frames to a conn above. Whoever reads here, now or later, would wait for ever: he is told. */
  attach(user: FrameReceiver): void {
    this.writer.checkOpen('attach');
    const inUse = new InUseError(`a conn on ${this.localAddr()}`);
    if (this.#user !== null) throw inUse;
    this.#user = user;
    this.#inbox.close(inUse);
    this.handFramesTo(user);
  }

  /** @internal */
  frame(store: BatchStore, record: FrameRecord, flags: number): void {
    this.#inbox.accept(store, record, record.l3, record.l3End, flags);
  }

  protected override shutdown(error: Error): void {
    super.shutdown(error);
    this.#inbox.close(error);
    this.#user?.relayStopped(error);
  }

  /** @internal */
  makeItem(store: BatchStore, at: number): Packet {
    const { words } = store;
    const u8 = store.memory!.u8;
    const from = words[at + Field.PAYLOAD];
    const data = messages.copy(store.memory!, from, words[at + Field.PAYLOAD_END]);
    const start = words[at + Field.START];
    const vlans = frameVlans(u8, start, words[at + Field.KINDS] >>> VLANS_SHIFT);
    const remote = new L2Endpoint(u8.subarray(start + 6, start + 12), words[at + Field.TYPE] & 0xffff, vlans);
    // An IP packet that ends within what came is whole, though the frame is not.
    const cut = (words[at + Field.KINDS] >> 13) & FrameFlag.TRUNCATED;
    const truncated = cut !== 0 && words[at + Field.PAYLOAD_END] === words[at + Field.END];
    return { data, remote, truncated };
  }

  /** @internal */
  hasListener(): boolean {
    return this.listenerCount('message') > 0;
  }

  /** @internal */
  emitItem(packet: Packet): void {
    this.emit('message', packet.data, packet.remote, packet.truncated);
  }

  /** @internal */
  reply(batch: Batch, payload: Uint8Array): number {
    this.writer.checkOpen('reply');
    checkPacket(payload);
    // A mirror sees frames whose tags are cut off: nobody can be answered there.
    if (batch.networkOffset === 0) return this.writer.count(0, 0);
    const header = replyHeaderLength(this, batch);
    const room = this.relay.mtuBehind(header, replyOuterType(this, batch));
    // Where the frame had a length in place of an EtherType, the answer has, too.
    const limit = batch.etherType === 0 ? Math.min(room, LENGTH_8023_MAX) : room;
    if (payload.length > limit) {
      // Only what fits no answer, or is longer than what came, is the program's fault: a stranger must not make us throw.
      if (payload.length > Math.max(this.mtu, batch.payloadLength))
        throw new MessageTooLongError('reply', payload.length, limit);
      return this.writer.countReplyTooLong();
    }
    const mac = batch.frameOffset + 6;
    const vlanKey = this.tagBytes === null ? batch.vlanKey : this.vlanKey;
    const { u8 } = batch;
    const sender = this.relay.senderFor(readU32(u8, mac), readU16(u8, mac + 4), vlanKey, batch.etherType);
    const at = sender.reserve(header + payload.length);
    if (at < 0) return this.writer.count(0, 0);
    try {
      const out = sender.memory.u8;
      emitReplyEthernet(this, batch, out, at);
      // The sender of an IEEE 802.3 frame gave a length in place of an EtherType.
      if (batch.etherType === 0) writeU16(out, at + header - 2, payload.length);
      out.set(payload, at + header);
    } catch (error) {
      sender.cancel(at);
      throw error;
    }
    sender.commit(at, header + payload.length);
    return this.writer.count(1, payload.length);
  }
}
