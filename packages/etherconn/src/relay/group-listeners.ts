import { EndpointTable } from './endpoint-table.ts';
import type { RelayRegistration } from './registration.ts';

/** The broadcast address stands for "any group address" in the table of listeners. */
const GROUP_HIGH = -1;
const GROUP_LOW = 0xffff;

/**
 * Who hears broadcast and multicast: by (VLANs, EtherType), so that a frame is offered only to those who
 * may want it. Sets, so that leaving is cheap even among 100,000 listeners.
 */
export class GroupListeners {
  readonly #table = new EndpointTable();
  readonly #lists: Set<RelayRegistration>[] = [];
  /** (listener, list) pairs: 0 when no group frame is wanted by anybody. */
  size = 0;

  get(vlanKey: number, etherType: number): ReadonlySet<RelayRegistration> | null {
    const at = this.#table.get(GROUP_HIGH, GROUP_LOW, vlanKey, etherType);
    return at < 0 ? null : this.#lists[at];
  }

  add(registration: RelayRegistration, vlanKey: number, etherType: number): void {
    let at = this.#table.get(GROUP_HIGH, GROUP_LOW, vlanKey, etherType);
    if (at < 0) {
      at = this.#lists.push(new Set()) - 1;
      this.#table.set(GROUP_HIGH, GROUP_LOW, vlanKey, etherType, at);
    }
    const list = this.#lists[at];
    if (list.has(registration)) return;
    list.add(registration);
    this.size++;
  }

  delete(registration: RelayRegistration, vlanKey: number, etherType: number): void {
    const at = this.#table.get(GROUP_HIGH, GROUP_LOW, vlanKey, etherType);
    if (at >= 0 && this.#lists[at].delete(registration)) this.size--;
  }
}
