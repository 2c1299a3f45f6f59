import { L2EndpointKey } from 'etherconn';
import { turn } from './part.mjs';

/** Sends whole frames of any kind through a relay, as many as it takes, and counts them. */
export class Sender {
  sent = 0;
  bytes = 0;
  #relay;
  #registration;

  /** @param {any} relay */
  constructor(relay) {
    this.#relay = relay;
    this.#registration = relay.register([L2EndpointKey.of('02:ee:ff:ff:ff:ff', 0x9999)]);
  }

  /**
   * Waits for room when there is none.
   * @param {Uint8Array} frame
   */
  async send(frame) {
    while (this.#registration.trySend(frame) === 0) {
      this.#relay.flush();
      await turn();
    }
    this.sent++;
    this.bytes += frame.length;
  }

  flush() {
    this.#relay.flush();
  }
}
