import { Host, MemoryNetwork } from 'etherconn';
import { FrameMaker } from '../lib/frames.mjs';
import { checkConn, checkHost, checkRelay } from '../lib/ledgers.mjs';
import { TARGET, VICTIM, Victim } from '../lib/target.mjs';

export const title = 'fuzz: a host with everything on, in virtual time';
export const engines = ['memory'];

/** Frames that are sent before time goes on. */
const ROUND = 200;
/** Rounds after which it is seen whether the host still answers. */
const EXAMINATION = 50;

/** @param {import('../lib/part.mjs').Part} part */
export async function run(part) {
  const { random } = part;
  const network = new MemoryNetwork({ time: 'virtual', seed: part.seed });
  const clock = network.virtualClock;
  const victim = new Victim(network.relay());
  const attacker = network.port({ txSlots: 1024 });
  const maker = new FrameMaker(random, TARGET);
  let frames = 0;
  let heardBytes = 0;
  let sentBytes = 0;
  part.place = () => `frame ${frames}: `;
  /** @type {import('etherconn/link').FrameMemory} */
  let memory;
  attacker.start({
    begin(given) {
      memory = given;
    },
    frame(offset, length) {
      heardBytes += length;
      part.count('frames that the host has sent');
      if (random.once(4)) maker.hear(memory.u8.subarray(offset, offset + length));
    },
    end() {},
    error() {},
    state() {},
  });
  part.begin();
  for (let round = 0; part.goesOn; round++) {
    for (let i = 0; i < ROUND; i++, frames++) {
      const frame = maker.next();
      if (frame.length < 14) continue;
      const slot = attacker.tx.reserve(frame.length);
      if (slot < 0) break;
      attacker.tx.memory.u8.set(frame, slot);
      attacker.tx.commit(slot, frame.length);
      sentBytes += frame.length;
    }
    attacker.tx.flush();
    await clock.settle();
    await clock.advance(random.once(50) ? random.below(40_000) : random.below(20));
    if (round % 10 === 0) victim.begin();
    checkRelay(part, victim.relay);
    checkHost(part, victim.host);
    for (const conn of victim.conns) checkConn(part, conn);
    if (round % EXAMINATION === EXAMINATION - 1) await examine(part, network, victim);
  }
  part.count('frames', frames);
  part.counts['bytes sent by the host, of those sent to it'] =
    `${((100 * heardBytes) / sentBytes).toFixed(0)} %`;
  const { reassembled } = victim.host.stats();
  Object.assign(part.counts, {
    'datagrams that sockets took': victim.echoed,
    'TCP connections opened': victim.accepted,
    'datagrams put together': reassembled,
    'DHCP leases taken': victim.leases,
    'SLAAC addresses taken': victim.configured,
  });
  for (const [kind, count] of Object.entries(maker.kinds)) part.count(`of them: ${kind}`, count);
  await passing(clock, victim.close());
  await network.close();
}

/** Waits for something that takes time, and lets it pass. */
async function passing(clock, promise) {
  let settled = false;
  promise.finally(() => {
    settled = true;
  });
  await clock.runUntil(() => settled, 10_000);
  await promise;
}

/** A neighbor that is new on the wire has to reach the host, whatever it was told before. */
async function examine(part, network, victim) {
  const clock = network.virtualClock;
  await victim.restore();
  // What is under way, and the limits on answers, are given time to recover.
  await clock.advance(5000);
  const relay = network.relay();
  const friend = Host.createNow(relay, {
    mac: '02:00:00:00:01:01',
    addresses: ['10.9.0.250/24', '2001:db8::fa/64', 'fe80::fa/64'],
    detectDuplicates: 'off',
  });
  for (const address of [VICTIM.v4, VICTIM.v6, VICTIM.linkLocal]) {
    let answer;
    friend.ping(address, { timeout: 3000 }).then(
      (result) => {
        answer = result;
      },
      (error) => {
        answer = error;
      },
    );
    await clock.runUntil(() => answer !== undefined, 10_000);
    part.check(
      answer !== undefined && !(answer instanceof Error),
      `the host does not answer at ${address} any more: ${answer}`,
    );
  }
  part.count('times it was examined');
  await passing(clock, friend.close());
  await relay.close();
}
