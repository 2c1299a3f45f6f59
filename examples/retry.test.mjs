// A unit test of code that retries, on a network that loses datagrams. Virtual time passes at once:
//   node --test examples/retry.test.mjs
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Host, MemoryNetwork, VirtualClock } from 'etherconn';

/** The code under test: asks again each second, ten times. Its clock is a parameter: a test passes a virtual one. */
function ask(socket, question, port, address, clock) {
  return new Promise((resolve, reject) => {
    let timer;
    const attempt = (left) => {
      if (left === 0) return reject(new Error('no answer'));
      socket.send(question, port, address);
      timer = clock.setTimer(() => attempt(left - 1), 1000);
    };
    socket.once('message', (message) => {
      timer.cancel();
      resolve(message.toString());
    });
    attempt(10);
  });
}

async function machines(impair) {
  const clock = new VirtualClock({ autoAdvance: true });
  const network = new MemoryNetwork({ clock, seed: 3 });
  const [server, client] = await Promise.all(
    [1, 2].map((n) => Host.create(network.relay(), { addresses: [`10.0.0.${n}/24`] })),
  );
  await client.ping('10.0.0.1'); // both know each other's MAC address from here on
  network.impair(impair);
  const socket = server.dgram.createSocket('udp4');
  socket.on('message', (message, { port, address }) => socket.send(`${message}!`, port, address));
  socket.bind(7);
  return { clock, network, socket: client.dgram.createSocket('udp4') };
}

test('an answer comes in spite of loss', async () => {
  const { clock, network, socket } = await machines({ loss: 0.5 });
  assert.equal(await ask(socket, 'hello', 7, '10.0.0.1', clock), 'hello!');
  await network.close();
});

test('without a wire, ten attempts are made, and no more', async () => {
  const { clock, network, socket } = await machines({ loss: 1 });
  const began = clock.now();
  await assert.rejects(ask(socket, 'hello', 7, '10.0.0.1', clock), /no answer/);
  assert.equal(clock.now() - began, 10_000);
  await network.close();
});
