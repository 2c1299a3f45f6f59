/**
 * etherconn: user-space Ethernet for Node.js. A program sends and receives Ethernet frames, IP packets and UDP
 * datagrams from any MAC address, VLAN and IP address, without those existing in the operating system.
 */

export type { Clock, ClockTimer } from './clock.ts';
export { Batch } from './conn/batch.ts';
export { type ConnStats, EtherConn, type Packet, type ReadInto } from './conn/ether-conn.ts';
export { DEFAULT_ETHER_TYPES, type EthernetOptions } from './conn/ethernet-port.ts';
export { L4HashKey } from './conn/l4-hash-key.ts';
export { BroadCastMAC, type NextHopResolver, resolveNextHopMACWithBroadcast } from './conn/next-hop.ts';
export type { ReceiveCounters } from './conn/receive-queue.ts';
export { RUDPConn, type RUDPConnOptions } from './conn/rudp-conn.ts';
export {
  type L4Registration,
  SharedEtherConn,
  type SharedEtherConnStats,
  type SharedEthernetConn,
} from './conn/shared-ether-conn.ts';
export { SharedRUDPConn } from './conn/shared-rudp-conn.ts';
export type { UdpAddress } from './conn/udp-address.ts';
export {
  type Datagram,
  type UdpConnOptions,
  type UdpConnStats,
  UdpEndpoint,
  UdpRemote,
} from './conn/udp-endpoint.ts';
export { UdpPeer } from './conn/udp-peer.ts';
export {
  ClosedError,
  EtherconnError,
  InUseError,
  MessageTooLongError,
  NoNextHopError,
  NoRoomError,
  OptionError,
  RelayStoppedError,
  SystemError,
  TimeoutError,
} from './errors.ts';
export { FrameFlag, type LinkInfo, type LinkStats } from './link/link.ts';
export { type AddonStatus, addonStatus } from './native/addon.ts';
export type { CallOptions, DeadlineTime } from './pending.ts';
export { EthernetResponse } from './relay/ethernet-response.ts';
export { L2Endpoint, L2EndpointKey, type MacAddress } from './relay/l2-endpoint.ts';
export { MemoryNetwork, MemoryRelay, type MemoryRelayOptions } from './relay/memory-relay.ts';
export type { PacketRelay, RegisterOptions, Registration, RelayStats } from './relay/packet-relay.ts';
export { RawSocketRelay, type RawSocketRelayOptions } from './relay/raw-socket-relay.ts';
export type { RegistrationRole } from './relay/registration.ts';
export { type Logger, Relay, type RelayOptions } from './relay/relay.ts';
export { VirtualClock } from './virtual-clock.ts';
export type { Vlan } from './wire/vlan.ts';
