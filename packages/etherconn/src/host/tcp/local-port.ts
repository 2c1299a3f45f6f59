/** Ports that are given to who names none: those of Linux. */
const FIRST = 32_768;
const COUNT = 28_232;

/** A free port, looked for from a random one on; 0 if there is none. `random` is from 0 to below 1. */
export function freePort(isFree: (port: number) => boolean, random: number): number {
  const start = Math.floor(random * COUNT);
  for (let i = 0; i < COUNT; i++) {
    const port = FIRST + ((start + i) % COUNT);
    if (isFree(port)) return port;
  }
  return 0;
}
