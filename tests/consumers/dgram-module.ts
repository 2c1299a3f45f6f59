// The module that stands in the place of node:dgram.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import dgram, { createSocket, type DgramModule, defaultHost, Socket, setDefaultHost } from 'etherconn/dgram';

const module: DgramModule = dgram;
assert.equal(dgram.defaultHost, defaultHost);
assert.equal(setDefaultHost(null), null);

class Echo extends Socket {
  constructor() {
    super('udp4');
    this.on('message', (message, { port, address }) => this.send(message, port, address));
  }
}

const echo = new Echo();
echo.bind(7007, '127.0.0.1');
await once(echo, 'listening');
const client = createSocket({ type: 'udp4', receiveInfo: true });
client.connect(7007, '127.0.0.1', () => client.send('echo'));
const got = new Promise<string>((resolve) => {
  client.on('message', (message, { localAddress }) => resolve(`${message} at ${localAddress}`));
});
assert.equal(await got, 'echo at 127.0.0.1');
client.close();
echo.close();
new module.Socket('udp6').close();
