import type { Addon, NativePoll, NativeSocket } from '../../native/addon.ts';
import { during } from '../../native/system-error.ts';
import { queryLink } from './interface-netlink.ts';
import { groupAddress, openRouteSocket } from './netlink.ts';

const RTMGRP_LINK = 1; // linux/rtnetlink.h

/** What an {@link InterfaceMonitor} has found. */
export const InterfaceState = {
  UP: 0,
  /** Switched off, or without carrier. */
  DOWN: 1,
  /** Deleted, or moved to another network namespace. */
  GONE: 2,
} as const;

/**
 * Tells when an interface goes up, down or away. An rtnetlink socket serves as the alarm only: what it says is
 * thrown away and the interface asked, so that lost messages do no harm. How often the carrier was lost is asked as well,
 * for the kernel's alarm may come when it is back.
 */
export class InterfaceMonitor {
  readonly #addon: Addon;
  readonly #socket: NativeSocket;
  readonly #index: number;
  #poll: NativePoll | undefined;
  #carrierDowns: number = Number.POSITIVE_INFINITY;

  /** `namespaceFd` as in the addon's `socketOpen`. Throws what the addon throws. */
  constructor(addon: Addon, namespaceFd: number, index: number) {
    this.#addon = addon;
    this.#index = index;
    this.#socket = openRouteSocket(addon, namespaceFd);
    try {
      addon.socketBind(this.#socket, groupAddress(RTMGRP_LINK));
      this.#carrierDowns = this.#askCarrierDowns();
    } catch (error) {
      addon.socketClose(this.#socket);
      throw error;
    }
  }

  /** Calls `changed` (from the event loop) whenever some interface has changed. Never keeps the process alive. */
  start(changed: () => void): void {
    during('watching the interface', () => {
      const poll = this.#addon.pollOpen(this.#socket, (events) => {
        this.#addon.socketDrain(this.#socket);
        // An error is an overrun: messages were lost, and polling has stopped.
        if (events < 0) this.#addon.pollStart(poll);
        changed();
      });
      this.#poll = poll;
      this.#addon.pollRef(poll, false);
      this.#addon.pollStart(poll);
    });
  }

  /**
   * Whether the interface has lost its carrier since this was asked before. It may be back: the kernel tells of both
   * together, up to a second later. Ask it before {@link state}, so that what comes between the two is told of later.
   */
  lostCarrier(): boolean {
    const before = this.#carrierDowns;
    this.#carrierDowns = this.#askCarrierDowns();
    return this.#carrierDowns > before;
  }

  /** One of {@link InterfaceState}, now. */
  state(): number {
    const state = this.#addon.interfaceState(this.#socket, this.#index);
    if (state < 0) return InterfaceState.GONE;
    return state === 1 ? InterfaceState.UP : InterfaceState.DOWN;
  }

  #askCarrierDowns(): number {
    try {
      const details = queryLink(this.#addon, this.#socket, this.#index);
      // A message about another interface that came in between: the answer behind it wakes us again.
      if (details?.index === this.#index) return details.carrierDowns;
    } catch {
      // Messages were lost, or the interface has gone: what is so now is told all the same.
    }
    return this.#carrierDowns;
  }

  close(): void {
    if (this.#poll !== undefined) this.#addon.pollClose(this.#poll);
    this.#addon.socketClose(this.#socket);
  }
}
