/** ioredis on a simulated host, against redis-server. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { test } from 'node:test';
import { requireCommand, requireNamespaces } from 'etherconn/testing';
import { Redis } from 'ioredis';
import { openStage, SERVER, startServer } from './stage.mjs';

const skip = requireNamespaces() || requireCommand('ss') || requireCommand('redis-server');

test('ioredis: commands, pipelines, values of a megabyte, subscriptions', { skip }, async (t) => {
  const { kernel, host, folder } = await openStage(t);
  await startServer(
    kernel,
    6379,
    'redis-server',
    '--bind',
    SERVER,
    '--dir',
    folder,
    '--save',
    '',
    '--protected-mode',
    'no',
  );
  /** What ioredis asks for a stream. */
  class Connector {
    #socket;
    check() {
      return true;
    }
    async connect() {
      this.#socket = host.net.connect(6379, SERVER);
      return this.#socket;
    }
    disconnect() {
      this.#socket?.end();
    }
  }
  const redis = new Redis({ Connector });
  const subscriber = new Redis({ Connector });
  t.after(() => Promise.all([redis.quit(), subscriber.quit()]));
  assert.equal(await redis.ping(), 'PONG');
  const value = randomBytes(1_000_000);
  await redis.set('large', value);
  assert.ok((await redis.getBuffer('large')).equals(value));
  const pipeline = redis.pipeline();
  for (let i = 0; i < 5000; i++) pipeline.incr('count');
  const results = await pipeline.exec();
  assert.deepEqual(results.at(-1), [null, 5000]);
  await subscriber.subscribe('news');
  const heard = once(subscriber, 'message');
  await redis.publish('news', 'hello');
  assert.deepEqual(await heard, ['news', 'hello']);
  const list = await redis.client('LIST');
  assert.match(list, /addr=10\.8\.0\.5:/);
});
