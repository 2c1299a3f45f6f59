import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { PcapngWriter, PcapWriter } from 'etherconn/capture';
import { buildUdpFrame } from 'etherconn/wire';

/** The command as a process: arguments, output, exit codes. */

const bin = fileURLToPath(new URL('../bin/etherconn.js', import.meta.url));
const libraryBin = fileURLToPath(new URL('../../etherconn/bin/etherconn.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'etherconn-'));
after(() => rmSync(folder, { recursive: true }));

interface Result {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(args: readonly string[], input?: Uint8Array, script = bin): Result {
  const options = {
    encoding: 'utf8',
    maxBuffer: 1 << 30,
    ...(input === undefined ? {} : { input }),
  } as const;
  return spawnSync(process.execPath, [script, ...args], options);
}

function file(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

const frame = buildUdpFrame({
  sourceMac: '02:00:00:00:00:01',
  destinationMac: '02:00:00:00:00:02',
  vlans: [{ id: 100, tpid: 0x88a8 }, { id: 0 }],
  source: '10.0.0.1',
  destination: '10.0.0.2',
  sourcePort: 1000,
  destinationPort: 53,
  payload: 'hello',
  pad: true,
});
const timestamp = 1_700_000_000_123_456_789n;

function pcap(frames: number): Uint8Array {
  const chunks: Uint8Array[] = [];
  const writer = new PcapWriter((bytes) => chunks.push(bytes), { resolution: 'nanosecond' });
  for (let i = 0; i < frames; i++) writer.write({ timestamp, data: frame });
  return new Uint8Array(Buffer.concat(chunks));
}

function objects({ stdout }: Result): Record<string, unknown>[] {
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

const decodedFrame = {
  'frame.number': 1,
  'frame.time': '2023-11-14T22:13:20.123456789Z',
  'eth.src': '02:00:00:00:00:01',
  'eth.dst': '02:00:00:00:00:02',
  'eth.type': '0x0800',
  'vlan.ids': [100, 0],
  'ip.version': 4,
  'ip.src': '10.0.0.1',
  'ip.dst': '10.0.0.2',
  'ip.proto': 17,
  'ip.frag': false,
  'ip.checksum': 'good',
  'udp.srcport': 1000,
  'udp.dstport': 53,
  'udp.length': 13,
  'udp.payloadLength': 5,
  'udp.checksum': 'good',
};

test('decode --json: one object per frame and line', () => {
  const result = run(['decode', file('two.pcap', pcap(2)), '--json']);
  assert.equal(result.status, 0, result.stderr);
  assert.equal(result.stderr, '');
  assert.deepEqual(objects(result), [decodedFrame, { ...decodedFrame, 'frame.number': 2 }]);
});

test('decode: readable lines; from standard input; compressed', () => {
  const zipped = new Uint8Array(gzipSync(pcap(2)));
  const result = run(['decode', '-'], zipped);
  assert.equal(result.status, 0, result.stderr);
  const lines = result.stdout.trimEnd().split('\n');
  assert.equal(lines.length, 2);
  assert.match(
    lines[1]!,
    /^2 2023-11-14T22:13:20\.123456789Z 02:00:00:00:00:01 > 02:00:00:00:00:02.*1000 > 53/,
  );
  assert.deepEqual(objects(run(['decode', '--json', file('two.pcap.gz', zipped)])).length, 2);
});

test('decode: direction, and frames of other link types', () => {
  const chunks: Uint8Array[] = [];
  const writer = new PcapngWriter((bytes) => chunks.push(bytes));
  writer.addInterface();
  writer.addInterface({ linkType: 113 });
  writer.write({ timestamp, data: frame, direction: 'out' });
  writer.write({ timestamp, data: frame, interfaceId: 1 });
  const path = file('mixed.pcapng', new Uint8Array(Buffer.concat(chunks)));
  const lines = run(['decode', path]).stdout.split('\n');
  assert.match(lines[0]!, /Z out 02:/);
  assert.match(lines[1]!, /link type 113 is not Ethernet/);
  const json = run(['decode', path, '--json']);
  assert.equal(json.status, 0);
  assert.deepEqual(objects(json)[1], {
    'frame.number': 2,
    'frame.time': decodedFrame['frame.time'],
    error: 'link type 113 is not Ethernet',
  });
});

test('decode: a broken capture is printed as far as it goes, then the fault, exit code 1', () => {
  const whole = pcap(2);
  const cut = run(['decode', file('cut.pcap', whole.subarray(0, -1)), '--json']);
  assert.equal(cut.status, 1);
  assert.deepEqual(objects(cut), [decodedFrame]);
  assert.match(cut.stderr, /^etherconn: .*cut\.pcap: pcap: cut off in a packet, .* \(at byte 100\)\n$/);

  const zipped = new Uint8Array(gzipSync(whole));
  const cutZip = run(['decode', '--json', '-'], zipped.subarray(0, -8));
  assert.equal(cutZip.status, 1);
  assert.equal(objects(cutZip).length, 2);
  assert.match(cutZip.stderr, /^etherconn: standard input: gzip: cut off/);

  for (const [bytes, message] of [
    [new Uint8Array(0), /the capture is empty/],
    [new Uint8Array(100), /not a pcap or pcapng capture/],
  ] as const) {
    const result = run(['decode', '-'], bytes);
    assert.equal(result.status, 1);
    assert.equal(result.stdout, '');
    assert.match(result.stderr, message);
  }
});

test('decode: an expression selects frames, which keep their numbers; -c ends', () => {
  const other = buildUdpFrame({
    sourceMac: '02:00:00:00:00:09',
    destinationMac: '02:00:00:00:00:02',
    source: '10.0.0.9',
    destination: '10.0.0.2',
    sourcePort: 1,
    destinationPort: 9,
  });
  const chunks: Uint8Array[] = [];
  const writer = new PcapWriter((bytes) => chunks.push(Uint8Array.from(bytes)));
  for (const data of [frame, other, frame, other]) writer.write({ timestamp, data });
  const path = file('four.pcap', new Uint8Array(Buffer.concat(chunks)));
  const numbers = (...args: string[]): unknown[] =>
    objects(run(['decode', path, '--json', ...args])).map((each) => each['frame.number']);
  assert.deepEqual(numbers('udp port 9'), [2, 4]);
  assert.deepEqual(numbers('vlan', 'and', 'vlan', 'and', 'host', '10.0.0.1'), [1, 3]);
  assert.deepEqual(numbers('-c', '3'), [1, 2, 3]);
  assert.deepEqual(numbers('-c', '1', 'udp port 9'), [2]);
  const wrong = run(['decode', path, 'tcp prt 80']);
  assert.equal(wrong.status, 2);
  assert.match(wrong.stderr, /^etherconn: expression: at character 5: expected/);
});

test('decode: a file that cannot be read, exit code 1', () => {
  for (const path of [join(folder, 'missing.pcap'), folder]) {
    const result = run(['decode', path]);
    assert.equal(result.status, 1);
    assert.match(result.stderr, /^etherconn: .*: cannot be read: E(NOENT|ISDIR)/);
    assert.equal(result.stderr.trim().split('\n').length, 1);
  }
});

test('wrong command lines: exit code 2', () => {
  for (const args of [[], ['decode'], ['decode', 'a', 'b'], ['decode', 'a', '--xml'], ['brew']]) {
    const result = run(args);
    assert.equal(result.status, 2, args.join(' '));
    assert.equal(result.stdout, '');
    assert.notEqual(result.stderr, '');
  }
});

test('help and version: exit code 0', () => {
  assert.match(run(['--version']).stdout, /^\d+\.\d+\.\d+\n$/);
  const help = run(['--help']);
  assert.equal(help.status, 0);
  for (const command of ['decode', 'doctor']) assert.match(help.stdout, new RegExp(`^ +${command} `, 'm'));
});

test('a reader that leaves early is no error', {
  skip: process.platform === 'win32' && 'no pipes like these',
}, async () => {
  const path = file('long.pcap', pcap(20_000));
  const child = spawn(process.execPath, [bin, 'decode', '--json', path]);
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  child.stdout.once('data', () => child.stdout.destroy());
  const status = await new Promise((resolve) => child.once('close', resolve));
  assert.equal(stderr, '');
  assert.equal(status, 0);
});

test('frames of a capture that is still being written appear at once', async () => {
  const child = spawn(process.execPath, [bin, 'decode', '--json', '-']);
  child.stdin.write(pcap(1));
  const first = await new Promise((resolve) => child.stdout.once('data', resolve));
  assert.deepEqual(JSON.parse(String(first)), decodedFrame);
  child.stdin.end();
  assert.equal(await new Promise((resolve) => child.once('close', resolve)), 0);
});

test('doctor: findings for people and as JSON', () => {
  const result = run(['doctor']);
  assert.equal(result.status, 0, result.stderr);
  assert.match(result.stdout, /^ok +Node\.js +\d/m);
  assert.match(result.stdout, /^ok +memory link/m);
  const [json] = objects(run(['doctor', '--json']));
  assert.ok(Array.isArray(json!.findings) && json!.findings.length >= 3);
});

test("the library's own command finds this package, or says how to get it", () => {
  const found = run(['decode', '--json', '-'], pcap(1), libraryBin);
  assert.equal(found.status, 0, found.stderr);
  assert.deepEqual(objects(found), [decodedFrame]);

  const alone = join(folder, 'alone');
  mkdirSync(alone);
  writeFileSync(join(alone, 'package.json'), '{ "type": "module" }');
  const copy = join(alone, 'etherconn.js');
  copyFileSync(libraryBin, copy);
  const missing = spawnSync(process.execPath, [copy, 'decode', 'x'], { encoding: 'utf8', cwd: alone });
  assert.equal(missing.status, 1);
  assert.match(missing.stderr, /npm install @etherconn\/cli/);
  assert.match(missing.stderr, /npx @etherconn\/cli decode x/);
});
