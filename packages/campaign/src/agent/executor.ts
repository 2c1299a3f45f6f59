import type { Delta } from '@etherconn/cli/parts';
import type { AgentInterface, ClientFailure, Json } from '../protocol/records.ts';
import type { ClientSpan } from '../protocol/spans.ts';

/** A part of a scenario's clients to run. */
export interface Execution {
  readonly clients: ClientSpan;
  /** When they begin, by the agent's clock. */
  readonly startAt: number;
  readonly seed: number;
  /** Ends the run early: clients give back what they have. */
  readonly signal: AbortSignal;
  /** What was counted, about once a second and at the end. */
  readonly onDelta: (delta: Delta) => void;
  readonly onFailure: (failure: ClientFailure) => void;
}

/** What an agent runs clients by. */
export interface Executor {
  readonly interfaces: readonly AgentInterface[];
  /** Checks a scenario, and opens what its clients need. Throws what is wrong with it. */
  prepare(scenario: Json): Promise<void>;
  /** Resolves when the clients have come to their end. */
  execute(execution: Execution): Promise<void>;
  /** Nothing leaves from then on, by the agent's clock, however late it is looked at. */
  sendUntil(time: number): void;
  /** Frames that were refused because the time to send was over. */
  readonly refused: number;
  /** Gives back what `prepare` has opened. */
  release(): Promise<void>;
}
