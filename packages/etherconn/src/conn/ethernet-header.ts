import type { FrameMemory } from '../link/link.ts';
import { type MacAddress, toMac } from '../relay/l2-endpoint.ts';
import { ETHERNET_HEADER_LENGTH, emitEthernet } from '../wire/ethernet.ts';
import { EtherType } from '../wire/ethertype.ts';
import { MAC_LENGTH } from '../wire/mac.ts';
import { VLAN_TAG_LENGTH, type Vlan } from '../wire/vlan.ts';

/**
 * The Ethernet header of what a conn sends, as a template into which each packet's destination and EtherType are put:
 * nothing is allocated per packet.
 */
export class EthernetHeader {
  /** Bytes of the header. */
  readonly length: number;
  /** The destination that was set last: first 4 bytes (signed), last 2. */
  macHigh = 0;
  macLow = 0;
  /** As 32-bit words, behind two bytes of filling: slots begin 2 bytes past a word (see LinkTx). */
  readonly #words: Uint32Array;
  readonly #bytes: Uint8Array;
  /** The destination that was set last, if that was by text. */
  #text: string | null = null;

  constructor(source: Uint8Array, vlans: readonly Vlan[]) {
    this.length = ETHERNET_HEADER_LENGTH + VLAN_TAG_LENGTH * vlans.length;
    this.#words = new Uint32Array((this.length + 2) / 4);
    this.#bytes = new Uint8Array(this.#words.buffer, 2);
    const destination = new Uint8Array(MAC_LENGTH);
    emitEthernet(this.#bytes, 0, { destination, source, vlans, etherType: EtherType.IPV4 });
  }

  /** Throws an OptionError when the destination is no MAC address. */
  set(destMac: MacAddress, etherType: number): void {
    if (typeof destMac !== 'string' || destMac !== this.#text) this.#setDestination(destMac);
    this.#bytes[this.length - 2] = etherType >> 8;
    this.#bytes[this.length - 1] = etherType;
  }

  /** Writes the header to a slot. */
  emit(memory: FrameMemory, slot: number): void {
    const { u32 } = memory;
    const words = this.#words;
    for (let i = 0, w = (slot - 2) >> 2; i < words.length; i++) u32[w + i] = words[i];
  }

  #setDestination(destMac: MacAddress): void {
    const isBytes = destMac instanceof Uint8Array && destMac.length === MAC_LENGTH;
    const mac = isBytes ? destMac : toMac('destMac', destMac);
    const bytes = this.#bytes;
    for (let i = 0; i < MAC_LENGTH; i++) bytes[i] = mac[i];
    this.macHigh = (bytes[0] << 24) | (bytes[1] << 16) | (bytes[2] << 8) | bytes[3];
    this.macLow = (bytes[4] << 8) | bytes[5];
    this.#text = typeof destMac === 'string' ? destMac : null;
  }
}
