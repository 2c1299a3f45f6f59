/**
 * A scenario as its file says it: plain data that crosses processes as JSON. Texts are as on the command line, like
 * '10kpps' or '10.0.0.10+100'; numbers may stand for texts that are nothing but a number. `schema.ts` checks it.
 */
export interface Scenario {
  readonly name?: string | undefined;
  /** Clients, numbered from 0: what each has is a function of its number. */
  readonly clients: number;
  readonly interface?: string | undefined;
  readonly netns?: string | undefined;
  readonly engine?: 'auto' | 'xdp' | 'packet' | 'memory' | undefined;
  readonly receiveOn?: string | undefined;
  readonly receiveNetns?: string | undefined;
  readonly memory?:
    | { readonly impair?: string | undefined; readonly leaseTime?: Text | undefined }
    | undefined;
  readonly seed?: number | undefined;
  readonly duration?: Text | undefined;
  readonly parts: Readonly<Record<string, Part>>;
  readonly failIf?: readonly string[] | undefined;
  readonly outputs?:
    | {
        readonly report?: string | undefined;
        readonly junit?: string | undefined;
        readonly metrics?: Text | undefined;
      }
    | undefined;
}

/** A number stands for its digits. */
export type Text = string | number;

export type Part = DhcpPart | UdpSendPart | UdpReceivePart | PingPart;
export type PartType = Part['type'];

interface AnyPart {
  /** The first so many, or FIRST-LAST. */
  readonly clients?: Text | undefined;
  readonly begin?: Text | undefined;
  readonly end?: Text | undefined;
}

export interface DhcpPart extends AnyPart {
  readonly type: 'dhcp';
  readonly rate?: Text | undefined;
  readonly inFlight?: Text | undefined;
  readonly macStart?: string | undefined;
  readonly vlan?: Text | undefined;
  readonly options?: readonly string[] | undefined;
  readonly broadcast?: boolean | undefined;
  readonly renew?: boolean | undefined;
  readonly release?: boolean | undefined;
  readonly flap?: Text | undefined;
  readonly decline?: string | undefined;
  readonly timeout?: Text | undefined;
  readonly retries?: number | undefined;
  readonly leases?: string | undefined;
}

export interface UdpSendPart extends AnyPart {
  readonly type: 'udp-send';
  readonly from: string;
  readonly fromPort?: Text | undefined;
  readonly fromMac?: string | undefined;
  readonly to: string;
  readonly toPort?: Text | undefined;
  readonly toMac?: string | undefined;
  readonly vlan?: Text | undefined;
  readonly prefix?: number | undefined;
  readonly gateway?: string | undefined;
  readonly rate?: string | undefined;
  readonly ramp?: Text | undefined;
  readonly rampFrom?: string | undefined;
  readonly size?: Text | undefined;
  readonly count?: Text | undefined;
  readonly roundTrip?: boolean | undefined;
}

export interface UdpReceivePart extends AnyPart {
  readonly type: 'udp-receive' | 'udp-echo';
  readonly address: string;
  readonly port?: Text | undefined;
  readonly mac?: string | undefined;
  readonly vlan?: Text | undefined;
  readonly prefix?: number | undefined;
  readonly gateway?: string | undefined;
  readonly maxFlows?: Text | undefined;
}

export interface PingPart extends AnyPart {
  readonly type: 'ping';
  readonly from: string;
  readonly fromMac?: string | undefined;
  readonly to: string;
  readonly vlan?: Text | undefined;
  readonly prefix?: number | undefined;
  readonly gateway?: string | undefined;
  readonly interval?: Text | undefined;
  readonly flood?: boolean | undefined;
  readonly count?: Text | undefined;
  readonly timeout?: Text | undefined;
  readonly size?: number | undefined;
  readonly ttl?: number | undefined;
  readonly tos?: number | undefined;
  readonly pmtudisc?: 'do' | 'want' | 'dont' | undefined;
}

/** Clients by their numbers. */
export interface ClientRange {
  readonly first: number;
  readonly count: number;
}
