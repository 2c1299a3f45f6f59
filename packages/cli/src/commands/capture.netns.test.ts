import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { RawSocketRelay } from 'etherconn';
import { type CapturePacket, readCapture, readCaptureFile } from 'etherconn/capture';
import { hasCommand } from 'etherconn/testing';
import { etherconn, objects, RunningCommand } from '../test-support/command.ts';
import { filterFrames } from '../test-support/filter-frames.ts';
import { folderForTests } from '../test-support/folder.ts';
import { wireForTests } from '../test-support/wire.ts';

let relay: RawSocketRelay;
const wire = wireForTests(
  { name: 'eth0', addresses: ['10.0.0.1/24'] },
  { name: 'eth1' },
  {
    async prepare(each) {
      relay = each.keep(await RawSocketRelay.open('eth1', { netns: each.far.path }));
    },
  },
);
const { skip } = wire;
const folder = folderForTests();

/** A frame of an EtherType for experiments, with a number in it. */
function frame(number: number, length = 100): Uint8Array {
  const u8 = new Uint8Array(length);
  u8.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5, number >> 8, number & 255]);
  return u8;
}

const MINE = 'ether proto 0x88b5';

async function capturing(...args: string[]): Promise<RunningCommand> {
  const running = new RunningCommand(['capture', 'eth0', '--netns', wire.near.path, ...args]);
  await running.says(/capturing on eth0/);
  return running;
}

/** Sends so many numbered frames, as fast as there is room. */
function send(count: number, length?: number): void {
  for (let i = 0; i < count; i++) while (relay.trySendFrame(frame(i, length)) === 0) relay.flush();
}

async function packetsOf(source: string | Buffer): Promise<CapturePacket[]> {
  const packets: CapturePacket[] = [];
  for await (const packet of typeof source === 'string' ? readCaptureFile(source) : readCapture(source))
    packets.push(packet);
  return packets;
}

const numberOf = ({ data }: CapturePacket): number => (data[14]! << 8) | data[15]!;

test('-w writes what comes and what goes, with its direction', { skip }, async () => {
  const file = join(folder, 'both.pcapng');
  const running = await capturing('-w', file, '--json', MINE, 'or', '(arp', 'and', 'host', '10.0.0.77)');
  send(3);
  wire.near.run('bash', '-c', 'echo > /dev/udp/10.0.0.77/9');
  await new Promise((resolve) => setTimeout(resolve, 300));
  const end = await running.interrupt();
  assert.equal(end.status, 130, end.stderr);
  assert.match(
    end.stderr,
    /^etherconn: \d+ frames? captured, 0 dropped by the kernel, 0 lost because the file was/m,
  );
  const packets = await packetsOf(file);
  assert.deepEqual(packets.slice(0, 3).map(numberOf), [0, 1, 2]);
  const [first] = packets;
  assert.equal(first!.direction, 'in');
  assert.equal(first!.interfaceName, 'eth0');
  assert.ok(Math.abs(Number(first!.timestamp! / 1_000_000n) - Date.now()) < 60_000);
  const arp = packets.slice(3);
  assert.ok(arp.length > 0);
  for (const { direction } of arp) assert.equal(direction, 'out');
  const [result] = objects(end);
  assert.equal(result.frames, packets.length);
  assert.equal(result.interrupted, true);
  assert.equal(result.files, 1);
  assert.equal(result.written, statSync(file).size);
  assert.deepEqual([result.dropped, result.lost, result.loss], [0, 0, 0]);
});

const noTcpdump = skip !== false ? skip : hasCommand('tcpdump') ? false : 'tcpdump is not installed';
test('tcpdump reads -w - live, and a file', { skip: noTcpdump }, async () => {
  const file = join(folder, 'live.pcapng');
  const command = `exec node ${join(import.meta.dirname, '../../bin/etherconn.js')} capture eth0 --netns ${wire.near.path} -c 5 -w - ${MINE}`;
  const { spawn } = await import('node:child_process');
  const pipe = spawn('bash', ['-c', `${command} | tcpdump -n -e -r -`], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, err] = ['', ''];
  pipe.stdout.on('data', (chunk) => {
    out += chunk;
  });
  pipe.stderr.on('data', (chunk) => {
    err += chunk;
  });
  while (!/capturing on/.test(err)) await new Promise((resolve) => setTimeout(resolve, 20));
  send(5);
  await new Promise((resolve) => pipe.once('close', resolve));
  assert.equal(out.match(/ethertype Unknown \(0x88b5\), length 100/g)?.length, 5, out + err);
  const running = await capturing('-c', '4', '-w', file, MINE);
  send(4);
  assert.equal((await running.ended).status, 0);
  const read = spawnSync('tcpdump', ['-n', '-e', '-r', file], { encoding: 'utf8' });
  assert.equal(read.status, 0, read.stderr);
  assert.equal(read.stdout.match(/ethertype/g)?.length, 4);
});

