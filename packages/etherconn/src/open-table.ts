/**
 * Open addressing over one typed array: keys of a few 32-bit words → a small integer (≥ 0). A look-up
 * touches one cache line and makes nothing. Linear probing; deletion shifts later entries back, so that there
 * are no tombstones to slow a table that lives long. Subclasses give keys their meaning and a fast `get`.
 *
 * A slot is `1 << shift` words: the key's, then value + 1 (0: empty).
 */
export class OpenTable {
  protected slots: Int32Array;
  protected mask: number;
  protected readonly shift: number;
  protected readonly keyWords: number;
  #size = 0;

  constructor(keyWords: number, shift: number) {
    this.keyWords = keyWords;
    this.shift = shift;
    this.slots = new Int32Array(16 << shift);
    this.mask = 15;
  }

  get size(): number {
    return this.#size;
  }

  /** The value of a key (its words at `from` of `key`), or -1. */
  protected lookUp(key: Int32Array, from = 0): number {
    return this.slots[this.#find(key, from) + this.keyWords] - 1;
  }

  /** Sets a key to a value; returns the value it had, or -1. */
  protected put(key: Int32Array, value: number): number {
    if ((this.#size + 1) * 2 > this.mask + 1) this.#grow();
    const at = this.#find(key, 0);
    const previous = this.slots[at + this.keyWords] - 1;
    if (previous < 0) {
      for (let i = 0; i < this.keyWords; i++) this.slots[at + i] = key[i];
      this.#size++;
    }
    this.slots[at + this.keyWords] = value + 1;
    return previous;
  }

  /** Removes a key; false when it was not there. */
  protected remove(key: Int32Array): boolean {
    const { slots, mask, shift, keyWords } = this;
    const at = this.#find(key, 0);
    if (slots[at + keyWords] === 0) return false;
    this.#size--;
    let hole = at >> shift;
    let slot = hole;
    for (;;) {
      slot = (slot + 1) & mask;
      const from = slot << shift;
      if (slots[from + keyWords] === 0) break;
      // An entry may move into the hole unless its home lies behind the hole (cyclically).
      if (((slot - this.#home(slots, from)) & mask) >= ((slot - hole) & mask)) {
        slots.copyWithin(hole << shift, from, from + keyWords + 1);
        hole = slot;
      }
    }
    slots.fill(0, hole << shift, (hole << shift) + keyWords + 1);
    return true;
  }

  #home(words: Int32Array, from: number): number {
    let h = 0;
    for (let i = 0; i < this.keyWords; i++) h = mix(h, words[from + i]);
    return h & this.mask;
  }

  /** Offset of the key's slot, or of the empty one where it would go. */
  #find(key: Int32Array, from: number): number {
    const { slots, mask, shift, keyWords } = this;
    let slot = this.#home(key, from);
    for (;;) {
      const at = slot << shift;
      if (slots[at + keyWords] === 0) return at;
      let i = 0;
      while (i < keyWords && slots[at + i] === key[from + i]) i++;
      if (i === keyWords) return at;
      slot = (slot + 1) & mask;
    }
  }

  #grow(): void {
    const old = this.slots;
    this.slots = new Int32Array(old.length * 2);
    this.mask = this.mask * 2 + 1;
    for (let at = 0; at < old.length; at += 1 << this.shift) {
      if (old[at + this.keyWords] === 0) continue;
      const to = this.#find(old, at);
      for (let i = 0; i <= this.keyWords; i++) this.slots[to + i] = old[at + i];
    }
  }
}

/** One step of the hash; consecutive MAC and IP addresses (simulated machines have them) spread evenly. */
export function mix(h: number, word: number): number {
  h = Math.imul(h ^ word, 0x9e3779b1);
  return h ^ (h >>> 15);
}
