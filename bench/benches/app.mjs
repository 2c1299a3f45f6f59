import dnsPacket from 'dns-packet';
import { Bench } from '../lib/namespaces.mjs';
import { NEAR_MAC, RECEIVER_ADDRESS, SENDER, SENDER_ADDRESS, STATION_ADDRESS } from '../lib/plan.mjs';
import { measure } from '../lib/run.mjs';

export const title = 'Applications: the same program over node:dgram and over ours';

const DNS = 53;

/** @param {import('../lib/context.mjs').Context} context */
export async function run(context) {
  const { cores, quick } = context;
  const ms = quick ? 300 : 600;
  const bench = await Bench.open(cores);
  const query = dnsPacket.encode({
    type: 'query',
    id: 7,
    questions: [{ type: 'A', name: 'www.example.com' }],
  });
  /** A client in C, over the kernel, asks with 64 questions under way. @param {string} to @param {object} options */
  const dns = (to, options) => async () => {
    const server = await bench.script('far', 'dns-responder', options).ready();
    try {
      const asking = { to, port: DNS, hex: query.toString('hex'), outstanding: 64, ms };
      const client = await bench.rival('near', 'udp-echo', asking).ready();
      client.tell('b');
      return (await client.result()).perSecond;
    } finally {
      await server.kill();
    }
  };
  /** @param {object} options */
  const dhcp = (options) => async () => {
    const server = await bench.rival('far', 'dhcp-server').ready();
    try {
      const fleet = await bench.script('near', 'dhcp-fleet', { ms, ...options }).ready();
      fleet.tell('b');
      return (await fleet.result()).perSecond;
    } finally {
      await server.kill();
    }
  };
  const xdp = { engine: 'xdp', polling: 'adaptive' };
  try {
    const responder = await measure(
      {
        title: 'DNS responder (dns-packet), asked by a C program over the kernel, 64 questions under way',
        unit: 'answers/s',
        cases: [
          { name: 'node:dgram', run: dns(RECEIVER_ADDRESS, { transport: 'dgram' }) },
          {
            name: 'host.dgram, AF_XDP',
            run: dns(STATION_ADDRESS, { transport: 'dgram', own: STATION_ADDRESS, ...xdp }),
          },
          { name: 'RUDPConn, AF_XDP, onBatch', run: dns(STATION_ADDRESS, { transport: 'conn', ...xdp }) },
        ],
        comparisons: [
          { of: 'host.dgram, AF_XDP', to: 'node:dgram' },
          { of: 'RUDPConn, AF_XDP, onBatch', to: 'node:dgram' },
        ],
      },
      context,
    );
    // The server's answers go to whoever has the relay agent's address.
    const ours = (/** @type {string} */ transport) => async () => {
      bench.setFarNeighbor(SENDER_ADDRESS, SENDER);
      try {
        return await dhcp({ transport, ...xdp })();
      } finally {
        bench.setFarNeighbor(SENDER_ADDRESS, NEAR_MAC);
      }
    };
    const fleet = await measure(
      {
        title:
          'DHCP fleet: 256 clients, each getting a lease again and again from a server in C over the kernel',
        unit: 'leases/s',
        cases: [
          { name: 'node:dgram', run: dhcp({ transport: 'dgram' }) },
          { name: 'host.dgram, AF_XDP', run: ours('dgram') },
          { name: 'RUDPConn, AF_XDP, onBatch', run: ours('conn') },
        ],
        comparisons: [
          { of: 'host.dgram, AF_XDP', to: 'node:dgram' },
          { of: 'RUDPConn, AF_XDP, onBatch', to: 'node:dgram' },
        ],
      },
      context,
    );
    return [responder, fleet];
  } finally {
    await bench.close();
  }
}
