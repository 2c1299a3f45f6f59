import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { freePort } from './local-port.ts';

describe('a port for who names none', () => {
  it('is a random one of those of Linux, and free', () => {
    assert.equal(
      freePort(
        () => true,
        () => 0,
      ),
      32_768,
    );
    assert.equal(
      freePort(
        () => true,
        () => 0.999_999,
      ),
      60_999,
    );
    const seen = new Set<number>();
    for (let i = 0; i < 1000; i++) seen.add(freePort((port) => !seen.has(port), Math.random));
    assert.equal(seen.size, 1000);
    assert.ok([...seen].every((port) => port >= 32_768 && port <= 60_999));
  });

  it('is found even if it is the only one', () => {
    for (const free of [32_768, 45_678, 60_999]) {
      assert.equal(
        freePort((port) => port === free, Math.random),
        free,
      );
    }
    assert.equal(
      freePort(() => false, Math.random),
      0,
    );
  });
});
