import { rethrowLater } from '../../rethrow.ts';
import { sameBytes } from '../../wire/bytes.ts';
import { hostError } from '../host-error.ts';
import { freePort } from './local-port.ts';
import type { TcpListenerUser, TcpListening } from './tcp-user.ts';

/** A listening port. */
export interface Listener {
  readonly user: TcpListenerUser;
  /** 4 or 16 bytes; null for both versions. */
  readonly address: Uint8Array | null;
  /** Whether it takes connections to any address, of its version if there is an address. */
  readonly isAny: boolean;
  /** Connections that may be established and not yet accepted, and those that are. */
  readonly backlog: number;
  pending: number;
}

/** The listening ports of a host. */
export class Listeners {
  readonly #ports = new Map<number, Listener[]>();

  /** Throws EADDRINUSE. */
  add(
    user: TcpListenerUser,
    address: Uint8Array | null,
    isAny: boolean,
    wanted: number,
    backlog: number,
  ): TcpListening {
    const listener: Listener = { user, address, isAny, backlog, pending: 0 };
    const port = wanted === 0 ? this.#free() : wanted;
    const list = this.#ports.get(port) ?? [];
    if (list.some((other) => excludes(other, listener)))
      throw hostError('EADDRINUSE', 'listen', 'the port is in use');
    list.push(listener);
    this.#ports.set(port, list);
    return { port, close: () => this.#remove(port, listener) };
  }

  hasPort(port: number): boolean {
    return this.#ports.has(port);
  }

  /** The listener for an own address of `version` at `at`: one that names it comes first. */
  find(u8: Uint8Array, at: number, version: number, port: number): Listener | null {
    const list = this.#ports.get(port);
    if (list === undefined) return null;
    const length = version === 4 ? 4 : 16;
    let found: Listener | null = null;
    for (const listener of list) {
      const { address, isAny } = listener;
      if (address !== null && address.length !== length) continue;
      if (!isAny && sameBytes(address!, 0, u8, at, length)) return listener;
      if (isAny) found = listener;
    }
    return found;
  }

  closeAll(error: Error): void {
    const all = [...this.#ports.values()].flat();
    this.#ports.clear();
    for (const { user } of all) {
      try {
        user.failed(error);
      } catch (thrown) {
        rethrowLater(thrown);
      }
    }
  }

  #remove(port: number, listener: Listener): void {
    const list = this.#ports.get(port);
    const place = list?.indexOf(listener) ?? -1;
    if (place < 0) return;
    list!.splice(place, 1);
    if (list!.length === 0) this.#ports.delete(port);
  }

  #free(): number {
    const port = freePort((one) => !this.#ports.has(one), Math.random);
    if (port !== 0) return port;
    throw hostError('EADDRINUSE', 'listen', 'no port is free');
  }
}

function excludes(a: Listener, b: Listener): boolean {
  if (a.address !== null && b.address !== null && a.address.length !== b.address.length) return false;
  if (a.isAny || b.isAny) return true;
  return sameBytes(a.address!, 0, b.address!, 0, a.address!.length);
}
