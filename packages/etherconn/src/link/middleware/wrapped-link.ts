import type { Clock } from '../../clock.ts';
import { checkLink } from '../check-link.ts';
import type { Link, LinkInfo, LinkReceiver, LinkStats, LinkTx, LinkWants, Station } from '../link.ts';

/**
 * A link that passes everything on to another one: what middleware starts from. `admit`, `steer`, `maxFrameLengthOf`
 * and `receivedAt` are there exactly if the inner link has them.
 */
export class WrappedLink implements Link {
  protected readonly inner: Link;
  readonly admit?: (stations: readonly Station[]) => void;
  readonly maxFrameLengthOf?: (type: number) => number;
  readonly steer?: (added: readonly Station[], removed: readonly Station[], wants: LinkWants) => void;
  readonly receivedAt?: () => bigint | null;

  /** Throws an OptionError if `inner` is no link. */
  constructor(inner: Link) {
    checkLink(inner);
    this.inner = inner;
    if (inner.maxFrameLengthOf !== undefined) this.maxFrameLengthOf = (type) => inner.maxFrameLengthOf!(type);
    if (inner.admit !== undefined) this.admit = (stations) => inner.admit!(stations);
    if (inner.steer !== undefined)
      this.steer = (added, removed, wants) => inner.steer!(added, removed, wants);
    if (inner.receivedAt !== undefined) this.receivedAt = () => inner.receivedAt!();
  }

  get kind(): Link['kind'] {
    return this.inner.kind;
  }

  get interfaceName(): string {
    return this.inner.interfaceName;
  }

  get hardwareAddress(): Uint8Array {
    return this.inner.hardwareAddress;
  }

  get mtu(): number {
    return this.inner.mtu;
  }

  get maxFrameLength(): number {
    return this.inner.maxFrameLength;
  }

  get clock(): Clock {
    return this.inner.clock;
  }

  get tx(): LinkTx {
    return this.inner.tx;
  }

  get partialChecksums(): boolean {
    return this.inner.partialChecksums;
  }

  get closed(): boolean {
    return this.inner.closed;
  }

  start(receiver: LinkReceiver): void {
    this.inner.start(receiver);
  }

  stats(): LinkStats {
    return this.inner.stats();
  }

  info(): LinkInfo {
    return this.inner.info();
  }

  ref(): void {
    this.inner.ref();
  }

  unref(): void {
    this.inner.unref();
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}
