import { ipEquals } from '../../wire/ip.ts';
import { GroupState, groupHash } from './group-state.ts';

/** The groups that ports have joined on the loopback interface: nobody else is told of them. */
export class LoopbackGroups {
  readonly #groups: GroupState[] = [];

  join(group: Uint8Array, source: Uint8Array | null): void {
    let state = this.#groups.find(({ address }) => ipEquals(address, group));
    if (state === undefined) {
      state = new GroupState(group.slice(), groupHash(group, 0, group.length));
      this.#groups.push(state);
    }
    state.join(source, 0);
  }

  leave(group: Uint8Array, source: Uint8Array | null): void {
    const place = this.#groups.findIndex(({ address }) => ipEquals(address, group));
    if (place < 0) return;
    this.#groups[place].leave(source, 0);
    if (!this.#groups[place].isMember) this.#groups.splice(place, 1);
  }

  /** Whether somebody has joined the group at `group` for what the sender at `source` sends. */
  accepts(u8: Uint8Array, group: number, source: number, version: number): boolean {
    const length = version === 4 ? 4 : 16;
    return this.#groups.some(
      (state) => state.address.length === length && state.isAt(u8, group) && state.accepts(u8, source),
    );
  }
}
