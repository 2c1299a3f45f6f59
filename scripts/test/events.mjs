import { openSync, writeSync } from 'node:fs';
import { inspect } from 'node:util';

/**
 * A reporter of node:test inside of a test file's process: what happens goes as lines of JSON to the file that
 * ETHERCONN_TEST_EVENTS names, at once, so that nothing is lost of a process that is killed.
 */
export default async function* events(source) {
  const file = openSync(process.env.ETHERCONN_TEST_EVENTS, 'w');
  for await (const { type, data } of source)
    writeSync(file, `${JSON.stringify({ type, data: plain(data) })}\n`);
  yield '';
}

/** Errors as text: as objects they would not survive. */
function plain(data) {
  const error = data?.details?.error;
  if (error === undefined) return data;
  const { failureType, cause = error } = error;
  const text = typeof cause === 'string' ? cause : inspect(cause);
  return { ...data, details: { ...data.details, error: { failureType, text } } };
}
