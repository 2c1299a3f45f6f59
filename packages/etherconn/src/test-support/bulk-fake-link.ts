import { FakeLink, type FakeLinkOptions } from './fake-link.ts';

/** A {@link FakeLink} that takes many frames in one go, as AF_XDP does. */
export class BulkFakeLink extends FakeLink {
  constructor(options: FakeLinkOptions = {}) {
    super(options);
    const { tx } = this;
    Object.assign(tx, {
      reserveMany(offsets: Int32Array, count: number, length: number): number {
        for (let i = 0; i < count; i++) {
          const offset = tx.reserve(length);
          if (offset < 0) return i;
          offsets[i] = offset;
        }
        return count;
      },
      commitMany(offsets: Int32Array, lengths: Int32Array, count: number): void {
        for (let i = 0; i < count; i++) tx.commit(offsets[i]!, lengths[i]!);
      },
    });
  }
}
