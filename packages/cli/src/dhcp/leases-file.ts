import { writeFile } from 'node:fs/promises';
import { formatIp } from 'etherconn/wire';
import { addressBytes } from './address-number.ts';
import { State } from './client-state.ts';
import type { Fleet } from './fleet.ts';

const COLUMNS = 'client,mac,vlan,state,address,server,lease_s,bound_at_ms,took_ms';

const STATE_NAMES: Readonly<Record<number, string>> = {
  [State.IDLE]: 'none',
  [State.SELECTING]: 'selecting',
  [State.REQUESTING]: 'requesting',
  [State.BOUND]: 'bound',
  [State.RENEWING]: 'renewing',
  [State.REBINDING]: 'rebinding',
  [State.WAITING]: 'waiting',
  [State.FAILED]: 'failed',
  [State.RELEASED]: 'released',
};

/** Writes what each client has at the end, one line each, as CSV. */
export async function writeLeases(path: string, fleet: Fleet): Promise<void> {
  const lines = [COLUMNS];
  for (let n = 0; n < fleet.members.count; n++) lines.push(leaseLine(fleet, n));
  await writeFile(path, `${lines.join('\n')}\n`);
}

function leaseLine({ members, leases }: Fleet, n: number): string {
  const { addresses, servers, leaseTimes, boundAt, took } = leases;
  const state = leases.states[n];
  const head = [members.first + n, members.macText(n), members.vlanText(n), STATE_NAMES[state]];
  if (!leases.has(n) && state !== State.RELEASED) return [...head, '', '', '', '', ''].join(',');
  const ip = (address: number): string => formatIp(addressBytes(address));
  const lease = Number.isFinite(leaseTimes[n]) ? leaseTimes[n] : 'infinite';
  const times = [lease, boundAt[n].toFixed(3), took[n].toFixed(3)];
  return [...head, ip(addresses[n]), ip(servers[n]), ...times].join(',');
}
