/** Who has which address in which VLANs, for a million clients: open addressing over the fleet's own arrays. */
export class OwnerTable {
  readonly #addresses: Uint32Array;
  readonly #vlanOf: Uint32Array;
  /** Client + 1; 0 is free. */
  readonly #slots: Int32Array;
  readonly #mask: number;

  /** `addresses` and `vlanOf` of a client must not change while it is in the table. */
  constructor(addresses: Uint32Array, vlanOf: Uint32Array) {
    this.#addresses = addresses;
    this.#vlanOf = vlanOf;
    const size = 2 ** Math.ceil(Math.log2(2 * addresses.length + 2));
    this.#slots = new Int32Array(size);
    this.#mask = size - 1;
  }

  /** The client that has the address; -1 for none. */
  find(address: number, vlan: number): number {
    return this.#slots[this.#slotOf(address, vlan)] - 1;
  }

  /** Client `n` has its address, which nobody has. */
  add(n: number): void {
    this.#slots[this.#slotOf(this.#addresses[n], this.#vlanOf[n])] = n + 1;
  }

  /** Client `n` has its address no more, if it had. */
  remove(n: number): void {
    const slots = this.#slots;
    let free = this.#slotOf(this.#addresses[n], this.#vlanOf[n]);
    if (slots[free] !== n + 1) return;
    slots[free] = 0;
    // Those behind it that came past this slot move up.
    for (let slot = (free + 1) & this.#mask; slots[slot] !== 0; slot = (slot + 1) & this.#mask) {
      const owner = slots[slot] - 1;
      const home = hash(this.#addresses[owner], this.#vlanOf[owner]) & this.#mask;
      if (((slot - home) & this.#mask) < ((slot - free) & this.#mask)) continue;
      slots[free] = owner + 1;
      slots[slot] = 0;
      free = slot;
    }
  }

  /** Where the address is, or a free slot. */
  #slotOf(address: number, vlan: number): number {
    let slot = hash(address, vlan) & this.#mask;
    for (let owner = this.#slots[slot]; owner !== 0; owner = this.#slots[slot]) {
      if (this.#addresses[owner - 1] === address && this.#vlanOf[owner - 1] === vlan) break;
      slot = (slot + 1) & this.#mask;
    }
    return slot;
  }
}

function hash(address: number, vlan: number): number {
  const mixed = Math.imul(address ^ Math.imul(vlan, 0x85ebca6b), 0x9e3779b1);
  return mixed ^ (mixed >>> 15);
}
