import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { SteeringProgram } from '../link/xdp/program.ts';
import {
  ENDPOINT_KEY_SIZE,
  ENDPOINT_SIZE,
  SERVICE_KEY_SIZE,
  SERVICE_SIZE,
  SETTINGS_SIZE,
} from '../link/xdp/steer-maps.ts';
import { requireBpf } from '../test-support/bpf.ts';
import { loadAddon } from './addon.ts';
import type { NativeBpf } from './bpf.ts';

const MAP_TYPE_HASH = 1;
const MAP_TYPE_ARRAY = 2;
const MAP_TYPE_PERCPU_HASH = 5;
const MAP_TYPE_PERCPU_ARRAY = 6;
const MAP_TYPE_LRU_PERCPU_HASH = 10;

describe('bpf(2)', { skip: requireBpf() }, () => {
  test('a program loads although work waits for the thread', () => {
    // A spawnSync closes an event loop with io_uring, which interrupts the next system call that lasts (Node 22 on).
    for (let i = 0; i < 20; i++) {
      assert.equal(spawnSync(process.execPath, ['--version']).status, 0);
      SteeringProgram.load(loadAddon(), { endpoints: 16, queues: 1, frags: true }).close();
    }
  });

  test('maps with a value for each CPU are refused where one value is meant', () => {
    const addon = loadAddon();
    const using = (type: number, keySize: number, valueSize: number, use: (map: NativeBpf) => void) => {
      const map = addon.bpfMapCreate(type, keySize, valueSize, 4, 'test');
      use(map);
      addon.bpfClose(map);
    };
    const mask = new Uint8Array(8);
    for (const type of [MAP_TYPE_PERCPU_HASH, MAP_TYPE_PERCPU_ARRAY, MAP_TYPE_LRU_PERCPU_HASH]) {
      using(type, 4, 8, (map) => {
        const key = new Uint8Array(4);
        assert.throws(() => addon.bpfMapHas(map, key), TypeError);
        assert.throws(() => addon.bpfMapUpdate(map, key, new Uint8Array(8)), TypeError);
        assert.throws(() => addon.bpfMapDelete(map, key), TypeError);
      });
    }
    using(MAP_TYPE_PERCPU_HASH, ENDPOINT_KEY_SIZE, ENDPOINT_SIZE, (map) => {
      const [keys, wishes] = [new Uint8Array(ENDPOINT_KEY_SIZE), new Uint8Array(ENDPOINT_SIZE)];
      for (const shared of [true, false]) {
        assert.throws(() => addon.steeringMerge(map, keys, wishes, mask, shared), TypeError);
      }
    });
    using(MAP_TYPE_PERCPU_ARRAY, 4, SETTINGS_SIZE, (settings) => {
      assert.throws(() => addon.steeringTakeAll(settings, mask, true), TypeError);
      using(MAP_TYPE_HASH, SERVICE_KEY_SIZE, SERVICE_SIZE, (services) => {
        const key = new Uint8Array(SERVICE_KEY_SIZE);
        assert.throws(() => addon.steeringService(services, settings, key, mask, true), TypeError);
      });
    });
    // And the other way round.
    using(MAP_TYPE_ARRAY, 4, 8, (map) => assert.throws(() => addon.bpfMapSum(map, mask), TypeError));
  });

  test('keys and values of other lengths than the map has', () => {
    const addon = loadAddon();
    const map = addon.bpfMapCreate(MAP_TYPE_HASH, 4, 8, 4, 'test');
    for (const [key, value] of [
      [3, 8],
      [5, 8],
      [4, 7],
      [4, 9],
      [0, 0],
    ]) {
      assert.throws(() => addon.bpfMapUpdate(map, new Uint8Array(key), new Uint8Array(value)), TypeError);
    }
    assert.equal(addon.bpfMapHas(map, new Uint8Array(4)), false);
    addon.bpfClose(map);
    assert.throws(() => addon.bpfDescribe(map), { code: 'EBADF', errno: -9 });
  });
});
