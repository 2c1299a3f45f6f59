import { TcpFlag } from '../../wire/tcp.ts';
import { hostError } from '../host-error.ts';
import type { Connection } from './connection.ts';
import { beginAgain } from './loss.ts';
import { sendAcknowledgment, sendReset, sendSyn, transmit } from './send.ts';
import { TcpState } from './tcp-state.ts';

/** As Linux: timeouts in a row that end an attempt to connect, and a connection (about 15 minutes). */
const SYN_TIMEOUTS = 6;
const TIMEOUTS = 15;
/** Keepalive probes without an answer that end a connection, and milliseconds between them: those of Node. */
const PROBES = 10;
const PROBE_INTERVAL = 1000;

/** The earliest of a connection's deadlines, or Infinity. */
export function earliestDeadline(c: Connection): number {
  return Math.min(c.retransmitAt, c.acknowledgeAt, c.keepAliveAt, c.lingerAt);
}

/** Does what is due. */
export function deadlinePassed(c: Connection, now: number): void {
  if (c.acknowledgeAt <= now) {
    c.acknowledgeAt = Infinity;
    sendAcknowledgment(c);
  }
  if (c.retransmitAt <= now) {
    c.retransmitAt = Infinity;
    retransmissionTimeout(c, now);
  }
  if (c.state !== TcpState.CLOSED && c.keepAliveAt <= now) keepAlive(c, now);
  if (c.state !== TcpState.CLOSED && c.lingerAt <= now) c.room.ended(c, null, false);
}

function retransmissionTimeout(c: Connection, now: number): void {
  const isOpening = c.state === TcpState.SYN_SENT || c.state === TcpState.SYN_RECEIVED;
  if (c.timeouts >= (isOpening ? SYN_TIMEOUTS : TIMEOUTS)) {
    if (!isOpening) sendReset(c);
    const syscall = isOpening ? 'connect' : 'read';
    c.room.ended(c, hostError('ETIMEDOUT', syscall, 'the other side does not answer'), false);
    return;
  }
  if (isOpening) {
    c.timeouts++;
    c.rto.backOff();
    sendSyn(c);
    return;
  }
  if (c.sendWindow === 0) {
    askForWindow(c);
  } else if (c.isWaiting) {
    beginAgain(c);
    transmit(c, true);
  } else {
    // Less than a segment fits into the window, and nothing else will make it move.
    transmit(c, true);
  }
  c.timeouts++;
  c.rto.backOff();
  if (c.isWaiting || c.sending.length > 0 || (c.endWanted && !c.endAcknowledged)) {
    c.retransmitAt = Math.min(
      c.retransmitAt === Infinity ? now + c.rto.timeout : c.retransmitAt,
      now + c.rto.timeout,
    );
    c.room.armTimer(c);
  }
}

/** A segment that is out of the window is answered with the state of it (RFC 9293 §3.8.6.1). */
function askForWindow(c: Connection): void {
  c.room.send(c, (c.unacknowledged - 1) | 0, TcpFlag.ACK, 0, 0);
}

/** RFC 1122 §4.2.3.6. */
function keepAlive(c: Connection, now: number): void {
  const quiet = now - c.lastHeard;
  if (c.keepAliveDelay === 0 || c.state < TcpState.ESTABLISHED) {
    c.keepAliveAt = Infinity;
  } else if (quiet < c.keepAliveDelay || c.isWaiting) {
    c.keepAliveAt = Math.max(now, c.lastHeard) + c.keepAliveDelay;
  } else if (c.keepAliveProbes >= PROBES) {
    sendReset(c);
    c.room.ended(c, hostError('ETIMEDOUT', 'read', 'the other side does not answer any more'), false);
    return;
  } else {
    c.keepAliveProbes++;
    askForWindow(c);
    c.keepAliveAt = now + PROBE_INTERVAL;
  }
  c.room.armTimer(c);
}
