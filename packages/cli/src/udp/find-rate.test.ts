import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FoundRate } from '../metrics/result.ts';
import { findRate } from './find-rate.ts';

function search(
  limit: number,
  to = Number.POSITIVE_INFINITY,
  stopAt = Number.POSITIVE_INFINITY,
): Promise<FoundRate> {
  const stop = new AbortController();
  let attempts = 0;
  return findRate({
    from: 1000,
    to,
    resolution: 0.01,
    signal: stop.signal,
    attempt(rate) {
      if (++attempts === stopAt) stop.abort();
      const passed = rate <= limit;
      return Promise.resolve({ rate, sent: rate, loss: 0, passed, reason: passed ? null : 'lost' });
    },
  });
}

test('the highest rate is found to its resolution, above and below where the search begins', async () => {
  for (const limit of [3, 700, 1000, 1001, 123_456, 2e6]) {
    const { rate, trials } = await search(limit);
    assert.ok(rate! <= limit && rate! > 0.985 * limit, `${rate} of ${limit}`);
    assert.ok(trials.length < 30);
    assert.equal(Math.max(...trials.filter(({ passed }) => passed).map((trial) => trial.rate)), rate);
  }
});

test('no rate above the highest is tried; none passes, and that is said', async () => {
  const { rate, trials } = await search(1e9, 5000);
  assert.equal(rate, 5000);
  assert.deepEqual(
    trials.map((trial) => trial.rate),
    [1000, 2000, 4000, 5000],
  );
  assert.equal((await search(0)).rate, null);
});

test('an interrupted search has what was found before', async () => {
  const { rate, trials } = await search(1e9, undefined, 4);
  assert.equal(rate, 4000);
  assert.equal(trials.length, 3);
});