const noTshark = skip !== false ? skip : hasCommand('capinfos') ? false : 'capinfos is not installed';
test('the file knows the interface, the filter and the counters', { skip: noTshark }, async () => {
  const file = join(folder, 'about.pcapng');
  const running = await capturing('-c', '7', '-s', '64', '-w', file, MINE);
  send(9, 1000);
  const end = await running.ended;
  assert.equal(end.status, 0);
  for (const { data, originalLength } of await packetsOf(file))
    assert.deepEqual([data.length, originalLength], [64, 1000]);
  const { stdout, stderr } = spawnSync('capinfos', [file], { encoding: 'utf8' });
  assert.equal(stderr, '');
  assert.match(stdout, /Number of packets: +7/);
  assert.match(stdout, /Capture application: etherconn/);
  assert.match(stdout, /Name = eth0/);
  assert.match(stdout, /Filter string = ether proto 0x88b5/);
  assert.match(stdout, /Number of stat entries = 1/);
  assert.match(stdout, /packet size limit: +inferred: 64 bytes|Capture length = 64/i);
});

test('without -w it prints a line a frame; what the kernel cannot decide is decided here', {
  skip,
}, async () => {
  // Which byte is the last one is only known when the frame is there.
  const running = await capturing('-c', '2', MINE, 'and', 'ether[len - 85] & 1 = 1');
  send(4);
  const end = await running.ended;
  assert.equal(end.status, 0, end.stderr);
  const lines = end.stdout.trimEnd().split('\n');
  assert.equal(lines.length, 2);
  assert.match(
    lines[0]!,
    /^1 20\d\d-[\d:T.-]+Z in 02:00:00:00:00:02 > 02:00:00:00:00:01, ethertype .*0x88b5/,
  );
});

test('expressions select from a real mixture what they select in files', { skip }, async () => {
  const frames = filterFrames(900, 21).filter(({ bytes, length }) => bytes.length === length);
  const file = join(folder, 'mixture.pcapng');
  const running = await capturing('-w', file, '-Q', 'in', 'vlan and (tcp or udp)');
  for (const { bytes } of frames) relay.trySendFrame(bytes);
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal((await running.interrupt()).status, 130);
  const { compileFilter } = await import('../filter/filter.ts');
  const filter = compileFilter('vlan and (tcp or udp)');
  const expected = frames.filter(({ bytes }) => filter.matches(bytes, 0, bytes.length));
  assert.ok(expected.length > 10);
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
  assert.deepEqual(
    (await packetsOf(file)).map(({ data }) => hex(data)),
    expected.map(({ bytes }) => hex(bytes)),
  );
});

test('a ring of files: the newest are kept, and together they have what came last', { skip }, async () => {
  const ring = mkdtempSync(join(folder, 'ring-'));
  const path = join(ring, 'trace.pcapng');
  const running = await capturing(
    '-w',
    path,
    '--ring-size',
    '100k',
    '--ring-files',
    '2',
    '-c',
    '500',
    '--json',
    MINE,
  );
  send(500, 1000);
  const end = await running.ended;
  assert.equal(end.status, 0, end.stderr);
  const [{ files, frames, lost }] = objects(end);
  assert.equal(frames, 500);
  assert.equal(lost, 0);
  const names = readdirSync(ring).sort();
  assert.equal(names.length, 2);
  assert.ok(files >= 5);
  assert.equal(names[1], `trace-${String(files).padStart(5, '0')}.pcapng`);
  const numbers: number[] = [];
  for (const name of names) numbers.push(...(await packetsOf(join(ring, name))).map(numberOf));
  assert.equal(numbers.at(-1), 499);
  assert.deepEqual(
    numbers,
    numbers.map((_, i) => numbers[0]! + i),
  );
});

