// A CommonJS program, in TypeScript that knows `require` of ES modules.
import assert = require('node:assert/strict');
import dgram = require('etherconn/dgram');
import etherconn = require('etherconn');

const network = new etherconn.MemoryNetwork();
const socket = dgram.createSocket('udp4');
assert.ok(socket instanceof dgram.Socket);
socket.close();
void network.close();
