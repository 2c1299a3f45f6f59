import type { NativeSocket } from './addon.ts';

/** Queues of an interface that are in use; combined ones both receive and transmit. */
export interface ChannelCounts {
  readonly rx: number;
  readonly tx: number;
  readonly combined: number;
}

/** The addon's functions about an interface's driver, asked on any socket of its namespace. They throw as its others do. */
export interface InterfaceFunctions {
  /** Undefined when the driver does not tell. */
  ethtoolChannels(socket: NativeSocket, name: string): ChannelCounts | undefined;
  /** The kernel's names of the offload features, by number; '' for numbers without. */
  ethtoolFeatureNames(socket: NativeSocket, name: string): string[];
  /**
   * Fills four words for each 32 features: those that can be changed, those asked for, those that are on, those that
   * can never be changed (struct ethtool_get_features_block). Returns the number of words.
   */
  ethtoolFeatures(socket: NativeSocket, name: string, words: Uint32Array): number;
  /** Returns ETHTOOL_F_* bits; 0: done as asked. */
  ethtoolSetFeature(socket: NativeSocket, name: string, feature: number, on: boolean): number;
  /** Sends netlink messages, and receives one datagram into `answer`; returns its length. */
  netlinkRequest(socket: NativeSocket, request: Uint8Array, answer: Uint8Array): number;
}
