import assert from 'node:assert/strict';
import { test } from 'node:test';
import { frames, parsed } from '../test-support/frames.ts';
import { EtherType, etherTypeName, formatEtherType } from './ethertype.ts';
import { parseFrame, parsePacket } from './parse.ts';
import { ParseError, parseErrorText } from './parse-error.ts';
import { IpProtocol, protocolName } from './protocol.ts';
import { FrameRecord } from './record.ts';

test('a record is reused without remains', () => {
  const record = new FrameRecord();
  for (const before of Object.values(frames)) {
    for (const after of Object.values(frames)) {
      parseFrame(before, 0, before.length, record);
      parseFrame(after, 0, after.length, record);
      assert.deepEqual(record, parsed(after));
    }
  }
});

test('offsets are absolute', () => {
  for (const [name, frame] of Object.entries(frames)) {
    const shift = 1000;
    const u8 = new Uint8Array(shift + frame.length);
    u8.set(frame, shift);
    const here = parsed(frame);
    const there = parsed(u8, shift);
    const offsets = [
      'start',
      'end',
      'l3',
      'l3End',
      'ipSource',
      'ipDestination',
      'l4',
      'payload',
      'payloadEnd',
    ] as const;
    for (const field of offsets) {
      const isAbsent = here[field] === 0 && field !== 'start';
      assert.equal(there[field], isAbsent ? 0 : here[field] + shift, `${name} ${field}`);
    }
    for (const field of [
      'error',
      'etherType',
      'vlanKey',
      'protocol',
      'fragment',
      'destinationPort',
    ] as const) {
      assert.equal(there[field], here[field], `${name} ${field}`);
    }
  }
});

test('a packet without a link header', () => {
  const record = new FrameRecord();
  parsePacket(frames.udp4, 14, 33, record);
  assert.deepEqual([record.error, record.etherType, record.l3, record.destinationPort], [0, 0, 14, 53]);
  parsePacket(frames.udp6Extensions, 14, 75, record);
  assert.deepEqual([record.error, record.ipVersion, record.destinationPort], [0, 6, 2]);
  parsePacket(frames.udp4, 14, 0, record);
  assert.equal(parseErrorText(record.error), 'ipv4: header is not whole');
  parsePacket(Uint8Array.of(0x50), 0, 1, record);
  assert.notEqual(record.error, 0);
});

test('every error has a text of its own', () => {
  const texts = Object.values(ParseError).map(parseErrorText);
  assert.equal(new Set(texts).size, texts.length);
  assert.equal(parseErrorText(ParseError.NONE), '');
  for (const text of texts.slice(1)) assert.match(text, /^[a-z0-9]+: ./);
  assert.match(parseErrorText(texts.length), /unknown/);
});

test('every number has a name of its own', () => {
  const types = Object.values(EtherType).map(etherTypeName);
  assert.equal(new Set(types).size, types.length);
  assert.ok(!types.includes('Unknown'));
  assert.equal(etherTypeName(0x1234), 'Unknown');
  assert.equal(formatEtherType(0x0800), '0x0800');
  const protocols = Object.values(IpProtocol).map(protocolName);
  assert.equal(new Set(protocols).size, protocols.length);
  assert.ok(!protocols.some((name) => name.startsWith('ip-proto')));
  assert.equal(protocolName(253), 'ip-proto-253');
});
