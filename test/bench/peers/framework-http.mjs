/** A framework on node:http, as its own documentation starts it. Arguments: its name, the unix socket to listen on. */

import { createServer } from 'node:http';

import { createAdaptorServer } from '@hono/node-server';

import { express, fastify, fetch, hono, koa } from './frameworks.mjs';

const [name, path] = process.argv.slice(2);
const SERVERS = {
  express: () => createServer(express),
  koa: () => createServer(koa.callback()),
  async fastify() {
    await fastify.ready();
    return fastify.server;
  },
  hono: () => createAdaptorServer({ fetch: hono.fetch }),
  fetch: () => createAdaptorServer({ fetch: fetch.fetch }),
};

const server = await SERVERS[/** @type {keyof typeof SERVERS} */ (name)]();
/** @type {import('node:http').Server} */ (server).keepAliveTimeout = 75_000;
server.listen({ path, writableAll: true });
