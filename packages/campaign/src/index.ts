/** Campaigns: one scenario on many machines. The `etherconn` command has `campaign` and `agent` from here. */
export { Agent, type AgentOptions } from './agent/agent.ts';
export type { Execution, Executor } from './agent/executor.ts';
export { CampaignError } from './coordinator/active-run.ts';
export { Coordinator, type CoordinatorOptions, type Outcome } from './coordinator/coordinator.ts';
export type { Plan } from './coordinator/plan.ts';
export type { AgentRow, Snapshot, Takeover } from './coordinator/snapshot.ts';
export type { Hub } from './hub/hub.ts';
export { connectNats, type NatsOptions } from './hub/nats-hub.ts';
