/** Echoes messages, and answers requests with the address they come from. */
const { WebSocketServer } = require('ws');
const { readFileSync } = require('node:fs');
const [, , folder] = process.argv;
const answer = (request, response) => response.end(request.socket.remoteAddress);
const key = readFileSync(`${folder}/key.pem`);
const cert = readFileSync(`${folder}/cert.pem`);
const plain = require('node:http').createServer(answer);
const secure = require('node:https').createServer({ key, cert }, answer);
for (const server of [plain, secure]) {
  new WebSocketServer({ server }).on('connection', (socket) =>
    socket.on('message', (data) => socket.send(data)),
  );
}
plain.listen(8080, '0.0.0.0', () => secure.listen(8443, '0.0.0.0'));
