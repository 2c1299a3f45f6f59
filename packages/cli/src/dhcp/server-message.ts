import { Dhcpv4Op, Dhcpv4Option, parseDhcpv4 } from 'etherconn/wire';
import { FOREVER } from '../scenario/quantity.ts';
import { addressNumber } from './address-number.ts';

/** Offsets in a message. */
const HARDWARE_LENGTH = 2;
const XID = 4;
const YIADDR = 16;
const CHADDR = 28;
const COOKIE = 236;
const OPTIONS = 240;
const MAGIC = 0x63825363;

/**
 * What a client heeds of a server's message, read where it lies: one object for all messages. Addresses are 32-bit numbers, 0
 * when there is none; times are seconds, NaN when there is none.
 */
export class ServerMessage {
  type = 0;
  xid = 0;
  yourAddress = 0;
  serverId = 0;
  leaseTime: number = Number.NaN;
  renewalTime: number = Number.NaN;
  rebindingTime: number = Number.NaN;
  /** Memory that the message lies in, only while it is told, and offset of the client's hardware address, of six bytes. */
  u8: Uint8Array = new Uint8Array(0);
  hardwareAddress = 0;
  /** Options seen, one bit each. */
  #seen = 0;

  /** Reads the message `[start, end)`; false when it is no whole message of a server to an Ethernet client. */
  read(u8: Uint8Array, start: number, end: number): boolean {
    if (end - start < OPTIONS || u8[start] !== Dhcpv4Op.REPLY || u8[start + HARDWARE_LENGTH] !== 6)
      return false;
    if (addressNumber(u8, start + COOKIE) !== MAGIC) return false;
    this.u8 = u8;
    this.hardwareAddress = start + CHADDR;
    this.xid = addressNumber(u8, start + XID);
    this.yourAddress = addressNumber(u8, start + YIADDR);
    this.#clear();
    let at = start + OPTIONS;
    while (at < end) {
      const code = u8[at++];
      if (code === Dhcpv4Option.END) break;
      if (code === Dhcpv4Option.PAD) continue;
      if (at >= end || at + 1 + u8[at] > end) return false;
      // Overloaded fields, and options in parts, are rare: they are read thoroughly.
      if (code === Dhcpv4Option.OVERLOAD || this.#isKnown(code)) return this.#readThoroughly(u8, start, end);
      this.#option(code, u8, at + 1, u8[at]);
      at += 1 + u8[at];
    }
    return true;
  }

  #clear(): void {
    this.type = 0;
    this.serverId = 0;
    this.leaseTime = Number.NaN;
    this.renewalTime = Number.NaN;
    this.rebindingTime = Number.NaN;
    this.#seen = 0;
  }

  /** Whether an option of ours has been seen before. */
  #isKnown(code: number): boolean {
    if (code < Dhcpv4Option.LEASE_TIME || code > Dhcpv4Option.REBINDING_TIME) return false;
    const bit = 1 << (code - Dhcpv4Option.LEASE_TIME);
    const isKnown = (this.#seen & bit) !== 0;
    this.#seen |= bit;
    return isKnown;
  }

  #option(code: number, u8: Uint8Array, at: number, length: number): void {
    if (code === Dhcpv4Option.MESSAGE_TYPE) {
      if (length > 0) this.type = u8[at];
      return;
    }
    if (length !== 4) return;
    switch (code) {
      case Dhcpv4Option.SERVER_ID:
        this.serverId = addressNumber(u8, at);
        return;
      case Dhcpv4Option.LEASE_TIME:
        this.leaseTime = seconds(u8, at);
        return;
      case Dhcpv4Option.RENEWAL_TIME:
        this.renewalTime = seconds(u8, at);
        return;
      case Dhcpv4Option.REBINDING_TIME:
        this.rebindingTime = seconds(u8, at);
        return;
    }
  }

  #readThoroughly(u8: Uint8Array, start: number, end: number): boolean {
    const message = parseDhcpv4(u8, start, end);
    if (message === null) return false;
    this.#clear();
    for (const [code, bytes] of message.options) this.#option(code, bytes, 0, bytes.length);
    return true;
  }
}

function seconds(u8: Uint8Array, at: number): number {
  const value = addressNumber(u8, at);
  return value === FOREVER ? Number.POSITIVE_INFINITY : value;
}
