import { EtherconnError } from '../../errors.ts';
import { formatMac, macHigh, macLow } from '../../wire/mac.ts';
import type { Station } from '../link.ts';
import type { CheckedXdpLinkOptions } from './options.ts';
import type { VlanOffload } from './vlan-offload.ts';

/** Which stations an XDP link on an interface can have at all. */
export class Admission {
  /** Whether there are UDP services on the interface's own address: conns may be on it then, untagged. */
  hasServices = false;
  /** The own address may be taken from the kernel. */
  readonly ownAllowed: boolean;
  readonly #interfaceName: string;
  readonly #askVlanOffload: () => VlanOffload;
  #address: Uint8Array;
  #macHigh: number;
  #macLow: number;
  #vlanAdmitted = false;

  /** `address` is the interface's own. */
  constructor(
    interfaceName: string,
    address: Uint8Array,
    options: Pick<CheckedXdpLinkOptions, 'takeover' | 'steering'>,
    askVlanOffload: () => VlanOffload,
  ) {
    this.#interfaceName = interfaceName;
    this.#address = address;
    this.#macHigh = macHigh(address);
    this.#macLow = macLow(address);
    this.ownAllowed = options.takeover || options.steering === 'all';
    this.#askVlanOffload = askVlanOffload;
  }

  /** The interface's own address, which somebody may change. */
  set address(address: Uint8Array) {
    this.#address = address;
    this.#macHigh = macHigh(address);
    this.#macLow = macLow(address);
  }

  /** Throws an EtherconnError: `ERR_ETHERCONN_TAKEOVER`, `ERR_ETHERCONN_VLAN_OFFLOAD`. See `XdpLink.admit`. */
  check({ macHigh, macLow, vlanKey }: Station): void {
    const isOwn = macHigh === this.#macHigh && macLow === this.#macLow;
    if (isOwn && !this.ownAllowed && !(this.hasServices && vlanKey === 0)) {
      throw new EtherconnError(
        'ERR_ETHERCONN_TAKEOVER',
        `${formatMac(this.#address)} is the own address of '${this.#interfaceName}': registering it would ` +
          'take its traffic away from the kernel (ssh included); open with takeover: true if that is meant, or ' +
          'register a service on its address',
      );
    }
    if (vlanKey !== 0) this.#checkVlan();
  }

  #checkVlan(): void {
    // Asked until it is right, since what is wrong can be mended while the link is open.
    if (this.#vlanAdmitted) return;
    const { state, advice } = this.#askVlanOffload();
    if (state === 'on') {
      throw new EtherconnError(
        'ERR_ETHERCONN_VLAN_OFFLOAD',
        `'${this.#interfaceName}' takes VLAN tags out of received frames, so stations in VLANs would not be found: ` +
          `switch that off with ${advice}, or setVlanOffload()`,
      );
    }
    this.#vlanAdmitted = true;
  }
}
