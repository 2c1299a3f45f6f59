import type { UdpPeer } from 'etherconn';
import type { Client } from '../runner/client.ts';
import type { Engine } from '../runner/engine.ts';
import type { FlowPlan } from '../scenario/flow-plan.ts';
import type { FrameSizes } from '../scenario/frame-sizes.ts';
import { ScenarioError } from '../scenario/scenario-error.ts';
import { Schedule, type ScheduleOptions } from '../scenario/schedule.ts';
import type { Arrivals } from './arrivals.ts';
import { payloadsOf } from './frames.ts';
import { UdpReceiver } from './receiver.ts';
import { UdpSender } from './sender.ts';

/** What `udp send` sends, from where to where. */
export interface SendPlan {
  /** Name of the frame sizes in errors. Default '--size'. */
  readonly sizeOption?: string;
  readonly flows: FlowPlan;
  readonly prefix: number;
  readonly gateway?: string | undefined;
  readonly sizes?: FrameSizes | undefined;
  /** Whether the destinations answer, so that the round trip is measured. */
  readonly roundTrip: boolean;
  /** Its last 16 bits are the number of the first run, which no other sender of this process has. */
  readonly seed: number;
}

/** A flow that has failed, and why. */
export interface FlowFailure {
  readonly flow: number;
  readonly reason: string;
}

/** The clients of one run. */
export interface SendRun {
  readonly sender: UdpSender;
  readonly receiver: UdpReceiver | null;
  readonly clients: readonly Client[];
  /** Flows that have failed, at the end. */
  failures(): Iterable<FlowFailure>;
}

/** A plan with everything that it needs open, for one or more runs. */
export class SendSide {
  /** Whether arrivals are measured, on the far side or back on this side. */
  readonly measures: boolean;
  readonly #plan: SendPlan;
  readonly #engine: Engine;
  readonly #peers: readonly (UdpPeer | null)[];
  readonly #arrivals: { readonly near: Arrivals; readonly far: Arrivals };
  readonly #frames: readonly { readonly size: number; readonly payload: number }[];
  #runs = 0;

  /**
   * Throws a ScenarioError when the frames do not fit the interface.
   *
   * @param peers one for each flow; null for one that has no next hop
   */
  constructor(
    engine: Engine,
    plan: SendPlan,
    peers: readonly (UdpPeer | null)[],
    arrivals: { readonly near: Arrivals; readonly far: Arrivals },
  ) {
    this.#engine = engine;
    this.#plan = plan;
    this.#peers = peers;
    this.#arrivals = arrivals;
    this.measures = plan.roundTrip || engine.farRelay !== null;
    const { flows, sizes } = plan;
    this.#frames = payloadsOf(sizes, flows.version, flows.flow(flows.first).vlans.length, plan.sizeOption);
    const longest = Math.max(...this.#frames.map(({ payload }) => payload));
    const room = peers.reduce(
      (least, peer) => Math.min(least, peer?.maxPayload ?? least),
      Number.POSITIVE_INFINITY,
    );
    if (longest > room) {
      const most = Math.max(...this.#frames.map(({ size }) => size)) - (longest - room);
      throw new ScenarioError(
        plan.sizeOption ?? '--size',
        `must be at most ${most} here, by the MTU of ${engine.relay.interfaceName()}`,
      );
    }
  }

  /**
   * The clients of one run, which begins at `startAt` by the relay's clock. Each run has a number of its own, so that late
   * packets of an earlier run do not count.
   */
  run(schedule: Omit<ScheduleOptions, 'frameSize'>, startAt: number, epoch: number): SendRun {
    const frames = this.#frames;
    const { roundTrip, flows, seed } = this.#plan;
    const frameSize = frames.reduce((sum, { size }) => sum + size, 0) / frames.length;
    const run = (seed + this.#runs++) & 0xffff;
    const sender = new UdpSender({
      peers: this.#peers,
      firstFlow: flows.first,
      schedule: new Schedule({ ...schedule, frameSize }),
      frames,
      run,
      epoch: epoch + startAt,
    });
    let receiver: UdpReceiver | null = null;
    const failures = (): Iterable<FlowFailure> => failuresOf(this.#plan, this.#peers, sender, receiver, run);
    if (!this.measures) return { sender, receiver: null, clients: [sender], failures };
    receiver = new UdpReceiver(this.#engine.clock, epoch, flows.count);
    const { near, far } = this.#arrivals;
    if (this.#runs > 1) for (const each of [near, far]) each.delete((run - 1) & 0xffff);
    if (roundTrip) near.set(run, receiver);
    far.set(run, roundTrip ? null : receiver);
    return { sender, receiver, clients: [sender, receiver], failures };
  }
}

/** The flows that have failed, and why. */
function* failuresOf(
  { flows, roundTrip }: SendPlan,
  peers: readonly (UdpPeer | null)[],
  sender: UdpSender,
  receiver: UdpReceiver | null,
  run: number,
): Generator<FlowFailure> {
  const heard = receiver?.flows.heard(run);
  for (const [i, peer] of peers.entries()) {
    const flow = flows.first + i;
    if (peer === null) yield { flow, reason: 'no next hop' };
    else if (heard !== undefined && sender.sentOf(i) > 0 && !heard.has(flow))
      yield { flow, reason: roundTrip ? 'no reply' : 'nothing arrived' };
  }
}
