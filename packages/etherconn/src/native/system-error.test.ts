import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OptionError, SystemError } from '../errors.ts';
import { withAdvice } from './system-error.ts';

/** What the addon throws. */
function refuse(): never {
  throw Object.assign(new Error('no such file or directory'), { errno: -2, syscall: 'open' });
}

const silent = () => undefined;

test('a failed call is told with the operation, the advice, and the code', () => {
  const refused = { name: 'SystemError', code: 'ENOENT', errno: -2, syscall: 'open' };
  const advise = (code: string, syscall: string) => `${syscall}? ${code}!`;
  assert.throws(() => withAdvice('opening it', advise, refuse), {
    ...refused,
    message: 'opening it: open? ENOENT! (ENOENT, open)',
  });
  assert.throws(() => withAdvice('opening it', silent, refuse), {
    ...refused,
    message: 'opening it: no such file or directory (ENOENT, open)',
  });
});

test('what has been told inside is not told again', () => {
  const inner = () => withAdvice('opening it', () => 'it is not there', refuse);
  assert.throws(() => withAdvice('joining', () => 'bad luck', inner), {
    name: 'SystemError',
    message: 'opening it: it is not there (ENOENT, open)',
  });
});

test("what Node's permission model denies is told with the flag that grants it", () => {
  for (const [resource, grant] of [
    ['/proc/self/limits', '/proc'],
    ['/run/netns/lab', '/run/netns/lab'],
  ]) {
    const denied = Object.assign(new Error('Access to this API has been restricted'), {
      code: 'ERR_ACCESS_DENIED',
      permission: 'FileSystemRead',
      resource,
    });
    const deny = () => {
      throw denied;
    };
    assert.throws(() => withAdvice('opening it', () => 'no', deny), {
      name: 'EtherconnError',
      code: 'ERR_ETHERCONN_PERMISSION',
      message: `opening it: Node's permission model forbids reading ${resource}; start node with --allow-fs-read=${grant}`,
      cause: denied,
    });
  }
});

test('other errors stay what they are', () => {
  for (const error of [new OptionError('a', 'b'), new Error('c'), new SystemError('EIO', -5, 'read', 'd')]) {
    const fail = () => {
      throw error;
    };
    assert.throws(
      () => withAdvice('x', silent, fail),
      (thrown) => thrown === error,
    );
  }
});
