/**
 * TCP's ends in one shape, so that the measured programs are the same over `node:net`, over `host.net`, and over the
 * contract below it, `host.stack.tcp`.
 */
import nodeNet from 'node:net';
import { Host } from 'etherconn';
import { HOST_ADDRESSES, SENDER, STATION } from '../lib/plan.mjs';
import { openRelay } from './relay.mjs';

const ROOM = 256 * 1024;
const room = new Uint8Array(ROOM);

/**
 * @typedef {{ onOpen: () => void, onData: (bytes: Uint8Array, length: number) => void, onRoom: () => void,
 *   onClosed: () => void, write: (bytes: Uint8Array) => boolean, end: () => void }} End
 * `write` takes all of a little; it is false when there is no room for more. What `onData` gets is good until it returns.
 *
 * @typedef {{ connect: (address: string, port: number) => End, listen: (port: number, taken: (end: End) => void) => void }} Ends
 */

/**
 * Those of `node:net`, or of a host's own.
 * @param {Pick<typeof nodeNet, 'connect' | 'createServer'>} net
 * @returns {Ends}
 */
export function nodeEnds(net = nodeNet) {
  /** @param {nodeNet.Socket} socket @returns {End} */
  const wrap = (socket) => {
    socket.setNoDelay(true);
    const end = {
      ...{ onOpen() {}, onData() {}, onRoom() {}, onClosed() {} },
      write: (/** @type {Uint8Array} */ bytes) => socket.write(bytes),
      end: () => void socket.end(),
    };
    socket.on('connect', () => end.onOpen());
    socket.on('data', (data) => /** @type {End} */ (end).onData(data, data.length));
    socket.on('drain', () => end.onRoom());
    socket.on('close', () => end.onClosed());
    socket.on('error', () => {});
    return end;
  };
  return {
    connect: (address, port) => wrap(net.connect(port, address)),
    listen: (port, taken) => void net.createServer((socket) => taken(wrap(socket))).listen(port),
  };
}

class HostEnd {
  /** @type {any} */
  socket = null;
  onOpen() {}
  /** @param {Uint8Array} _bytes @param {number} _length */
  onData(_bytes, _length) {}
  onRoom() {}
  onClosed() {}

  connected() {
    this.onOpen();
  }

  readable() {
    const { socket } = this;
    for (let count = socket.read(room); count > 0; count = socket.read(room)) this.onData(room, count);
    if (socket.ended) socket.shutdown();
  }

  writable() {
    this.onRoom();
  }

  closed() {
    this.onClosed();
  }

  failed() {
    this.onClosed();
  }

  /** @param {Uint8Array} bytes */
  write(bytes) {
    return this.socket.write(bytes) === bytes.length;
  }

  end() {
    this.socket.shutdown();
  }
}

/**
 * Those of a host, below its sockets.
 * @param {any} host
 * @returns {Ends}
 */
export function hostEnds(host) {
  const { tcp } = host.stack;
  /** @param {any} socket @param {HostEnd} end */
  const join = (socket, end) => {
    socket.noDelay = true;
    end.socket = socket;
    return end;
  };
  return {
    connect(address, port) {
      const end = new HostEnd();
      return join(tcp.connect(end, { address: Uint8Array.from(address.split('.'), Number), port }), end);
    },
    listen(port, taken) {
      const accept = (/** @type {any} */ socket) => {
        const end = join(socket, new HostEnd());
        taken(end);
        return end;
      };
      tcp.listen({ accept, failed() {} }, null, port);
    },
  };
}

/**
 * The ends that a program on a side of the bench asks for: a host's over an engine, or node:net's without one.
 * @param {{ interfaceName: string, side: 'near' | 'far', engine?: 'xdp' | 'packet', face?: boolean,
 *   polling?: 'interrupt' | 'adaptive' | 'busy' }} options
 */
export async function openEnds({ engine, side, face = false, ...options }) {
  if (engine === undefined) return nodeEnds();
  const relay = await openRelay({ engine, ...options });
  const isNear = side === 'near';
  const host = await Host.create(relay, {
    mac: isNear ? SENDER : STATION,
    addresses: [`${HOST_ADDRESSES[side]}/24`],
    detectDuplicates: 'off',
  });
  return face ? nodeEnds(host.net) : hostEnds(host);
}
