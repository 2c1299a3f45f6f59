import type { Clock } from 'etherconn';
import type { Hub } from '../hub/hub.ts';
import type { Executor } from './executor.ts';

export interface AgentOptions {
  readonly hub: Hub;
  readonly clock: Clock;
  /** Milliseconds since the Unix epoch at time 0 of the clock, as this machine has it. */
  readonly epoch: number;
  readonly name: string;
  readonly executor: Executor;
  /** Where results are kept. */
  readonly folder: string;
  readonly log: (text: string) => void;
  /** Another agent has taken the name. This one is closed. */
  readonly onSuperseded?: () => void;
  /** Keeps sending after the end of a lease: for the test that must notice it. */
  readonly unfenced?: boolean;
}
