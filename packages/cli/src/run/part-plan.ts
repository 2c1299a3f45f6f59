import type { FleetPlan } from '../dhcp/fleet-plan.ts';
import type { PingPlan } from '../ping/ping-plan.ts';
import type { ClientRange } from '../scenario/scenario.ts';
import type { ScheduleOptions } from '../scenario/schedule.ts';
import type { Target } from '../udp/endpoints.ts';
import type { SendPlan } from '../udp/send.ts';

/** What a part does, for the clients of one run. */
export interface AnyPartPlan {
  readonly name: string;
  /** Its clients in this run, and how many it has in the whole scenario. */
  readonly clients: ClientRange;
  readonly ofAll: number;
  /** Milliseconds from the start of the run. Without an end, the part ends by itself or with the run. */
  readonly begin: number;
  readonly end?: number | undefined;
}

export interface DhcpPartPlan extends AnyPartPlan {
  readonly type: 'dhcp';
  readonly fleet: FleetPlan;
  readonly leases?: string | undefined;
}

export interface UdpSendPartPlan extends AnyPartPlan {
  readonly type: 'udp-send';
  readonly send: SendPlan;
  readonly schedule: Omit<ScheduleOptions, 'frameSize'>;
}

export interface UdpReceivePartPlan extends AnyPartPlan {
  readonly type: 'udp-receive' | 'udp-echo';
  readonly targets: readonly Target[];
  readonly version: 4 | 6;
  readonly prefix: number;
  readonly gateway?: string | undefined;
  readonly maxFlows: number;
}

export interface PingPartPlan extends AnyPartPlan {
  readonly type: 'ping';
  readonly ping: PingPlan;
}

export type PartPlan = DhcpPartPlan | UdpSendPartPlan | UdpReceivePartPlan | PingPartPlan;

/** The run that a part is planned for. */
export interface Whole {
  readonly all: ClientRange;
  readonly clients: ClientRange;
  readonly duration: number | undefined;
  readonly seed: number;
}
