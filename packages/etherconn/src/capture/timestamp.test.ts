import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatTimestamp } from './timestamp.ts';

test('timestamps as text', () => {
  const cases: readonly (readonly [bigint, string])[] = [
    [0n, '1970-01-01T00:00:00.000000000Z'],
    [1_700_000_000_123_456_789n, '2023-11-14T22:13:20.123456789Z'],
    [1_700_000_000_000_000_001n, '2023-11-14T22:13:20.000000001Z'],
    [-1n, '1969-12-31T23:59:59.999999999Z'],
    [253_402_300_799_999_999_999n, '9999-12-31T23:59:59.999999999Z'],
    [253_402_300_800_000_000_000n, '253402300800000000000 ns'],
    [-(1n << 80n), '-1208925819614629174706176 ns'],
  ];
  for (const [timestamp, text] of cases) assert.equal(formatTimestamp(timestamp), text);
});
