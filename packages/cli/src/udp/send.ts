import { abortable } from '../abortable.ts';
import type { Client } from '../runner/client.ts';
import type { Engine } from '../runner/engine.ts';
import { macOf } from '../scenario/default-mac.ts';
import type { FlowPlan } from '../scenario/flow-plan.ts';
import type { FrameSizes } from '../scenario/frame-sizes.ts';
import { ScenarioError } from '../scenario/scenario-error.ts';
import { Schedule, type ScheduleOptions } from '../scenario/schedule.ts';
import { echo, Sources, Targets, targetsOf } from './endpoints.ts';
import { payloadsOf } from './frames.ts';
import { findNextHops } from './next-hops.ts';
import { UdpReceiver } from './receiver.ts';
import { UdpSender } from './sender.ts';

/** What `udp send` sends, from where to where. */
export interface SendPlan {
  readonly flows: FlowPlan;
  readonly prefix: number;
  readonly gateway?: string | undefined;
  readonly sizes?: FrameSizes | undefined;
  /** The destinations answer, and what comes back is measured. */
  readonly roundTrip: boolean;
  readonly seed: number;
}

/** A plan with everything opened that it needs, over which one or more runs go. */
export class SendSide {
  /** Whether what is sent is measured when it arrives, here or back. */
  readonly measures: boolean;
  readonly #plan: SendPlan;
  readonly #engine: Engine;
  readonly #frames: readonly { readonly size: number; readonly payload: number }[];
  #sources!: Sources;
  #targets: Targets | null = null;
  #runs = 0;

  private constructor(engine: Engine, plan: SendPlan) {
    this.#engine = engine;
    this.#plan = plan;
    this.measures = plan.roundTrip || engine.farRelay !== null;
    const { flows, sizes } = plan;
    this.#frames = payloadsOf(sizes, flows.version, flows.flow(flows.first).vlans.length);
  }

  static async open(engine: Engine, plan: SendPlan, signal: AbortSignal): Promise<SendSide> {
    const side = new SendSide(engine, plan);
    try {
      await side.#open(signal);
    } catch (error) {
      await side.close();
      throw error;
    }
    return side;
  }

  async #open(signal: AbortSignal): Promise<void> {
    const { flows: plan, prefix, gateway } = this.#plan;
    const { version } = plan;
    const flows = plan.flows();
    const { relay, farRelay } = this.#engine;
    if (farRelay !== null)
      this.#targets = await Targets.open(farRelay, targetsOf(flows, macOf), { prefix, version }, echo);
    const nextHop = await abortable(findNextHops(relay, flows, { version, prefix, gateway }), signal);
    this.#sources = new Sources(relay, flows, { prefix, gateway }, nextHop);
    const longest = Math.max(...this.#frames.map(({ payload }) => payload));
    const room = Math.min(...this.#sources.peers.map((peer) => peer.maxPayload));
    if (longest > room) {
      const most = Math.max(...this.#frames.map(({ size }) => size)) - (longest - room);
      throw new ScenarioError(
        '--size',
        `must be at most ${most} here, by the MTU of ${relay.interfaceName()}`,
      );
    }
  }

  /**
   * The clients of one run, which begins at `startAt` by the relay's clock. Each run has a number of its own, so that what is
   * late of an earlier one does not count.
   */
  run(
    schedule: Omit<ScheduleOptions, 'frameSize'>,
    startAt: number,
    epoch: number,
  ): { sender: UdpSender; receiver: UdpReceiver | null; clients: Client[] } {
    const frames = this.#frames;
    const frameSize = frames.reduce((sum, { size }) => sum + size, 0) / frames.length;
    const sender = new UdpSender({
      peers: this.#sources.peers,
      firstFlow: this.#plan.flows.first,
      schedule: new Schedule({ ...schedule, frameSize }),
      frames,
      run: (this.#plan.seed + this.#runs++) & 0xffff,
      epoch: epoch + startAt,
    });
    if (!this.measures) return { sender, receiver: null, clients: [sender] };
    const receiver = new UdpReceiver(this.#engine.clock, epoch, this.#plan.flows.count);
    if (this.#plan.roundTrip) this.#sources.listen(receiver.onBatch);
    else this.#targets!.listen(receiver.onBatch);
    return { sender, receiver, clients: [sender, receiver] };
  }

  async close(): Promise<void> {
    await (this.#sources as Sources | undefined)?.close();
    await this.#targets?.close();
  }
}
