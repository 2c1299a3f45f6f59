import { checkObject } from '../options.ts';
import { type Dhcpv4Message, Dhcpv4Op, emitDhcpv4, parseDhcpv4 } from '../wire/dhcpv4.ts';
import { type Dhcpv4Options, readDhcpv4Options, writeDhcpv4Options } from '../wire/dhcpv4-options.ts';
import { type Definition, type LayerFunction, layerFunction } from './definition.ts';
import { bits, FILLED, flag, ip, mac, text, uint } from './field.ts';

/** DHCPv4 message (RFC 2131, 2). */
export interface Dhcpv4Layer {
  readonly layer: 'dhcpv4';
  /** `Dhcpv4Op` of etherconn/wire; default 1, a request. */
  readonly op?: number;
  /** Filled: 1, Ethernet. */
  readonly hardwareType?: number;
  /** Filled: 6. */
  readonly hardwareLength?: number;
  /** Default 0. */
  readonly hops?: number;
  /** Transaction; default 0. */
  readonly xid?: number;
  /** Default 0. */
  readonly secs?: number;
  /** Default false. */
  readonly broadcast?: boolean;
  /** Filled: 0. */
  readonly reserved?: number;
  /** ciaddr; default 0.0.0.0, as of the other addresses. */
  readonly clientAddress?: string;
  /** yiaddr. */
  readonly yourAddress?: string;
  /** siaddr. */
  readonly serverAddress?: string;
  /** giaddr. */
  readonly relayAddress?: string;
  /** chaddr, a MAC address; default zeros. */
  readonly hardwareAddress?: string;
  /** Text, up to 64 bytes; bytes when it holds something else, as options. Default ''. */
  readonly serverName?: string | Uint8Array;
  /** Text, up to 128 bytes; bytes when it holds something else, as options. Default ''. */
  readonly bootFile?: string | Uint8Array;
  /** Filled: 0x63825363. */
  readonly cookie?: number;
  /** Default none. After parsing: those known here. */
  readonly options?: Dhcpv4Options;
  /**
   * The bytes from the options on, as they are. Filled: by `options`. A parsed layer has them when there is more than
   * `options` says, or it is written in another way; leave them out (`undefined`) to change options.
   */
  readonly optionBytes?: Uint8Array;
}

/** Bytes before the options. */
const FIXED = 240;
const NO_MAC = new Uint8Array(6);
/** Options are never moved to the other fields. */
const LENGTH_MAX = 0xffff;

export const dhcpv4Definition: Definition = {
  name: 'dhcpv4',
  length: FIXED,
  fields: {
    op: uint(0, 1),
    hardwareType: uint(1, 1, FILLED),
    hardwareLength: uint(2, 1, FILLED),
    hops: uint(3, 1),
    xid: uint(4, 4, { hexDigits: 8 }),
    secs: uint(8, 2),
    broadcast: flag(80),
    reserved: bits(81, 15, FILLED),
    clientAddress: ip(12, 4),
    yourAddress: ip(16, 4),
    serverAddress: ip(20, 4),
    relayAddress: ip(24, 4),
    hardwareAddress: mac(28),
    serverName: text(44, 64),
    bootFile: text(108, 128),
    cookie: uint(236, 4, { filled: true, hexDigits: 8 }),
  },
  tail: {
    name: 'options',
    exact: 'optionBytes',
    end: (_u8, _at, end) => end,
    read(u8, start, end) {
      const message = parseDhcpv4(u8, start - FIXED, end);
      if (message === null) return undefined;
      // One by one, so that they keep their order.
      return Object.assign(
        {},
        ...Array.from(message.options, (option) => readDhcpv4Options(new Map([option]))),
      );
    },
    write(value, name) {
      if (value !== undefined) checkObject(value, name);
      const options = writeDhcpv4Options((value ?? {}) as Dhcpv4Options);
      return emit(options).subarray(FIXED);
    },
  },
  emit(u8, { at }) {
    u8.set(emit(new Map()).subarray(0, FIXED), at);
  },
  isAnswerTo: (answer, request) =>
    answer.op === Dhcpv4Op.REPLY &&
    request.op === Dhcpv4Op.REQUEST &&
    answer.xid === request.xid &&
    answer.hardwareAddress === request.hardwareAddress,
  reply: ({ xid, broadcast, relayAddress, hardwareAddress }) => ({
    ...CLEARED,
    op: Dhcpv4Op.REPLY,
    xid,
    broadcast,
    relayAddress,
    hardwareAddress,
  }),
};

const CLEARED: Readonly<Partial<Record<keyof Dhcpv4Layer, undefined>>> = {
  hops: undefined,
  secs: undefined,
  clientAddress: undefined,
  yourAddress: undefined,
  serverAddress: undefined,
  serverName: undefined,
  bootFile: undefined,
  options: undefined,
  optionBytes: undefined,
};

function emit(options: Dhcpv4Message['options']): Uint8Array {
  return emitDhcpv4({ op: Dhcpv4Op.REQUEST, xid: 0, hardwareAddress: NO_MAC, options }, LENGTH_MAX);
}

/** A DHCPv4 message. `dhcpv4({ xid: 7, hardwareAddress, options: { messageType: 1 } })` */
export const dhcpv4: LayerFunction<Dhcpv4Layer> = layerFunction<Dhcpv4Layer>(dhcpv4Definition);
