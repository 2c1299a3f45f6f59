import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { EtherConn } from '../conn/ether-conn.ts';
import { UdpService } from '../conn/udp-service.ts';
import { type FailedCall, type FailureCode, withFailingCall } from '../test-support/failing-addon.ts';
import { FAR, openVethBench, promiscuity, type VethBench } from '../test-support/veth-links.ts';
import { hasProgram, requireXdp } from '../test-support/xdp-bench.ts';
import { requireNamespaces } from '../testing/namespaces.ts';
import type { KernelRelay } from './kernel-relay.ts';
import { RawSocketRelay, type RawSocketRelayOptions } from './raw-socket-relay.ts';
import { XDPRelay, type XDPRelayOptions } from './xdp-relay.ts';

/**
 * Whichever native call fails, from the first of an opening to the last of the close, nothing stays: no descriptor
 * (sockets, maps, programs and links are such), mapping, poll, program on the interface or promiscuity.
 */

const STATION = '02:ec:00:00:00:0c';
const ADDRESS = '10.9.0.2';
/** More calls than any of these make. */
const MOST_CALLS = 400;

interface Held {
  readonly descriptors: number;
  /** Mappings of sockets: rings. */
  readonly mappings: number;
}

function held(): Held {
  const maps = readFileSync('/proc/self/maps', 'utf8').split('\n');
  return {
    descriptors: readdirSync('/proc/self/fd').length,
    mappings: maps.filter((line) => line.includes('socket:')).length,
  };
}

/** Handles of libuv that watch a descriptor. */
function polls(): number {
  const report = process.report as NodeJS.ProcessReport & { excludeNetwork?: boolean };
  report.excludeNetwork = true;
  const { libuv } = report.getReport() as unknown as { libuv: readonly { readonly type: string }[] };
  return libuv.filter(({ type }) => type === 'poll').length;
}

/** Opens a relay, uses what opens more, and closes it; whatever fails is told, and is no surprise here. */
async function useRelay(open: () => Promise<KernelRelay>): Promise<void> {
  let relay: KernelRelay;
  try {
    relay = await open();
  } catch (error) {
    assert.ok(error instanceof Error);
    return;
  }
  relay.on('error', () => undefined);
  try {
    new EtherConn(STATION, relay, [0x0806], { receiveMulticast: true });
    await UdpService.open(relay, { address: ADDRESS, port: 7 });
    relay.stats();
    await nextTurn();
  } catch (error) {
    assert.ok(error instanceof Error);
  } finally {
    await relay.close();
  }
}

interface Case {
  readonly name: string;
  /** What the calls fail with: with ENOMEM an opening ends at once, with others it tries further modes. */
  readonly code: FailureCode;
  open(netns: string, other: XDPRelay | undefined): Promise<KernelRelay>;
  /** Whether it opens beside another relay, on the second queue. */
  readonly beside?: boolean;
}

function xdp(
  name: string,
  code: FailureCode,
  options: XDPRelayOptions | ((other: XDPRelay) => XDPRelayOptions),
): Case {
  const beside = typeof options === 'function';
  const open = (netns: string, other: XDPRelay | undefined) => {
    const own = beside ? { queues: [1], ...options(other!) } : { maxEndpoints: 16, ...options };
    return XDPRelay.open(FAR, { netns, chunks: 64, ...own });
  };
  return { name: `AF_XDP, ${name}`, code, open, beside };
}

function packet(name: string, code: FailureCode, options: RawSocketRelayOptions): Case {
  const open = (netns: string) =>
    RawSocketRelay.open(FAR, { netns, receiveRing: 64, sendRing: 64, ...options });
  return { name: `AF_PACKET, ${name}`, code, open };
}

const XDP_CASES: readonly Case[] = [
  xdp('any mode', 'EINVAL', {}),
  xdp('generic, two queues', 'ENOMEM', { mode: 'generic', queues: [0, 1] }),
  xdp('native, busy, all frames', 'EPERM', { mode: 'native', steering: 'all', polling: 'busy' }),
  xdp('the program of another relay', 'ENOMEM', ({ program }) => ({ attach: false, program })),
  xdp("another's map of sockets", 'EPERM', ({ program }) => ({ attach: false, xskMapFd: program.xskMapFd })),
];
const PACKET_CASES: readonly Case[] = [
  packet('throughput', 'ENOMEM', {}),
  packet('latency', 'EINVAL', { receive: 'latency', moderation: 0 }),
];

function failEach(cases: readonly Case[], skip: string | false): void {
  describe('a failed opening leaves nothing', { skip }, () => {
    let bench: VethBench;
    before(async () => {
      bench = await openVethBench({ queues: 2 });
      bench.far.run('ip', 'address', 'add', `${ADDRESS}/24`, 'dev', FAR);
    });
    after(() => bench.close());

    for (const { name, code, open, beside } of cases) {
      test(`${name}: each native call fails with ${code} in turn`, async () => {
        const netns = bench.far.path;
        const other = beside
          ? await XDPRelay.open(FAR, { netns, chunks: 64, queues: [0], promiscuous: false })
          : undefined;
        try {
          // Some files are read once and for all.
          await useRelay(() => open(netns, other));
          await nextTurn();
          const usual = { ...held(), polls: polls() };
          const leaks: (FailedCall & Held)[] = [];
          let number = 1;
          for (; number < MOST_CALLS; number++) {
            const failed = await withFailingCall(number, code, () => useRelay(() => open(netns, other)));
            if (failed === undefined) break;
            const { descriptors, mappings } = held();
            if (descriptors !== usual.descriptors || mappings !== usual.mappings)
              leaks.push({ ...failed, descriptors, mappings });
          }
          assert.deepEqual(leaks, [], `beside ${JSON.stringify(usual)}`);
          assert.ok(number > 20 && number < MOST_CALLS, `${number} calls`);
          await nextTurn();
          assert.equal(polls(), usual.polls);
          assert.equal(promiscuity(bench.far, FAR), 0);
        } finally {
          await other?.close();
        }
        assert.equal(hasProgram(bench.far, FAR), false);
      });
    }
  });
}

failEach(XDP_CASES, requireXdp());
failEach(PACKET_CASES, requireNamespaces());
