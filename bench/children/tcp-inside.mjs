/**
 * TCP inside of one process: { what: 'bulk' | 'echo', kind: 'host' | 'face' | 'node', mtu, hosts, connections, ms }. 'bulk'
 * is one connection between two hosts of a memory network, by the contract below the sockets or over host.net ('face'),
 * or over node:net's loopback. 'echo' is many connections of many hosts to four, of which 100 have a request under way,
 * and says what an idle one takes.
 */
import { Host, MemoryNetwork } from 'etherconn';
import { hostAddress, PORT, station } from '../lib/plan.mjs';
import { hostEnds, nodeEnds } from './tcp-ends.mjs';
import { answer, readArguments } from './timing.mjs';

const { what, kind = 'host', mtu = 1500, hosts = 1, connections = 1, ms = 500 } = readArguments();
const BLOCK = 64 * 1024;
const REQUEST = 100;
const UNDER_WAY = 100;
const SERVERS = 4;
/** Connections from which on what they take can be told. */
const TELLING = 1000;
/** Segments at a time that are opening. */
const AT_ONCE = 200;

const network = new MemoryNetwork();
/** @param {number} ms */
const pass = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** @param {any} relay @param {number} n @param {number} [neighbors] */
function open(relay, n, neighbors) {
  const addresses = [`${hostAddress(n)}/8`];
  return Host.createNow(relay, { mac: station(n), addresses, detectDuplicates: 'off', mtu, neighbors });
}

/** @param {Host} host */
function endsOf(host) {
  return kind === 'face' ? nodeEnds(host.net) : hostEnds(host);
}

if (what === 'bulk') {
  const isNode = kind === 'node';
  const [near, far] = [0, 1].map((n) => open(network.relay({ mtu, sendingMode: 'batch' }), n));
  const [from, to] = isNode ? [nodeEnds(), nodeEnds()] : [endsOf(near), endsOf(far)];
  let bytes = 0;
  to.listen(PORT, (end) => {
    end.onData = (_, length) => {
      bytes += length;
    };
  });
  await pass(50);
  const end = from.connect(isNode ? '127.0.0.1' : hostAddress(1), PORT);
  const block = new Uint8Array(BLOCK);
  end.onRoom = () => {
    while (end.write(block));
  };
  end.onOpen = end.onRoom;
  await pass(ms);
  globalThis.gc?.();
  const segments = () =>
    isNode ? 0 : [near, far].reduce((sum, host) => sum + host.stack.tcp.counters.sent, 0);
  const [before, sent, start] = [bytes, segments(), performance.now()];
  const heap = process.memoryUsage();
  await pass(ms);
  const seconds = (performance.now() - start) / 1000;
  const { heapUsed, external } = process.memoryUsage();
  const made = Math.max(0, heapUsed - heap.heapUsed) + Math.max(0, external - heap.external);
  const perSegment = isNode ? 0 : made / (segments() - sent);
  answer({ value: (bytes - before) / 1e6 / seconds, 'bytes allocated per segment': perSegment });
} else {
  // A host has 65,536 connections at most. Each must know all hosts, or it asks for them again and again.
  const servers = network.relay({ sendingMode: 'batch' });
  const clients = network.relay({ sendingMode: 'batch' });
  const request = new Uint8Array(REQUEST);
  for (let i = 0; i < SERVERS; i++) {
    endsOf(open(servers, 0xff00 + i, Math.max(1024, 2 * hosts))).listen(PORT, (end) => {
      end.onData = () => void end.write(request);
    });
  }
  const ends = Array.from({ length: hosts }, (_, n) => endsOf(open(clients, n)));
  await pass(100);
  globalThis.gc?.();
  const idle = used();
  /** @type {import('./tcp-ends.mjs').End[]} */
  const all = [];
  let opened = 0;
  while (opened < connections) {
    while (all.length < connections && all.length < opened + AT_ONCE) {
      const end = ends[all.length % hosts].connect(hostAddress(0xff00 + (all.length % SERVERS)), PORT);
      end.onOpen = () => {
        opened++;
      };
      all.push(end);
    }
    await pass(0);
  }
  await pass(300);
  globalThis.gc?.();
  globalThis.gc?.();
  // Both ends are here. A few take less than what else changes meanwhile.
  const taken = connections < TELLING ? {} : { 'bytes per idle end': (used() - idle) / connections / 2 };
  let trips = 0;
  let next = 0;
  const ask = () => {
    next = (next + 7919) % connections;
    all[next].write(request);
  };
  for (const end of all)
    end.onData = () => {
      trips++;
      ask();
    };
  for (let i = 0; i < Math.min(UNDER_WAY, connections); i++) ask();
  await pass(ms);
  const [before, start] = [trips, performance.now()];
  await pass(ms);
  answer({ value: ((trips - before) * 1000) / (performance.now() - start), ...taken });
}
process.exit(0);

function used() {
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return heapUsed + Math.max(external, arrayBuffers);
}
