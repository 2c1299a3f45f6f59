import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { OptionError, TimeoutError } from './errors.ts';
import { PendingCalls } from './pending.ts';
import { VirtualClock } from './virtual-clock.ts';

describe('PendingCalls', () => {
  it('settles calls in the order in which they came', async () => {
    const calls = new PendingCalls<number>(new VirtualClock());
    const first = calls.add('read', {});
    const second = calls.add('read', {});
    assert.equal(calls.size, 2);
    calls.peek()!.resolve(1);
    calls.peek()!.resolve(2);
    assert.deepEqual(await Promise.all([first.promise, second.promise]), [1, 2]);
    assert.equal(calls.size, 0);
    assert.equal(calls.peek(), undefined);
  });

  it('settles a call once, whatever comes later', async () => {
    const calls = new PendingCalls<number>(new VirtualClock());
    const call = calls.add('read', {});
    call.resolve(1);
    call.resolve(2);
    call.reject(new Error('late'));
    assert.equal(await call.promise, 1);
  });

  it('fails calls at the deadline, and later ones at once', async () => {
    const clock = new VirtualClock();
    const calls = new PendingCalls<number>(clock);
    calls.setDeadline(clock.wallTime() + 100, 'read');
    const call = calls.add('read', {});
    await clock.advance(99);
    assert.equal(call.settled, false);
    await Promise.all([assert.rejects(call.promise, TimeoutError), clock.advance(1)]);
    assert.throws(() => calls.check('read', {}), { code: 'ERR_ETHERCONN_TIMEOUT' });
    assert.equal(clock.pendingTimers, 0);
  });

  it('fails waiting calls at once when the deadline is set to the past, without time going on', async () => {
    const clock = new VirtualClock();
    const calls = new PendingCalls<number>(clock);
    const call = calls.add('read', {});
    calls.setDeadline(new Date(clock.wallTime() - 1), 'read');
    assert.equal(call.settled, true);
    await assert.rejects(call.promise, TimeoutError);
  });

  it('holds waiting calls to a later deadline, and to none', async () => {
    const clock = new VirtualClock();
    const calls = new PendingCalls<number>(clock);
    calls.setDeadline(clock.wallTime() + 10, 'read');
    const call = calls.add('read', {});
    calls.setDeadline(clock.wallTime() + 100, 'read');
    await clock.advance(50);
    assert.equal(call.settled, false);
    calls.setDeadline(null, 'read');
    await clock.advance(1000);
    assert.equal(call.settled, false);
    calls.check('read', {});
    call.resolve(1);
    await call.promise;
  });

  it('has no timer while nobody waits', () => {
    const clock = new VirtualClock();
    const calls = new PendingCalls<number>(clock);
    calls.setDeadline(clock.wallTime() + 100, 'read');
    assert.equal(clock.pendingTimers, 0);
    const call = calls.add('read', {});
    assert.equal(clock.pendingTimers, 1);
    call.resolve(1);
    assert.equal(clock.pendingTimers, 0);
  });

  it('honours the timeout of a call beside the deadline', async () => {
    const clock = new VirtualClock();
    const calls = new PendingCalls<number>(clock);
    const short = calls.add('read', { timeout: 5 });
    const long = calls.add('read', { timeout: Number.POSITIVE_INFINITY });
    await Promise.all([assert.rejects(short.promise, TimeoutError), clock.advance(5)]);
    assert.equal(long.settled, false);
    assert.equal(clock.pendingTimers, 0);
    long.resolve(1);
    await long.promise;
  });

  it('fails a call with timeout 0 that would wait at once, without time going on', async () => {
    const calls = new PendingCalls<number>(new VirtualClock());
    const call = calls.add('read', { timeout: 0 });
    assert.equal(calls.size, 0);
    await assert.rejects(call.promise, TimeoutError);
  });

  it("rejects with the signal's reason, and lets go of the signal", async () => {
    const calls = new PendingCalls<number>(new VirtualClock());
    const controller = new AbortController();
    const call = calls.add('read', { signal: controller.signal });
    const reason = new Error('enough');
    controller.abort(reason);
    await assert.rejects(call.promise, reason);
    assert.equal(calls.size, 0);
    assert.throws(() => calls.check('read', { signal: controller.signal }), reason);
  });

  it('refuses what is no deadline, timeout or signal', () => {
    const calls = new PendingCalls<number>(new VirtualClock());
    for (const wrong of ['soon', Number.NaN, new Date(Number.NaN), undefined]) {
      assert.throws(() => calls.setDeadline(wrong as never, 'read'), OptionError);
    }
    for (const timeout of [-1, Number.NaN, '5']) {
      assert.throws(() => calls.check('read', { timeout: timeout as never }), OptionError);
    }
    assert.throws(() => calls.check('read', { signal: {} as never }), OptionError);
  });

  it('keeps its count right under any order of settling', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat({ max: 3 }), { maxLength: 40 }), async (steps) => {
        const clock = new VirtualClock();
        const calls = new PendingCalls<number>(clock);
        const made: Promise<unknown>[] = [];
        let settled = 0;
        for (const step of steps) {
          const waiting = calls.size;
          if (step === 0) made.push(calls.add('read', { timeout: 1 }).promise.catch(() => 0));
          else if (step === 1) made.push(calls.add('read', {}).promise.catch(() => 0));
          else if (step === 2) calls.peek()?.resolve(1);
          else calls.rejectAll(new Error('all'));
          if (step >= 2) settled += waiting - calls.size;
          assert.equal(calls.size, made.length - settled);
        }
        calls.rejectAll(new Error('end'));
        await Promise.all(made);
        assert.equal(clock.pendingTimers, 0);
      }),
    );
  });
});
