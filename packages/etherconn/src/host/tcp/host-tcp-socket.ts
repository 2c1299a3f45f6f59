import { type HostErrorCode, hostError } from '../host-error.ts';
import type { PacketSender } from '../neighbor/neighbor.ts';
import { Connection } from './connection.ts';
import { windowToTell } from './receive.ts';
import { sendAcknowledgment, sendEnd, sendReset, transmit } from './send.ts';
import { TcpState } from './tcp-state.ts';
import type { TcpSocket } from './tcp-user.ts';

/** A connection with the calls of its user. */
export class HostTcpSocket extends Connection implements TcpSocket, PacketSender {
  /** Segments are sent again: none of them keeps the host open. */
  readonly reported = false;

  get available(): number {
    return this.received.length;
  }

  get ended(): boolean {
    return this.endReceived && this.received.length === 0;
  }

  get unsent(): number {
    return this.sending.length;
  }

  write(bytes: Uint8Array, start = 0, end: number = bytes.length): number {
    if (this.state === TcpState.CLOSED || this.endWanted) return 0;
    const taken = this.sending.write(bytes, start, end);
    this.wantsRoom = taken < end - start;
    transmit(this);
    return taken;
  }

  read(target: Uint8Array, start = 0, end: number = target.length): number {
    const count = this.received.read(target, start, end);
    if (count === 0 || this.state === TcpState.CLOSED || this.endReceived) return count;
    const told = (this.windowEnd - this.received.next) | 0;
    const isWorthIt = windowToTell(this) - told >= Math.min(2 * this.segmentSize, this.received.limit / 2);
    // While there is a batch under way, its end acknowledges.
    if (isWorthIt && !this.isTouched) sendAcknowledgment(this);
    else if (isWorthIt) this.acknowledgeNow = true;
    return count;
  }

  shutdown(): void {
    if (this.state !== TcpState.CLOSED) sendEnd(this);
  }

  close(): void {
    if (this.state === TcpState.CLOSED) return;
    this.isOrphan = true;
    if (this.state === TcpState.SYN_SENT || this.received.length > 0) {
      this.abort();
      return;
    }
    sendEnd(this);
    if (this.state === TcpState.FIN_WAIT_2) {
      this.lingerAt = this.room.now() + 60_000;
      this.room.armTimer(this);
    }
  }

  abort(): void {
    if (this.state === TcpState.CLOSED) return;
    this.isOrphan = true;
    sendReset(this);
    this.room.ended(this, null, false);
  }

  keepAlive(delay: number): void {
    if (this.state === TcpState.CLOSED) return;
    this.keepAliveDelay = delay;
    this.keepAliveProbes = 0;
    this.keepAliveAt = delay > 0 ? this.room.now() + delay : Infinity;
    this.room.armTimer(this);
  }

  hold(holds: boolean): void {
    this.holds = holds;
    if (this.state !== TcpState.CLOSED) this.room.armTimer(this);
  }

  /** The next hop does not answer. An established connection hopes on. */
  unreachable(): void {
    this.failOpening('EHOSTUNREACH');
  }

  dropped(): void {}

  /** An error from the network, which ends only an attempt to connect (RFC 5461). */
  failOpening(code: HostErrorCode): void {
    if (this.state !== TcpState.SYN_SENT) return;
    this.room.ended(this, hostError(code, 'connect', 'the destination cannot be reached'), false);
  }
}
