import type { Clock } from '../clock.ts';
import type { Link, LinkInfo, LinkReceiver, LinkStats, LinkTx, LinkWants, Station } from '../link/link.ts';
import type { XdpLink } from '../link/xdp/link.ts';
import { macHigh, macLow } from '../wire/mac.ts';
import type { ServiceAddress, ServiceSteering } from './services.ts';

/**
 * An AF_XDP link on whose own MAC address there are services: conns may register that address then, without taking it
 * over, for they only get what is steered here for the services.
 */
export class OwnAddressLink implements Link, ServiceSteering {
  readonly kind = 'xdp';
  readonly interfaceName: string;
  readonly hardwareAddress: Uint8Array;
  readonly mtu: number;
  readonly maxFrameLength: number;
  readonly clock: Clock;
  readonly tx: LinkTx;
  readonly partialChecksums: boolean;
  readonly #link: XdpLink;
  /** The own address is ours anyway (`takeover`, `steering: 'all'`). */
  readonly #taken: boolean;
  readonly #macHigh: number;
  readonly #macLow: number;
  #services = 0;

  constructor(link: XdpLink, taken: boolean) {
    this.#link = link;
    this.#taken = taken;
    this.interfaceName = link.interfaceName;
    this.hardwareAddress = link.hardwareAddress;
    this.mtu = link.mtu;
    this.maxFrameLength = link.maxFrameLength;
    this.clock = link.clock;
    this.tx = link.tx;
    this.partialChecksums = link.partialChecksums;
    this.#macHigh = macHigh(link.hardwareAddress);
    this.#macLow = macLow(link.hardwareAddress);
  }

  get closed(): boolean {
    return this.#link.closed;
  }

  start(receiver: LinkReceiver): void {
    this.#link.start(receiver);
  }

  admit(stations: readonly Station[]): void {
    this.#link.admit(this.#services > 0 ? this.#steered(stations) : stations);
  }

  steer(added: readonly Station[], removed: readonly Station[], wants: LinkWants): void {
    this.#link.steer(this.#steered(added), this.#steered(removed), wants);
  }

  reply(offset: number, length: number): boolean {
    return this.#link.reply(offset, length);
  }

  add(service: ServiceAddress): void {
    this.#link.steeringProgram.addService(this.#ofThisInterface(service), this.#link.queueMask);
    this.#services++;
  }

  remove(service: ServiceAddress): void {
    this.#services--;
    // The program goes with the link.
    if (this.closed) return;
    this.#link.steeringProgram.removeService(this.#ofThisInterface(service), this.#link.queueMask);
  }

  stats(): LinkStats {
    return this.#link.stats();
  }

  info(): LinkInfo {
    return this.#link.info();
  }

  ref(): void {
    this.#link.ref();
  }

  unref(): void {
    this.#link.unref();
  }

  close(): Promise<void> {
    return this.#link.close();
  }

  #ofThisInterface({ address, port }: ServiceAddress) {
    return { macHigh: this.#macHigh, macLow: this.#macLow, vlanKey: 0, address, port };
  }

  /** All but the own address: what comes to it is steered by service. */
  #steered(stations: readonly Station[]): readonly Station[] {
    if (this.#taken || !stations.some((station) => this.#isOwn(station))) return stations;
    return stations.filter((station) => !this.#isOwn(station));
  }

  #isOwn({ macHigh, macLow, vlanKey }: Station): boolean {
    return vlanKey === 0 && macHigh === this.#macHigh && macLow === this.#macLow;
  }
}
