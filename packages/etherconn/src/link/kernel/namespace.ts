import { closeSync, openSync } from 'node:fs';

/**
 * Gives `use` a descriptor of the network namespace at that path, and closes it afterwards; -1 for undefined, which is the
 * calling thread's. Throws what `open` throws.
 */
export function withNamespace<T>(netns: string | undefined, use: (namespaceFd: number) => T): T {
  const namespaceFd = netns === undefined ? -1 : openSync(netns, 'r');
  try {
    return use(namespaceFd);
  } finally {
    if (namespaceFd >= 0) closeSync(namespaceFd);
  }
}
