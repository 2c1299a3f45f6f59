import { ExitCode } from '../exit-code.ts';
import { countedRun } from '../runner/counted-run.ts';
import type { Engine } from '../runner/engine.ts';
import type { Work } from '../runner/work.ts';
import { Fleet } from './fleet.ts';
import { type FleetPlan, Members } from './fleet-plan.ts';
import { clientComment } from './frame-comment.ts';
import { writeLeases } from './leases-file.ts';
import { DhcpResponder, memoryServerPlan } from './server/dhcp-responder.ts';
import { DhcpServer } from './server/dhcp-server.ts';

/** `dhcp`: one run of a fleet. Over a network in memory the server is ours, too, with leases of `leaseTime` seconds. */
export async function fleetWork(
  engine: Engine,
  plan: FleetPlan,
  leaseTime: number,
  leasesFile: string | undefined,
): Promise<Work> {
  const { clock, relay, farRelay } = engine;
  const responder =
    farRelay === null
      ? null
      : new DhcpResponder(
          farRelay,
          new DhcpServer(memoryServerPlan(plan.clients, leaseTime), () => clock.now()),
        );
  // Made for the first frame that is captured.
  let commentOf: ReturnType<typeof clientComment> | undefined;
  return {
    flows: 0,
    clients: plan.clients,
    comment(u8, offset, length) {
      commentOf ??= clientComment(new Members(plan).macs, plan.first ?? 0);
      return commentOf(u8, offset, length);
    },
    notes: ['Latency is that of whole exchanges: from the first discover to the acknowledgement.'],
    async run(onSecond, signal) {
      const startAt = clock.now();
      const fleet = new Fleet(relay, plan, startAt);
      const { total, interrupted } = await countedRun(engine, {
        clients: [fleet],
        startAt,
        signal,
        onSecond,
      });
      if (leasesFile !== undefined) await writeLeases(leasesFile, fleet);
      return {
        total,
        length: fleet.activeLength,
        interrupted,
        sends: true,
        receives: true,
        jitter: Number.NaN,
        flows: [],
        clients: plan.clients,
        // As with ping: nobody answers, so nothing of what was asked for was found.
        failed: total.get('leases') === 0,
        failedWith: ExitCode.ERROR,
      };
    },
    async close() {
      await responder?.close();
    },
  };
}
