import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { requireCommand } from 'etherconn/testing';
import { Delta, type Second } from '../metrics/delta.ts';
import { fleetSecond, INFO, type PartOfRun, runWithParts, udpSecond } from '../test-support/runs.ts';
import { PrometheusView } from './prometheus.ts';

/** What is served after these seconds. */
async function served(seconds: readonly Second[]): Promise<string> {
  let port = 0;
  const view = new PrometheusView({ host: '127.0.0.1', port: 0 }, (own) => {
    port = own;
  });
  await view.begin({ ...INFO, clients: 10 });
  try {
    const total = new Delta();
    for (const second of seconds) {
      total.merge(second.delta);
      view.second(second, total);
    }
    return await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  } finally {
    view.close();
  }
}

/** Values of a metric by its labels, without those that all have. */
function values(text: string, name: string): Map<string, number> {
  const lines = text.matchAll(new RegExp(`^${name}\\{(.*)\\} (\\S+)$`, 'gm'));
  return new Map(
    [...lines].map(([, labels, value]) => [
      labels!.replace(/,?(command|interface)="[^"]*"/g, '').replace(/^,/, ''),
      Number(value),
    ]),
  );
}

const PARTS: Readonly<Record<string, PartOfRun>> = {
  voice: { type: 'udp-send', second: () => udpSecond(10) },
  bulk: { type: 'udp-send', second: (n) => (n === 0 ? udpSecond(50, 4000) : new Delta()) },
  leases: { type: 'dhcp', second: () => fleetSecond() },
};

test('each part has its series, and what belongs to no part is not told twice', async () => {
  const { seconds } = runWithParts(PARTS, { length: 3 });
  seconds[1]!.delta.add('linkDropped', 7);
  const text = await served(seconds);
  const sent = values(text, 'etherconn_sent_packets_total');
  assert.deepEqual(Object.fromEntries(sent), {
    '': 0,
    'part="voice"': 3000,
    'part="bulk"': 1000,
    'part="leases"': 60,
  });
  assert.equal(values(text, 'etherconn_dropped_frames_total').get(''), 7);
  // What a part has lost stays when nothing more happens to it.
  assert.deepEqual(Object.fromEntries(values(text, 'etherconn_lost_packets')), {
    'part="voice"': 30,
    'part="bulk"': 50,
    'part="leases"': 6,
  });
  assert.equal(values(text, 'etherconn_bound_leases').get('part="leases"'), 24);
  const latency = values(text, 'etherconn_latency_seconds');
  const median = [...latency].find(([labels]) => labels.includes('"50"') && labels.includes('"bulk"'));
  assert.ok(median![1] > 0.004);
  assert.equal(latency.size, 12);
});

test('of a thousand parts no more than a hundred have a label of their own', async () => {
  const many = Object.fromEntries(
    Array.from({ length: 1000 }, (_, n) => [
      `part-${n}`,
      { type: 'udp-send', second: () => udpSecond(990) } as const,
    ]),
  );
  const text = await served(runWithParts(many, { length: 2 }).seconds);
  const sent = values(text, 'etherconn_sent_packets_total');
  assert.equal(sent.size, 102);
  assert.equal(sent.get('part="(others)"'), 900 * 2000);
  assert.equal(
    [...sent.values()].reduce((sum, value) => sum + value, 0),
    1000 * 2000,
  );
  assert.equal(values(text, 'etherconn_lost_packets').get('part="(others)"'), 900 * 1980);
});

test('promtool finds nothing to say of parts', { skip: requireCommand('promtool') }, async () => {
  const input = await served(runWithParts(PARTS, { length: 3 }).seconds);
  const promtool = spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' });
  assert.equal(promtool.stdout + promtool.stderr, '');
  assert.equal(promtool.status, 0);
});
