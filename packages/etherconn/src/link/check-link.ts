import { ClosedError, EtherconnError } from '../errors.ts';
import { requireMethods } from '../options.ts';
import type { Link, LinkReceiver } from './link.ts';

/** What every {@link Link} has. */
const LINK_METHODS = ['start', 'stats', 'info', 'ref', 'unref', 'close'];
const TX_METHODS = ['reserve', 'commit', 'cancel', 'flush'];
const RECEIVER_METHODS = ['begin', 'frame', 'end', 'error', 'state'];

/** Throws an OptionError when `link` is none. */
export function checkLink(link: Link): void {
  requireMethods('link', link, LINK_METHODS);
  requireMethods('link.tx', link.tx, TX_METHODS);
}

/** Throws an OptionError when `receiver` is no {@link LinkReceiver}. */
export function checkReceiver(receiver: LinkReceiver): void {
  requireMethods('receiver', receiver, RECEIVER_METHODS);
}

/** What every `start` of a link checks: it is called once, before the link is closed, with a receiver. */
export function checkStart(receiver: LinkReceiver, closed: boolean, started: boolean): void {
  if (closed) throw new ClosedError('start');
  checkReceiver(receiver);
  if (started) throw new EtherconnError('ERR_ETHERCONN_STARTED', 'start: the link has been started already');
}
