/** The peer that every ratio refers to: node:http itself. Argument: the unix socket to listen on. */

import { createServer } from 'node:http';

import { listener } from './listener.mjs';

createServer({ keepAliveTimeout: 75_000 }, listener).listen({
  path: process.argv[2],
  writableAll: true,
});
