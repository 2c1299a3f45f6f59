import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { hasCommand } from './namespaces.ts';
import { toolEnvironment } from './tool-environment.ts';

test('tools of the system are found whatever the PATH is', (t) => {
  const before = process.env.PATH;
  t.after(() => {
    process.env.PATH = before;
  });
  process.env.PATH = '/usr/sbin:/nowhere';
  assert.equal(toolEnvironment().PATH, '/usr/sbin:/nowhere:/usr/local/sbin:/sbin');
  assert.equal(process.env.PATH, '/usr/sbin:/nowhere');
  process.env.PATH = '/nowhere';
  for (const command of ['ethtool', 'dnsmasq', 'snmpd', 'ip']) {
    const isThere = existsSync(`/usr/sbin/${command}`) || existsSync(`/sbin/${command}`);
    assert.equal(hasCommand(command), isThere, command);
  }
});
