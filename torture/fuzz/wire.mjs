import { EtherConn, Host } from 'etherconn';
import { FrameMaker } from '../lib/frames.mjs';
import { checkConn, checkHost, checkRelay } from '../lib/ledgers.mjs';
import { turn } from '../lib/part.mjs';
import { Sender } from '../lib/sender.mjs';
import { TARGET, VICTIM, Victim } from '../lib/target.mjs';
import { KERNEL_ENGINES, Wire } from '../lib/wire.mjs';

export const title = 'fuzz: a host with everything on, on an interface';
export const engines = KERNEL_ENGINES;

const ROUND = 256;
const EXAMINATION = 100;

/** @param {import('../lib/part.mjs').Part} part */
export async function run(part) {
  const { random } = part;
  const wire = await Wire.open(part.engine);
  const victim = new Victim(await wire.relay('far'));
  const attacker = await wire.attacker();
  const sender = new Sender(attacker);
  const maker = new FrameMaker(random, TARGET);
  part.place = () => `frame ${sender.sent}: `;
  const ear = new EtherConn('02:ee:00:00:00:00', attacker, [], { role: 'mirror', receiveMulticast: true });
  ear.onBatch((batch) => {
    while (batch.next()) {
      part.count('frames that the host has sent');
      if (random.once(4))
        maker.hear(batch.u8.subarray(batch.frameOffset, batch.frameOffset + batch.frameLength));
    }
  });
  part.begin();
  for (let round = 0; part.goesOn; round++) {
    for (let i = 0; i < ROUND; i++) {
      const frame = maker.next();
      if (frame.length >= 14) await sender.send(frame);
    }
    sender.flush();
    await turn();
    if (round % 20 === 0) victim.begin();
    checkRelay(part, victim.relay);
    checkHost(part, victim.host);
    for (const conn of victim.conns) checkConn(part, conn);
    if (round % EXAMINATION === EXAMINATION - 1) await examine(part, attacker, victim);
  }
  await examine(part, attacker, victim);
  const { received, link } = victim.relay.stats();
  Object.assign(part.counts, { frames: sender.sent, received, 'dropped by the kernel': link.rxDropped });
  await victim.close();
  await wire.close();
}

async function examine(part, relay, victim) {
  await victim.restore();
  const friend = Host.createNow(relay, {
    mac: '02:00:00:00:01:01',
    addresses: ['10.9.0.250/24', '2001:db8::fa/64', 'fe80::fa/64'],
    detectDuplicates: 'off',
  });
  for (const address of [VICTIM.v4, VICTIM.v6, VICTIM.linkLocal]) {
    // Answers are limited, and what is queued before is read first.
    let error;
    for (let tries = 0; tries < 5; tries++) {
      error = await friend.ping(address, { timeout: 2000 }).then(
        () => undefined,
        (failure) => failure,
      );
      if (error === undefined) break;
    }
    part.check(error === undefined, `the host does not answer at ${address} any more: ${error}`);
  }
  part.count('times it was examined');
  await friend.close();
}
