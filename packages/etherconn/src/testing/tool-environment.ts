import { delimiter } from 'node:path';

/** Where Debian has ip, dnsmasq, snmpd and their like; the PATH of an ordinary user often leaves it out. */
const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** The environment for programs of the system: this process's, with all folders that they may be in. */
export function toolEnvironment(): NodeJS.ProcessEnv {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  const missing = SYSTEM_FOLDERS.filter((folder) => !folders.includes(folder));
  return { ...process.env, PATH: [...folders, ...missing].join(delimiter) };
}
