/**
 * Where tests have to run: with ETHERCONN_TEST_STRICT=1, as CI has it when it is root, a missing privilege or program
 * makes tests fail that would be skipped else. So that a run which is green has really tried everything. (Skips for
 * other reasons, as a link that cannot do a thing at all, stay skips.)
 */

/** Gives the reason why tests are skipped, or false, back to `skip`. Throws it in strict runs, which fails the file. */
export function orSkip(reason: string | false): string | false {
  if (reason !== false && process.env.ETHERCONN_TEST_STRICT === '1') {
    throw new Error(`ETHERCONN_TEST_STRICT: tests are not to be skipped, but ${reason}`);
  }
  return reason;
}
