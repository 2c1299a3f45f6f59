import dgram from 'node:dgram';
import { Host } from 'etherconn';
import { RECEIVER_ADDRESS, SENDER, SENDER_ADDRESS, STATION, STATION_ADDRESS } from '../lib/plan.mjs';
import { openRelay } from './relay.mjs';

const BUFFER = 4 << 20;

/**
 * A bound UDP socket: node:dgram's; or ours, when an engine is named, on a host of its own on the interface.
 * `own` is the address that it is bound to, as a server with several must, to answer from the right one.
 * @param {{ interfaceName: string, side?: 'near' | 'far', port?: number, own?: string, engine?: 'xdp' | 'packet', mode?: 'native',
 *   polling?: 'interrupt' | 'adaptive' | 'busy', receive?: 'latency' | 'throughput' }} options
 */
export async function openSocket(options) {
  const { port = 0, own = '0.0.0.0', engine, side = 'near' } = options;
  const module = engine === undefined ? dgram : await openModule(side, { ...options, engine });
  const socket = /** @type {any} */ (module.createSocket('udp4'));
  await new Promise((resolve) => socket.bind(port, own, () => resolve(undefined)));
  socket.setSendBufferSize(BUFFER);
  socket.setRecvBufferSize(BUFFER);
  return socket;
}

/**
 * @param {'near' | 'far'} side
 * @param {Parameters<typeof openRelay>[0]} options
 */
async function openModule(side, options) {
  const relay = await openRelay(options);
  const isNear = side === 'near';
  const host = await Host.create(relay, {
    mac: isNear ? SENDER : STATION,
    addresses: (isNear ? [SENDER_ADDRESS] : [RECEIVER_ADDRESS, STATION_ADDRESS]).map((each) => `${each}/24`),
    detectDuplicates: 'off',
  });
  return /** @type {typeof dgram} */ (/** @type {unknown} */ (host.dgram));
}
