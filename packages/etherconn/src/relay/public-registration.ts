import { ClosedError } from '../errors.ts';
import type { EthernetResponse } from './ethernet-response.ts';
import type { L2EndpointKey } from './l2-endpoint.ts';
import type { Registration } from './packet-relay.ts';
import type { RelayRegistration } from './registration.ts';
import { ResponseReceiver } from './response-receiver.ts';

/** The relay that a registration is with. */
interface Registrar {
  readonly stopped: AbortSignal;
  readonly ethernetTypes: readonly number[];
  trySendFrame(frame: Uint8Array): number;
}

/** The result of {@link PacketRelay.register}, for users who write their own conns. It delivers frames as copies. */
export class PublicRegistration implements Registration {
  readonly #relay: Registrar;
  readonly #registration: RelayRegistration;
  readonly #receiver: ResponseReceiver;

  constructor(relay: Registrar, registration: RelayRegistration) {
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
