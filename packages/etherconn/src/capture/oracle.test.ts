import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sampleFrames } from '../test-support/sample-frames.ts';
import { tsharkFields, tsharkMissing } from '../test-support/tshark.ts';
import { readU16 } from '../wire/bytes.ts';
import { ETHERTYPE_MIN, EtherType } from '../wire/ethertype.ts';
import { parseFrame } from '../wire/parse.ts';
import { IpProtocol } from '../wire/protocol.ts';
import { FrameRecord } from '../wire/record.ts';
import { type DecodedFrame, decodeFrame } from './decode.ts';
import { PcapWriter } from './pcap-writer.ts';

/** Our decoding of generated captures, compared with tshark's. */

const FIELDS = [
  'eth.src',
  'eth.dst',
  'eth.type',
  'vlan.id',
  'vlan.etype',
  'ieee8021ad.id',
  'ieee8021ad.svid',
  'ieee8021ad.cvid',
  'ieee8021ah.etype',
  'ip.version',
  'ip.hdr_len',
  'ip.src',
  'ip.dst',
  'ip.proto',
  'ip.flags.mf',
  'ip.frag_offset',
  'ip.checksum.status',
  'ipv6.version',
  'ipv6.src',
  'ipv6.dst',
  'ipv6.nxt',
  'ipv6.hopopts.nxt',
  'ipv6.routing.nxt',
  'ipv6.dstopts.nxt',
  'ipv6.fraghdr.nxt',
  'ipv6.fraghdr.offset',
  'ipv6.fraghdr.more',
  'udp.srcport',
  'udp.dstport',
  'udp.length',
  'udp.checksum.status',
  'tcp.srcport',
  'tcp.dstport',
  'sctp.srcport',
  'sctp.dstport',
  '_ws.malformed',
  '_ws.unreassembled',
] as const;

type Row = Record<(typeof FIELDS)[number], string[]>;

const OPTIONS = {
  preferences: [
    'ip.check_checksum:TRUE',
    'udp.check_checksum:TRUE',
    'ip.defragment:FALSE',
    'ipv6.defragment:FALSE',
    // Zero over IPv6 is 'not present' then, as over IPv4.
    'udp.ignore_ipv6_zero_checksum:TRUE',
  ],
  protocols: [
    ...['frame', 'eth', 'ethertype', 'vlan', 'ieee8021ad', 'ieee8021ah', 'ip', 'udp', 'tcp', 'sctp'],
    ...['ipv6', 'ipv6.hopopts', 'ipv6.routing', 'ipv6.fraghdr', 'ipv6.dstopts'],
    ...['ipv6.routing.type.rt0', 'ipv6.routing.type.mipv6', 'ipv6.routing.type.srh'],
  ],
};

interface Sample {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Length on the wire, when the capture cut the frame. */
  readonly originalLength?: number;
}

const OLD_TAG_TYPES = ['eth.type', 'vlan.etype', 'ieee8021ah.etype'] as const;

/** Runs both decoders and fails with the first differences. */
function compare(samples: readonly Sample[]): void {
  const chunks: Uint8Array[] = [];
  const writer = new PcapWriter((chunk) => chunks.push(chunk));
  for (const { bytes, originalLength } of samples) {
    writer.write({ timestamp: 0n, data: bytes, originalLength: originalLength ?? bytes.length });
  }
  const rows = tsharkFields(new Uint8Array(Buffer.concat(chunks)), FIELDS, OPTIONS);
  assert.equal(rows.length, samples.length);
  const differences: string[] = [];
  for (const [i, { name, bytes }] of samples.entries()) {
    const found = differencesOf(bytes, rows[i]!);
    // tshark also takes the TPID that was in use before 802.1ad for a tag; for us it is a type.
    const isOldTag = OLD_TAG_TYPES.some((field) => rows[i]![field].includes('0x9100'));
    if (found.length > 0 && !isOldTag)
      differences.push(`${name}: ${found.join('; ')}\n    ${Buffer.from(bytes).toString('hex')}`);
  }
  assert.equal(
    differences.length,
    0,
    `${differences.length} frames differ:\n${differences.slice(0, 40).join('\n')}`,
  );
}

/** What tshark says, in our form. */
function theirView(row: Row): DecodedFrame {
  const view: Record<string, unknown> = {};
  const put = (name: keyof DecodedFrame, value: string | undefined): void => {
    if (value !== undefined) view[name] = /^\d+$/.test(value) ? Number(value) : value;
  };
  put('eth.src', row['eth.src'][0]);
  put('eth.dst', row['eth.dst'][0]);
  put('eth.type', innermostType(row));
  const version = row['ip.version'][0] ?? row['ipv6.version'][0];
  put('ip.version', version);
  if (version === '4') {
    put('ip.src', row['ip.src'][0]);
    put('ip.dst', row['ip.dst'][0]);
    put('ip.proto', row['ip.proto'][0]);
    view['ip.frag'] = isTrue(row['ip.flags.mf'][0]) || Number(row['ip.frag_offset'][0]) !== 0;
    put('ip.checksum', checksumState(row['ip.checksum.status'][0]));
  } else if (version === '6') {
    put('ip.src', row['ipv6.src'][0]);
    put('ip.dst', row['ipv6.dst'][0]);
    put('ip.proto', lastNextHeader(row));
    view['ip.frag'] =
      row['ipv6.fraghdr.more'].some(isTrue) || row['ipv6.fraghdr.offset'].some((at) => Number(at) !== 0);
    put('ip.checksum', 'absent');
  }
  put('udp.srcport', row['udp.srcport'][0]);
  put('udp.dstport', row['udp.dstport'][0]);
  put('udp.length', row['udp.length'][0]);
  put('udp.checksum', checksumState(row['udp.checksum.status'][0]));
  return view as DecodedFrame;
}

