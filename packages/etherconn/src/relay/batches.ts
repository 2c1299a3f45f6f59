import { nextTick } from '../real-time.ts';

/** Batches that are being handed to programs, of all relays of this thread. */
let open = 0;
let due: (() => void)[] = [];

/** From now to {@link batchDone}, ticks may run between one message and the next. Nests. */
export function batchBegins(): void {
  open++;
}

export function batchDone(): void {
  if (--open > 0) return;
  while (due.length > 0) {
    const calls = due;
    due = [];
    for (const call of calls) call();
  }
}

/** Has what gathers handed over at the end of the turn: by a tick, or behind the batch of whichever relay is under way. */
export function atTurnsEnd(call: () => void): void {
  if (open > 0) due.push(call);
  else nextTick(call);
}
