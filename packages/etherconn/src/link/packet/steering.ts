import { clearTimeout, setTimeout } from '../../real-time.ts';
import type { LinkWants, Station } from '../link.ts';
import { covers, type FilterRule, filterProgram, MAX_FILTER_ADDRESSES } from './filter.ts';

/** Milliseconds that a filter may stay wider than needed, so that many removals cost one change. */
const NARROW_DELAY = 10;

const EVERYTHING: FilterRule = { all: true, group: true, addresses: new Set() };

/**
 * Keeps the socket's filter in step with the stations. It is widened at once, since a frame for a station that
 * has just been added must not be lost, and narrowed a little later. A filter costs as much as many stations do, so
 * when it must be widened again before that, it passes everything meanwhile: however many stations are added in a row,
 * two filters are made before the narrow one.
 */
export class Steering {
  readonly #attach: (program: Uint8Array) => void;
  /** Stations per MAC address: the same one may be there in several VLANs. */
  readonly #stations = new Map<number, number>();
  #wants: LinkWants = { all: true, group: true };
  #attached: FilterRule = EVERYTHING;
  #timer: NodeJS.Timeout | undefined;

  /** Attaches the first filter, which passes everything: whoever does not steer gets all frames. */
  constructor(attach: (program: Uint8Array) => void) {
    this.#attach = attach;
    attach(filterProgram(EVERYTHING));
  }

  update(added: readonly Station[], removed: readonly Station[], wants: LinkWants): void {
    for (const station of added) {
      const address = addressOf(station);
      this.#stations.set(address, (this.#stations.get(address) ?? 0) + 1);
    }
    for (const station of removed) {
      const address = addressOf(station);
      const left = (this.#stations.get(address) ?? 0) - 1;
      if (left > 0) this.#stations.set(address, left);
      else this.#stations.delete(address);
    }
    this.#wants = wants;
    if (!this.#attached.all) {
      const rule = this.#rule();
      if (!covers(this.#attached, rule)) this.#apply(this.#timer === undefined ? rule : EVERYTHING);
    }
    this.#timer ??= setTimeout(() => this.#narrow(), NARROW_DELAY).unref();
  }

  /** For people: what the filter passes. */
  describe(): string {
    const { all, group, addresses } = this.#attached;
    return all ? 'everything' : `${addresses.size} addresses${group ? ' and group frames' : ''}`;
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #rule(): FilterRule {
    if (this.#wants.all || this.#stations.size > MAX_FILTER_ADDRESSES) return EVERYTHING;
    return { all: false, group: this.#wants.group, addresses: new Set(this.#stations.keys()) };
  }

  #narrow(): void {
    this.#timer = undefined;
    const rule = this.#rule();
    if (covers(rule, this.#attached)) return;
    try {
      this.#apply(rule);
    } catch {
      // No memory for a narrower filter, say: the wider one that stays only costs work.
    }
  }

  #apply(rule: FilterRule): void {
    this.#attach(filterProgram(rule));
    this.#attached = rule;
  }
}

function addressOf(station: Station): number {
  return station.macHigh * 0x10000 + station.macLow;
}
