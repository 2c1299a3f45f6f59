import { mix, OpenTable } from '../open-table.ts';

/** (MAC, VLANs, EtherType) → small integer: four words a slot. */
export class EndpointTable extends OpenTable {
  readonly #key = new Int32Array(3);

  constructor() {
    super(3, 2);
  }

  /** The value of a key, or -1. The MAC address as two numbers, the first signed or unsigned alike. */
  get(macHigh: number, macLow: number, vlanKey: number, etherType: number): number {
    // The same walk as OpenTable's, written out: this is done for every frame.
    const slots = this.slots;
    const mask = this.mask;
    const high = macHigh | 0;
    const low = (macLow << 16) | etherType;
    let slot = mix(mix(mix(0, high), low), vlanKey) & mask;
    for (;;) {
      const at = slot << 2;
      const value = slots[at + 3];
      if (value === 0) return -1;
      if (slots[at] === high && slots[at + 1] === low && slots[at + 2] === vlanKey) return value - 1;
      slot = (slot + 1) & mask;
    }
  }

  /** Sets a key to a value (≥ 0); returns the value it had, or -1. */
  set(macHigh: number, macLow: number, vlanKey: number, etherType: number, value: number): number {
    return this.put(this.#words(macHigh, macLow, vlanKey, etherType), value);
  }

  /** Removes a key; false when it was not there. */
  delete(macHigh: number, macLow: number, vlanKey: number, etherType: number): boolean {
    return this.remove(this.#words(macHigh, macLow, vlanKey, etherType));
  }

  #words(macHigh: number, macLow: number, vlanKey: number, etherType: number): Int32Array {
    const key = this.#key;
    key[0] = macHigh;
    key[1] = (macLow << 16) | etherType;
    key[2] = vlanKey;
    return key;
  }
}
