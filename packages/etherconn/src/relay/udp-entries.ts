/** What entries need of the front for UDP. */
export interface UdpEntryTable {
  /** Ends an entry, and returns how many datagrams it has taken. */
  close(index: number): number;
  /** How many datagrams an entry has taken. */
  taken(index: number): number;
}

/** An endpoint's place in the front. */
export class UdpEntry {
  readonly #table: UdpEntryTable;
  readonly #all: UdpEntries;
  #index: number;
  /** Its neighbors among those of its registration. */
  next: UdpEntry | null = null;
  previous: UdpEntry | null = null;

  constructor(table: UdpEntryTable, index: number, all: UdpEntries) {
    this.#table = table;
    this.#index = index;
    this.#all = all;
    all.opened(this);
  }

  /** Datagrams taken, while it is open; 0 where they are not counted. */
  get taken(): number {
    return this.#index < 0 ? 0 : this.#table.taken(this.#index);
  }

  /** From now on all goes through the layers. Calling it again is harmless. */
  close(): void {
    if (this.#index < 0) return;
    const taken = this.#table.close(this.#index);
    this.#index = -1;
    this.#all.closed(this, taken);
  }
}

/** The open entries of a registration, and how many datagrams the front has taken for all that it ever had. */
export class UdpEntries {
  #first: UdpEntry | null = null;
  #past = 0;

  get taken(): number {
    let sum = this.#past;
    for (let entry = this.#first; entry !== null; entry = entry.next) sum += entry.taken;
    return sum;
  }

  opened(entry: UdpEntry): void {
    entry.next = this.#first;
    if (this.#first !== null) this.#first.previous = entry;
    this.#first = entry;
  }

  closed(entry: UdpEntry, taken: number): void {
    this.#past += taken;
    if (entry.previous === null) this.#first = entry.next;
    else entry.previous.next = entry.next;
    if (entry.next !== null) entry.next.previous = entry.previous;
    entry.next = null;
    entry.previous = null;
  }

  closeAll(): void {
    while (this.#first !== null) this.#first.close();
  }
}
