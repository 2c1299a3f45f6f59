import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { PcapWriter, readCapture } from 'etherconn/capture';
import { hasCommand } from 'etherconn/testing';
import { Dice, filterFrames } from '../test-support/filter-frames.ts';
import { randomExpression } from '../test-support/random-expression.ts';
import { compileFilter } from './filter.ts';
import type { Instruction } from './instruction.ts';
import { Machine } from './machine.ts';

/** tcpdump as the judge: what it selects from captures, and what its programs select. */

const skip = hasCommand('tcpdump') ? false : 'tcpdump is not installed';
const folder = mkdtempSync(join(tmpdir(), 'etherconn-'));
after(() => rmSync(folder, { recursive: true }));

const frames = filterFrames(1500, 12);
const file = join(folder, 'frames.pcap');
const chunks: Uint8Array[] = [];
const writer = new PcapWriter((chunk) => chunks.push(chunk));
// The second of a frame is its number.
for (const [i, { bytes, length }] of frames.entries())
  writer.write({ timestamp: BigInt(i) * 1_000_000_000n, data: bytes, originalLength: length });
writeFileSync(file, Buffer.concat(chunks));

function tcpdump(args: readonly string[]): Buffer | string {
  const { status, stdout, stderr } = spawnSync('tcpdump', ['-n', ...args], { maxBuffer: 1 << 28 });
  if (status === 0) return stdout;
  return String(stderr);
}

/** Numbers of the frames that tcpdump selects; it refuses to look when it knows that there are none. */
async function selected(expression: string, ...options: readonly string[]): Promise<number[]> {
  const output = tcpdump([...options, '-r', file, '-w', '-', expression]);
  if (typeof output === 'string') {
    assert.match(output, /expression rejects all packets/, `${expression}: ${output}`);
    return [];
  }
  const numbers: number[] = [];
  for await (const { timestamp } of readCapture(output)) numbers.push(Number(timestamp! / 1_000_000_000n));
  return numbers;
}

function ours(expression: string): number[] {
  const filter = compileFilter(expression);
  return chosen((bytes, length) => filter.matches(bytes, 0, bytes.length, length));
}

function chosen(matches: (bytes: Uint8Array, length: number) => boolean): number[] {
  return frames.flatMap(({ bytes, length }, i) => (matches(bytes, length) ? [i] : []));
}

/**
 * Frames that are there as a whole get the same verdict. What is read of frames that were cut off, and in which order,
 * depends on tcpdump's optimizer: they get the verdict that it has with it or without (-O). In long expressions it may
 * leave out one read and not another, so their frames are whole.
 */
async function assertSame(expression: string, isLong = false): Promise<number[]> {
  const optimized = await selected(expression);
  const plain = isLong ? optimized : await selected(expression, '-O');
  const numbers = ours(expression);
  const [with_, without, here] = [new Set(optimized), new Set(plain), new Set(numbers)];
  for (const [i, { bytes, length }] of frames.entries()) {
    if (isLong && bytes.length < length) continue;
    const isRight = here.has(i) === with_.has(i) || (bytes.length < length && here.has(i) === without.has(i));
    const frame = `frame ${i}, ${bytes.length} of ${length} bytes: ${Buffer.from(bytes).toString('hex')}`;
    assert.ok(isRight, `${expression}: ${here.has(i) ? 'only we select' : 'only tcpdump selects'} ${frame}`);
  }
  return numbers;
}

