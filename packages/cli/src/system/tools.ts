import { execFile } from 'node:child_process';
import { delimiter } from 'node:path';

/** Where Debian has ip, ethtool and their like; the PATH of an ordinary user often leaves it out. */
export const SYSTEM_FOLDERS: readonly string[] = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** What programs of the system belong to, for who has to install them. */
const PACKAGES: Readonly<Record<string, string>> = {
  ethtool: 'ethtool',
  ip: 'iproute2',
  nsenter: 'util-linux',
  unshare: 'util-linux',
};

/** A program of the system has failed, or is not there. */
export class ToolError extends Error {
  readonly code = 'ERR_ETHERCONN_TOOL';
}

/** The environment for programs of the system: this process's, with all folders that they may be in. */
export function toolEnvironment(): NodeJS.ProcessEnv {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  const missing = SYSTEM_FOLDERS.filter((folder) => !folders.includes(folder));
  return { ...process.env, PATH: [...folders, ...missing].join(delimiter) };
}

/** Runs a program of the system; resolves with what it printed. Throws a ToolError with its first line of errors. */
export function runTool(words: readonly string[]): Promise<string> {
  const [program, ...args] = words;
  return new Promise((resolve, reject) => {
    execFile(program, args, { env: toolEnvironment(), encoding: 'utf8' }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(toolError(words, error, stderr));
    });
  });
}

function toolError(words: readonly string[], error: Error, stderr: string): ToolError {
  if ('code' in error && error.code === 'ENOENT') {
    const origin = PACKAGES[words[0]];
    return new ToolError(
      `'${words[0]}' is not installed${origin === undefined ? '' : ` (package ${origin})`}`,
    );
  }
  return new ToolError(`${words.join(' ')}: ${stderr.trim().split('\n')[0] || error.message}`);
}
