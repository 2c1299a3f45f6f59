import { InUseError } from '../../errors.ts';
import type { OwnAddress } from '../ip/addresses.ts';
import type { RouteEntry } from '../ip/routes.ts';
import type { Stack } from '../stack.ts';
import { HostSlaacLink } from './host-slaac-link.ts';
import { Slaac } from './slaac.ts';
import { checkSlaacOptions, type SlaacOptions } from './slaac-options.ts';

/**
 * Lets a host make itself addresses; see `Host.slaac`. Rejects with an OptionError, InUseError (it does so already),
 * TimeoutError, the signal's reason, or what the host was closed with; then nothing is left.
 */
export async function startSlaac(stack: Stack, options: SlaacOptions): Promise<Slaac> {
  const settings = checkSlaacOptions(options);
  const { signal, timeout } = settings;
  stack.checkOpen('slaac');
  signal?.throwIfAborted();
  if (stack.routerListener !== null) throw new InUseError('stateless address configuration of this host');
  const link = new HostSlaacLink(stack, settings);
  const slaac = new Slaac<OwnAddress, RouteEntry>(link, settings);
  link.open(slaac);
  const configured = slaac.configured({ timeout, ...(signal === undefined ? {} : { signal }) });
  slaac.start();
  try {
    await configured;
  } catch (error) {
    slaac.close();
    throw error;
  }
  return slaac as Slaac;
}
