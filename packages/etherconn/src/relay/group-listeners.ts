import { EndpointTable } from './endpoint-table.ts';
import { NO_SELECTOR } from './group-selector.ts';
import type { RelayRegistration } from './registration.ts';

/** The broadcast address stands for "any group address" in the table of listeners. */
const GROUP_HIGH = -1;
const GROUP_LOW = 0xffff;

const NOBODY: ReadonlySet<RelayRegistration> = new Set();

/**
 * Who hears the group frames of some VLANs and EtherType. Sets, so that leaving is cheap even among 100,000.
 */
export class GroupList {
  readonly all: Set<RelayRegistration> = new Set();
  /** Those of `all` who have made no selection. */
  readonly #unselective = new Set<RelayRegistration>();
  /** What the others have selected, and who has selected what. */
  readonly #selections = new Map<RelayRegistration, Set<number>>();
  readonly #bySelector = new Map<number, Set<RelayRegistration>>();

  /** Whether anybody has made a selection. */
  get selective(): boolean {
    return this.#selections.size > 0;
  }

  /** Who wants every frame, of whatever selector. */
  get unselective(): ReadonlySet<RelayRegistration> {
    return this.#unselective;
  }

  /** Who has selected this one. */
  selected(selector: number): ReadonlySet<RelayRegistration> {
    return this.#bySelector.get(selector) ?? NOBODY;
  }

  add(registration: RelayRegistration): void {
    this.all.add(registration);
    if (!this.#selections.has(registration)) this.#unselective.add(registration);
  }

  delete(registration: RelayRegistration): boolean {
    this.#forget(registration);
    this.#unselective.delete(registration);
    return this.all.delete(registration);
  }

  /** Of frames that have a selector, the registration hears only these; null for all. */
  select(registration: RelayRegistration, selectors: readonly number[] | null): void {
    if (!this.all.has(registration)) return;
    this.#forget(registration);
    if (selectors === null) {
      this.#unselective.add(registration);
      return;
    }
    this.#unselective.delete(registration);
    this.#selections.set(registration, new Set());
    for (const selector of selectors) this.change(registration, selector, true);
  }

  /** A registration that has made a selection hears one selector more, or less. Who joins thousands does so one by one. */
  change(registration: RelayRegistration, selector: number, isWanted: boolean): void {
    const own = this.#selections.get(registration);
    const number = selector | 0;
    if (own === undefined || number === NO_SELECTOR) return;
    if (!isWanted) {
      own.delete(number);
      this.#unlist(registration, number);
      return;
    }
    own.add(number);
    const set = this.#bySelector.get(number);
    if (set === undefined) this.#bySelector.set(number, new Set([registration]));
    else set.add(registration);
  }

  #forget(registration: RelayRegistration): void {
    for (const selector of this.#selections.get(registration) ?? []) this.#unlist(registration, selector);
    this.#selections.delete(registration);
  }

  #unlist(registration: RelayRegistration, selector: number): void {
    const set = this.#bySelector.get(selector);
    if (set?.delete(registration) && set.size === 0) this.#bySelector.delete(selector);
  }
}

/** Who hears broadcast and multicast: by (VLANs, EtherType), so that a frame is offered only to those who may want it. */
export class GroupListeners {
  readonly #table = new EndpointTable();
  readonly #lists: GroupList[] = [];
  /** (listener, list) pairs: 0 when no group frame is wanted by anybody. */
  size = 0;

  get(vlanKey: number, etherType: number): GroupList | null {
    const at = this.#table.get(GROUP_HIGH, GROUP_LOW, vlanKey, etherType);
    return at < 0 ? null : this.#lists[at];
  }

  add(registration: RelayRegistration, vlanKey: number, etherType: number): void {
    let at = this.#table.get(GROUP_HIGH, GROUP_LOW, vlanKey, etherType);
    if (at < 0) {
      at = this.#lists.push(new GroupList()) - 1;
      this.#table.set(GROUP_HIGH, GROUP_LOW, vlanKey, etherType, at);
    }
    const list = this.#lists[at];
    if (list.all.has(registration)) return;
    list.add(registration);
    this.size++;
  }

  delete(registration: RelayRegistration, vlanKey: number, etherType: number): void {
    if (this.get(vlanKey, etherType)?.delete(registration)) this.size--;
  }
}
