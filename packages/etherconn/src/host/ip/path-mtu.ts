import type { Clock, ClockTimer } from '../../clock.ts';
import { type IpKey, ipKey } from '../ip-key.ts';

/** RFC 1191 §6.3, RFC 8201 §5.3: after ten minutes it is tried whether the path has become wider. */
const LIFETIME = 10 * 60_000;
const ENTRIES_MAX = 256;
/** What Linux goes down to: an attacker shall not make us send crumbs. */
const MTU4_MIN = 552;
/** RFC 8200 §5. */
const MTU6_MIN = 1280;

/** What paths to other hosts let through, as "fragmentation needed" and "packet too big" have said. Bounded. */
export class PathMtus {
  readonly #clock: Clock;
  readonly #changed: () => void;
  /** By destination, oldest first; made when the first comes. */
  #entries: Map<IpKey, { mtu: number; expires: number }> | null = null;
  #timer: ClockTimer | null = null;

  /** `changed` is called when an entry has come or gone. */
  constructor(clock: Clock, changed: () => void) {
    this.#clock = clock;
    this.#changed = changed;
  }

  /** The MTU of the path to an address (4 or 16 bytes), at most `mtu`. */
  get(address: Uint8Array, mtu: number): number {
    const known = this.#entries?.get(ipKey(address, 0, address.length === 4 ? 4 : 6));
    return known === undefined ? mtu : Math.min(known.mtu, mtu);
  }

  /** A router has said that the path to the address of `version` at `offset` lets `mtu` bytes through. */
  narrow(u8: Uint8Array, offset: number, version: number, mtu: number): void {
    const key = ipKey(u8, offset, version);
    const entries = this.#entries ?? new Map<IpKey, { mtu: number; expires: number }>();
    this.#entries = entries;
    const known = entries.get(key)?.mtu ?? Infinity;
    const least = Math.max(mtu, version === 4 ? MTU4_MIN : MTU6_MIN);
    if (least > known) return;
    entries.delete(key);
    if (entries.size >= ENTRIES_MAX) entries.delete(entries.keys().next().value!);
    entries.set(key, { mtu: least, expires: this.#clock.now() + LIFETIME });
    this.#timer ??= this.#clock.setTimer(() => this.#expire(), LIFETIME, true);
    this.#changed();
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#entries = null;
  }

  #expire(): void {
    this.#timer = null;
    const now = this.#clock.now();
    for (const [key, { expires }] of this.#entries!) {
      if (expires > now) {
        this.#timer = this.#clock.setTimer(() => this.#expire(), expires - now, true);
        break;
      }
      this.#entries!.delete(key);
    }
    this.#changed();
  }
}
