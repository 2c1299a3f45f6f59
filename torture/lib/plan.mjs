/**
 * The parts of the torture with the share of the time that each has on each of its engines. Those that do something to
 * processes need the time that processes take to start.
 * @type {readonly (readonly [file: string, share: number])[]}
 */
export const PARTS = [
  ['fuzz/parsers', 4],
  ['fuzz/captures', 2],
  ['fuzz/host', 4],
  ['fuzz/wire', 3],
  ['floods/arp', 1],
  ['floods/neighbor-discovery', 1],
  ['floods/router-advertisements', 1],
  ['floods/pings', 1],
  ['floods/datagrams', 1],
  ['floods/segments', 1],
  ['floods/fragments', 1],
  ['floods/fragments-ipv6', 1],
  ['floods/group-queries', 1],
  ['floods/dhcp', 1],
  ['faults/link-down', 1],
  ['faults/rename', 1],
  ['faults/delete', 1],
  ['faults/move', 1],
  ['faults/mtu', 1],
  ['faults/queues', 1],
  ['faults/mac', 1],
  ['faults/xdp-off', 1],
  ['faults/limits', 1],
  ['faults/killed', 1],
  ['faults/stopped', 1],
  ['faults/blocked-loop', 1],
  ['faults/worker', 1],
  ['load/overload', 2],
  ['load/soak', 3],
  ['load/loop-cost', 2],
];

/** What the short form does, for seconds each, on one engine, which the seed says. */
export const SHORT = [
  ['fuzz/parsers', 4],
  ['fuzz/captures', 2],
  ['fuzz/host', 5],
  ['fuzz/wire', 3],
  ['floods/arp', 1],
  ['floods/fragments', 1],
  ['floods/datagrams', 1],
  ['faults/link-down', 0],
  ['faults/delete', 0],
  ['faults/move', 0],
  ['faults/stopped', 0],
  ['faults/blocked-loop', 0],
  ['faults/worker', 0],
  ['load/overload', 2],
  ['load/soak', 3],
];
