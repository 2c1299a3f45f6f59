import { EtherconnError, OptionError } from '../../errors.ts';
import { type Addon, loadAddon, type NativeSocket } from '../../native/addon.ts';
import { withAdvice } from '../../native/system-error.ts';
import { checkKnown, show } from '../../options.ts';
import {
  type Feature,
  RX_VLAN_FEATURES,
  readFeatures,
  switchFeature,
  TX_VLAN_FEATURES,
} from '../kernel/ethtool.ts';
import { checkInterfaceName } from '../kernel/interface.ts';
import { type LinkDetails, queryLink } from '../kernel/interface-netlink.ts';
import { withNamespace } from '../kernel/namespace.ts';
import { withRouteSocket } from '../kernel/netlink.ts';

/**
 * An interface that takes the VLAN tag out of received frames does so before the XDP program sees them: tagged frames
 * look untagged, and reach the wrong endpoint or none. On a veth pair it is the peer that leaves the tag beside the
 * frame when it sends (tx-vlan-offload), and the receiver has no say.
 */

/** Whether the interface removes VLAN tags before XDP. */
export interface VlanOffload {
  /** 'unknown' if it depends on the peer of a veth in another network namespace, whose setting is not readable. */
  readonly state: 'off' | 'on' | 'unknown';
  /** What to do about it; '' if it is off. */
  readonly advice: string;
}

/** Options of {@link setVlanOffload}. */
export interface SetVlanOffloadOptions {
  /** Path of the network namespace of the interface. Default that of the calling thread. */
  netns?: string;
}

/** Of an interface that takes none out, or is gone. */
export const NO_OFFLOAD: VlanOffload = Object.freeze({ state: 'off', advice: '' });

/**
 * Whether an interface removes VLAN tags from received frames before an XDP program sees them, and what to do about
 * it. Throws an OptionError for an invalid name, and a SystemError ENODEV if there is no such interface.
 */
export function vlanOffload(interfaceName: string, options: SetVlanOffloadOptions = {}): VlanOffload {
  return onInterface('asking for', interfaceName, options, adviseAsking, (addon, socket) => {
    const details = queryLink(addon, socket, addon.interfaceQuery(socket, interfaceName).index);
    return details === undefined ? NO_OFFLOAD : vlanOffloadOf(addon, socket, details);
  });
}

/** Asked on any socket of the interface's namespace. An interface whose driver tells of no features has none. */
export function vlanOffloadOf(addon: Addon, socket: NativeSocket, details: LinkDetails): VlanOffload {
  if (details.kind !== 'veth') return offloadOf(addon, socket, details.name, RX_VLAN_FEATURES);
  if (!details.peerIsHere) {
    const advice = `${command('PEER', TX_VLAN_FEATURES)} in the network namespace of the veth's peer`;
    return { state: 'unknown', advice };
  }
  const peer = queryLink(addon, socket, details.peerIndex);
  return offloadOf(addon, socket, peer?.name ?? '', TX_VLAN_FEATURES);
}

/**
 * Enables or disables the VLAN offload of an interface: whether it removes tags from received frames (rxvlan), and
 * whether it inserts them into sent frames or leaves them beside the frame for the peer of a veth (txvlan). With
 * `on` false, XDP sees the 802.1Q and 802.1ad tags of frames that a network card receives; on a veth pair, the
 * setting of the peer of the receiving interface counts. With `on` true, only 802.1Q is enabled, because some cards
 * do not support both.
 *
 * Returns whether a setting has changed. Needs CAP_NET_ADMIN. The setting belongs to the interface and stays when
 * this process ends. Throws an OptionError for an invalid name, a SystemError if the kernel refuses, and an
 * EtherconnError (`ERR_ETHERCONN_INTERFACE`) if the driver cannot change a feature as requested.
 */
export function setVlanOffload(
  interfaceName: string,
  on: boolean,
  options: SetVlanOffloadOptions = {},
): boolean {
  return onInterface('switching', interfaceName, options, adviseSwitching, (addon, socket, operation) =>
    switchOffload(addon, socket, interfaceName, on, operation),
  );
}

/** Checks what is given, and calls `use` with a socket of the interface's namespace. */
function onInterface<T>(
  doing: string,
  interfaceName: string,
  options: SetVlanOffloadOptions,
  advise: (code: string) => string | undefined,
  use: (addon: Addon, socket: NativeSocket, operation: string) => T,
): T {
  const name = checkInterfaceName(interfaceName);
  checkKnown(options, ['netns']);
  const { netns } = options;
  if (netns !== undefined && (typeof netns !== 'string' || netns === '')) {
    throw new OptionError('netns', `must be the path of a network namespace, got ${show(netns)}`);
  }
  const addon = loadAddon();
  const operation = `${doing} VLAN offload of '${name}'`;
  return withAdvice(operation, advise, () =>
    withNamespace(netns, (namespaceFd) =>
      withRouteSocket(addon, namespaceFd, (socket) => use(addon, socket, operation)),
    ),
  );
}

function switchOffload(
  addon: Addon,
  socket: NativeSocket,
  name: string,
  on: boolean,
  operation: string,
): boolean {
  const features = readFeatures(addon, socket, name);
  let changed = false;
  const all = [...RX_VLAN_FEATURES, ...TX_VLAN_FEATURES];
  for (const feature of on ? [RX_VLAN_FEATURES[0], TX_VLAN_FEATURES[0]] : all) {
    const before = features.get(feature);
    // A feature that the driver has not is as good as off.
    if (before === undefined || before.on === on) continue;
    if (!before.changeable || !switchFeature(addon, socket, name, feature, on)) {
      const reason = `${operation}: the driver cannot switch ${feature} ${on ? 'on' : 'off'}`;
      throw new EtherconnError('ERR_ETHERCONN_INTERFACE', reason);
    }
    changed = true;
  }
  return changed;
}

function adviseAsking(code: string): string | undefined {
  return code === 'ENODEV' ? 'no such interface in this network namespace' : undefined;
}

function adviseSwitching(code: string): string | undefined {
  if (code === 'EPERM') return 'needs CAP_NET_ADMIN in the network namespace of the interface';
  return adviseAsking(code);
}

function offloadOf(addon: Addon, socket: NativeSocket, name: string, names: readonly string[]): VlanOffload {
  let features: ReadonlyMap<string, Feature> = new Map();
  try {
    features = readFeatures(addon, socket, name);
  } catch {
    // A driver that tells nothing takes nothing out either.
  }
  const active = names.filter((feature) => features.get(feature)?.on);
  return active.length === 0 ? NO_OFFLOAD : { state: 'on', advice: command(name, active) };
}

/** The ethtool program knows the kernel's names too, when it is new enough; for 802.1Q old ones of its own. */
function command(name: string, features: readonly string[]): string {
  const words = features.map((feature) => `${SHORT_NAMES.get(feature) ?? feature} off`);
  return `'ethtool -K ${name} ${words.join(' ')}'`;
}

const SHORT_NAMES: ReadonlyMap<string, string> = new Map([
  [RX_VLAN_FEATURES[0], 'rxvlan'],
  [TX_VLAN_FEATURES[0], 'txvlan'],
]);
