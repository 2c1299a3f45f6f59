import type { Delta } from '@etherconn/cli/parts';
import type { AgentInterface, ClientFailure, Json } from '../protocol/records.ts';
import type { ClientSpan } from '../protocol/spans.ts';

export interface Execution {
  /** When the clients begin, by the agent's clock. */
  readonly startAt: number;
  /** Ends the run early: clients give back what they have. */
  readonly signal: AbortSignal;
  /** What was counted, about once a second and at the end. */
  readonly onDelta: (delta: Delta) => void;
  readonly onFailure: (failure: ClientFailure) => void;
}

/** Clients that wait for their start. */
export interface Prepared {
  /** Resolves when they have come to their end. Called once. */
  run(execution: Execution): Promise<void>;
  /** For those that are not run after all. */
  close(): Promise<void>;
}

/** What an agent runs clients by. */
export interface Executor {
  readonly interfaces: readonly AgentInterface[];
  /** Checks a scenario, and opens what its clients need. Throws what is wrong with it. */
  prepare(scenario: Json): Promise<void>;
  /** Makes clients, and lets the event loop do other things meanwhile: leases are renewed by it. */
  open(clients: ClientSpan, seed: number): Promise<Prepared>;
  /** Nothing leaves from then on, by the agent's clock, however late it is looked at. */
  sendUntil(time: number): void;
  /** Frames that were refused because the time to send was over. */
  readonly refused: number;
  /** Gives back what `prepare` has opened. */
  release(): Promise<void>;
}
