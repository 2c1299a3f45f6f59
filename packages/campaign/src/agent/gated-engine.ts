import { readdirSync } from 'node:fs';
import { type Engine, type EngineName, namespacePath, openEngine } from '@etherconn/cli/parts';
import { type KernelRelay, Relay } from 'etherconn';
import { type Link, openPacketLink, openXdpLink, systemClock } from 'etherconn/link';
import { type Gate, GateLink } from './gate-link.ts';

export interface GatedEngineOptions {
  readonly engine: EngineName;
  readonly interfaceName: string;
  /** Network namespace: a name of `ip netns`, a process id, or a path. */
  readonly netns?: string | undefined;
  readonly seed: number;
}

/** An engine as the command opens it, whose frames pass a gate. In memory nothing leaves the process, so there is none. */
export async function openGatedEngine(options: GatedEngineOptions, gate: Gate): Promise<Engine> {
  if (options.engine === 'memory') return openEngine(options);
  const { link, notes } = await openLink(options);
  const relay = new Relay(new GateLink(link, gate), { sendingMode: 'batch' });
  return {
    description: `${link.kind === 'xdp' ? 'AF_XDP' : 'AF_PACKET'} on ${options.interfaceName}`,
    clock: systemClock,
    // It has all that runs use of a relay on an interface.
    relay: relay as unknown as KernelRelay,
    farRelay: null,
    notes,
    close: () => relay.close(),
  };
}

async function openLink({
  engine,
  interfaceName,
  netns,
}: GatedEngineOptions): Promise<{ link: Link; notes: string[] }> {
  const notes: string[] = [];
  const path = namespacePath('--netns', netns);
  const options = path === undefined ? {} : { netns: path };
  if (engine !== 'packet') {
    try {
      return { link: await openXdpLink(interfaceName, options), notes };
    } catch (error) {
      if (engine === 'xdp') throw error;
      notes.push(`AF_PACKET instead of AF_XDP: ${(error as Error).message}`);
    }
  }
  return { link: openPacketLink(interfaceName, options), notes };
}

/** Receive queues of an interface; 1 for what is none. */
export function queuesOf(interfaceName: string): number {
  try {
    const queues = readdirSync(`/sys/class/net/${interfaceName}/queues`);
    return Math.max(1, queues.filter((name) => name.startsWith('rx-')).length);
  } catch {
    return 1;
  }
}
