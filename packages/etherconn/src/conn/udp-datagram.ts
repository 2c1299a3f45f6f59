import {
  type BatchStore,
  destinationOffset,
  Field,
  sourceOffset,
  VLANS_SHIFT,
} from '../relay/batch-store.ts';
import { frameVlans } from '../relay/l2-endpoint.ts';
import { readU16 } from '../wire/bytes.ts';
import { formatMac } from '../wire/mac.ts';
import { addressTexts } from './address-texts.ts';

/** The sender of a datagram: Node's `rinfo` and more. */
export class UdpRemote {
  readonly address: string;
  readonly family: 'IPv4' | 'IPv6';
  readonly port: number;
  /** Number of bytes of the payload. */
  readonly size: number;
  /** The destination address of the datagram. */
  readonly localAddress: string;
  readonly localPort: number;
  readonly #macHigh: number;
  readonly #macLow: number;
  /** VLAN ids, outermost first. */
  readonly vlans: readonly number[];

  /** @internal */
  static of(store: BatchStore, at: number): UdpRemote {
    return new UdpRemote(store, at);
  }

  private constructor(store: BatchStore, at: number) {
    const { words } = store;
    const u8 = store.memory!.u8;
    const version = words[at + Field.KINDS] & 0xf;
    const ports = words[at + Field.PORTS];
    this.address = addressTexts.text(store.memory!, sourceOffset(words, at), version, '');
    this.family = version === 4 ? 'IPv4' : 'IPv6';
    this.port = ports >>> 16;
    this.size = words[at + Field.PAYLOAD_END] - words[at + Field.PAYLOAD];
    this.localAddress = addressTexts.text(store.memory!, destinationOffset(words, at), version, '');
    this.localPort = ports & 0xffff;
    const start = words[at + Field.START];
    const mac = start + 6;
    this.#macHigh = (readU16(u8, mac) << 16) | readU16(u8, mac + 2);
    this.#macLow = readU16(u8, mac + 4);
    this.vlans = frameVlans(u8, start, words[at + Field.KINDS] >>> VLANS_SHIFT);
  }

  /** MAC address of the sender, as text. */
  get mac(): string {
    const high = this.#macHigh;
    return formatMac(
      Uint8Array.of(high >>> 24, high >>> 16, high >>> 8, high, this.#macLow >>> 8, this.#macLow),
    );
  }

  /** Text for people: '10.0.0.2:7', '[2001:db8::2]:7'. */
  toString(): string {
    return this.family === 'IPv6' ? `[${this.address}]:${this.port}` : `${this.address}:${this.port}`;
  }
}

/** A received datagram. */
export interface Datagram {
  /** A copy of the payload. */
  data: Buffer;
  remote: UdpRemote;
}
