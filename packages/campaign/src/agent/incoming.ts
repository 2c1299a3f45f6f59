interface Schema<T> {
  safeParse(value: unknown): { success: boolean; data?: T };
}

/** Checks data from the network, and counts what does not fit its schema. */
export class Incoming {
  malformed = 0;

  /** The data, or null when there is none or it does not fit. */
  check<T>(schema: Schema<T>, value: unknown): T | null {
    if (value === undefined || value === null) return null;
    const result = schema.safeParse(value);
    if (!result.success) this.malformed++;
    return result.success ? result.data! : null;
  }
}
