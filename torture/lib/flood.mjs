import { EtherConn, Host } from 'etherconn';
import { formatIp, parseIp, parseMac } from 'etherconn/wire';
import { checkHost, checkRelay } from './ledgers.mjs';
import { sleep, turn } from './part.mjs';
import { Sender } from './sender.mjs';
import { VICTIM, Victim } from './target.mjs';
import { Wire } from './wire.mjs';

/** The neighbor that goes on asking during a flood. */
export const FRIEND = { mac: parseMac('02:00:00:00:01:01'), address: parseIp('10.9.0.250') };

/** Frames that are made before the flood, and sent in turn. */
const DIFFERENT = 4096;
const BURST = 256;
/** Milliseconds between two pings of a neighbor during the flood. */
const PING_EVERY = 250;
/** Frames that a host may send of its own accord during a flood: what it asks itself, and its limited errors. */
const OWN = 20_000;

/**
 * Floods a host with everything on, and sees that it stays bounded, is accounted for, sends no more than it got, and
 * answers afterwards.
 * @param {import('./part.mjs').Part} part
 * @param {(random: import('./random.mjs').Random, number: number) => Uint8Array} make
 */
export async function flood(part, make) {
  const wire = await Wire.open(part.engine);
  const victim = new Victim(await wire.relay('far'));
  const attacker = await wire.attacker();
  const sender = new Sender(attacker);
  let heard = 0;
  let heardBytes = 0;
  const ear = new EtherConn('02:ee:00:00:00:00', attacker, [], { role: 'mirror', receiveMulticast: true });
  ear.onBatch((batch) => {
    while (batch.next()) {
      heard++;
      heardBytes += batch.frameLength;
    }
  });
  const friend = Host.createNow(attacker, {
    mac: FRIEND.mac,
    addresses: [`${formatIp(FRIEND.address)}/24`],
    detectDuplicates: 'off',
  });
  await friend.ping(VICTIM.v4, { timeout: 5000 });
  const frames = Array.from({ length: DIFFERENT }, (_, number) => make(part.random, number));
  const before = process.memoryUsage.rss();
  let pings = 0;
  let answered = 0;
  const timer = setInterval(() => {
    pings++;
    friend.ping(VICTIM.v4, { timeout: 2000 }).then(
      () => answered++,
      () => {},
    );
  }, PING_EVERY);
  part.begin();
  for (let at = 0; part.goesOn; at = (at + BURST) % DIFFERENT) {
    for (let i = 0; i < BURST; i++) await sender.send(frames[at + i]);
    sender.flush();
    await turn();
    checkRelay(part, victim.relay);
    checkHost(part, victim.host);
  }
  clearInterval(timer);
  await part.eventually('every frame is accounted for', () => {
    const { received, link } = victim.relay.stats();
    return received + link.rxDropped >= sender.sent;
  });
  // Its limits on answers fill again.
  await sleep(1200);
  let error;
  for (let tries = 0; tries < 5; tries++) {
    error = await friend.ping(VICTIM.v4, { timeout: 2000 }).then(
      () => undefined,
      (failure) => failure,
    );
    if (error === undefined) break;
  }
  part.check(error === undefined, `the host does not answer after the flood: ${error}`);
  part.check(heard <= sender.sent + OWN, `${sender.sent} frames made the host send ${heard}`);
  const { received, link } = victim.relay.stats();
  const { neighbors, reassembling, waiting } = victim.host.stats();
  Object.assign(part.counts, {
    frames: sender.sent,
    received,
    'dropped by the kernel': link.rxDropped,
    'frames that the host has sent': heard,
    'bytes sent by the host, of those sent to it': `${((100 * heardBytes) / sender.bytes).toFixed(0)} %`,
    'pings of a neighbor answered meanwhile': `${answered} of ${pings}`,
    'neighbors, reassemblies, packets that wait': `${neighbors}, ${reassembling}, ${waiting}`,
    'MiB of memory more': ((process.memoryUsage.rss() - before) / 2 ** 20).toFixed(0),
  });
  await friend.close();
  await victim.close();
  await wire.close();
}
