import { RawSocketRelay, XDPRelay } from 'etherconn';

/**
 * The relay that a measured program asks for.
 * @param {{ engine: 'xdp' | 'packet', interfaceName: string, mode?: 'native' | 'generic',
 *   polling?: 'interrupt' | 'adaptive' | 'busy', receive?: 'latency' | 'throughput', moderation?: number }} options
 */
export async function openRelay({
  engine,
  interfaceName,
  mode = 'native',
  polling = 'interrupt',
  receive = 'latency',
  moderation,
}) {
  const sendingMode = /** @type {const} */ ('batch');
  switch (engine) {
    case 'xdp':
      return XDPRelay.open(interfaceName, { mode, polling, moderation, sendingMode });
    case 'packet':
      return RawSocketRelay.open(interfaceName, { receive, moderation, sendingMode });
    default:
      throw new Error(`engine: ${engine}`);
  }
}
