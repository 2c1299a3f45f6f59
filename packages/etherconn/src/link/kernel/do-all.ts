/**
 * Does every step, whatever becomes of the others: for giving back what is held. Throws the first error when all are
 * done; `first` is one from before the steps, which is not to be hidden by theirs.
 */
export function doAll(steps: readonly (() => void)[], first?: unknown): void {
  const errors: unknown[] = first === undefined ? [] : [first];
  for (const step of steps) {
    try {
      step();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
}
