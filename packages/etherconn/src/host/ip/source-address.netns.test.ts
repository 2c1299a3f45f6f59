import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { eventually } from '../../test-support/eventually.ts';
import { HostNetwork } from '../../test-support/hosts.ts';
import { addVethPair, openNamespace, requireNamespaces } from '../../testing/namespaces.ts';
import { formatIp, parseIp } from '../../wire/ip.ts';

/**
 * Addresses, a default router, and destinations. The kernel gets IPv6 addresses in reverse order: where the rules leave it
 * open it takes the last one, we the first.
 */
const CASES = [
  {
    addresses: ['2001:db8:1::9/64', 'fd00:1::9/64'],
    gateways: ['fe80::1'],
    to: [
      'ff05::2:1001',
      'ff0e::1',
      'ff08::1',
      'ff02::1',
      'fd00:1::7',
      'fd00:2::7',
      '2001:db8:2::7',
      '2002::1',
    ],
  },
  {
    addresses: ['fd00:1::9/64', '2001:db8:1::9/64', '2002:c000:204::9/64', 'fec0:1::9/64', '2001:0:1::9/64'],
    gateways: ['fe80::1'],
    to: [
      'ff05::1',
      'fec0:2::1',
      '2002:c000:205::1',
      '2001:0:7::1',
      'fdff::1',
      '2600::1',
      '::c000:201',
      '3ffe::1',
    ],
  },
  {
    addresses: ['2001:db8::1/64', '2001:db8::2/64', '2001:db8:0:1::1/48', '2001:db8:0:1::2/64'],
    gateways: ['fe80::1'],
    to: [
      '2001:db8::2',
      '2001:db8::77',
      '2001:db8:0:1::77',
      '2001:db8:0:2::77',
      '2600::1',
      'fe80::7',
      'ff05::7',
    ],
  },
  {
    addresses: ['10.0.0.5/8', '10.1.0.5/16', '192.168.7.5/24', '10.1.0.6/16', '169.254.1.5/16'],
    gateways: ['10.1.0.1'],
    to: ['10.1.0.77', '10.2.0.77', '192.168.7.77', '192.0.2.1', '169.254.9.9', '10.1.0.6'],
  },
];

describe('the source address', { skip: requireNamespaces() }, () => {
  it('is the one that the kernel chooses', async (t) => {
    await using near = await openNamespace();
    await using far = await openNamespace();
    // No address of the kernel's is tentative.
    near.run('sh', '-c', 'echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad');
    for (const [n, { addresses, gateways, to }] of CASES.entries()) {
      const name = `near${n}`;
      addVethPair(
        { namespace: near, name, mac: '02:00:00:00:00:09' },
        { namespace: far, name: `far${n}` },
        { ipv6: true },
      );
      const run = (...args: string[]) => near.run('ip', ...args).stdout;
      // The kernel gives itself this one a little after the interface has come up.
      const show = ['-6', 'address', 'show', 'dev', name, 'scope', 'link'];
      await eventually('a link-local address', () => run(...show).includes('fe80::'));
      const reversed = addresses[0]!.includes(':') ? [...addresses].reverse() : addresses;
      for (const address of reversed) {
        const isV6 = address.includes(':');
        run('address', 'add', address, 'dev', name, ...(isV6 ? ['nodad'] : []));
      }
      for (const gateway of gateways) {
        const version = gateway.includes(':') ? '-6' : '-4';
        run(version, 'route', 'add', 'default', 'via', gateway, 'dev', name);
      }
      const host = new HostNetwork(t).host(9, { addresses, gateways });
      const expected = to.map((address) => [address, / src (\S+)/.exec(run('route', 'get', address))?.[1]]);
      const actual = to.map((address) => [
        address,
        formatIp(host.stack.output.path(parseIp(address), 'send').source),
      ]);
      assert.deepEqual(actual, expected);
      run('link', 'delete', name);
    }
  });
});
