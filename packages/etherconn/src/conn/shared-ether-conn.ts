import type { Clock } from '../clock.ts';
import { InUseError, OptionError } from '../errors.ts';
import { show } from '../options.ts';
import type { CallOptions, DeadlineTime } from '../pending.ts';
import type { BatchStore } from '../relay/batch-store.ts';
import type { EthernetResponse } from '../relay/ethernet-response.ts';
import type { FrameReceiver } from '../relay/frame-receiver.ts';
import type { MacAddress } from '../relay/l2-endpoint.ts';
import type { PacketRelay } from '../relay/packet-relay.ts';
import { ResponseReceiver } from '../relay/response-receiver.ts';
import { rethrowLater } from '../rethrow.ts';
import { EtherType } from '../wire/ethertype.ts';
import type { FrameRecord } from '../wire/record.ts';
import { type EthernetOptions, EthernetPort } from './ethernet-port.ts';
import { L4HashKey } from './l4-hash-key.ts';
import { L4Table } from './l4-table.ts';
import type { UdpLower } from './udp-endpoint.ts';

/** Hold on a transport endpoint of a SharedEthernetConn. */
export interface L4Registration {
  readonly key: L4HashKey;
  /** Called with every frame for the key; each response is a copy that may be kept. null to stop. */
  receive(callback: ((response: EthernetResponse) => void) | null): void;
  /** Gives the key back. */
  close(): void;
}

/**
 * A connection over which many others may be open at once. {@link SharedEtherConn} is one; a SharedRUDPConn works over
 * any other, too.
 */
export interface SharedEthernetConn {
  /** Longest IP packet, in bytes; 1500 when it does not say. */
  readonly mtu?: number;
  /** What deadlines go by; the machine's time when it does not say. */
  readonly clock?: Clock;
  /** Claims a transport endpoint. Throws InUseError when somebody has it. */
  register(key: L4HashKey): L4Registration;
  unregister(key: L4HashKey): void;
  /** Sends a whole IP packet to `destMac`; resolves with its bytes. */
  writeIPPktTo(packet: Uint8Array, destMac: MacAddress, options?: CallOptions): Promise<number>;
  setWriteDeadline(time: DeadlineTime): void;
}

/** Counters of a SharedEtherConn. */
export interface SharedEtherConnStats {
  /** Frames handed on to who has claimed their address, protocol and port. */
  claimed: number;
  /** Frames that nobody had claimed; dropped. */
  unclaimed: number;
  /** Keys claimed now. */
  registrations: number;
  /** Packets sent by this conn itself; conns on it have counters of their own. */
  sent: number;
  /** Payload bytes. */
  sentBytes: number;
  /** Tries to send that found no room. */
  noRoom: number;
}

/** EtherTypes of a SharedEtherConn when none are given: it shares IP; ARP is for a conn of its own. */
const DEFAULT_SHARED_ETHER_TYPES: readonly number[] = Object.freeze([EtherType.IPV4, EtherType.IPV6]);

/** What a SharedRUDPConn stands on. */
export interface SharedLower extends UdpLower {
  /** Claims a key. Throws InUseError when somebody has it. */
  claim(key: L4HashKey, receiver: FrameReceiver): void;
  /** Frees a key if `receiver` has it. */
  release(key: L4HashKey, receiver: FrameReceiver): void;
}

/** Whether a SharedEthernetConn is one of ours, over which conns need no copies: a SharedEtherConn or a Host. */
export function isSharedLower(conn: SharedEthernetConn): conn is SharedEthernetConn & SharedLower {
  const methods = conn as Partial<SharedLower> | null | undefined;
  return typeof methods?.claim === 'function' && typeof methods.release === 'function';
}

interface Claim {
  readonly receiver: FrameReceiver;
  /** Got a frame in the batch under way. */
  dirty: boolean;
}

/**
 * One MAC address (with its VLANs) shared by many conns: frames are handed out by destination IP address,
 * protocol and port. A key with the address 0.0.0.0 or :: takes what no other key does.
 */
