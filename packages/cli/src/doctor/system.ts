import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { delimiter, join } from 'node:path';
import { SYSTEM_FOLDERS } from '../system/tools.ts';

/** What the examination asks of the machine; a test gives its own answers. */
export interface System {
  /** As `process.platform`. */
  readonly platform: string;
  /** As `process.versions.node`. */
  readonly nodeVersion: string;
  /** As `os.release()`. */
  readonly release: string;
  /** Text of a file, undefined when it cannot be read. */
  readFile(path: string): string | undefined;
  /** Where a program is, undefined when there is none. */
  findProgram(name: string): string | undefined;
  /** Runs a program; '' when it succeeds, else why not. */
  tryProgram(path: string, ...args: readonly string[]): string;
  /** Whether the native addon loads, and if not, why. */
  addon(): Promise<{ readonly available: boolean; readonly reason: string }>;
}

/** This machine. */
export const thisSystem: System = {
  platform: process.platform,
  nodeVersion: process.versions.node,
  release: release(),

  readFile(path) {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      return undefined;
    }
  },

  findProgram(name) {
    const folders = [...(process.env.PATH ?? '').split(delimiter), ...SYSTEM_FOLDERS];
    return folders
      .filter((folder) => folder !== '')
      .map((folder) => join(folder, name))
      .find(isExecutable);
  },

  tryProgram(path, ...args) {
    let result: SpawnSyncReturns<string>;
    try {
      result = spawnSync(path, args, {
        encoding: 'utf8',
        timeout: 10_000,
        stdio: ['ignore', 'ignore', 'pipe'],
      });
    } catch (error) {
      // Node's permission model throws where the system would only fail.
      return `${(error as Error).message} (node --allow-child-process)`;
    }
    if (result.error !== undefined) return result.error.message;
    if (result.status === 0) return '';
    return result.stderr.trim().split('\n')[0] || `exit status ${result.status ?? result.signal}`;
  },

  async addon() {
    try {
      const { addonStatus } = await import('etherconn');
      return addonStatus();
    } catch (error) {
      return { available: false, reason: `the library cannot be loaded: ${(error as Error).message}` };
    }
  },
};

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
