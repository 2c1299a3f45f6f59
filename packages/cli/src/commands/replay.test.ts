import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { PcapngWriter, PcapWriter } from 'etherconn/capture';
import { buildUdpFrame } from 'etherconn/wire';
import { endAll, etherconn, objects, RunningCommand } from '../test-support/command.ts';

/** `etherconn replay` as a process over a network in memory: no privileges are needed. */

const folder = mkdtempSync(join(tmpdir(), 'etherconn-'));
after(() => rmSync(folder, { recursive: true }));
after(endAll);

const START = 1_700_000_000_000_000_000n;

function capture(
  name: string,
  count: number,
  { gap = 1_000_000n, length = 20, pcapng = false } = {},
): string {
  const chunks: Uint8Array[] = [];
  const take = (bytes: Uint8Array): void => void chunks.push(Uint8Array.from(bytes));
  const writer = pcapng ? new PcapngWriter(take) : new PcapWriter(take, { resolution: 'nanosecond' });
  if (writer instanceof PcapngWriter) writer.addInterface();
  for (let i = 0; i < count; i++) {
    const data = buildUdpFrame({
      sourceMac: '02:00:00:00:00:01',
      destinationMac: '02:00:00:00:00:02',
      source: '10.0.0.1',
      destination: '10.0.0.2',
      sourcePort: 1000,
      destinationPort: 53,
      payload: `${i}`.padEnd(length),
      pad: true,
    });
    writer.write({ timestamp: START + BigInt(i) * gap, data });
  }
  const path = join(folder, name);
  writeFileSync(path, Buffer.concat(chunks));
  return path;
}

const pcap = capture('a.pcap', 200);
const pcapng = capture('a.pcapng', 200, { pcapng: true });

function replay(file: string, ...args: string[]): ReturnType<typeof etherconn> {
  return etherconn(['replay', file, 'mem', '--engine', 'memory', ...args]);
}

test('a capture without frames: exit code 1, and why; the second interface has the name of all commands', async () => {
  // A pcapng file: its header is written with the first interface.
  const empty = await replay(capture('empty.pcapng', 0, { pcapng: true }));
  assert.equal(empty.status, 1, empty.stderr);
  assert.match(empty.stdout, /^capture +0 frames: there is nothing to send$/m);
  const wrong = await replay(pcap, '--receive-on', 'eth1');
  assert.equal(wrong.status, 2);
  assert.match(wrong.stderr, /^etherconn: --listen: is not for --engine memory/);
});

test('pcap, pcapng and gzip: every frame is sent, arrives, in time and in order', async () => {
  const gzip = join(folder, 'a.pcap.gz');
  writeFileSync(gzip, gzipSync(readFileSync(pcap)));
  for (const file of [pcap, pcapng, gzip]) {
    const end = await replay(file, '--json', '--fail-if', 'loss>0', '--fail-if', 'reordered>0');
    assert.equal(end.status, 0, end.stderr + end.stdout);
    const [result] = objects(end);
    assert.equal(result.command, 'replay');
    assert.deepEqual([result.sent.packets, result.received.packets], [200, 200]);
    assert.equal(result.sent.bytes, 200 * 66);
    const { replay: about } = result;
    assert.deepEqual([about.read, about.passes, about.skipped, about.backwards], [200, 1, {}, 0]);
    assert.ok(Math.abs(about.scheduled - 0.199) < 1e-9, `${about.scheduled}`);
    assert.ok(about.took >= about.scheduled);
    assert.equal(result.latency.count, 200);
    assert.equal(result.behind.count, 200);
  }
});

test('faults of the wire are found: loss, duplicates, order', async () => {
  const file = capture('faults.pcap', 3000, { gap: 100_000n });
  const end = await replay(
    file,
    ...['--seed', '3', '--impair', 'loss=5%,duplicate=3%,reorder=5%,reorderDelay=5ms,delay=2ms', '--json'],
  );
  assert.equal(end.status, 0, end.stderr);
  const [{ sent, received, latency, replay: about }] = objects(end);
  assert.equal(sent.packets, 3000);
  assert.ok(received.lost > 50 && received.lost < 300, `${received.lost}`);
  assert.ok(received.duplicates > 20 && received.reordered > 20 && about.furthest > 1);
  assert.ok(latency.min >= 2);
});

test('speed, rates, passes and counts', async () => {
  const fast = objects(await replay(pcap, '--speed', '10', '--json'))[0];
  assert.ok(Math.abs(fast.replay.scheduled - 0.0199) < 1e-9);
  const rate = objects(await replay(pcap, '--rate', '1kpps', '--loop', '2', '--json'))[0];
  assert.deepEqual([rate.sent.packets, rate.replay.passes, rate.replay.asked.pps], [400, 2, 1000]);
  const bits = objects(await replay(pcap, '--rate', '1Mbps', '--json'))[0];
  assert.equal(bits.replay.asked.bps, 1e6);
  assert.ok(Math.abs(bits.replay.scheduled - (199 * 66 * 8) / 1e6) < 1e-9);
  const most = await replay(pcap, '--max', '--loop', 'forever', '--count', '5000');
  assert.equal(most.status, 0, most.stderr);
  assert.match(most.stdout, /^capture {4}5 000 frames in 25 passes$/m);
  assert.match(most.stdout, /^lost {7}0 \(0 %\)/m);
});

