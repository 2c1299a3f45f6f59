import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where campaigns keep what must survive: as the XDG base directories say. */
export function stateFolder(option: string | undefined): string {
  return option ?? join(process.env.XDG_STATE_HOME ?? join(homedir(), '.local', 'state'), 'etherconn');
}

export const coordinatorFolder = (state: string): string => join(state, 'campaigns');
export const agentFolder = (state: string, name: string): string => join(state, 'agents', name);
export const serverFolder = (state: string): string => join(state, 'nats');
