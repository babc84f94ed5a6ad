// A Fastify application. It knows nothing of postern:  postern fastify.mjs
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import compress from '@fastify/compress';
import cookie from '@fastify/cookie';
import formbody from '@fastify/formbody';
import multipart from '@fastify/multipart';
import session from '@fastify/session';
import files from '@fastify/static';
import fastify from 'fastify';

const publicFolder = fileURLToPath(new URL('public/', import.meta.url));

const app = fastify();
app.register(compress);
app.register(cookie);
app.register(session, {
  secret: 'a secret for the example, of 32 bytes or more',
  cookie: { secure: false },
  saveUninitialized: false,
});
app.register(formbody);
app.register(multipart, { limits: { fileSize: 64 * 1024 * 1024 } });
app.register(files, { root: publicFolder, prefix: '/public/' });

app.register(async (routes) => {
  routes.get('/', async (request, reply) => reply.type('text/plain').send('Fastify\n'));
  routes.get('/hello/:name', async (request, reply) => {
    const { greeting = 'Hello' } = request.query;
    return reply.type('text/plain').send(`${greeting}, ${request.params.name}\n`);
  });
  routes.post('/json', (request) => ({ received: request.body }));
  routes.post('/form', (request) => ({ received: request.body }));
  routes.get('/cookies', async (request, reply) => {
    reply.setCookie('flavour', 'oat & honey', { httpOnly: true }).setCookie('size', '2');
    return request.cookies;
  });
  routes.get('/session', (request) => {
    request.session.visits = (request.session.visits ?? 0) + 1;
    return { visits: request.session.visits };
  });
  routes.get('/text', async (request, reply) =>
    reply.type('text/plain').send('All work and no play.\n'.repeat(5000)),
  );
  routes.route({ method: 'POST', url: '/upload', handler: receive });
  routes.get('/download', async (request, reply) => reply.download('style.css', 'my style.css'));
  routes.get('/redirect', async (request, reply) => reply.redirect('hello/you'));
  routes.get('/events', { compress: false }, async (request, reply) => {
    reply.type('text/event-stream').header('Cache-Control', 'no-cache');
    return reply.send(Readable.from(events()));
  });
  routes.get('/error', () => {
    throw new Error('thrown');
  });
  routes.get('/error/later', async () => {
    await setTimeout(1);
    throw new Error('rejected');
  });
});
app.setNotFoundHandler((request, reply) => reply.code(404).send({ missing: request.originalUrl }));

async function receive(request) {
  const received = [];
  for await (const { filename, file } of request.files()) {
    const hash = createHash('sha256');
    let size = 0;
    for await (const chunk of file) {
      hash.update(chunk);
      size += chunk.length;
    }
    received.push({ name: filename, size, sha256: hash.digest('hex') });
  }
  return received;
}

async function* events() {
  for (let count = 1; count <= 3; count++) {
    await setTimeout(20);
    yield `data: ${count}\n\n`;
  }
}

export default app;
