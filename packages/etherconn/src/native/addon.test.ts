import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { orSkip } from '../testing/strict.ts';
import { addonStatus, loadAddon } from './addon.ts';

const PACKAGE = fileURLToPath(new URL('../..', import.meta.url));
const ADDON = new URL('./addon.js', import.meta.url).href;
const status = addonStatus();
const skip = orSkip(status.available ? false : status.reason);
const permission =
  Number(process.versions.node.split('.')[0]) >= 23 ? '--permission' : '--experimental-permission';

/** Asks addonStatus() of the module at `url` in a new process; `before` runs first. */
function statusIn(
  url: string,
  before = '',
  flags: readonly string[] = [],
): { available: boolean; reason: string } {
  const program = `${before}; const { addonStatus } = await import(${JSON.stringify(url)});
    console.log(JSON.stringify(addonStatus()));`;
  const args = ['--no-warnings', ...flags, '--input-type=module', '--eval', program];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  assert.equal(stderr, '');
  return JSON.parse(stdout);
}

test('loads once', { skip }, () => {
  assert.equal(loadAddon(), loadAddon());
});

test('under the permission model the error names the flag', { skip }, () => {
  const denied = statusIn(ADDON, '', [permission, '--allow-fs-read=*']);
  assert.equal(denied.available, false);
  assert.match(denied.reason, /--allow-addons/);
  assert.deepEqual(statusIn(ADDON, '', [permission, '--allow-fs-read=*', '--allow-addons']), {
    available: true,
    reason: '',
  });
});

test('another operating system is named', () => {
  const { available, reason } = statusIn(
    ADDON,
    "Object.defineProperty(process, 'platform', { value: 'darwin' })",
  );
  assert.equal(available, false);
  assert.match(reason, /need Linux; this is darwin/);
});

test('another architecture is named, with the builds that are there', () => {
  const { available, reason } = statusIn(ADDON, "Object.defineProperty(process, 'arch', { value: 's390x' })");
  assert.equal(available, false);
  assert.match(
    reason,
    /no build of the native addon for linux-s390x-.*\(there are: .*linux-.*\); it supports Linux on x64 and arm64/,
  );
});

for (const [name, key] of [
  ['Bun', 'bun'],
  ['Deno', 'deno'],
]) {
  test(`${name}, whose libuv functions are missing, is named before the addon is loaded`, () => {
    const before = `process.dlopen = () => { throw new Error('loaded'); };
      Object.defineProperty(process, 'versions', { value: { ...process.versions, ${key}: '1.0.0' } })`;
    const { available, reason } = statusIn(ADDON, before);
    assert.equal(available, false);
    assert.match(reason, new RegExp(`needs Node.js: ${name} does not have the libuv functions`));
  });
}

test('a broken or missing build says why', () => {
  const folder = mkdtempSync(join(tmpdir(), 'etherconn-'));
  try {
    cpSync(join(PACKAGE, 'dist'), join(folder, 'dist'), { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    const url = pathToFileURL(join(folder, 'dist/native/addon.js')).href;
    assert.match(statusIn(url).reason, /there are: none.*--external:etherconn/);
    for (const libc of ['glibc', 'musl']) {
      const path = join(folder, 'prebuilds', `linux-${process.arch}-${libc}`, 'etherconn.node');
      cpSync(fileURLToPath(import.meta.url), path, { recursive: true });
    }
    assert.match(statusIn(url).reason, /cannot be loaded: .*invalid ELF header/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('importing the library loads no addon', () => {
  const program = `
    process.dlopen = () => { throw new Error('loaded'); };
    await import(${JSON.stringify(new URL('../link/packet/link.js', import.meta.url).href)});
  `;
  const result = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
    encoding: 'utf8',
  });
  assert.equal(result.stderr, '');
  assert.equal(result.status, 0);
});

test('handles of other kinds are refused, closed ones too', { skip }, () => {
  const addon = loadAddon();
  const AF_UNIX = 1;
  const SOCK_DGRAM = 2;
  const socket = addon.socketOpen(AF_UNIX, SOCK_DGRAM, 0, -1);
  const poll = addon.pollOpen(socket, () => {});
  for (const wrong of [{}, poll, null, 7] as never[]) assert.throws(() => addon.socketFd(wrong), TypeError);
  for (const wrong of [{}, socket, null, 7] as never[]) {
    assert.throws(() => addon.pollStart(wrong), TypeError);
    assert.throws(() => addon.pollClose(wrong), TypeError);
    assert.throws(() => addon.socketClose(poll as never), TypeError);
  }
  addon.pollClose(poll);
  addon.pollClose(poll);
  assert.throws(() => addon.pollStart(poll), { errno: -9 });
  addon.socketClose(socket);
  addon.socketClose(socket);
  assert.throws(() => addon.socketFd(socket), { errno: -9 });
});

test('sending never reads outside of the given memory', { skip }, () => {
  const addon = loadAddon();
  const socket = addon.socketOpen(1, 2, 0, -1);
  const EFAULT = -14;
  const memory = new Uint8Array(64);
  for (const pair of [
    [0, 65],
    [65, 0],
    [0xffffffff, 2],
    [2, 0xffffffff],
  ]) {
    assert.equal(addon.packetSend(socket, memory, new Uint32Array(pair), 0, 1), EFAULT);
  }
  assert.equal(addon.packetSend(socket, memory, new Uint32Array(0), 0, 1), EFAULT);
  structuredClone(memory.buffer, { transfer: [memory.buffer] });
  assert.equal(addon.packetSend(socket, memory, new Uint32Array([0, 14]), 0, 1), EFAULT);
  addon.socketClose(socket);
});
