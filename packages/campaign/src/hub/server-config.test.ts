import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { requireCommand } from 'etherconn/testing';
import { makeKeys, permissionsOf, serverConfig } from './server-config.ts';

const path = fileURLToPath(new URL('../../../../deploy/nats/nats.conf', import.meta.url));

test('deploy/nats/nats.conf is what the command writes, and a nats-server takes it', () => {
  const text = readFileSync(path, 'utf8');
  const [coordinator, watcher, agent1, agent2] = [...text.matchAll(/nkey: (U[A-Z2-7]{55})/g)].map(
    ([, key]) => key,
  );
  const written = serverConfig({
    listen: '0.0.0.0:4222',
    storeFolder: '/var/lib/nats/etherconn',
    coordinator,
    watcher,
    agents: { agent1, agent2 },
  });
  // What it says besides is for people.
  assert.ok(text.endsWith(written));
  if (requireCommand('nats-server') !== false) return;
  const checked = spawnSync('nats-server', ['-t', '-c', path], { encoding: 'utf8' });
  assert.equal(checked.status, 0, checked.stderr);
});

test('keys are nkeys of users, another one each time', () => {
  const [a, b] = [makeKeys(), makeKeys()];
  assert.match(a.publicKey, /^U[A-Z2-7]{55}$/);
  assert.match(a.seed, /^SU[A-Z2-7]{56}$/);
  assert.notEqual(a.seed, b.seed);
});

test('no two agents may write the same subject, and none may make consumers or write ownership', () => {
  const one = permissionsOf({ agent: 'a1' }).publish;
  const two = permissionsOf({ agent: 'a2' }).publish;
  const shared = one.filter((subject) => two.includes(subject));
  assert.ok(
    shared.every((subject) => subject.startsWith('$JS.API.DIRECT.GET.')),
    `${shared}`,
  );
  for (const subject of one) assert.doesNotMatch(subject, />$|CONSUMER|ranges|STREAM/);
});
