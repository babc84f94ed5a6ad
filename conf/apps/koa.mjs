// A Koa application. It knows nothing of postern:  postern koa.mjs
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';

import multer from '@koa/multer';
import { Router } from '@koa/router';
import Koa from 'koa';
import bodyParser from 'koa-bodyparser';
import compress from 'koa-compress';
import range from 'koa-range';
import session from 'koa-session';
import serve from 'koa-static';

const publicFolder = fileURLToPath(new URL('public/', import.meta.url));

const app = new Koa();
app.keys = ['for the example'];
app.silent = true; // errors are answered below

app.use(async (context, next) => {
  try {
    await next();
    if (context.status === 404) {
      context.status = 404;
      context.body = { missing: context.originalUrl };
    }
  } catch (error) {
    context.status = error.status ?? 500;
    context.body = { error: error.message };
  }
});
app.use(compress());
app.use(range);
app.use(session({ key: 'session' }, app));
app.use(bodyParser());

const router = new Router();
router.get('/', (context) => void (context.body = 'Koa\n'));
router.get('/hello/:name', (context) => {
  context.body = `${context.query.greeting ?? 'Hello'}, ${context.params.name}\n`;
});
router.post(['/json', '/form'], (context) => {
  context.body = { received: context.request.body };
});
router.get('/cookies', (context) => {
  context.cookies.set('flavour', 'oat+honey', { httpOnly: true, signed: false });
  context.cookies.set('size', '2', { httpOnly: false, signed: false });
  context.body = { flavour: context.cookies.get('flavour'), size: context.cookies.get('size') };
});
router.get('/session', (context) => {
  context.session.visits = (context.session.visits ?? 0) + 1;
  context.body = { visits: context.session.visits };
});
router.get('/text', (context) => {
  context.body = 'All work and no play.\n'.repeat(5000);
});
router.post('/upload', multer().array('file'), (context) => {
  context.body = context.files.map(({ originalname, size, buffer }) => ({
    name: originalname,
    size,
    sha256: createHash('sha256').update(buffer).digest('hex'),
  }));
});
router.get('/download', async (context) => {
  const file = `${publicFolder}style.css`;
  context.attachment('my style.css');
  context.length = (await stat(file)).size;
  context.body = createReadStream(file);
});
router.get('/redirect', (context) => context.redirect('hello/you'));
router.get('/events', (context) => {
  const events = new PassThrough();
  context.type = 'text/event-stream';
  context.set('Cache-Control', 'no-cache');
  context.compress = false;
  context.body = events;
  let count = 0;
  const timer = setInterval(() => {
    events.write(`data: ${++count}\n\n`);
    if (count === 3) events.end();
  }, 20);
  events.on('close', () => clearInterval(timer));
});
router.get('/error', () => {
  throw new Error('thrown');
});
router.get('/error/later', async () => {
  await new Promise((resolve) => setTimeout(resolve, 1));
  throw new Error('rejected');
});
app.use(router.routes());

const files = serve(publicFolder);
app.use(async (context, next) => {
  if (!context.path.startsWith('/public/')) return next();
  context.path = context.path.slice('/public'.length);
  await files(context, next);
  if (context.fresh) context.status = 304;
});

export default app;
