import { macHigh, macLow } from '../../wire/mac.ts';
import type { SteeringProgram } from './program.ts';
import type { Service } from './steer-maps.ts';

/** A UDP service on an interface's own MAC address, untagged. */
export type OwnService = Pick<Service, 'address' | 'port'>;

/** The services of one link in its steering program, under the MAC address that the interface has. */
export class OwnServices {
  readonly #program: SteeringProgram;
  readonly #queues: bigint;
  readonly #services = new Set<OwnService>();
  #mac: Uint8Array;

  constructor(program: SteeringProgram, queues: bigint, mac: Uint8Array) {
    this.#program = program;
    this.#queues = queues;
    this.#mac = mac;
  }

  get size(): number {
    return this.#services.size;
  }

  /** Whether this service is in the program, by this link or one of another thread. */
  has(service: OwnService): boolean {
    return this.#program.hasService(this.#at(service));
  }

  /** Throws what `SteeringProgram.addService` throws. */
  add(service: OwnService): void {
    this.#program.addService(this.#at(service), this.#queues);
    this.#services.add(service);
  }

  /** The same object as it was added. Harmless when it is not there. */
  remove(service: OwnService): void {
    if (this.#services.delete(service)) this.#program.removeService(this.#at(service), this.#queues);
  }

  /** The interface has another MAC address. */
  move(mac: Uint8Array): void {
    // Each goes before it comes: there may be no room for both.
    for (const service of this.#services) {
      this.#program.removeService(this.#at(service), this.#queues);
      this.#program.addService(this.#at(service, mac), this.#queues);
    }
    this.#mac = mac;
  }

  #at({ address, port }: OwnService, mac: Uint8Array = this.#mac): Service {
    return { macHigh: macHigh(mac), macLow: macLow(mac), vlanKey: 0, address, port };
  }
}
