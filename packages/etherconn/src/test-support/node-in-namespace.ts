import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Namespace } from '../testing/namespaces.ts';

/** Programs of Node's inside a namespace: the kernel's own sockets, for tests to talk to. */

/** Runs a program and waits for its end; gives what it has printed. Fails when it fails. */
export async function runNode(namespace: Namespace, program: string): Promise<string> {
  const child = namespace.spawn(process.execPath, '-e', program);
  let output = '';
  child.stdout!.on('data', (chunk) => {
    output += chunk;
  });
  let errors = '';
  child.stderr!.on('data', (chunk) => {
    errors += chunk;
  });
  // All of its output is there by then.
  const [status] = await once(child, 'close');
  assert.equal(status, 0, errors);
  return output.trim();
}

/** Starts a program; resolves when it has printed something. */
export async function startNode(namespace: Namespace, program: string): Promise<ChildProcess> {
  const child = namespace.spawn(process.execPath, '-e', program);
  child.stderr!.pipe(process.stderr);
  await once(child.stdout!, 'data');
  return child;
}
