/**
 * The floor: a FastCGI responder on node:net that looks at nothing, and answers whatever comes in one
 * piece with the same prebuilt bytes. Answers only hello. Argument: the unix socket to listen on.
 */

import { createServer } from 'node:net';

const text =
  'Status: 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!';
const padding = -text.length & 7;
const answer = Buffer.concat([
  Buffer.of(1, 6, 0, 1, 0, text.length, padding, 0),
  Buffer.from(text),
  Buffer.alloc(padding),
  Buffer.of(1, 6, 0, 1, 0, 0, 0, 0),
  Buffer.of(1, 3, 0, 1, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
]);

createServer({ noDelay: true }, (socket) => {
  socket.on('data', () => socket.write(answer));
  socket.on('error', () => {});
}).listen({ path: process.argv[2], writableAll: true });
