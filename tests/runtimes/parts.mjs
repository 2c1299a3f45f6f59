/**
 * What of the package works in a runtime: `parts.mjs` prints a line of JSON for each part, with the error where it fails.
 * scripts/consumers/runtimes.mjs knows what to expect of Node, Bun and Deno.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addonStatus, captureTo, Host, MemoryNetwork, Relay, VirtualClock } from 'etherconn';
import { readCaptureFile } from 'etherconn/capture';
import dgram from 'etherconn/dgram';
import { formatMac, parseMac } from 'etherconn/wire';

const options = (n) => ({ mac: `02:00:00:00:00:0${n}`, addresses: [`10.0.0.${n}/24`, `fd00::${n}/64`] });

async function twoHosts(settings, use) {
  const network = new MemoryNetwork(settings);
  try {
    const relay = network.relay();
    const one = await Host.create(relay, options(1));
    const two = await Host.create(network.relay(), options(2));
    await use(one, two, relay);
  } finally {
    await network.close();
  }
}

const parts = {
  wire: () => assert.equal(formatMac(parseMac('02:00:00:00:00:01')), '02:00:00:00:00:01'),

  'memory network': () =>
    twoHosts({}, async (one) => {
      assert.equal((await one.ping('10.0.0.2')).address, '10.0.0.2');
      assert.equal((await one.ping('fd00::2')).address, 'fd00::2');
    }),

  'virtual time': async () => {
    const clock = new VirtualClock({ autoAdvance: true });
    await twoHosts({ clock, impair: { delay: 400 } }, async (one) => {
      // The first one asks for the neighbour, too.
      assert.equal((await one.ping('10.0.0.2')).rtt, 1600);
      assert.equal((await one.ping('10.0.0.2')).rtt, 800);
    });
  },

  sockets: () =>
    twoHosts({}, async (one, two) => {
      const server = two.dgram.createSocket('udp4', (message, { port, address }) =>
        server.send(`${message} back`, port, address),
      );
      server.bind(7);
      await once(server, 'listening');
      const client = one.dgram.createSocket('udp4');
      client.send('hello', 7, '10.0.0.2');
      const [message, { address, port }] = await once(client, 'message');
      assert.deepEqual([`${message}`, address, port], ['hello back', '10.0.0.2', 7]);
    }),

  'dgram module': () =>
    twoHosts({}, async (one, two) => {
      dgram.setDefaultHost(one);
      const server = two.dgram.createSocket('udp4');
      server.bind(7);
      await once(server, 'listening');
      const socket = dgram.createSocket('udp4');
      socket.send('hello', 7, '10.0.0.2');
      const [message] = await once(server, 'message');
      assert.equal(`${message}`, 'hello');
      socket.close();
      dgram.setDefaultHost(null);
    }),

  captures: async () => {
    const folder = mkdtempSync(join(tmpdir(), 'etherconn-parts-'));
    const file = join(folder, 'all.pcapng');
    try {
      await twoHosts({}, async (one, _two, relay) => {
        const capture = captureTo(relay, file);
        await one.ping('10.0.0.2');
        await capture.close();
      });
      let count = 0;
      for await (const _packet of readCaptureFile(file)) count++;
      assert.ok(count >= 2);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },

  // The last of those with sockets: it stays.
  'register-dgram': async () => {
    await import('etherconn/register-dgram');
    const { default: nodeDgram, createSocket } = await import('node:dgram');
    assert.equal(nodeDgram.createSocket, dgram.createSocket);
    assert.equal(createSocket, dgram.createSocket);
  },

  require: () => assert.equal(createRequire(import.meta.url)('etherconn').Host, Host),

  addon: () => {
    const { available, reason } = addonStatus();
    assert.ok(available, reason);
  },

  'a real interface': async () => {
    const relay = await Relay.open('lo', { engine: 'packet' });
    await relay.close();
  },
};

for (const [part, use] of Object.entries(parts)) {
  try {
    await use();
    console.log(JSON.stringify({ part, works: true }));
  } catch (error) {
    console.log(JSON.stringify({ part, works: false, code: error.code, why: error.message }));
  }
}
