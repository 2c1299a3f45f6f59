import { Claims, checkKey } from '../conn/claims.ts';
import type { L4HashKey } from '../conn/l4-hash-key.ts';
import { InUseError } from '../errors.ts';
import type { FrameReceiver } from '../relay/frame-receiver.ts';
import { isIpv4Mapped } from '../wire/ip.ts';
import { IpProtocol } from '../wire/protocol.ts';
import type { HostState } from './state.ts';
import type { UdpPorts } from './udp/udp-ports.ts';

/** Conns share a host: what comes for a key goes to the conn that has claimed it, before any room of the host sees it. */

/** Gives a key to a conn. Throws InUseError when a port, or another conn, has it. */
export function claim(state: HostState, ports: UdpPorts, key: L4HashKey, receiver: FrameReceiver): void {
  checkKey(key);
  state.checkOpen('register');
  state.claims ??= new Claims();
  const isV4 = isIpv4Mapped(key.bytes);
  if (key.protocol === IpProtocol.UDP && ports.isBound(key.bytes.slice(isV4 ? 12 : 0, 16), key.port)) {
    throw new InUseError(key.toString());
  }
  state.claims.claim(key, receiver);
  if (key.protocol === IpProtocol.UDP) state.broadcastPorts.add(key.port);
  if (state.claims.size === 1) ports.hostChanged();
}

/** Frees a key, whoever has it, or only if `receiver` does. */
export function release(
  state: HostState,
  ports: UdpPorts,
  key: L4HashKey,
  receiver: FrameReceiver | undefined,
): void {
  checkKey(key);
  const wasShared = state.isShared;
  if (state.claims?.release(key, receiver) !== true) return;
  if (key.protocol === IpProtocol.UDP) state.broadcastPorts.remove(key.port);
  if (wasShared && !state.isShared) ports.hostChanged();
}
