import { EndpointTable } from './endpoint-table.ts';
import { NO_SELECTOR } from './group-selector.ts';
import type { RelayRegistration } from './registration.ts';

/** The broadcast address stands for "any group address" in the table of listeners. */
const GROUP_HIGH = -1;
const GROUP_LOW = 0xffff;

/** One, or several: a set takes four times as much as what is in it where that is one, and most select one of each. */
type Some<T> = T | Set<T>;

const NOBODY: ReadonlySet<RelayRegistration> = new Set();

/**
 * Who hears the group frames of some VLANs and EtherType. Sets, so that leaving is cheap even among 100,000.
 */
export class GroupList {
  /** Those who have made no selection. */
  readonly #unselective = new Set<RelayRegistration>();
  /** What the others have selected, and who has selected what. */
  readonly #selections = new Map<RelayRegistration, Some<number>>();
  readonly #bySelector = new Map<number, Some<RelayRegistration>>();
  /** Of the others: who has which UDP port. */
  readonly #byPort = new Map<number, Some<RelayRegistration>>();

  /** Whether anybody has made a selection. */
  get selective(): boolean {
    return this.#selections.size > 0;
  }

  /** Listeners that have selected at least one group. */
  get selecting(): Iterable<RelayRegistration> {
    return this.#selections.keys();
  }

  /** Who wants every frame, of whatever selector. */
  get unselective(): ReadonlySet<RelayRegistration> {
    return this.#unselective;
  }

  /** Listeners that have selected this one. */
  selected(selector: number): RelayRegistration | ReadonlySet<RelayRegistration> {
    return this.#bySelector.get(selector) ?? NOBODY;
  }

  /** Listeners that have this UDP port. They may have left the list meanwhile: {@link has} tells. */
  havingPort(port: number): RelayRegistration | ReadonlySet<RelayRegistration> {
    return this.#byPort.get(port) ?? NOBODY;
  }

  has(registration: RelayRegistration): boolean {
    return this.#selections.has(registration) || this.#unselective.has(registration);
  }

  /** `selecting`: it has selected nothing yet, and hears of frames that have a selector none. */
  add(registration: RelayRegistration, selecting: boolean): void {
    if (selecting) this.#selections.set(registration, NO_SELECTOR);
    else this.#unselective.add(registration);
  }

  delete(registration: RelayRegistration): boolean {
    return this.#forget(registration) || this.#unselective.delete(registration);
  }

  /** Of frames that have a selector, the registration hears only these; null for all. */
  select(registration: RelayRegistration, selectors: readonly number[] | null): void {
    if (!this.has(registration)) return;
    this.#forget(registration);
    if (selectors === null) {
      this.#unselective.add(registration);
      return;
    }
    this.#unselective.delete(registration);
    // Nobody selects it, so it stands for nothing.
    this.#selections.set(registration, NO_SELECTOR);
    for (const selector of selectors) this.change(registration, selector, true);
  }

  /** A registration that has made a selection hears one selector more, or less. Who joins thousands does so one by one. */
  change(registration: RelayRegistration, selector: number, isWanted: boolean): void {
    const own = this.#selections.get(registration);
    const number = selector | 0;
    if (own === undefined || number === NO_SELECTOR) return;
    if (isWanted) {
      this.#selections.set(registration, own === NO_SELECTOR ? number : withOne(own, number));
      add(this.#bySelector, number, registration);
    } else {
      this.#selections.set(registration, without(own, number) ?? NO_SELECTOR);
      remove(this.#bySelector, number, registration);
    }
  }

  /** A registration that has made a selection has a UDP port, or has it no more: broadcasts to it are for who has. */
  changePort(registration: RelayRegistration, port: number, hasIt: boolean): void {
    if (hasIt) add(this.#byPort, port, registration);
    else remove(this.#byPort, port, registration);
  }

  /** Takes back what it has selected; false when it has made no selection. */
  #forget(registration: RelayRegistration): boolean {
    const own = this.#selections.get(registration);
    if (own === undefined) return false;
    this.#selections.delete(registration);
    if (!(own instanceof Set)) remove(this.#bySelector, own, registration);
    else for (const selector of own) remove(this.#bySelector, selector, registration);
    return true;
  }
}

function add<T>(lists: Map<number, Some<T>>, key: number, one: T): void {
  const others = lists.get(key);
  lists.set(key, others === undefined ? one : withOne(others, one));
}

function remove<T>(lists: Map<number, Some<T>>, key: number, one: T): void {
  const others = lists.get(key);
  if (others === undefined) return;
  const left = without(others, one);
  if (left === undefined) lists.delete(key);
  else if (left !== others) lists.set(key, left);
}

function withOne<T>(some: Some<T>, one: T): Some<T> {
  if (some === one) return some;
  if (!(some instanceof Set)) return new Set([some, one]);
  some.add(one);
  return some;
}

/** Undefined when nothing is left. */
function without<T>(some: Some<T>, one: T): Some<T> | undefined {
  if (!(some instanceof Set)) return some === one ? undefined : some;
  some.delete(one);
  return some.size === 0 ? undefined : some;
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

  add(registration: RelayRegistration, vlanKey: number, etherType: number, selecting: boolean): void {
    let at = this.#table.get(GROUP_HIGH, GROUP_LOW, vlanKey, etherType);
    if (at < 0) {
      at = this.#lists.push(new GroupList()) - 1;
      this.#table.set(GROUP_HIGH, GROUP_LOW, vlanKey, etherType, at);
    }
    const list = this.#lists[at];
    if (list.has(registration)) return;
    list.add(registration, selecting);
    this.size++;
  }

  delete(registration: RelayRegistration, vlanKey: number, etherType: number): void {
    if (this.get(vlanKey, etherType)?.delete(registration)) this.size--;
  }
}
