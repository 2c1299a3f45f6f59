import dgram from 'node:dgram';

/**
 * Node's own socket class, as it was before anybody substituted the module. Its constructor is never called here:
 * it would make a UDP handle of the kernel's.
 */
export const NodeSocket: typeof dgram.Socket = dgram.Socket;

/**
 * The symbol under which Node's sockets keep their state (handle, bindState, queue …). Ours keep theirs in the same
 * place and shape, so that what looks there finds it. It is private; `ref` reads it from whatever it is called on.
 */
export const stateSymbol: unique symbol = findStateSymbol() as never;

function findStateSymbol(): symbol {
  let found: symbol | undefined;
  const probe = new Proxy(
    {},
    {
      get(_target, key): unknown {
        if (typeof key === 'symbol') found ??= key;
        return { handle: null };
      },
    },
  );
  try {
    NodeSocket.prototype.ref.call(probe as dgram.Socket);
  } catch {
    // A Node whose `ref` works otherwise: the state is then under a symbol of our own.
  }
  return found ?? Symbol('state symbol');
}
