/** A server of node:http on the kernel that keeps its connections: { address }. */
import { createServer } from 'node:http';
import { PORT } from '../lib/plan.mjs';
import { readArguments, sayReady } from './timing.mjs';

const body = Buffer.alloc(100, 0x5a);
const server = createServer((_request, response) => response.end(body));
server.keepAliveTimeout = 0;
server.listen({ host: readArguments().address, port: PORT, backlog: 4096 }, sayReady);
