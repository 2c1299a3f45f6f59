/** The sums that hold at any time. */

const RELAY = [
  'delivered',
  'deliveredGroup',
  'deliveredDefault',
  'noEndpoint',
  'noListener',
  'noReceiver',
  'malformed',
  'groupSource',
  'ownSource',
  'stopped',
];
const HOST = [
  'truncated',
  'malformed',
  'badOptions',
  'martian',
  'notOurs',
  'notMember',
  'badChecksum',
  'fragments',
  'arp',
  'neighborDiscovery',
  'icmp',
  'groupMessages',
  'udp',
  'noPort',
  'tcp',
  'claimed',
  'noProtocol',
];

const SEGMENTS = [
  'taken',
  'outOfWindow',
  'oldTimestamp',
  'badAcknowledgment',
  'challenged',
  'resets',
  'badResets',
  'syns',
  'badCookies',
  'timeWait',
  'noPort',
  'full',
  'ignored',
];

/**
 * @param {import('./part.mjs').Part} part
 * @param {import('etherconn').Relay} relay
 */
export function checkRelay(part, relay) {
  const stats = /** @type {any} */ (relay.stats());
  part.equal(sum(stats, RELAY), stats.received, `${relay}: dispositions of received frames`);
}

/**
 * @param {import('./part.mjs').Part} part
 * @param {import('etherconn').Host} host
 */
export function checkHost(part, host) {
  const stats = /** @type {any} */ (host.stats());
  const came = stats.received + stats.receivedLocally + stats.reassembled;
  part.equal(sum(stats, HOST), came, `${host}: dispositions of received packets`);
  part.equal(sum(stats.segments, SEGMENTS), stats.tcp, `${host}: dispositions of TCP segments`);
  part.check(stats.segments.connections <= 65_536, `${stats.segments.connections} connections`);
  part.check(stats.neighbors <= 2 * 1024, `${stats.neighbors} neighbors`);
  part.check(stats.waiting <= 64 * 2048, `${stats.waiting} packets wait`);
}

/**
 * @param {import('./part.mjs').Part} part
 * @param {{ stats(): { enqueued: number, read: number, dropped: number, queued: number } }} conn
 */
export function checkConn(part, conn) {
  const { enqueued, read, dropped, queued } = conn.stats();
  part.equal(read + dropped + queued, enqueued, `${conn}: read, dropped and queued`);
}

function sum(stats, names) {
  return names.reduce((total, name) => total + stats[name], 0);
}