export class SharedEtherConn extends EthernetPort implements SharedEthernetConn, SharedLower {
  readonly #table = new L4Table();
  readonly #claims: (Claim | null)[] = [];
  readonly #free: number[] = [];
  #dirty: Claim[] = [];
  #claimed = 0;
  #unclaimed = 0;

  constructor(
    mac: MacAddress,
    relay: PacketRelay,
    etherTypes: readonly number[] = [],
    options: EthernetOptions = {},
  ) {
    super(mac, relay, etherTypes.length === 0 ? DEFAULT_SHARED_ETHER_TYPES : etherTypes, options);
  }

  register(key: L4HashKey): L4Registration {
    return new Claimed(this, key);
  }

  /** Frees a key, whoever has it. A key that nobody has is ignored. */
  unregister(key: L4HashKey): void {
    this.release(key, undefined);
  }

  /** @internal Frees a key if `receiver` (or anybody, when undefined) has it. */
  release(key: L4HashKey, receiver: FrameReceiver | undefined): void {
    const place = this.#table.get(checkKey(key));
    if (place < 0 || (receiver !== undefined && this.#claims[place]?.receiver !== receiver)) return;
    this.#table.delete(key);
    this.#claims[place] = null;
    this.#free.push(place);
  }

  get clock(): Clock {
    return this.relay.clock;
  }

  writeIPPktTo(packet: Uint8Array, destMac: MacAddress, options: CallOptions = {}): Promise<number> {
    return this.writeIPData(packet, destMac, options);
  }

  /** @internal Claims a key for a conn above. */
  claim(key: L4HashKey, receiver: FrameReceiver): void {
    this.writer.checkOpen('register');
    if (this.#table.get(checkKey(key)) >= 0) throw new InUseError(key.toString());
    const place = this.#free.pop() ?? this.#claims.length;
    this.#claims[place] = { receiver, dirty: false };
    this.#table.set(key, place);
  }

  stats(): SharedEtherConnStats {
    const { sent, sentBytes, noRoom } = this.writer;
    return {
      claimed: this.#claimed,
      unclaimed: this.#unclaimed,
      registrations: this.#table.size,
      sent,
      sentBytes,
      noRoom,
    };
  }

  /** @internal */
  frame(store: BatchStore, record: FrameRecord, flags: number): void {
    const place = record.ipVersion === 0 ? -1 : this.#table.find(store.memory!.u8, record);
    if (place < 0) {
      this.#unclaimed++;
      return;
    }
    const claim = this.#claims[place]!;
    if (!claim.dirty) {
      claim.dirty = true;
      this.#dirty.push(claim);
    }
    this.#claimed++;
    claim.receiver.frame(store, record, flags);
  }

  /** @internal */
  batchEnd(store: BatchStore): void {
    const dirty = this.#dirty;
    this.#dirty = [];
    for (const claim of dirty) {
      claim.dirty = false;
      try {
        claim.receiver.batchEnd(store);
      } catch (error) {
        rethrowLater(error);
      }
    }
  }

  protected override shutdown(error: Error): void {
    super.shutdown(error);
    for (const claim of this.#claims) claim?.receiver.relayStopped(error);
  }
}

function checkKey(key: L4HashKey): L4HashKey {
  if (!(key instanceof L4HashKey)) throw new OptionError('key', `must be an L4HashKey, got ${show(key)}`);
  return key;
}

/** What {@link SharedEtherConn.register} gives. */
class Claimed implements L4Registration {
  readonly key: L4HashKey;
  readonly #conn: SharedEtherConn;
  readonly #receiver: ResponseReceiver;

  constructor(conn: SharedEtherConn, key: L4HashKey) {
    this.#conn = conn;
    this.key = key;
    this.#receiver = new ResponseReceiver(conn.relay.ethernetTypes);
    conn.claim(key, this.#receiver);
  }

  receive(callback: ((response: EthernetResponse) => void) | null): void {
    this.#receiver.set(callback);
  }

  close(): void {
    this.#receiver.set(null);
    this.#conn.release(this.key, this.#receiver);
  }
}
