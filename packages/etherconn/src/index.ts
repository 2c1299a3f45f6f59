/**
 * etherconn: user-space Ethernet for Node.js. A program sends and receives Ethernet frames, IP packets and UDP
 * datagrams from any MAC address, VLAN and IP address, without those existing in the operating system.
 */

export type { Clock, ClockTimer } from './clock.ts';
export { Batch } from './conn/batch.ts';
export { type ConnStats, EtherConn, type Packet, type ReadInto } from './conn/ether-conn.ts';
export { DEFAULT_ETHER_TYPES, type EthernetOptions } from './conn/ethernet-endpoint.ts';
export { L4HashKey } from './conn/l4-hash-key.ts';
export { BroadCastMAC, type NextHopResolver, resolveNextHopMACWithBroadcast } from './conn/next-hop.ts';
export type { ReceiveCounters } from './conn/receive-queue.ts';
export { RUDPConn, type RUDPConnOptions } from './conn/rudp-conn.ts';
export {
  SharedEtherConn,
  type SharedEtherConnStats,
} from './conn/shared-ether-conn.ts';
export type { L4Registration, SharedEthernetConn } from './conn/shared-ethernet.ts';
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
export { UdpService, type UdpServiceOptions } from './conn/udp-service.ts';
export { Host } from './dgram/host.ts';
export type { MessageInfo, ReceivedMessageInfo } from './dgram/message-info.ts';
export type { OutgoingMessage } from './dgram/send-many.ts';
export type { SocketStats } from './dgram/socket.ts';
export type {
  DgramModule,
  DgramSocket,
  DgramSocketClass,
  DgramSocketOptions,
  InformedSocket,
} from './dgram/socket-class.ts';
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
export { DhcpClient } from './host/dhcp/dhcp-client.ts';
export type { DhcpEvents, DhcpLossReason, DhcpState, DhcpStats } from './host/dhcp/dhcp-events.ts';
export type { DhcpNodeId, DhcpOptions } from './host/dhcp/dhcp-options.ts';
export type { BoundDhcpClient } from './host/dhcp/host-dhcp-link.ts';
export type { DhcpLease } from './host/dhcp/lease.ts';
export type {
  AddAddressOptions,
  AddressConflict,
  HostClass,
  HostEvents,
  ProbeOptions,
} from './host/host.ts';
export type { HostOptions, HostRoute } from './host/host-options.ts';
export type { HostStats } from './host/host-stats.ts';
export type { EchoFailure, EchoPort, EchoPortOptions, EchoUser } from './host/icmp/echo.ts';
export type { PingOptions, PingResult } from './host/icmp/pings.ts';
export type { AddressState, HostAddress } from './host/ip/addresses.ts';
export { ArpResolver, type ArpResolverOptions } from './host/neighbor/arp-resolver.ts';
export { NdResolver } from './host/neighbor/nd-resolver.ts';
export type { NeighborResolver, ResolverOptions, ResolverStats } from './host/neighbor/resolver.ts';
export type {
  AdvertisedPrefix,
  AdvertisedRoute,
  RouterAdvertisement,
  RouterPreference,
} from './host/slaac/router-advertisement.ts';
export { Slaac } from './host/slaac/slaac.ts';
export type { SlaacAddress, SlaacEvents, SlaacStats } from './host/slaac/slaac-events.ts';
export type { SlaacOptions } from './host/slaac/slaac-options.ts';
export type { TcpCounters, TcpStats } from './host/tcp-stats.ts';
export { FrameFlag, type LinkInfo, type LinkStats } from './link/link.ts';
export type { Service, ServiceOptions } from './link/service.ts';
export type { XdpLinkStats, XdpQueueInfo } from './link/xdp/link.ts';
export type { XdpLinkOptions, XdpMode } from './link/xdp/options.ts';
export type { SteeringCounters } from './link/xdp/program.ts';
export type { SharedProgram } from './link/xdp/shared-program.ts';
export {
  type SetVlanOffloadOptions,
  setVlanOffload,
  type VlanOffload,
  vlanOffload,
} from './link/xdp/vlan-offload.ts';
export { type AddonStatus, addonStatus } from './native/addon.ts';
export type { NetModule } from './net/net-module.ts';
export type { CallOptions, DeadlineTime } from './pending.ts';
export { type CaptureToOptions, captureTo, type RelayCapture } from './relay/capture-to.ts';
export { EthernetResponse } from './relay/ethernet-response.ts';
export { KernelRelay, type OpeningInfo } from './relay/kernel-relay.ts';
export { L2Endpoint, L2EndpointKey, type MacAddress } from './relay/l2-endpoint.ts';
export { MemoryNetwork, MemoryRelay, type MemoryRelayOptions } from './relay/memory-relay.ts';
export type { OpenRelayOptions, RelayEngine } from './relay/open-relay.ts';
export type { PacketRelay, RegisterOptions, Registration, RelayStats } from './relay/packet-relay.ts';
export { RawSocketRelay, type RawSocketRelayOptions } from './relay/raw-socket-relay.ts';
export type { RegistrationRole } from './relay/registration.ts';
export { type Logger, Relay, type RelayOptions } from './relay/relay.ts';
export {
  XDPRelay,
  type XDPRelayOptions,
  type XDPSendingMode,
  XDPSendingModeBatch,
  XDPSendingModeSingle,
  type XdpInfo,
  type XdpStats,
} from './relay/xdp-relay.ts';
export { VirtualClock } from './virtual-clock.ts';
export type { Vlan } from './wire/vlan.ts';
