import { OpenTable } from '../open-table.ts';
import { readU32 } from '../wire/bytes.ts';
import { IpProtocol } from '../wire/protocol.ts';
import type { FrameRecord } from '../wire/record.ts';
import type { L4HashKey } from './l4-hash-key.ts';

/** Third word of an IPv4-mapped address, ::ffff:a.b.c.d. */
const MAPPED = 0xffff;

// Constants of this file: the optimizing compiler folds no imported ones.
const UDP: number = IpProtocol.UDP;
const TCP: number = IpProtocol.TCP;
const SCTP: number = IpProtocol.SCTP;

/**
 * (IP address, protocol, port) → small integer: the one table by which conns that share an EtherConn (and the
 * ports of a host) find their frames. Slots of eight words: address (4), protocol and port, value.
 */
export class L4Table extends OpenTable {
  readonly #key = new Int32Array(5);

  constructor() {
    super(5, 3);
  }

  /**
   * The value for a frame's destination, or -1; an entry with the address 0.0.0.0 or :: takes what has none of its own.
   * Of a protocol with ports, a frame in which they do not stand (a later fragment, a header cut off) is for nobody.
   */
  find(u8: Uint8Array, record: FrameRecord): number {
    const { protocol } = record;
    if (record.destinationPort < 0 && (protocol === UDP || protocol === TCP || protocol === SCTP)) return -1;
    const key = this.#key;
    const at = record.ipDestination;
    if (record.ipVersion === 4) {
      key[0] = 0;
      key[1] = 0;
      key[2] = MAPPED;
      key[3] = readU32(u8, at);
    } else {
      for (let i = 0; i < 4; i++) key[i] = readU32(u8, at + 4 * i);
      // In a key this stands for an IPv4 address (RFC 4291 §2.5.5.2); a packet to it has no business on a wire.
      if (key[0] === 0 && key[1] === 0 && key[2] === MAPPED) return -1;
    }
    key[4] = (protocol << 16) | Math.max(0, record.destinationPort);
    const value = this.lookUp(key);
    if (value >= 0) return value;
    key[3] = 0;
    if (record.ipVersion === 6) key.fill(0, 0, 3);
    return this.lookUp(key);
  }

  /** The value of a key, or -1. */
  get(key: L4HashKey): number {
    return this.lookUp(this.#words(key));
  }

  /** Sets a key to a value (≥ 0). */
  set(key: L4HashKey, value: number): void {
    this.put(this.#words(key), value);
  }

  /** Removes a key; false when it was not there. */
  delete(key: L4HashKey): boolean {
    return this.remove(this.#words(key));
  }

  #words(key: L4HashKey): Int32Array {
    const words = this.#key;
    for (let i = 0; i < 4; i++) words[i] = readU32(key.bytes, 4 * i);
    words[4] = (key.protocol << 16) | key.port;
    return words;
  }
}
