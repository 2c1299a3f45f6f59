import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Host } from 'etherconn';
import { sleep } from '../lib/part.mjs';
import { KERNEL_ENGINES, NEAR, Wire } from '../lib/wire.mjs';

export const title = 'what a minute costs of the event loop';
export const engines = KERNEL_ENGINES;

const PACE = fileURLToPath(new URL('../children/pace.mjs', import.meta.url));
const RATES = [0, 1000, 10_000, 50_000];

/** @param {import('../lib/part.mjs').Part} part */
export async function run(part) {
  for (const rate of RATES) {
    const wire = await Wire.open(part.engine);
    const relay = await wire.relay('far');
    const host = Host.createNow(relay, {
      mac: '02:00:00:00:00:05',
      addresses: ['10.9.0.5/24'],
      detectDuplicates: 'off',
    });
    const socket = host.dgram.createSocket('udp4');
    let taken = 0;
    socket.on('message', () => taken++);
    await new Promise((resolve) => socket.bind(4000, () => resolve(undefined)));
    const child =
      rate === 0
        ? null
        : spawn(process.execPath, [PACE, NEAR, wire.near.path, `${rate}`], {
            stdio: ['pipe', 'pipe', 'ignore'],
          });
    if (child !== null) await once(child.stdout, 'data');
    await sleep(200);
    const before = performance.eventLoopUtilization();
    const cpu = process.cpuUsage();
    const start = performance.now();
    const had = taken;
    await sleep((1000 * part.seconds) / RATES.length);
    const minutes = (performance.now() - start) / 60_000;
    const { active } = performance.eventLoopUtilization(before);
    const { user, system } = process.cpuUsage(cpu);
    const name = rate === 0 ? 'idle' : `${rate} datagrams/s`;
    part.counts[`${name}: ms of the loop, of CPU per minute`] =
      `${Math.round(active / minutes)}, ${Math.round((user + system) / 1000 / minutes)}`;
    part.count('frames', taken - had);
    if (rate > 0) part.check(taken > had, `${name}: none has come`);
    if (child !== null) {
      const ended = once(child, 'exit');
      child.stdin.end();
      await ended;
    }
    await host.close();
    await wire.close();
  }
}
