import { EtherConn, RUDPConn } from 'etherconn';
import { buildUdpFrame } from 'etherconn/wire';
import { checkConn, checkRelay } from '../lib/ledgers.mjs';
import { sleep, turn } from '../lib/part.mjs';
import { Sender } from '../lib/sender.mjs';
import { ALL_ENGINES, Wire } from '../lib/wire.mjs';

export const title = 'more than can be read, and more than can be sent: every frame is accounted for';
export const engines = ALL_ENGINES;

const CONNS = 32;
const BURST = 256;
const mac = (n) => `02:ec:00:00:00:${n.toString(16).padStart(2, '0')}`;

/** @param {import('../lib/part.mjs').Part} part */
export async function run(part) {
  const wire = await Wire.open(part.engine);
  const relay = await wire.relay('far', { sendingMode: 'batch' });
  const attacker = await wire.attacker();
  const conns = Array.from(
    { length: CONNS },
    (_, n) =>
      new RUDPConn({ address: `10.9.1.${n}`, port: 7 }, new EtherConn(mac(n), relay, [0x0800]), {
        resolveNextHop: () => '02:ee:00:00:00:01',
        receiveDepth: 128,
      }),
  );
  // Every second one is read, slowly; the others never.
  let reading = true;
  const readers = conns
    .filter((_, n) => n % 2 === 0)
    .map(async (conn) => {
      while (reading) {
        await conn.readFrom({ timeout: 500 }).catch(() => {});
        if (part.random.once(64)) await sleep(1);
      }
    });
  const ear = new EtherConn('02:ee:00:00:00:01', attacker, [0x0800]);
  let heard = 0;
  ear.onBatch((batch) => {
    while (batch.next()) heard++;
  });
  const frames = Array.from({ length: CONNS }, (_, n) =>
    buildUdpFrame({
      sourceMac: '02:ee:00:00:00:01',
      destinationMac: mac(n),
      source: '10.9.0.1',
      sourcePort: 9,
      destination: `10.9.1.${n}`,
      destinationPort: 7,
      payload: new Uint8Array(18),
    }),
  );
  const sender = new Sender(attacker);
  const peers = conns.map((conn) => conn.peer({ address: '10.9.0.1', port: 9 }));
  const payloads = Array.from({ length: 64 }, () => new Uint8Array(18));
  let sent = 0;
  part.begin();
  while (part.goesOn) {
    for (let i = 0; i < BURST; i++) await sender.send(frames[i % CONNS]);
    sender.flush();
    for (const peer of peers) sent += peer.trySendMany(payloads);
    relay.flush();
    await turn();
    checkRelay(part, relay);
    for (const conn of conns) checkConn(part, conn);
  }
  await part.eventually('every frame that was sent to it is accounted for', () => {
    const { received, link } = relay.stats();
    return received + link.rxDropped === sender.sent;
  });
  relay.flush();
  await part.eventually('every frame that it has sent is accounted for', () => {
    const { link } = attacker.stats();
    return heard + link.rxDropped + relay.stats().link.txErrors === sent;
  });
  const stats = relay.stats();
  part.equal(stats.sent, sent, 'frames that the relay has sent');
  part.equal(stats.link.txFrames + stats.link.txErrors, sent, 'frames that the link has sent');
  const total = (name) => conns.reduce((sum, conn) => sum + conn.stats()[name], 0);
  part.equal(total('enqueued'), stats.delivered, 'frames that conns were given');
  reading = false;
  await Promise.all(readers);
  Object.assign(part.counts, {
    frames: sender.sent + sent,
    'sent to it': sender.sent,
    received: stats.received,
    'dropped by the kernel': stats.link.rxDropped,
    read: total('read'),
    'dropped by conns': total('dropped'),
    'left in conns': total('queued'),
    'sent by it': sent,
    'heard by its peer': heard,
    'dropped there': attacker.stats().link.rxDropped,
  });
  for (const conn of conns) await conn.close();
  await wire.close();
}
