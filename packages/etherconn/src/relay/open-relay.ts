import { EtherconnError, OptionError } from '../errors.ts';
import { checkPacketLinkOptions, type PacketLinkOptions } from '../link/packet/options.ts';
import { checkXdpLinkOptions, type XdpLinkOptions } from '../link/xdp/options.ts';
import { privilegeFacts, shortOfPrivileges } from '../link/xdp/privileges.ts';
import { checkKnown, checkOneOf } from '../options.ts';
import type { KernelRelay } from './kernel-relay.ts';
import { RawSocketRelay } from './raw-socket-relay.ts';
import { RELAY_OPTIONS, type RelayOptions, splitOptions } from './relay-options.ts';
import { XDPRelay } from './xdp-relay.ts';

/** The engines that {@link Relay.open} may use. */
export type RelayEngine = 'auto' | 'xdp' | 'packet';

/**
 * Options of {@link Relay.open}: those of both engines. All of them are checked, whichever engine is used.
 * `info().ignoredOptions` lists those that the engine in use does not have.
 */
export interface OpenRelayOptions extends RelayOptions, XdpLinkOptions, PacketLinkOptions {
  /**
   * 'xdp': AF_XDP. 'packet': AF_PACKET. 'auto' (default): AF_XDP where it works, otherwise AF_PACKET, and
   * `info().fallback` gives the reason. Only AF_XDP supports the options `takeover`, `steering: 'all'`, `attach:
   * false` and `queues`: with any of them, 'auto' means 'xdp'.
   */
  engine?: RelayEngine;
}

type Shared = keyof PacketLinkOptions & keyof XdpLinkOptions;

/** Options by who knows them. Records, so that the compiler finds one that is forgotten. */
const XDP_NAMES: Readonly<Record<Exclude<keyof XdpLinkOptions, Shared>, true>> = {
  queues: true,
  sendQueue: true,
  mode: true,
  chunkSize: true,
  chunks: true,
  headroom: true,
  needWakeup: true,
  polling: true,
  maxEndpoints: true,
  takeover: true,
  steering: true,
  attach: true,
  xskMapFd: true,
  xskMapPath: true,
  program: true,
  audit: true,
};
const PACKET_NAMES: Readonly<Record<Exclude<keyof PacketLinkOptions, Shared>, true>> = {
  receive: true,
  receiveRing: true,
  sendRing: true,
};
const SHARED_NAMES: Readonly<Record<Shared, true>> = {
  netns: true,
  promiscuous: true,
  moderation: true,
};

const XDP_ONLY = Object.keys(XDP_NAMES);
const PACKET_ONLY = Object.keys(PACKET_NAMES);
const SHARED = Object.keys(SHARED_NAMES);

/** What {@link Relay.open} does. */
export async function openRelay(interfaceName: string, options: OpenRelayOptions = {}): Promise<KernelRelay> {
  checkKnown(options, ['engine', ...XDP_ONLY, ...PACKET_ONLY, ...SHARED, ...RELAY_OPTIONS]);
  const { engine: wanted, ...others } = options;
  const engine = checkOneOf('engine', wanted, ['auto', 'xdp', 'packet'], 'auto');
  const [relay, link] = splitOptions(others);
  const forXdp = without(link, PACKET_ONLY);
  const forPacket = without(link, XDP_ONLY);
  checkXdpLinkOptions(forXdp);
  checkPacketLinkOptions(forPacket);
  const ignoredBy = (names: readonly string[]) => names.filter((name) => link[name] !== undefined);

  let refusal: EtherconnError | undefined;
  if (engine !== 'packet') {
    try {
      const opened = await XDPRelay.open(interfaceName, { ...relay, ...forXdp });
      opened.opening = { ignoredOptions: ignoredBy(PACKET_ONLY) };
      return opened;
    } catch (error) {
      if (engine === 'xdp' || needsXdp(options) || !isRefusal(error)) throw error;
      refusal = error;
    }
  }
  try {
    const opened = await RawSocketRelay.open(interfaceName, { ...relay, ...forPacket });
    const ignoredOptions = ignoredBy(XDP_ONLY);
    opened.opening =
      refusal === undefined ? { ignoredOptions } : { fallback: inShort(refusal), ignoredOptions };
    return opened;
  } catch (error) {
    // What hinders both (no such interface, no capability at all) is told once, and AF_XDP's side of it stays to be seen.
    if (refusal !== undefined && error instanceof Error) error.cause ??= refusal;
    throw error;
  }
}

/** Whether AF_PACKET cannot do what is asked for: then it is no stand-in. */
function needsXdp({ takeover, steering, attach, queues }: OpenRelayOptions): boolean {
  return takeover === true || steering === 'all' || attach === false || queues !== undefined;
}

/** Whether the kernel, the driver or the machine says no; anything else (a wrong option, a bug of ours) is an error. */
function isRefusal(error: unknown): error is EtherconnError {
  return error instanceof EtherconnError && !(error instanceof OptionError);
}

/** Who wants the advice as well asks for AF_XDP: its error has it. */
function inShort(refusal: EtherconnError): string {
  const isPrivilege = refusal.code === 'EPERM' || refusal.code === 'EACCES';
  return (isPrivilege ? shortOfPrivileges(privilegeFacts()) : undefined) ?? refusal.message;
}

function without(
  options: Readonly<Record<string, unknown>>,
  names: readonly string[],
): Record<string, unknown> {
  return Object.fromEntries(Object.entries(options).filter(([name]) => !names.includes(name)));
}