function isTrue(value: string | undefined): boolean {
  return value === '1' || value === 'True';
}

/** Values of tshark's checksum status. */
function checksumState(status: string | undefined): string | undefined {
  return status === undefined ? undefined : ['bad', 'good', 'unverified', 'zero', 'illegal'][Number(status)];
}

/** Each dissector of tags shows the type behind its own, so the one of the innermost tag decides. */
function innermostType(row: Row): string | undefined {
  let type: string | undefined = row['eth.type'][0];
  const customer = [...row['vlan.etype']];
  const service = [...row['ieee8021ah.etype']];
  for (;;) {
    if (type === '0x8100') type = customer.shift();
    else if (type === '0x88a8') type = service.shift();
    else return type;
  }
}

/** The protocol at the end of the chain of extension headers. */
function lastNextHeader(row: Row): string | undefined {
  const left = new Map([
    ['0', [...row['ipv6.hopopts.nxt']]],
    ['43', [...row['ipv6.routing.nxt']]],
    ['44', [...row['ipv6.fraghdr.nxt']]],
    ['60', [...row['ipv6.dstopts.nxt']]],
  ]);
  let next: string | undefined = row['ipv6.nxt'][0];
  for (
    let header = left.get(next ?? '');
    header !== undefined && header.length > 0;
    header = left.get(next ?? '')
  ) {
    next = header.shift();
  }
  return next;
}

const COMPARED = [
  ...(['eth.src', 'eth.dst', 'eth.type'] as const),
  ...(['ip.version', 'ip.src', 'ip.dst', 'ip.proto', 'ip.frag', 'ip.checksum'] as const),
  ...(['udp.srcport', 'udp.dstport', 'udp.length', 'udp.checksum'] as const),
];

function differencesOf(bytes: Uint8Array, row: Row): string[] {
  const ours = decodeFrame(bytes);
  const theirs = theirView(row);
  const differences: string[] = [];
  for (const name of COMPARED) {
    if (ours[name] !== theirs[name] && !isConvention(name, ours, theirs, row)) {
      differences.push(`${name}: ${ours[name]} / ${theirs[name]}`);
    }
  }
  differences.push(...vlanDifferences(bytes, ours, row), ...portDifferences(bytes, row));
  return differences;
}

/** Where tshark differs by design, and why; as narrow as can be. */
function isConvention(name: keyof DecodedFrame, ours: DecodedFrame, theirs: DecodedFrame, row: Row): boolean {
  const error = ours.error ?? '';
  const layer = name.slice(0, name.indexOf('.'));
  if (ours[name] === undefined) {
    // tshark shows the fields of a header as far as it goes; we leave out a header that is not wholly there.
    if (layer === 'eth' && /ethernet: header is not whole|vlan: tag is cut off/.test(error)) return true;
    if (layer === 'ip' && /ipv4: header is not whole/.test(error)) return true;
    if (layer === 'ip' && /ipv6: header is not whole/.test(error) && theirs['ip.dst'] === undefined)
      return true;
    if (/udp: header is not whole/.test(error) && layer === 'udp' && theirs['udp.checksum'] === undefined)
      return true;
    if (name === 'ip.proto' && /ipv6: extension header is not whole/.test(error)) return true;
    // Nor do we believe a header of the wrong version (tshark goes by its version) or without its 20 bytes.
    if (layer !== 'eth' && /version is not|ipv4: header length is under 20/.test(error)) return true;
    // A length of 0, and any behind a service tag, is shown as a type.
    if (name === 'eth.type' && Number(theirs[name]) < ETHERTYPE_MIN) return true;
  }
  // tshark does not go on behind such a length, though the header is whole.
  if (layer === 'ip' && error === 'ipv4: total length is under the header length') return true;
  if (name === 'udp.checksum') {
    // The same. Over IPv6 length 0 stands for a jumbogram (RFC 2675), which we do not know.
    if (ours['udp.length']! < 8 && (theirs[name] === undefined || ours['udp.length'] === 0)) return true;
    // The final destination of a route of a type we do not know cannot be summed up; tshark takes the next one.
    if (ours[name] === 'unverified' && ours['ip.version'] === 6 && row['ipv6.routing.nxt'].length > 0)
      return true;
  }
  return layer !== 'eth' && hasBadOption(row);
}

