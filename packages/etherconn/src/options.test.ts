import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OptionError } from './errors.ts';
import { checkInteger, requireInteger, show } from './options.ts';

test('values in messages are shown as one would write them, long ones cut', () => {
  for (const [value, text] of [
    [undefined, 'undefined'],
    [null, 'null'],
    ['eth0', "'eth0'"],
    [7n, '7'],
    [Number.NaN, 'NaN'],
    [{}, '[object Object]'],
    [new Uint8Array(2), '[object Uint8Array]'],
    [[], '[]'],
    [[0, 0], '[0, 0]'],
    [new Array(2), '[undefined, undefined]'],
    [['a', null, {}, [1]], "['a', null, [object Object], [object Array]]"],
    [Array(1000).fill(1), '[1, 1, 1, 1, 1, 1, 1, 1, ...]'],
    ['x'.repeat(100), `'${'x'.repeat(56)}...`],
    [['x'.repeat(100)], `['${'x'.repeat(55)}...`],
  ] as const) {
    assert.equal(show(value), text);
  }
});

test('what has no default is missed by name', () => {
  assert.equal(checkInteger('port', undefined, 1, 9, 5), 5);
  assert.throws(
    () => requireInteger('port', undefined, 1, 9),
    (error) => {
      assert.ok(error instanceof OptionError);
      assert.equal(error.message, 'port: must be an integer from 1 to 9, got undefined');
      return true;
    },
  );
});
