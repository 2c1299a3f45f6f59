import type { Addon, NativeSocket } from '../../native/addon.ts';
import { intOption, SOCK_RAW } from '../kernel/socket-numbers.ts';
import { raiseSendBuffer } from '../kernel/socket-options.ts';

import {
  AF_XDP,
  BindFlag,
  bindAddress,
  SOL_XDP,
  STATISTICS_SIZE,
  XDP_TX_RING,
  type XdpStatistics,
} from './if-xdp.ts';
import type { TxRing } from './ring.ts';
import { mapTxRing, readSocketStatistics, type XdpSocket } from './socket.ts';

/**
 * An AF_XDP socket that only sends, by the packet memory, queue and completion ring of another one. Where the kernel
 * copies, each frame that is freed wakes up who waits on the socket that has sent it (sock_wfree), even one who waits
 * to receive: so the socket that the event loop waits on is not the one that sends.
 */
export class XdpTxSocket {
  readonly native: NativeSocket;
  readonly ring: TxRing;
  readonly #addon: Addon;
  readonly #statistics: Uint8Array = new Uint8Array(STATISTICS_SIZE);

  /** `namespaceFd` as in the addon's `socketOpen`; `size` entries. Throws what the addon throws. */
  constructor(addon: Addon, namespaceFd: number, size: number) {
    this.#addon = addon;
    this.native = addon.socketOpen(AF_XDP, SOCK_RAW, 0, namespaceFd);
    try {
      addon.socketSetOption(this.native, SOL_XDP, XDP_TX_RING, intOption(size));
      this.ring = mapTxRing(addon, this.native, size);
      raiseSendBuffer(addon, this.native);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** `owner` is bound to that queue. */
  bind(interfaceIndex: number, queue: number, owner: XdpSocket): void {
    this.#addon.socketBind(this.native, bindAddress(BindFlag.SHARED_UMEM, interfaceIndex, queue, owner.fd));
  }

  /** Has the kernel look at the ring; 0 or a negative errno. */
  kick(): number {
    return this.#addon.xdpKick(this.native);
  }

  statistics(): XdpStatistics {
    return readSocketStatistics(this.#addon, this.native, this.#statistics);
  }

  /** Detaches and unmaps the ring, closes. Harmless when repeated. */
  close(): void {
    this.#addon.socketClose(this.native);
  }
}