/**
 * An option that overruns its header ends tshark's dissection; we go by the header's length alone. (In a fragment
 * it is "unreassembled": the rest might come.)
 */
function hasBadOption(row: Row): boolean {
  const headers = [...row['ipv6.hopopts.nxt'], ...row['ipv6.dstopts.nxt'], ...row['ipv6.routing.nxt']];
  const hasOptions = headers.length > 0 || Number(row['ip.hdr_len'][0]) > 20;
  return hasOptions && row['_ws.malformed'].length + row['_ws.unreassembled'].length > 0;
}

/** tshark has one field for customer tags and, for service tags, three that do not tell their order. */
function vlanDifferences(bytes: Uint8Array, ours: DecodedFrame, row: Row): string[] {
  // Of a tag that is cut off tshark shows what is there, at least in a customer tag.
  if (ours.error === 'vlan: tag is cut off') return [];
  const ids = ours['vlan.ids'] ?? [];
  const isService = (index: number): boolean => readU16(bytes, 12 + 4 * index) === EtherType.S_VLAN;
  const list = (values: readonly (number | string)[]): string => values.map(Number).join(' ');
  const sorted = (values: readonly (number | string)[]): string => list([...values].sort((a, b) => +a - +b));
  const customer = [list(ids.filter((_, i) => !isService(i))), list(row['vlan.id'])];
  const service = [
    sorted(ids.filter((_, i) => isService(i))),
    sorted([...row['ieee8021ad.id'], ...row['ieee8021ad.svid'], ...row['ieee8021ad.cvid']]),
  ];
  return [customer, service].filter(([a, b]) => a !== b).map(([a, b]) => `vlan.ids: ${a} / ${b}`);
}

/** Ports of TCP and SCTP, which the decoded form does not show. */
function portDifferences(bytes: Uint8Array, row: Row): string[] {
  const record = new FrameRecord();
  parseFrame(bytes, 0, bytes.length, record);
  const isTcp = record.protocol === IpProtocol.TCP;
  if ((!isTcp && record.protocol !== IpProtocol.SCTP) || hasBadOption(row)) return [];
  const [source, destination] = isTcp
    ? [row['tcp.srcport'][0], row['tcp.dstport'][0]]
    : [row['sctp.srcport'][0], row['sctp.dstport'][0]];
  const ours = record.sourcePort < 0 ? '' : `${record.sourcePort} ${record.destinationPort}`;
  const theirs = source === undefined ? '' : `${source} ${destination}`;
  // Half headers, as above.
  if (ours === '' && record.l3End - record.l4 < (isTcp ? 20 : 12)) return [];
  return ours === theirs ? [] : [`ports: ${ours} / ${theirs}`];
}

/** Pseudo-random numbers from 0 to below 1, the same for the same seed (Marsaglia's xorshift32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** How often each sample is mutated; the environment variable makes a longer run. */
const ROUNDS = Number(process.env.ETHERCONN_ORACLE_ROUNDS ?? 100);

/** Up to three bytes of the headers changed: some bits, a value that means something, or any. */
function mutated(bytes: Uint8Array, next: () => number): Uint8Array {
  const copy = bytes.slice();
  const telling = [0, 1, 4, 6, 17, 41, 43, 44, 60, 0x45, 0x46, 0x60, 0x81, 0x86, 0x88, 0xa8, 0xdd, 0xff];
  for (let changes = Math.ceil(next() * 3); changes > 0; changes--) {
    const at = Math.floor(next() * Math.min(copy.length, 100));
    const kind = next();
    if (kind < 0.4) copy[at]! ^= 1 << Math.floor(next() * 8);
    else if (kind < 0.7) copy[at] = telling[Math.floor(next() * telling.length)]!;
    else copy[at] = Math.floor(next() * 256);
  }
  return next() < 0.2 ? copy.subarray(0, Math.ceil(next() * copy.length)) : copy;
}

/** Long payloads say nothing new when cut at every byte. */
const short = sampleFrames().filter(({ bytes }) => bytes.length < 200);

test('whole frames', { skip: tsharkMissing }, () => {
  compare(sampleFrames());
});

test('frames that were sent cut short, at every length', { skip: tsharkMissing }, () => {
  compare(
    short.flatMap(({ name, bytes }) => prefixes(bytes).map((cut) => ({ name: `${name}, cut`, bytes: cut }))),
  );
});

test('frames that the capture cut short, at every length', { skip: tsharkMissing }, () => {
  compare(
    short.flatMap(({ name, bytes }) =>
      prefixes(bytes).map((cut) => ({ name: `${name}, cut`, bytes: cut, originalLength: bytes.length })),
    ),
  );
});

test('mutated frames', { skip: tsharkMissing }, () => {
  const next = random(0x5eed);
  const samples: Sample[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    for (const { name, bytes } of short)
      samples.push({ name: `${name}, mutated`, bytes: mutated(bytes, next) });
  }
  compare(samples);
});

function prefixes(bytes: Uint8Array): Uint8Array[] {
  return Array.from({ length: bytes.length - 1 }, (_, i) => bytes.subarray(0, i + 1));
}
