import { closeSync, openSync } from 'node:fs';
import { OptionError } from '../errors.ts';
import { loadAddon } from '../native/addon.ts';
import { withAdvice } from '../native/system-error.ts';
import { checkKnown, show } from '../options.ts';
import { checkInterfaceName } from './interface.ts';
import { openRouteSocket } from './xdp/rtnetlink.ts';
import { askVlanOffload } from './xdp/setup.ts';
import type { SetVlanOffloadOptions, VlanOffload } from './xdp/vlan-offload.ts';

/**
 * Whether an interface takes VLAN tags out of received frames before an XDP program sees them, and what to do about it.
 * Throws an OptionError for a wrong name, and a SystemError: ENODEV when there is no such interface.
 */
export function vlanOffload(interfaceName: string, options: SetVlanOffloadOptions = {}): VlanOffload {
  const name = checkInterfaceName(interfaceName);
  checkKnown(options, ['netns']);
  const { netns } = options;
  if (netns !== undefined && (typeof netns !== 'string' || netns === '')) {
    throw new OptionError('netns', `must be the path of a network namespace, got ${show(netns)}`);
  }
  const addon = loadAddon();
  const advise = (code: string) =>
    code === 'ENODEV' ? 'no such interface in this network namespace' : undefined;
  return withAdvice(`asking for VLAN offload of '${name}'`, advise, () => {
    const namespaceFd = netns === undefined ? -1 : openSync(netns, 'r');
    try {
      const socket = openRouteSocket(addon, namespaceFd);
      try {
        return askVlanOffload(addon, netns, addon.interfaceQuery(socket, name).index);
      } finally {
        addon.socketClose(socket);
      }
    } finally {
      if (namespaceFd >= 0) closeSync(namespaceFd);
    }
  });
}
