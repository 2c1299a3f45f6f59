import { Dhcpv4Op, emitDhcpv4 } from '../../wire/dhcpv4.ts';
import { Dhcpv4Option, type Dhcpv4Options, writeDhcpv4Options } from '../../wire/dhcpv4-options.ts';
import { parseIp } from '../../wire/ip.ts';
import type { DhcpSettings } from './dhcp-options.ts';

/** Longest message that is sent: what fits in the smallest IP packet that everybody takes, and then in an Ethernet one. */
const LENGTHS: readonly number[] = [548, 1472];

/** What a message is about; see RFC 2131 table 5 for which message has which. */
export interface ClientMessage {
  readonly type: number;
  readonly xid: number;
  readonly secs: number;
  /** Address that the client uses (ciaddr), text. */
  readonly clientAddress?: string;
  /** Option 50. */
  readonly requestedAddress?: string | undefined;
  /** Option 54. */
  readonly serverId?: string;
  /** Option 80. */
  readonly rapidCommit?: boolean;
  /** Without what the client wants to know: releases and declines. */
  readonly isBare?: boolean;
}

/** A client's message as bytes. */
export function emitClientMessage(
  message: ClientMessage,
  settings: DhcpSettings,
  hardwareAddress: Uint8Array,
): Uint8Array {
  const { type, xid, secs, clientAddress, requestedAddress, serverId, isBare = false } = message;
  const typed: Dhcpv4Options = { messageType: type };
  if (settings.clientId !== null) typed.clientId = settings.clientId;
  if (requestedAddress !== undefined) typed.requestedAddress = requestedAddress;
  if (serverId !== undefined) typed.serverId = serverId;
  if (message.rapidCommit) typed.rapidCommit = true;
  const options = writeDhcpv4Options(typed);
  if (!isBare) for (const [code, value] of settings.options) options.set(code, value);
  const fields = {
    op: Dhcpv4Op.REQUEST,
    xid,
    secs,
    // An address that is in use takes answers as any other does.
    broadcast: settings.broadcast && clientAddress === undefined && !isBare,
    hardwareAddress,
    ...(clientAddress === undefined ? {} : { clientAddress: parseIp(clientAddress) }),
    options,
  };
  const bytes = [...options.values()].reduce((sum, value) => sum + value.length + 2, 0);
  return emitDhcpv4(fields, bytes < 300 ? LENGTHS[0] : LENGTHS[1]);
}

/** Whether an answer is for a client: by client identifier where the server echoes it (RFC 6842), and MAC address. */
export function isForClient(
  options: ReadonlyMap<number, Uint8Array>,
  hardwareAddress: Uint8Array,
  settings: DhcpSettings,
  mac: Uint8Array,
): boolean {
  const echoed = options.get(Dhcpv4Option.CLIENT_ID);
  if (echoed !== undefined && settings.clientId !== null && !equal(echoed, settings.clientId)) return false;
  return equal(hardwareAddress, mac);
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
