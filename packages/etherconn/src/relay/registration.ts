import type { Station } from '../link/link.ts';
import type { FrameReceiver } from './frame-receiver.ts';
import type { L2EndpointKey } from './l2-endpoint.ts';
import type { UdpEntries } from './udp-entries.ts';

/** Which frames a registration receives. */
export type RegistrationRole =
  /** Unicast frames for its keys, and group frames if requested. */
  | 'endpoint'
  /** Frames that no endpoint or listener receives. */
  | 'default'
  /** A copy of every received frame. */
  | 'mirror';

/** Closes registrations: the relay. */
export interface RegistrationCloser {
  closeRegistration(registration: RelayRegistration): void;
}

/**
 * A relay's own side of a registration: what conns hold. Small on purpose, for there may be 100,000.
 */
export class RelayRegistration {
  readonly id: number;
  /** Place in the relay's list; part of the id. */
  readonly index: number;
  readonly role: RegistrationRole;
  readonly multicast: boolean;
  /** EtherTypes of a default or mirror registration, null for all. Endpoints have theirs with the stations. */
  readonly etherTypes: readonly number[] | null;
  /** Its own addresses. Of a default or mirror registration: what it sends from, and nobody else's frames. */
  readonly stations: readonly Station[];
  /** The receiver of the frames. */
  receiver: FrameReceiver | null = null;
  /** The receiver of life cycle calls, if it differs: a conn that passes its frames to a conn above. */
  owner: FrameReceiver | null = null;
  closed = false;
  /** Keys taken over by others, made when the first is. */
  lost: L2EndpointKey[] | null = null;
  /** Its endpoints in the front for UDP, made when the first is. */
  entries: UdpEntries | null = null;
  readonly #closer: RegistrationCloser;

  constructor(
    closer: RegistrationCloser,
    id: number,
    index: number,
    role: RegistrationRole,
    multicast: boolean,
    etherTypes: readonly number[] | null,
    stations: readonly Station[],
  ) {
    this.#closer = closer;
    this.id = id;
    this.index = index;
    this.role = role;
    this.multicast = multicast;
    this.etherTypes = etherTypes;
    this.stations = stations;
  }

  close(): void {
    this.#closer.closeRegistration(this);
  }
}
