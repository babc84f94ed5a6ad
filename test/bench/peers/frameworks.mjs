/** The same two answers from applications of each framework. */

import express from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';
import Koa from 'koa';

const HELLO = 'Hello, world\n';
const PAGE = 'x'.repeat(16 * 1024);

const expressApp = express();
expressApp.get('/', (_request, response) => void response.type('text/plain').send(HELLO));
expressApp.get('/16k', (_request, response) => void response.type('text/plain').send(PAGE));

const koaApp = new Koa();
koaApp.use((context) => {
  context.body = context.path === '/' ? HELLO : PAGE;
});

const fastifyApp = fastify();
fastifyApp.get('/', (_request, reply) => reply.type('text/plain').send(HELLO));
fastifyApp.get('/16k', (_request, reply) => reply.type('text/plain').send(PAGE));

const honoApp = new Hono();
honoApp.get('/', (context) => context.text(HELLO));
honoApp.get('/16k', (context) => context.text(PAGE));

/** @type {{ fetch(request: Request): Response }} */
const fetchApp = {
  fetch(request) {
    const body = request.url.endsWith('/16k') ? PAGE : HELLO;
    return new Response(body, { headers: { 'content-type': 'text/plain' } });
  },
};

export {
  expressApp as express,
  koaApp as koa,
  fastifyApp as fastify,
  honoApp as hono,
  fetchApp as fetch,
};
