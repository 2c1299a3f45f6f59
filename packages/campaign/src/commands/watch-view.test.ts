import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkScenario } from '@etherconn/cli/parts';
import type { AgentRow, Snapshot } from '../coordinator/snapshot.ts';
import { checkSnapshot } from '../coordinator/snapshot-schema.ts';
import { brief, liveLines } from './brief.ts';
import { SnapshotSeconds } from './snapshot-seconds.ts';
import { WatchView } from './watch-view.ts';

const START = 1_700_000_000_000;

function row(agent: string, state: string): AgentRow {
  return {
    ...{ agent, incarnation: `${agent}1`, state, interfaces: ['eth0 (memory, 1 queues)'], rate: 1000 },
    ...{ clockOffset: 0.02, clockError: 0.1, ranges: 5, clients: 50, silent: 400 },
    ...{ lost: state === 'lost', messages: 7, counters: { sent: 100 } },
  };
}

/** A campaign after so many seconds; one of its agents is lost after five. */
function snapshotAt(second: number, phase: Snapshot['phase'] = 'running'): Snapshot {
  const isLost = second >= 5;
  return {
    ...{ run: 'c0123456789', name: 'trial', phase, policy: 'reassign', reason: null, generation: 'g1' },
    ...{ now: START + 1000 * second, startAt: START, elapsed: 1000 * second, clients: 100 },
    ...{ ranges: { total: 10, given: 10, done: 0, lost: 0 }, lease: 2000, clockLimit: 5 },
    agents: [row('north', 'running'), row('east', isLost ? 'lost' : 'running')],
    takeovers: isLost
      ? [
          {
            ...{ at: 4500, agent: 'east', incarnation: 'east1', ranges: 5, clients: 50, silent: 2100 },
            to: { north: 5 },
          },
        ]
      : [],
    gaps: isLost ? [{ agent: 'east', incarnation: 'east1', upTo: 7, waiting: 0 }] : [],
    results: { messages: 14, duplicates: 0, malformed: 0, rejected: 0 },
    total: { counters: { sent: 500 * second, sentBytes: 32_000 * second }, histograms: {} },
    events: isLost ? [{ time: START + 4500, text: 'agent east is lost' }] : [],
  };
}

const scenario = checkScenario({
  clients: 100,
  duration: '20s',
  parts: { leases: { type: 'dhcp', rate: 'max' } },
});

test('a watcher sees rates, agents, takeovers, gaps and events; a narrow terminal cuts them', () => {
  for (const columns of [120, 40]) {
    let frame = '';
    const write = (text: string): void => {
      frame = text;
    };
    const stream = { isTTY: true, columns, rows: 40, write };
    const view = new WatchView(stream, scenario, 1);
    for (const second of [3, 4, 5]) view.show(checkSnapshot(snapshotAt(second)));
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what escape sequences begin with.
    const lines = frame.replace(/\x1b\[[0-9;]*m/g, '').split('\n');
    for (const line of lines) assert.ok(line.length < columns, line);
    const text = lines.join('\n');
    assert.match(text, /^etherconn campaign: 2 agents/m);
    assert.match(text, /^time +0:05 /m);
    assert.match(text, /^sent +500 pps/m);
    assert.match(text, /^north: running, 50 clients/m);
    assert.match(text, /^east: lost, 50 clients/m);
    assert.match(text, /^takeover at 4\.50 s: 5 ranges of east/m);
    assert.match(text, /^gap: east is counted up to message 7/m);
    assert.match(text, /^4\.50 s: agent east is lost$/m);
    if (columns === 120) assert.match(text, /clock 0\.02 ± 0\.10 ms, seen 0\.4 s ago$/m);
    view.end(snapshotAt(6, 'done'));
    assert.match(frame, /^c0123456789 trial: done, 6 s.*\n {2}takeover at 4\.50 s/s);
    view.close();
    assert.equal(frame, '\x1b[?25h', 'the cursor is back');
  }
});

test('status names takeovers and gaps in full', () => {
  const text = brief(snapshotAt(6)).join('\n');
  assert.match(text, /^ {2}takeover at 4\.50 s: 5 ranges of east to north \(5\), silent for 2\.10 s$/m);
  assert.match(text, /^ {2}gap: east is counted up to message 7$/m);
});

test('of many agents those in trouble are shown first', () => {
  const agents = Array.from({ length: 30 }, (_, n) => row(`agent${n}`, n === 29 ? 'lost' : 'running'));
  const lines = liveLines({ ...snapshotAt(1), agents });
  assert.match(lines[0], /^agent29: lost/);
  assert.equal(lines.at(-1), '… 18 more agents');
});

test('the first second of a watcher that comes late is all since the start; the sum of all is the total', () => {
  const seconds = new SnapshotSeconds();
  const first = seconds.next(snapshotAt(100))!;
  assert.deepEqual([first.second, first.length, first.delta.get('sent')], [0, 100_000, 50_000]);
  assert.equal(seconds.next(snapshotAt(100)), undefined);
  const next = seconds.next(snapshotAt(102))!;
  assert.deepEqual([next.second, next.length, next.delta.get('sent')], [100, 2000, 1000]);
});

test('a status that is none is refused, and says where; control characters do not reach a terminal', () => {
  assert.throws(() => checkSnapshot(null), /the status of the campaign is malformed/);
  assert.throws(() => checkSnapshot({ ...snapshotAt(1), elapsed: '1' }), /malformed: elapsed/);
  assert.throws(
    () => checkSnapshot({ ...snapshotAt(1), agents: [{ ...row('a', 'running'), silent: null }] }),
    /malformed: agents\.0\.silent/,
  );
  assert.equal(checkSnapshot({ ...snapshotAt(1), name: 'a\x1b[2Jb' }).name, 'a [2Jb');
});
