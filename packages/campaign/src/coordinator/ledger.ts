import { ConflictError, type Hub, NoAnswerError } from '../hub/hub.ts';

/** Somebody else coordinates this campaign. */
export class SupersededError extends Error {
  readonly code: string = 'ERR_SUPERSEDED';

  constructor(key: string) {
    super(`another coordinator has written ${key}: it has taken over this campaign`);
    this.name = 'SupersededError';
  }
}

const ATTEMPTS = 5;

/**
 * Writes the keys of one bucket that the coordinator alone writes, each on the revision of its last write. So a
 * coordinator that has a successor and still runs changes nothing.
 */
export class Ledger {
  readonly #hub: Hub;
  readonly #bucket: string;
  readonly #revisions = new Map<string, number>();

  constructor(hub: Hub, bucket: string) {
    this.#hub = hub;
    this.#bucket = bucket;
  }

  /** The key has this revision in the store. */
  know(key: string, revision: number): void {
    this.#revisions.set(key, revision);
  }

  async write(key: string, value: unknown): Promise<number> {
    const expected = this.#revisions.get(key) ?? 0;
    for (let attempt = 1; ; attempt++) {
      try {
        const revision = await this.#hub.put(this.#bucket, key, value, expected);
        this.#revisions.set(key, revision);
        return revision;
      } catch (error) {
        if (!(error instanceof ConflictError || error instanceof NoAnswerError)) throw error;
        // The server may have applied a write whose answer was lost.
        const entry = await this.#hub.get(this.#bucket, key);
        if (entry !== null && entry.revision !== expected) {
          if (JSON.stringify(entry.value) !== JSON.stringify(value)) throw new SupersededError(key);
          this.#revisions.set(key, entry.revision);
          return entry.revision;
        }
        if (attempt === ATTEMPTS) throw error;
      }
    }
  }
}
