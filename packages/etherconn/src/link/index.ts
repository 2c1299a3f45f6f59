/**
 * Links: moving whole Ethernet frames between this process and an interface, see {@link Link}. Here are the
 * contract, the network inside the process, time that can be told to pass, and what can be put over any link.
 */
export { type Clock, type ClockTimer, systemClock } from '../clock.ts';
export { VirtualClock, type VirtualClockOptions } from '../virtual-clock.ts';
export { copyFrame } from './frame-memory.ts';
export type { ImpairmentStats, Impairments } from './impairments/impairments.ts';
export {
  FrameFlag,
  type FrameMemory,
  type Link,
  type LinkInfo,
  type LinkReceiver,
  type LinkStats,
  type LinkTx,
  type LinkWants,
  type Station,
} from './link.ts';
export type { Direction, MemoryLink, MemoryPortOptions } from './memory/memory-link.ts';
export {
  MemoryNetwork,
  type MemoryNetworkOptions,
  type MemoryNetworkStats,
} from './memory/memory-network.ts';
export { type CaptureLinkOptions, captureLink } from './middleware/capture-link.ts';
export { type FaultLink, type FaultLinkOptions, faultLink } from './middleware/fault-link.ts';
export type { FrameSink } from './middleware/frame-sink.ts';
export { WrappedLink } from './middleware/wrapped-link.ts';
export { openPacketLink, PacketLink } from './packet/link.ts';
export type { PacketLinkOptions } from './packet/options.ts';
export { openPacketTap, PacketTap, type PacketTapStats } from './packet/tap.ts';
export type { PacketTapOptions } from './packet/tap-options.ts';
export { openXdpLink, XdpLink, type XdpLinkStats, type XdpQueueInfo } from './xdp/link.ts';
export type { XdpLinkOptions, XdpMode } from './xdp/options.ts';
export type { SteeringCounters } from './xdp/program.ts';
export type { SharedProgram } from './xdp/shared-program.ts';
