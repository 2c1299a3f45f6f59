import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { spawnWithUs } from '../hub/bound-child.ts';
import type { EmbeddedServer } from '../hub/nats-server.ts';
import { asName } from '../protocol/names.ts';

export interface LocalAgentsOptions {
  readonly server: EmbeddedServer;
  readonly interfaces: readonly string[];
  readonly engine: string;
  readonly netns: string | undefined;
  readonly state: string;
}

/** Names of the agents of this machine: one for each interface. */
export function localNames(interfaces: readonly string[]): string[] {
  return interfaces.map((name) => asName(name));
}

/** Agents as processes of this machine: the same command as on any other. */
export class LocalAgents {
  readonly #children: readonly ChildProcess[];
  /** The last lines that they have said. */
  readonly lines: string[] = [];

  constructor({ server, interfaces, engine, netns, state }: LocalAgentsOptions) {
    this.#children = localNames(interfaces).map((name, i) => {
      const args = [
        ...['agent', interfaces[i], '--name', name, '--nats', server.url, '--creds', server.creds[name]],
        ...['--engine', engine, '--state', state, ...(netns === undefined ? [] : ['--netns', netns])],
      ];
      const child = spawnWithUs(process.execPath, [...process.execArgv, process.argv[1], ...args]);
      child.stderr!.on('data', (chunk: Buffer) => {
        this.lines.push(...chunk.toString().trimEnd().split('\n'));
        this.lines.splice(0, this.lines.length - 50);
      });
      return child;
    });
  }

  async close(): Promise<void> {
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
    }
  }
}
