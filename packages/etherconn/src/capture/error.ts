import { EtherconnError } from '../errors.ts';

/**
 * A capture that cannot be read further. Thrown by the readers after every packet before the fault has
 * been yielded. `code` is 'ERR_ETHERCONN_CAPTURE'; the message ends with the offset.
 */
export class CaptureError extends EtherconnError {
  /** Where the faulty structure begins: bytes from the start of the (decompressed) capture. */
  readonly offset: number;

  constructor(offset: number, message: string, options?: ErrorOptions) {
    super('ERR_ETHERCONN_CAPTURE', `${message} (at byte ${offset})`, options);
    this.offset = offset;
  }
}