const EXPRESSIONS = `
ip
ip6
arp
rarp
tcp
udp
sctp
icmp
icmp6
igmp
host 10.0.0.1
src host 10.0.0.1
dst 10.0.0.1
src or dst host 10.0.0.1
src and dst host 10.0.0.1
ip host 10.0.0.1
arp host 10.0.0.1
arp src host 10.0.0.1
rarp dst host 10.0.0.2
not host 10.0.0.1
host 10.0.0.1 and 10.0.0.2
host (10.0.0.1 or 10.0.0.2)
not host 10.0.0.1 and 10.0.0.2
host fe80::1
src host 2001:db8::7
ip6 dst host ff02::1
host ::
net 10
net 10.0
net 10.0.0
net 10.0.0.0/8
net 10.0.0.0/30
src net 192.168.7
dst net 10.0.0.0 mask 255.255.255.0
net 0.0.0.0/0
ip net 0.0.0.0/0
net 2001:db8::/32
src net 2001:db8::/48
net ::/0
ip6 net fe80::/10
port 53
src port 80
dst port 443
src and dst port 1000
tcp port 80
udp dst port 53
sctp port 443
port 53 or 80
tcp dst port (80 or 443)
tcp port 80 or 443 and not 1000
portrange 53-443
tcp src portrange 80-1000
udp portrange 443-53
portrange 80-80
portrange 1000
port 0x35
port 0120
proto 17
ip proto 6
ip proto \\tcp
ip6 proto 58
ip6 proto \\udp
ether proto 0x0806
ether proto \\ip6
ether proto 0x42
ether proto 6
ether proto 0xfe
ether host 02:00:00:00:00:01
ether src 02-00-00-00-00-01
ether dst 0200.0000.0002
ether dst ff:ff:ff:ff:ff:ff
ether src and dst 02:00:00:00:00:01
broadcast
ether broadcast
multicast
ether multicast
ip multicast
ip6 multicast
vlan
vlan 100
vlan and ip
vlan 100 and vlan 200
vlan and vlan and tcp port 80
vlan and (ip or arp)
vlan 100 or ip
not vlan and ip
ip or vlan and ip
(vlan 1) or (vlan 100)
vlan and ether[12:2] = 0x8100
vlan and ip[8] = 64
vlan and tcp[tcpflags] & tcp-syn != 0
vlan and host fe80::1
less 80
greater 100
less 80 or greater 150
len = 60
len > 100
100 < len
len & 1 = 1
len - 14 > ip[2:2]
ip[6:2] & 0x1fff = 0
ip[6:2] & 0x3fff != 0
ip[0] & 0xf != 5
ip[0] = 0x45
ip[8] < 64
ip[8] <= 64
ip[8] >= 64
ip[1] & 0xfc >> 2 != 0
ip[12:4] = 0x0a000001
ip[12:4] = ip[16:4]
ip6[6] = 44
ip6[7] = 255
ether[0] & 1 = 0
ether[12:2] > 1500
ether[6:4] = 0x02000000
ether[len - 1] = 0
arp[6:2] = 2
tcp[tcpflags] & tcp-syn != 0
tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn
tcp[13] = 18
tcp[0:2] = 80
tcp[((tcp[12] & 0xf0) >> 2):4] != 0
tcp[2:2] > tcp[0:2]
udp[4:2] > 20
udp[0:2] + udp[2:2] = 106
icmp[icmptype] = icmp-echo
icmp[0] = 8 or icmp[0] = 0
icmp6[icmp6type] = icmp6-echo
icmp6[0] = 135
sctp[0:2] != 53
1 = 1
1 = 2
not 1 = 1
2 + 3 * 4 = 14
(2 + 3) * 4 = 20
7 - 2 - 1 = 4
1 << 4 | 1 = 17
0xffffffff = -1
len / 60 = 1
len % 7 = 3
ip[0] ^ 0x45 = 0
ip[8] << 1 = 2
ip and not tcp and not udp
tcp or udp and port 53
(tcp or udp) and (port 53 or port 80)
!tcp
! ( tcp || udp ) && ip
not not ip
port 53 and host 10.0.0.1 or 10.0.0.2
tcp port 80 and (((ip[2:2] - ((ip[0]&0xf)<<2)) - ((tcp[12]&0xf0)>>2)) != 0)
link[0] & 1 = 1
`
  .trim()
  .split('\n');

test('each selects from a capture what tcpdump does', { skip }, async () => {
  for (const expression of EXPRESSIONS) await assertSame(expression);
});

test('random ones do, too', { skip }, async () => {
  const dice = new Dice(4711);
  let hits = 0;
  for (let i = 0; i < 250; i++) {
    const expression = randomExpression(dice, 3);
    const numbers = await assertSame(expression, true);
    if (numbers.length > 0 && numbers.length < frames.length) hits++;
  }
  assert.ok(hits > 100, `only ${hits} tell frames apart`);
});

/** What `tcpdump -ddd` prints. */
function programOf(text: string): Instruction[] {
  const [, ...lines] = text.trim().split('\n');
  return lines.map((line) => {
    const [code, yes, no, k] = line.split(' ').map(Number);
    return { code: code!, yes: yes!, no: no!, k: k! };
  });
}

test('the programs of tcpdump -ddd give the same verdicts on the machine that runs ours', { skip }, () => {
  for (const expression of EXPRESSIONS) {
    const output = tcpdump(['-y', 'EN10MB', '-ddd', expression]);
    if (typeof output === 'string') {
      assert.match(output, /expression rejects all packets/, expression);
      continue;
    }
    const machine = new Machine(programOf(String(output)));
    const whole = frames.filter(({ bytes, length }) => bytes.length === length);
    const filter = compileFilter(expression);
    for (const { bytes } of whole)
      assert.equal(
        filter.matches(bytes, 0, bytes.length),
        machine.run(bytes, 0, bytes.length) !== 0,
        expression,
      );
  }
});
