import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { frames, parsed } from '../test-support/frames.ts';
import { buildUdpFrame } from './build.ts';
import { parseIp } from './ip.ts';
import { parseMac } from './mac.ts';
import { vlanKey } from './vlan.ts';

const OPTIONS = {
  ...{ sourceMac: '02:00:00:00:00:01', destinationMac: '02:00:00:00:00:02' },
  ...{ source: '10.0.0.1', destination: '10.0.0.2', sourcePort: 1000, destinationPort: 53 },
  ...{ payload: 'hello', identification: 7 },
};

test('builds the same bytes as another implementation', () => {
  assert.deepEqual(buildUdpFrame(OPTIONS), frames.udp4);
  assert.deepEqual(buildUdpFrame({ ...OPTIONS, vlans: [{ id: 5, pcp: 3 }] }), frames.vlan);
  const qinq = {
    ...OPTIONS,
    ...{ vlans: [{ id: 100, pcp: 6, dei: true, tpid: 0x88a8 }, { id: 5 }] },
    ...{ source: parseIp('2001:db8::1'), destination: '2001:db8::2', sourceMac: parseMac(OPTIONS.sourceMac) },
    ...{ sourcePort: 1, destinationPort: 2, payload: Uint8Array.of(0x71) },
  };
  assert.deepEqual(buildUdpFrame(qinq), frames.qinq);
});

test('pads to 60 bytes on request', () => {
  const padded = buildUdpFrame({ ...OPTIONS, pad: true });
  assert.equal(padded.length, 60);
  assert.deepEqual(padded.slice(0, 47), frames.udp4);
  assert.equal(buildUdpFrame({ ...OPTIONS, payload: new Uint8Array(1400), pad: true }).length, 1442);
});

test('what is built is parsed', () => {
  const port = fc.nat(65535);
  const vlans = fc.array(fc.record({ id: fc.integer({ min: 0, max: 4094 }) }), { maxLength: 3 });
  const addresses = fc.oneof(fc.tuple(fc.ipV4(), fc.ipV4()), fc.tuple(fc.ipV6(), fc.ipV6()));
  fc.assert(
    fc.property(
      addresses,
      port,
      port,
      vlans,
      fc.uint8Array({ maxLength: 99 }),
      (ips, sourcePort, destinationPort, tags, bytes) => {
        const [source, destination] = ips;
        const payload = Uint8Array.from(bytes);
        const u8 = buildUdpFrame({
          ...OPTIONS,
          source,
          destination,
          sourcePort,
          destinationPort,
          vlans: tags,
          payload,
        });
        const record = parsed(u8);
        assert.equal(record.error, 0);
        assert.deepEqual([record.sourcePort, record.destinationPort], [sourcePort, destinationPort]);
        assert.equal(record.vlanKey, vlanKey(tags.map(({ id }) => id)));
        assert.deepEqual(u8.slice(record.payload, record.payloadEnd), payload);
        assert.deepEqual(u8.slice(record.ipSource, record.ipDestination), parseIp(source));
      },
    ),
  );
});

test('wrong options are refused by name', () => {
  const wrong: [object, string][] = [
    [{ sourceMac: 'x' }, 'sourceMac'],
    [{ destinationMac: new Uint8Array(5) }, 'destinationMac'],
    [{ source: '::1' }, 'destination'],
    [{ source: undefined }, 'source'],
    [{ sourcePort: 65536 }, 'sourcePort'],
    [{ vlans: [{ id: 4095 }] }, 'vlans[0].id'],
    [{ payload: 5 }, 'payload'],
    [{ checksum: 'good' }, 'checksum'],
    [{ ttl: -1 }, 'ttl'],
    [{ sourceIP: '10.0.0.1' }, 'sourceIP'],
  ];
  for (const [part, option] of wrong) {
    assert.throws(() => buildUdpFrame({ ...OPTIONS, ...part }), { name: 'OptionError', option });
  }
});
