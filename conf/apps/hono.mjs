// A Hono application. It knows nothing of postern:  postern hono.mjs
import { createHash, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';

import { Hono } from 'hono';
import { compress } from 'hono/compress';
import { getCookie, getSignedCookie, setCookie, setSignedCookie } from 'hono/cookie';
import { etag } from 'hono/etag';
import { streamSSE } from 'hono/streaming';

const publicFolder = new URL('public/', import.meta.url);
const secret = 'for the example';
const sessions = new Map();

const app = new Hono();
app.use('/text', compress());

app.get('/', (c) => c.text('Hono\n'));

const greetings = new Hono();
greetings.get('/:name', (c) =>
  c.text(`${c.req.query('greeting') ?? 'Hello'}, ${c.req.param('name')}\n`),
);
app.route('/hello', greetings);

app.post('/json', async (c) => c.json({ received: await c.req.json() }));
app.post('/form', async (c) => c.json({ received: await c.req.parseBody() }));

app.get('/cookies', (c) => {
  const cookies = getCookie(c);
  setCookie(c, 'flavour', 'oat & honey', { httpOnly: true });
  setCookie(c, 'size', '2');
  return c.json(cookies);
});

app.get('/session', async (c) => {
  const id = (await getSignedCookie(c, secret, 'session')) || randomUUID();
  const visits = (sessions.get(id) ?? 0) + 1;
  sessions.set(id, visits);
  await setSignedCookie(c, 'session', id, secret, { httpOnly: true });
  return c.json({ visits });
});

app.get('/text', (c) => c.text('All work and no play.\n'.repeat(5000)));

app.post('/upload', async (c) => {
  const files = (await c.req.formData()).getAll('file');
  return c.json(
    await Promise.all(
      files.map(async (file) => ({
        name: file.name,
        size: file.size,
        sha256: createHash('sha256').update(new Uint8Array(await file.arrayBuffer())).digest('hex'),
      })),
    ),
  );
});

app.get('/public/style.css', etag(), async (c) => {
  c.header('Content-Type', 'text/css; charset=utf-8');
  return c.body(await readFile(new URL('style.css', publicFolder)));
});

app.get('/download', async (c) => {
  const bytes = await readFile(new URL('style.css', publicFolder));
  c.header('Content-Type', 'text/css; charset=utf-8');
  c.header('Content-Disposition', 'attachment; filename="my style.css"');
  c.header('Accept-Ranges', 'bytes');
  const range = /^bytes=(\d+)-(\d+)$/.exec(c.req.header('Range') ?? '');
  if (range === null) return c.body(bytes);
  const [start, end] = [Number(range[1]), Math.min(Number(range[2]), bytes.length - 1)];
  c.header('Content-Range', `bytes ${start}-${end}/${bytes.length}`);
  return c.body(bytes.subarray(start, end + 1), 206);
});

app.get('/redirect', (c) => c.redirect('hello/you'));

app.get('/events', (c) =>
  streamSSE(c, async (stream) => {
    for (let count = 1; count <= 3; count++) {
      await setTimeout(20);
      await stream.writeSSE({ data: String(count) });
    }
  }),
);

app.get('/error', () => {
  throw new Error('thrown');
});
app.get('/error/later', async () => {
  await setTimeout(1);
  throw new Error('rejected');
});
app.notFound((c) => c.json({ missing: c.req.path }, 404));
app.onError((error, c) => c.json({ error: error.message }, 500));

export default app;
