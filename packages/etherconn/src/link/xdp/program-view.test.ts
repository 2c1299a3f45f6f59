import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AttachedProgram } from '../kernel/interface-netlink.ts';
import { viewProgram } from './program-view.ts';

const NATIVE: AttachedProgram = { id: 41, mode: 'native' };
const GENERIC: AttachedProgram = { id: 42, mode: 'generic' };
const OFFLOADED: AttachedProgram = { id: 43, mode: 'offloaded' };
const UNKNOWN: AttachedProgram = { id: 44, mode: 'unknown' };

test('a program that this link has attached', () => {
  for (const { id, mode } of [NATIVE, GENERIC] as const) {
    const attached = mode as 'native' | 'generic';
    const seen = viewProgram([OFFLOADED, { id, mode }], id, attached);
    assert.deepEqual(seen, { attached: mode, mode, id });
    // Gone, or not to be asked.
    assert.deepEqual(viewProgram([], id, attached), { attached: mode, mode, id: undefined });
  }
});

test('one of ours that another link has attached: it sits where the kernel says', () => {
  assert.deepEqual(viewProgram([GENERIC], 42, undefined), { attached: 'generic', mode: 'generic', id: 42 });
  assert.deepEqual(viewProgram([NATIVE], 41, undefined), { attached: 'native', mode: 'native', id: 41 });
  // It is not on the interface; somebody else's is.
  const none = { attached: 'foreign', mode: undefined, id: undefined };
  assert.deepEqual(viewProgram([NATIVE], 7, undefined), none);
  assert.deepEqual(viewProgram([], 7, undefined), none);
  // Where descriptors do not tell their numbers.
  assert.deepEqual(viewProgram([NATIVE], 0, undefined), { attached: 'native', mode: 'native', id: 41 });
});

test("somebody else's map of sockets: the one program of the interface, if there is one", () => {
  const foreign = (programs: readonly AttachedProgram[]) => viewProgram(programs, undefined, undefined);
  assert.deepEqual(foreign([GENERIC]), { attached: 'foreign', mode: 'generic', id: 42 });
  assert.deepEqual(foreign([NATIVE, OFFLOADED]), { attached: 'foreign', mode: 'native', id: 41 });
  assert.deepEqual(foreign([UNKNOWN]), { attached: 'foreign', mode: undefined, id: 44 });
  const none = { attached: 'foreign', mode: undefined, id: undefined };
  for (const programs of [[], [OFFLOADED], [NATIVE, GENERIC]]) assert.deepEqual(foreign(programs), none);
});
