import { rethrowLater } from '../../rethrow.ts';
import { News } from './connection.ts';
import type { HostTcpSocket } from './host-tcp-socket.ts';

/** Tells the user of a connection what is new. User code runs here, and may do anything to the connection. */
export function tell(c: HostTcpSocket): void {
  const { news } = c;
  if (news === 0) return;
  c.news = 0;
  try {
    if (c.accepting !== null) {
      const listener = c.accepting;
      c.accepting = null;
      listener.pending--;
      c.user = listener.user.accept(c);
      // The host has been closed meanwhile, and could not tell a user that was not yet there.
      if (c.isOrphan && c.failure !== null) c.user.failed(c.failure);
    }
    if (c.isOrphan || c.user === null) return;
    if ((news & News.CONNECTED) !== 0) c.user.connected();
    if ((news & News.READABLE) !== 0 && !c.isOrphan) c.user.readable();
    if ((news & News.WRITABLE) !== 0 && !c.isOrphan) c.user.writable();
    if ((news & News.ENDED) === 0 || c.isOrphan) return;
    c.isOrphan = true;
    if (c.failure !== null) c.user.failed(c.failure);
    else c.user.closed();
  } catch (error) {
    rethrowLater(error);
    // Nobody has taken it.
    if (c.user === null) c.abort();
  }
}
