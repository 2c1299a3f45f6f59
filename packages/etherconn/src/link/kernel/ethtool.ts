import type { Addon, NativeSocket } from '../../native/addon.ts';
import type { LinkDetails } from '../kernel/interface-netlink.ts';

/** What an interface's driver tells and lets be changed: linux/ethtool.h. All is asked on any socket of its namespace. */

const WORDS_PER_BLOCK = 4; // struct ethtool_get_features_block
const FEATURES_PER_BLOCK = 32;
const AVAILABLE = 0;
const ACTIVE = 2;
const NEVER_CHANGED = 3;
/** More than any kernel has. */
const MAX_BLOCKS = 8;
/** ETHTOOL_F_UNSUPPORTED and ETHTOOL_F_WISH: cannot be changed, or not now. */
const REFUSED: number = 1 | 2;

/**
 * The features that concern VLAN tags (netdev_features_strings of net/ethtool/common.c), 802.1Q then 802.1ad: taking them
 * out of received frames, and leaving it to the device to put them into sent ones.
 */
export const RX_VLAN_FEATURES: readonly string[] = ['rx-vlan-hw-parse', 'rx-vlan-stag-hw-parse'];
export const TX_VLAN_FEATURES: readonly string[] = ['tx-vlan-hw-insert', 'tx-vlan-stag-hw-insert'];

/** An offload feature. */
export interface Feature {
  readonly on: boolean;
  /** Whether it can be switched. */
  readonly changeable: boolean;
}

/** The interface's offload features, by the kernel's names (those that `ethtool -k` shows, or close to them). */
export function readFeatures(addon: Addon, socket: NativeSocket, name: string): Map<string, Feature> {
  const names = addon.ethtoolFeatureNames(socket, name);
  const words = new Uint32Array(MAX_BLOCKS * WORDS_PER_BLOCK);
  addon.ethtoolFeatures(socket, name, words);
  const features = new Map<string, Feature>();
  for (const [number, feature] of names.entries()) {
    if (feature === '') continue;
    const block = Math.floor(number / FEATURES_PER_BLOCK) * WORDS_PER_BLOCK;
    const has = (word: number) => ((words[block + word] >>> (number % FEATURES_PER_BLOCK)) & 1) === 1;
    features.set(feature, { on: has(ACTIVE), changeable: has(AVAILABLE) && !has(NEVER_CHANGED) });
  }
  return features;
}

/** Switches a feature; false when the driver has it not, or does not let it be switched. */
export function switchFeature(
  addon: Addon,
  socket: NativeSocket,
  name: string,
  feature: string,
  on: boolean,
): boolean {
  const number = addon.ethtoolFeatureNames(socket, name).indexOf(feature);
  if (number < 0) return false;
  return (addon.ethtoolSetFeature(socket, name, number, on) & REFUSED) === 0;
}

/** How many queues an interface has. */
export interface QueueCounts {
  readonly rx: number;
  readonly tx: number;
  /** Whether the driver has told those in use; otherwise these are the allocated ones, of which fewer may be in use. */
  readonly inUse: boolean;
}

/** The queues of an interface. */
export function countQueues(addon: Addon, socket: NativeSocket, details: LinkDetails): QueueCounts {
  const channels = addon.ethtoolChannels(socket, details.name);
  if (channels === undefined) return { rx: details.rxQueues, tx: details.txQueues, inUse: false };
  const { rx, tx, combined } = channels;
  return { rx: rx + combined, tx: tx + combined, inUse: true };
}
