/**
 * Connections that are kept to one HTTP server: { engine, address, hosts, shared, ms }. Each of a host of its own; all of one
 * host, when `shared`; or without an engine, of node:net. Says how long opening takes, what memory a connection takes with
 * its host, and how many requests a second go over all of them in turn.
 */
import http from 'node:http';
import { Host } from 'etherconn';
import { hostAddress, PORT, station } from '../lib/plan.mjs';
import { openRelay } from './relay.mjs';
import { answer, readArguments } from './timing.mjs';

const { address, hosts: count, shared = false, ms = 400, engine, ...options } = readArguments();
/** Requests under way. */
const UNDER_WAY = 256;
/** A connection each, which is kept. */
const KEPT = { keepAlive: true, maxSockets: 1 };

const relay = engine === undefined ? null : await openRelay({ engine, ...options });
const before = used();
const started = performance.now();
const agents = await openAgents();
let next = 0;
await Promise.all(Array.from({ length: UNDER_WAY }, openRest));
const openingTime = performance.now() - started;
await pass(300);
const kept = (used() - before) / count;
let done = 0;
for (let i = 0; i < UNDER_WAY; i++) askOn();
await pass(ms / 2);
const [from, begin] = [done, performance.now()];
await pass(ms);
answer({
  value: ((done - from) * 1000) / (performance.now() - begin),
  'ms to open': openingTime,
  'bytes per connection': kept,
});
process.exit(0);

async function openAgents() {
  const numbers = Array.from({ length: count }, (_, n) => n);
  if (relay === null) return numbers.map(() => new http.Agent(KEPT));
  const open = (/** @type {number} */ n) =>
    Host.createNow(relay, { mac: station(n), addresses: [`${hostAddress(n)}/8`], detectDuplicates: 'off' });
  if (!shared) return numbers.map((n) => open(n).agent(KEPT));
  const host = open(0);
  return numbers.map(() => host.agent(KEPT));
}

async function openRest() {
  while (next < count) await ask(agents[next++]);
}

async function askOn() {
  for (;;) {
    next = (next + 1) % count;
    await ask(agents[next]);
    done++;
  }
}

/** @param {http.Agent} agent @returns {Promise<void>} */
function ask(agent) {
  return new Promise((resolve, reject) => {
    const request = http.get({ host: address, port: PORT, agent }, (response) => {
      response.resume().on('end', resolve);
    });
    request.on('error', reject);
  });
}

function used() {
  globalThis.gc?.();
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return heapUsed + Math.max(external, arrayBuffers);
}

/** @param {number} milliseconds */
function pass(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
