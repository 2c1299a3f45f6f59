import { once } from 'node:events';
import type { DgramModule, DgramSocket } from '../dgram/socket-class.ts';

type Log = (what: string) => void;

/** What a listener sets off at each message: none, one or many ticks and promises, which go on when the message is over. */
const LISTENERS: Record<string, (log: Log) => (message: Buffer) => unknown> = {
  promise: (log) => (message) => {
    Promise.resolve()
      .then(() => log(`then ${message}`))
      .then(() => log(`then then ${message}`));
  },
  tick: (log) => (message) => {
    process.nextTick(() => log(`tick ${message}`));
  },
  all: (log) => (message) => {
    queueMicrotask(() => log(`microtask ${message}`));
    process.nextTick(() => {
      log(`tick ${message}`);
      process.nextTick(() => log(`tick of a tick ${message}`));
      Promise.resolve().then(() => log(`promise of a tick ${message}`));
    });
  },
  async: (log) => async (message) => {
    await null;
    log(`after await ${message}`);
    await new Promise<void>((resolve) => process.nextTick(resolve));
    log(`after a tick ${message}`);
  },
  'calls an async function': (log) => (message) => {
    const answer = async () => {
      for (let i = 0; i < 5; i++) await null;
      log(`answered ${message}`);
    };
    void answer();
  },
  immediate: (log) => (message) => {
    setImmediate(() => log('an immediate'));
    log(`set ${message}`);
  },
  'async and immediate': (log) => async (message) => {
    await null;
    setImmediate(() => log('an immediate'));
    log(`set ${message}`);
  },
};

/** Names of the ways in which {@link messageOrder} listens. */
export const MESSAGE_LISTENERS: readonly string[] = Object.keys(LISTENERS);

async function bound(socket: DgramSocket, address: string): Promise<DgramSocket> {
  socket.bind(0, address);
  await once(socket, 'listening');
  return socket;
}

/**
 * What happens, in order, when a burst of messages meets a listener. `from` is where they are sent from, by default the
 * same machine.
 */
export async function messageOrder(
  module: DgramModule,
  listener: string,
  address: string = '127.0.0.1',
  from: DgramModule = module,
): Promise<string[]> {
  const receiver = await bound(module.createSocket('udp4'), address);
  const sender = from.createSocket('udp4');
  sender.connect(receiver.address().port, address);
  await once(sender, 'connect');
  const order: string[] = [];
  const listen = LISTENERS[listener]((what) => order.push(what));
  const last = new Promise<void>((resolve) => {
    receiver.on('message', (message) => {
      order.push(`message ${message}`);
      // Behind the immediates of the messages: on a busy machine the timer is due before them.
      if (String(message) === '4') setTimeout(() => setImmediate(resolve), 20);
    });
  });
  receiver.on('message', listen);
  for (let i = 0; i < 5; i++) sender.send(String(i));
  await last;
  receiver.close();
  sender.close();
  return order;
}
