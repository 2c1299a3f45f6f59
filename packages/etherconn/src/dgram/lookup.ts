import dns from 'node:dns';
import { isIP } from 'node:net';
import { nextTick } from '../real-time.ts';

/** Calls back with an address literal for a name: the short form of `dns.lookup`. */
export type Lookup = (name: string, family: number, callback: LookupCallback) => void;

export type LookupCallback = (error: Error | null, address: string, family?: number) => void;

/** `dns.lookup` as it was when this was loaded. */
const original = dns.lookup as Lookup;

/**
 * The lookup of sockets without one of their own: dns.lookup as it is when the socket is made; null for that of
 * Node itself, which leaves address literals alone.
 */
export function replacedLookup(): Lookup | null {
  const lookup = dns.lookup as Lookup;
  return lookup === original ? null : lookup;
}

/** What dns.lookup does, without its detour for literals: these come back in the next tick. */
export function plainLookup(name: string, family: number, callback: LookupCallback): void {
  const kind = isIP(name);
  if (kind === 0) original(name, family, callback);
  else nextTick(callback, null, name, kind);
}
