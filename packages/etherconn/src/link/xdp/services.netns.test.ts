import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CollectingReceiver } from '../../test-support/collecting-receiver.ts';
import { eventually } from '../../test-support/eventually.ts';
import { sendFrame } from '../../test-support/link-probe.ts';
import { FAR, FAR_MAC, NEAR } from '../../test-support/veth-links.ts';
import { requireXdp, withXdpBench } from '../../test-support/xdp-bench.ts';
import { macHigh, macLow } from '../../wire/mac.ts';
import type { XdpLink } from './link.ts';
import type { Service } from './steer-maps.ts';

const ADDRESS = Uint8Array.of(10, 0, 0, 2);
const IPV6 = Uint8Array.from(Buffer.from('fd000000000000000000000000000002', 'hex'));
const PORT = 7777;
const MORE_FRAGMENTS = 0x2000;
const SECOND_FRAGMENT = 0x0001;

/** On the link's own MAC address. */
function serviceOf(link: XdpLink, address: Uint8Array, port = PORT): Service {
  const own = link.hardwareAddress;
  return { macHigh: macHigh(own), macLow: macLow(own), vlanKey: 0, address, port };
}

function ethernet(etherType: number): Buffer {
  return Buffer.from(
    `${FAR_MAC.replaceAll(':', '')}0200000000aa${etherType.toString(16).padStart(4, '0')}`,
    'hex',
  );
}

/** UDP to 10.0.0.2; nobody looks at checksums here. */
function datagram(port: number, fragment = 0): Buffer {
  const ip = Buffer.from('4500001c00000000401100000a0000010a000002', 'hex');
  ip.writeUInt16BE(fragment, 6);
  const udp = Buffer.from('1234000000080000', 'hex');
  udp.writeUInt16BE(port, 2);
  return Buffer.concat([ethernet(0x0800), ip, udp, Buffer.alloc(18)]);
}

function datagram6(port: number): Buffer {
  const ip = Buffer.from(`6000000000081140${'00'.repeat(16)}${Buffer.from(IPV6).toString('hex')}`, 'hex');
  const udp = Buffer.from('1234000000080000', 'hex');
  udp.writeUInt16BE(port, 2);
  return Buffer.concat([ethernet(0x86dd), ip, udp]);
}

for (const mode of ['native', 'generic'] as const) {
  describe(`UDP services on the interface's own address, ${mode}`, { skip: requireXdp() }, () => {
    test('their datagrams come here, from every queue; everything else is the kernel’s, fragments too', async () => {
      await withXdpBench({ queues: 4 }, async (bench) => {
        const link = await bench.open(FAR, { mode, chunks: 256 });
        const receiver = new CollectingReceiver();
        link.start(receiver);
        link.steeringProgram.addService(serviceOf(link, ADDRESS), link.queueMask);
        link.steeringProgram.addService(serviceOf(link, IPV6), link.queueMask);
        for (let queue = 0; queue < 4; queue++) {
          const near = await bench.open(NEAR, { queues: [queue], mode: 'generic', chunks: 64 });
          const before = receiver.frames.length;
          const passedBefore = link.stats().steering!.passed;
          const ours = [datagram(PORT), datagram6(PORT), datagram(PORT)];
          const theirs = [
            datagram(PORT + 1),
            datagram6(PORT + 1),
            datagram(PORT, MORE_FRAGMENTS),
            datagram(PORT, SECOND_FRAGMENT),
          ];
          for (const frame of [...ours, ...theirs]) assert.ok(sendFrame(near, frame));
          near.tx.flush();
          await eventually(
            'the kernel has its own',
            () => link.stats().steering!.passed - passedBefore === 4,
          );
          await eventually('ours are here', () => receiver.frames.length === before + 3);
          assert.deepEqual(
            receiver.frames.slice(before).map(({ bytes }) => bytes),
            ours,
          );
          await near.close();
        }
        link.steeringProgram.removeService(serviceOf(link, ADDRESS), link.queueMask);
        const near = await bench.open(NEAR, { mode, chunks: 64 });
        for (const frame of [datagram(PORT), datagram6(PORT)]) assert.ok(sendFrame(near, frame));
        near.tx.flush();
        await eventually('one of both', () => receiver.frames.length === 13);
        assert.equal(link.stats().steering!.noEndpoint, 17);
      });
    });

    test('beside a service the kernel’s own sockets on that address go on', async () => {
      const addresses = { nearAddress: '10.0.0.1/24', farAddress: '10.0.0.2/24' };
      await withXdpBench(addresses, async (bench) => {
        const link = await bench.open(FAR, { mode, chunks: 256 });
        const receiver = new CollectingReceiver();
        link.start(receiver);
        link.steeringProgram.addService(serviceOf(link, ADDRESS), link.queueMask);
        const server = bench.far.spawn(
          process.execPath,
          '-e',
          `const s = require('node:dgram').createSocket('udp4');
           s.on('message', (m, { port, address }) => s.send(m, port, address));
           s.bind(${PORT + 1}, '10.0.0.2', () => console.log('ready'));`,
        );
        await new Promise((resolve) => server.stdout!.once('data', resolve));
        // 4000 bytes are fragments: the service's too, which therefore never arrive.
        const client = bench.near.run(
          process.execPath,
          '-e',
          `const s = require('node:dgram').createSocket('udp4');
           s.on('message', (m) => { console.log(m.length); s.close(); });
           s.send(Buffer.alloc(9), ${PORT}, '10.0.0.2', () =>
             s.send(Buffer.alloc(4000), ${PORT}, '10.0.0.2', () =>
               s.send(Buffer.alloc(4001), ${PORT + 1}, '10.0.0.2')));`,
        );
        assert.equal(client.stdout.trim(), '4001');
        await eventually('the datagram for the service', () => receiver.frames.length === 1);
        assert.equal(receiver.frames[0].bytes.length, 14 + 20 + 8 + 9);
        server.kill('SIGKILL');
      });
    });
  });
}
