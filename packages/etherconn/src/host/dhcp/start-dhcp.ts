import type { Stack } from '../stack.ts';
import { DhcpClient } from './dhcp-client.ts';
import { checkDhcpOptions, type DhcpOptions } from './dhcp-options.ts';
import { HostDhcpLink } from './host-dhcp-link.ts';
import type { DhcpLease } from './lease.ts';

/**
 * What `Host.dhcp` resolves with: a client that has a lease. `lease` is null again after 'expired', until 'bound', and
 * once the client has been released or closed.
 */
export type BoundDhcpClient = DhcpClient & { readonly lease: DhcpLease };

/**
 * Gets a lease for a host; see `Host.dhcp`. Rejects with an OptionError, a SystemError EADDRINUSE (the host has a
 * client already), TimeoutError, the signal's reason, or what the host was closed with; then nothing is left.
 */
export async function startDhcp(stack: Stack, options: DhcpOptions): Promise<BoundDhcpClient> {
  const settings = checkDhcpOptions(options, stack.ethernet.macBytes);
  const { signal, timeout } = settings;
  stack.checkOpen('dhcp');
  signal?.throwIfAborted();
  const link = new HostDhcpLink(stack, settings.applyMtu);
  const client = new DhcpClient(link, settings);
  link.open(client);
  client.start();
  try {
    await client.bound({ timeout, ...(signal === undefined ? {} : { signal }) });
  } catch (error) {
    client.close();
    throw error;
  }
  return client as BoundDhcpClient;
}
