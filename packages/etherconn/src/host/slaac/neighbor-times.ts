import type { RouterAdvertisement } from './router-advertisement.ts';

/** Limits for values from routers, milliseconds: Linux's, RFC 4861 §6.2.1, and a minute. */
const REACHABLE_MIN = 100;
const REACHABLE_MAX = 3_600_000;
const RETRANSMIT_MIN = 10;
const RETRANSMIT_MAX = 60_000;
/** RFC 4861 §6.3.4: a new random factor at least every few hours. */
const CHOICE_AGE = 7_200_000;

/** Neighbor discovery times that routers advertise: RFC 4861 §6.3.2, §6.3.4. */
export class NeighborTimes {
  /** Milliseconds for which a neighbor counts as reachable. Null while no router says. */
  reachable: number | null = null;
  /** Milliseconds between questions. Null while no router says. */
  retransmit: number | null = null;
  /** The base of `reachable`, and when it was chosen. */
  #base = 0;
  #chosen = 0;

  /** `random`: a number from 0 to below 1. */
  advertised({ reachableTime, retransTimer }: RouterAdvertisement, now: number, random: number): void {
    const isOld = now - this.#chosen >= CHOICE_AGE;
    if (reachableTime !== 0 && (reachableTime !== this.#base || isOld)) {
      this.#base = reachableTime;
      this.#chosen = now;
      this.reachable = Math.round(clamp(reachableTime, REACHABLE_MIN, REACHABLE_MAX) * (0.5 + random));
    }
    if (retransTimer !== 0) this.retransmit = clamp(retransTimer, RETRANSMIT_MIN, RETRANSMIT_MAX);
  }
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}
