/** A lab cannot be made or used; the message says what to do. */
export class LabError extends Error {
  readonly code = 'ERR_ETHERCONN_LAB';
}
