/** The module of Node's that sends handles to other processes. */
const SENDER = 'node:internal/child_process';

/** Whether it is what calls the accessor that asks. Of few calls only, for it is slow. */
export function isSending(): boolean {
  const { prepareStackTrace, stackTraceLimit } = Error;
  try {
    Error.stackTraceLimit = 4;
    Error.prepareStackTrace = (_error, sites) => sites.some((site) => site.getFileName() === SENDER);
    return (new Error().stack as unknown) === true;
  } finally {
    Error.prepareStackTrace = prepareStackTrace;
    Error.stackTraceLimit = stackTraceLimit;
  }
}
