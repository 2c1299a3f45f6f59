import { pathToFileURL } from 'node:url';
import { setDefaultHost } from './default-host.ts';
import type { Host } from './host.ts';

const loaded = new Set<string>();

/**
 * Makes the host of a module (a path or a package) the default host: its default export is a Host, or a function that
 * returns one or a promise of one. Several preloads may name the same module, which then makes one host.
 */
export async function useHostOf(module: string | undefined): Promise<void> {
  if (!module || loaded.has(module)) return;
  loaded.add(module);
  const isPath = /^(?:\.|\/)/.test(module);
  const specifier = isPath ? pathToFileURL(module).href : module;
  const { default: made } = (await import(specifier)) as { default: Host | (() => Host | Promise<Host>) };
  setDefaultHost(typeof made === 'function' ? await made() : made);
}
