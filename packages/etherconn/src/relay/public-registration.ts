import { ClosedError } from '../errors.ts';
import type { EthernetResponse } from './ethernet-response.ts';
import type { L2EndpointKey } from './l2-endpoint.ts';
import type { Registration } from './packet-relay.ts';
import type { RelayRegistration } from './registration.ts';
import type { Relay } from './relay.ts';
import { ResponseReceiver } from './response-receiver.ts';

/** What {@link Relay.register} gives to users who write their own conns: frames come as copies. */
export class PublicRegistration implements Registration {
  readonly #relay: Relay;
  readonly #registration: RelayRegistration;
  readonly #receiver: ResponseReceiver;

  constructor(relay: Relay, registration: RelayRegistration) {
    this.#relay = relay;
    this.#registration = registration;
    this.#receiver = new ResponseReceiver(relay.ethernetTypes);
  }

  get id(): number {
    return this.#registration.id;
  }

  get replaced(): readonly L2EndpointKey[] {
    return this.#registration.lost ?? [];
  }

  get stopped(): AbortSignal {
    return this.#relay.stopped;
  }

  receive(callback: ((response: EthernetResponse) => void) | null): void {
    this.#receiver.set(callback);
    if (!this.#registration.closed) this.#registration.receiver = callback === null ? null : this.#receiver;
  }

  trySend(frame: Uint8Array): number {
    if (this.#registration.closed) throw new ClosedError('send');
    return this.#relay.trySendFrame(frame);
  }

  close(): void {
    this.#receiver.set(null);
    this.#registration.close();
  }
}
