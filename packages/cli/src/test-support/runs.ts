import { RunSeries } from '../figures/series.ts';
import { Delta, type Second } from '../metrics/delta.ts';
import { type NamedFlow, type PartTally, type RunInfo, type RunResult, resultOf } from '../metrics/result.ts';
import { parseThreshold } from '../metrics/threshold.ts';
import type { RunOutcome } from '../views/view.ts';

/** Runs that were never run, for tests of views: their figures are known. */

export const INFO: RunInfo = {
  command: 'run',
  commandLine: "etherconn run mixed.yaml --fail-if 'loss>1%' </script><b>",
  version: '0.1.0',
  engine: 'AF_XDP native on eth0',
  interface: 'eth0',
  started: '2026-01-01T00:00:00.000Z',
  seed: 1,
  flows: 300,
  environment: 'test',
  notes: ['a note'],
};

/** A second of UDP: 1000 packets are sent, `lost` of them are lost, and the others take `latency` µs or a little more. */
export function udpSecond(lost = 10, latency = 100): Delta {
  const delta = new Delta();
  delta.add('sent', 1000);
  delta.add('sentBytes', 64_000);
  delta.add('expected', 1000);
  delta.add('received', 1000 - lost);
  delta.add('receivedBytes', (1000 - lost) * 64);
  for (let i = 0; i < 1000 - lost; i++) delta.histogram('latency').record(latency + i);
  return delta;
}

/** A second of a fleet: eight clients get leases, and two do not. */
export function fleetSecond(latency = 2000): Delta {
  const delta = new Delta();
  for (const [name, count] of Object.entries({
    sent: 20,
    expected: 20,
    received: 18,
    discover: 10,
    offer: 9,
    request: 9,
    ack: 8,
    nak: 1,
    leases: 8,
    bound: 8,
    retries: 3,
    failed: 2,
    'failed: no answer to discover': 1,
    'failed: the server refused': 1,
  }))
    delta.add(name, count);
  for (let i = 0; i < 8; i++) {
    delta.histogram('offer').record(latency / 4 + 10 * i);
    delta.histogram('ack').record(latency / 2 + 10 * i);
    delta.histogram('latency').record(latency + 20 * i);
  }
  return delta;
}

export interface PartOfRun {
  readonly type: 'udp-send' | 'dhcp';
  readonly second: (n: number) => Delta;
}

/** What a run of `length` seconds with these parts ends in. */
export function runWithParts(
  parts: Readonly<Record<string, PartOfRun>>,
  { length = 20, flows = [] }: { readonly length?: number; readonly flows?: readonly NamedFlow[] } = {},
): RunOutcome & { readonly series: RunSeries; readonly seconds: readonly Second[] } {
  const series = new RunSeries();
  const total = new Delta();
  const seconds = Array.from({ length }, (_, second): Second => {
    const delta = new Delta();
    for (const [name, part] of Object.entries(parts)) {
      const own = part.second(second);
      delta.mergePart(name, own);
      delta.merge(own);
    }
    return { second, length: 1000, delta };
  });
  for (const second of seconds) {
    series.add(second);
    total.merge(second.delta);
  }
  const extent = { length: 1000 * length, sends: true, receives: true, jitter: 20 };
  const tallies = Object.entries(parts).map(
    ([name, { type }], i): PartTally => ({
      ...extent,
      name,
      type,
      begin: 500 * i,
      flows: 300,
      ...(type === 'dhcp' ? { clients: 10 * length } : {}),
    }),
  );
  const result = resultOf(INFO, { ...extent, total, interrupted: false, parts: tallies }, [
    parseThreshold('-', 'loss>0.1%'),
    parseThreshold('-', 'p99>5s'),
  ]);
  return { result, total, flows, series, seconds };
}

/** Flow n loses n modulo 7 packets, and its slowest take n ms. */
export const FLOWS: readonly NamedFlow[] = Array.from({ length: 300 }, (_, flow) => ({
  name: `voice: 10.0.0.${flow % 250}:${flow} > 10.0.0.2:7000`,
  run: 1,
  flow,
  expected: 100,
  received: 100 - (flow % 7),
  bytes: 6400,
  lost: flow % 7,
  duplicates: 0,
  reordered: 0,
  late: 0,
  p50: 0.1,
  p99: 1 + flow,
  max: 2 + flow,
  jitter: 0.01,
}));

/** A run of `udp send` for 20 seconds, one packet of a hundred is lost. */
export function udpRun(): { seconds: Second[]; total: Delta; result: RunResult } {
  const seconds = Array.from({ length: 20 }, (_, second) => ({ second, length: 1000, delta: udpSecond() }));
  const total = new Delta();
  for (const { delta } of seconds) total.merge(delta);
  const tally = { total, length: 20_000, interrupted: false, sends: true, receives: true, jitter: 20 };
  const thresholds = ['loss>0.1%', 'p99>5ms'].map((text) => parseThreshold('-', text));
  return { seconds, total, result: resultOf({ ...INFO, command: 'udp send' }, tally, thresholds) };
}
