/** Ports that are given to who names none: those of Linux. */
const FIRST = 32_768;
const COUNT = 28_232;
/** Random ports that are tried before all others are, in order. */
const TRIES = 8;

/** A random free port; 0 if there is none. `random` returns numbers from 0 to below 1. */
export function freePort(isFree: (port: number) => boolean, random: () => number): number {
  let start = 0;
  for (let i = 0; i < TRIES; i++) {
    start = Math.floor(random() * COUNT);
    if (isFree(FIRST + start)) return FIRST + start;
  }
  for (let i = 1; i < COUNT; i++) {
    const port = FIRST + ((start + i) % COUNT);
    if (isFree(port)) return port;
  }
  return 0;
}
