import { settleTurns } from './memory-pair.ts';

/**
 * Runs `act` and gives back what has become an uncaught exception some turns of the event loop later, and once `isBusy`
 * says no.
 */
export async function uncaught(act: () => void, isBusy: () => boolean = () => false): Promise<unknown[]> {
  const errors: unknown[] = [];
  const listeners = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (error) => errors.push(error));
  try {
    act();
    do await settleTurns();
    while (isBusy());
  } finally {
    process.removeAllListeners('uncaughtException');
    for (const listener of listeners) process.on('uncaughtException', listener);
  }
  return errors;
}