test('a filter selects, by the frames of the capture', async () => {
  const all = await replay(
    pcap,
    '--filter',
    'udp dst port 53 and host 10.0.0.1',
    '--map-ip',
    '10.0.0.1=10.0.0.9',
    '--json',
  );
  assert.equal(objects(all)[0].sent.packets, 200);
  const none = await replay(pcap, '--filter', 'tcp');
  assert.equal(none.status, 1);
  assert.match(none.stdout, /^not sent {3}200 frames: not selected$/m);
  const wrong = await replay(pcap, '--filter', 'udp prt 53');
  assert.equal(wrong.status, 2, wrong.stderr);
});

test('frames that are too long are skipped and said; a damaged capture is sent as far as it goes', async () => {
  const long = capture('long.pcap', 10, { length: 3000 });
  const end = await replay(long);
  assert.equal(end.status, 1, end.stdout);
  assert.match(end.stdout, /^not sent {3}10 frames: longer than the interface takes$/m);
  const broken = capture('broken.pcap', 100);
  truncateSync(broken, 24 + 60 * 82 + 5);
  const part = await replay(broken, '--json');
  assert.equal(part.status, 1);
  const [{ replay: about, sent }] = objects(part);
  assert.match(about.damage, /broken\.pcap: .*cut off/);
  assert.equal(sent.packets, about.read);
  assert.ok(sent.packets >= 50);
});

test('standard input', async () => {
  const bin = fileURLToPath(new URL('../../bin/etherconn.js', import.meta.url));
  const child = spawn(process.execPath, [bin, 'replay', '-', 'mem', '--engine', 'memory', '--json'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let stdout = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stdin.end(readFileSync(pcapng));
  const status = await new Promise((resolve) => child.once('close', resolve));
  assert.equal(status, 0);
  assert.equal(JSON.parse(stdout).received.packets, 200);
});

test('Ctrl-C: what was sent so far, and 130', async () => {
  const slow = capture('slow.pcap', 1000, { gap: 50_000_000n });
  const running = new RunningCommand(['replay', slow, 'mem', '--engine', 'memory']);
  await running.says(/sent \d+/);
  const end = await running.interrupt();
  assert.equal(end.status, 130);
  assert.match(end.stdout, /^capture {4}1 000 frames$/m);
});

test('a live capture from standard input is sent as it comes, until Ctrl-C', async () => {
  const bin = fileURLToPath(new URL('../../bin/etherconn.js', import.meta.url));
  const child = spawn(process.execPath, [bin, 'replay', '-', 'mem', '--engine', 'memory'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let stdout = '';
  const sends = new Promise<void>((resolve) =>
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
      if (/sent \d+/.test(stdout)) resolve();
    }),
  );
  child.stdin.on('error', () => {});
  child.stdin.write(readFileSync(pcapng));
  await sends;
  child.kill('SIGINT');
  assert.equal(await new Promise((resolve) => child.once('close', resolve)), 130);
  assert.match(stdout, /^sent {7}200 packets/m);
});

test('wrong input: the option, and what is allowed', async () => {
  const none = await replay(join(folder, 'none.pcap'));
  assert.equal(none.status, 1);
  assert.match(none.stderr, /^etherconn: .*none\.pcap: cannot be read: ENOENT/);
  const text = join(folder, 'text.pcap');
  writeFileSync(text, 'this is no capture');
  const noCapture = await replay(text);
  assert.equal(noCapture.status, 1);
  assert.match(noCapture.stderr, /^etherconn: .*text\.pcap: not a pcap or pcapng capture/);
  for (const [args, message] of [
    [['--speed', '0'], /must be a factor like 0\.5/],
    [['--speed', '2', '--max'], /cannot be used with/],
    [['--rate', '5'], /must be a rate like/],
    [['--loop', '0'], /must be a whole number/],
    [['--map-ip', '10.0.0.0/24'], /must be FROM=TO/],
    [['--map-mac', 'x=y'], /must be a MAC address/],
    [['--set-vlan', '1.2.3'], /must have at most two tags/],
    [['--set-vlan', '5000'], /must be a VLAN id/],
    [['--strip-vlans', '--set-vlan', '5'], /cannot be used with/],
    [['--listen', 'x'], /--listen: is not for --engine memory/],
    [['--listen-netns', 'x'], /--listen-netns: needs --listen/],
  ] as const) {
    const end = await replay(pcap, ...args);
    assert.equal(end.status, 2, `${args.join(' ')}: ${end.stderr}`);
    assert.match(end.stderr, message);
  }
  const stdin = await replay('-', '--loop', '2');
  assert.match(stdin.stderr, /--loop: needs a file/);
});