test('a ring by time', { skip }, async () => {
  const ring = mkdtempSync(join(folder, 'ring-'));
  const args = ['-w', join(ring, 'trace.pcapng'), '--ring-time', '1s', '--duration', '2.5s'];
  const end = await (await capturing(...args, MINE)).ended;
  assert.equal(end.status, 0, end.stderr);
  const names = readdirSync(ring);
  assert.ok(names.length >= 2, `${names}`);
  for (const name of names) assert.deepEqual(await packetsOf(join(ring, name)), []);
});

test('--duration, --ndjson and --fail-if', { skip }, async () => {
  const running = await capturing('--duration', '2.2s', '--ndjson', '--fail-if', 'received<1kpps', MINE);
  send(10);
  const end = await running.ended;
  assert.equal(end.status, 3, end.stderr);
  const lines = objects(end);
  assert.ok(lines.length >= 2);
  assert.deepEqual(Object.keys(lines[0]), ['type', 'frames', 'bits', 'dropped', 'lost']);
  assert.equal(lines[0].type, 'second');
  const result = lines.at(-1);
  assert.equal(result.type, 'result');
  assert.equal(result.frames, 10);
  assert.equal(result.passed, false);
  assert.equal(result.thresholds[0].state, 'missed');
});

test('an interface that is deleted ends the capture with an error, and the file is complete', {
  skip,
}, async () => {
  wire.near.run('ip', 'link', 'add', 'dummy7', 'type', 'veth', 'peer', 'name', 'dummy8');
  wire.near.run('ip', 'link', 'set', 'dummy7', 'up');
  const file = join(folder, 'gone.pcapng');
  const running = new RunningCommand(['capture', 'dummy7', '--netns', wire.near.path, '-w', file]);
  await running.says(/capturing on dummy7/);
  wire.near.run('ip', 'link', 'del', 'dummy7');
  const end = await running.ended;
  assert.equal(end.status, 1);
  assert.match(end.stderr, /dummy7/);
  await packetsOf(file);
  assert.ok(readFileSync(file).length > 100);
});

test('what cannot be is told before anything is opened', async () => {
  const cases: readonly (readonly [string[], number, RegExp])[] = [
    [['eth0', 'tcp', 'prot'], 2, /expression: at character 5: expected 'and', 'or' or the end, got 'prot'/],
    [['eth0', '--count', '0'], 2, /must be a whole number from 1/],
    [['eth0', '--ring-size', '1M'], 2, /--ring-size: needs -w FILE/],
    [['eth0', '-w', '-', '--ring-time', '1s'], 2, /--ring-time: needs -w FILE/],
    [['eth0', '-w', 'x', '--ring-files', '3'], 2, /--ring-files: needs --ring-size or --ring-time/],
    [['eth0', '-w', 'x', '--ring-size', '1k'], 2, /--ring-size: must be at least 65536 bytes/],
    [['eth0', '-w', '-', '--json'], 2, /--json: cannot go with -w -/],
    [['eth0', '-w', folder], 2, /-w: .* is a folder; name a file/],
    [['eth0', '-w', join(folder, 'no/file')], 2, /-w: .* there is no folder/],
    [['eth0', '-Q', 'up'], 2, /Allowed choices are in, out, both/],
    [['eth0', '--netns', 'nowhere'], 2, /there is no network namespace 'nowhere'/],
    [['eth0', '--fail-if', 'foo>1'], 2, /'foo' is not measured/],
    [[], 2, /missing required argument 'interface'/],
  ];
  for (const [args, status, message] of cases) {
    const end = await etherconn(['capture', ...args]);
    assert.match(end.stderr, message, args.join(' '));
    assert.equal(end.status, status, args.join(' '));
    assert.equal(end.stdout, '');
  }
});

test('an interface that is not there', { skip }, async () => {
  const end = await etherconn(['capture', 'eth9', '--netns', wire.near.path]);
  assert.equal(end.status, 1);
  assert.match(end.stderr, /no interface 'eth9'/);
});
