import type { Clock } from '../../clock.ts';
import { PathTable } from './path-table.ts';

/** RFC 1191 §6.3, RFC 8201 §5.3: after ten minutes, a wider path is tried again. */
const LIFETIME = 10 * 60_000;
/** Linux's lower limit. An attacker must not make a host send tiny fragments. */
const MTU4_MIN = 552;
/** RFC 8200 §5. */
const MTU6_MIN = 1280;

/** MTUs of paths to other hosts, from "fragmentation needed" and "packet too big". */
export class PathMtus {
  readonly #table: PathTable<number>;

  /** `changed` is called when an entry is added or removed. */
  constructor(clock: Clock, changed: () => void) {
    this.#table = new PathTable(clock, LIFETIME, changed);
  }

  /** Returns the MTU of the path to an address (4 or 16 bytes), at most `mtu`. */
  get(address: Uint8Array, mtu: number): number {
    const known = this.#table.get(address, 0, address.length === 4 ? 4 : 6);
    return known === undefined ? mtu : Math.min(known, mtu);
  }

  /** A router has reported `mtu` for the path to the address of `version` at `offset`. */
  narrow(u8: Uint8Array, offset: number, version: number, mtu: number): void {
    const known = this.#table.get(u8, offset, version) ?? Infinity;
    const least = Math.max(mtu, version === 4 ? MTU4_MIN : MTU6_MIN);
    if (least <= known) this.#table.set(u8, offset, version, least);
  }

  close(): void {
    this.#table.close();
  }
}
