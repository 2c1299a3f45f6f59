/** Echoes what it reads from the client's command, and ends with its length as the exit code modulo 200. */
const { Server, utils } = require('ssh2');
const key = utils.generateKeyPairSync('ed25519').private;
new Server({ hostKeys: [key] }, (client) => {
  client.on('error', () => {});
  client.on('authentication', (context) =>
    context.password === 'secret' ? context.accept() : context.reject(),
  );
  client.on('session', (accept) =>
    accept().on('exec', (accept) => {
      const stream = accept();
      let length = 0;
      stream.on('data', (data) => (length += data.length));
      stream.pipe(stream, { end: false });
      stream.on('end', () => {
        stream.exit(length % 200);
        stream.end();
      });
    }),
  );
}).listen(22, '0.0.0.0');
