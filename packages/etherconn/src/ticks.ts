import process from 'node:process';
import { rethrowLater } from './rethrow.ts';

/** Node's function that runs between immediates, and between timers. Not documented; all versions up to 26 have it. */
const { _tickCallback } = process as { _tickCallback?: () => void };

/**
 * Runs the ticks and microtasks that are due, as Node does between any two events. Only from the event loop (a poll or an
 * immediate), never from a tick or a microtask. What one of them throws is an uncaught exception, told before this returns.
 * Null where Node has no such function.
 */
export const runTicks: (() => void) | null =
  _tickCallback === undefined
    ? null
    : () => {
        for (;;) {
          try {
            _tickCallback();
            return;
          } catch (error) {
            // The ticks behind it run in the next go, and behind them the microtask that tells of it.
            rethrowLater(error);
          }
        }
      };
