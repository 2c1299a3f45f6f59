import type { ClockTimer } from '../../clock.ts';
import type { OngoingProbe, OwnAddress } from '../ip/addresses.ts';
import type { HostAddresses } from './host-addresses.ts';

/** RFC 5227 §1.1 (without the random part) and RFC 4862 §5.1: number of probes, and milliseconds after each. */
export const PROBES4 = 3;
export const PROBES6 = 1;
export const PROBE_INTERVAL = 1000;

/**
 * Duplicate detection for one address, by ARP probes (RFC 5227 §2.1) or neighbor solicitations (RFC 4862 §5.4).
 * Meanwhile the address is among the own ones, tentative or optimistic.
 */
export class AddressProbe implements OngoingProbe {
  readonly #addresses: HostAddresses;
  readonly #own: OwnAddress;
  readonly #interval: number;
  readonly #unref: boolean;
  readonly #done: (otherMac: Uint8Array | null) => void;
  readonly #abandoned: (error: Error) => void;
  #left: number;
  #timer: ClockTimer | null = null;

  /**
   * One of the two is called, once: `done` with the MAC address of the station that has the address, or null;
   * `abandoned` if the address is removed, or the host closed, before that is known.
   */
  constructor(
    addresses: HostAddresses,
    own: OwnAddress,
    count: number,
    interval: number,
    unref: boolean,
    done: (otherMac: Uint8Array | null) => void,
    abandoned: (error: Error) => void = () => undefined,
  ) {
    this.#addresses = addresses;
    this.#own = own;
    this.#left = count;
    this.#interval = interval;
    this.#unref = unref;
    this.#done = done;
    this.#abandoned = abandoned;
    own.probe = this;
    this.#next();
  }

  /** Another station has the address. */
  found(otherMac: Uint8Array): void {
    this.#stop();
    this.#done(otherMac);
  }

  /** The result will not be known. */
  cancel(error: Error): void {
    this.#stop();
    this.#abandoned(error);
  }

  #stop(): void {
    this.#timer?.cancel();
    this.#own.probe = null;
  }

  #next(): void {
    if (this.#left-- <= 0) {
      this.#own.probe = null;
      this.#done(null);
      return;
    }
    this.#addresses.probe(this.#own);
    this.#timer = this.#addresses.state.clock.setTimer(() => this.#next(), this.#interval, this.#unref);
  }
}
