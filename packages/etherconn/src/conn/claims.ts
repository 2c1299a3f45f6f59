import { InUseError, OptionError } from '../errors.ts';
import { show } from '../options.ts';
import type { BatchStore } from '../relay/batch-store.ts';
import type { EthernetResponse } from '../relay/ethernet-response.ts';
import type { FrameReceiver } from '../relay/frame-receiver.ts';
import { ResponseReceiver } from '../relay/response-receiver.ts';
import { IpProtocol } from '../wire/protocol.ts';
import type { FrameRecord } from '../wire/record.ts';
import { L4HashKey } from './l4-hash-key.ts';
import { L4Table } from './l4-table.ts';
import type { L4Registration } from './shared-ethernet.ts';

/** Transport endpoints that conns of their own have claimed, by (IP address, protocol, port). */
export class Claims {
  readonly #table = new L4Table();
  readonly #receivers: (FrameReceiver | null)[] = [];
  readonly #free: number[] = [];

  /** Keys claimed now. */
  get size(): number {
    return this.#table.size;
  }

  /** Throws InUseError if the key has an owner. */
  claim(key: L4HashKey, receiver: FrameReceiver): void {
    if (this.#table.get(checkKey(key)) >= 0) throw new InUseError(key.toString());
    const place = this.#free.pop() ?? this.#receivers.length;
    this.#receivers[place] = receiver;
    this.#table.set(key, place);
  }

  /** Frees a key if `receiver` (or anybody, when undefined) has it; returns whether it was freed. */
  release(key: L4HashKey, receiver: FrameReceiver | undefined): boolean {
    const place = this.#table.get(checkKey(key));
    if (place < 0) return false;
    const owner = this.#receivers[place]!;
    if (receiver !== undefined && receiver !== owner) return false;
    this.#table.delete(key);
    this.#receivers[place] = null;
    this.#free.push(place);
    if (receiver === undefined) owner.claimReleased?.();
    return true;
  }

  has(key: L4HashKey): boolean {
    return this.#table.get(key) >= 0;
  }

  /** Gives a frame to who has claimed it; false when nobody has. */
  frame(store: BatchStore, record: FrameRecord, flags: number): boolean {
    const place = this.#table.find(store.memory!.u8, record);
    if (place < 0) return false;
    this.#receivers[place]!.frame(store, record, flags);
    return true;
  }

  close(error: Error): void {
    for (const receiver of [...this.#receivers]) receiver?.relayStopped(error);
  }
}

/** The key of a UDP endpoint. */
export function udpKey(address: Uint8Array, port: number): L4HashKey {
  return new L4HashKey(address, IpProtocol.UDP, port);
}

/** Throws an OptionError when a key is none. */
export function checkKey(key: L4HashKey): L4HashKey {
  if (!(key instanceof L4HashKey)) throw new OptionError('key', `must be an L4HashKey, got ${show(key)}`);
  return key;
}

/** Where claims are made and given back: a SharedEtherConn or a host. */
export interface ClaimHolder {
  claim(key: L4HashKey, receiver: FrameReceiver): void;
  release(key: L4HashKey, receiver: FrameReceiver | undefined): void;
}

/** A claim whose frames are handed out as objects: what `register` gives. */
export class ClaimedEndpoint implements L4Registration {
  readonly key: L4HashKey;
  readonly #holder: ClaimHolder;
  readonly #receiver: ResponseReceiver;

  constructor(holder: ClaimHolder, key: L4HashKey, etherTypes: readonly number[]) {
    this.#holder = holder;
    this.key = key;
    this.#receiver = new ResponseReceiver(etherTypes);
    holder.claim(key, this.#receiver);
  }

  receive(callback: ((response: EthernetResponse) => void) | null): void {
    this.#receiver.set(callback);
  }

  close(): void {
    this.#receiver.set(null);
    this.#holder.release(this.key, this.#receiver);
  }
}
