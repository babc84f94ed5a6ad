// A listener for node:http without a framework. Nothing but its arguments' names tells it from an
// application (environ, startResponse), so it is named:  postern node.mjs --interface node
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable, pipeline } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { createGzip } from 'node:zlib';

const style = new URL('public/style.css', import.meta.url);
const sessions = new Map();

const routes = {
  'GET /': (req, res) => text(res, 'node\n'),
  'POST /json': async (req, res) => json(res, { received: JSON.parse(await read(req)) }),
  'POST /form': async (req, res) => {
    json(res, { received: Object.fromEntries(new URLSearchParams(String(await read(req)))) });
  },
  'GET /cookies': (req, res) => {
    res.setHeader('Set-Cookie', ['flavour=oat%20%26%20honey; HttpOnly', 'size=2']);
    json(res, Object.fromEntries(readCookies(req)));
  },
  'GET /session': (req, res) => {
    const id = readCookies(req).get('session') ?? randomUUID();
    const visits = (sessions.get(id) ?? 0) + 1;
    sessions.set(id, visits);
    res.appendHeader('Set-Cookie', `session=${id}; HttpOnly`);
    json(res, { visits });
  },
  'GET /text': (req, res) => {
    res.writeHead(200, {
      'Content-Type': 'text/plain; charset=utf-8',
      ...(wantsGzip(req) && { 'Content-Encoding': 'gzip' }),
      Vary: 'Accept-Encoding',
    });
    const source = Readable.from(['All work and no play.\n'.repeat(5000)]);
    if (wantsGzip(req)) pipeline(source, createGzip(), res, () => {});
    else pipeline(source, res, () => {});
  },
  // Without a parser for forms: the bytes as they are.
  'POST /upload': async (req, res) => {
    const body = await read(req);
    json(res, { size: body.length, type: req.headers['content-type'].replace(/;.*/, '') });
  },
  'GET /public/style.css': sendStyle,
  'GET /download': (req, res) => {
    res.setHeader('Content-Disposition', 'attachment; filename="my style.css"');
    return sendStyle(req, res);
  },
  'GET /redirect': (req, res) => void res.writeHead(302, ['Location', 'hello/you']).end(),
  'GET /events': (req, res) => {
    res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
    res.flushHeaders();
    pipeline(Readable.from(events()), res, () => {});
  },
  'GET /error': () => {
    throw new Error('thrown');
  },
  'GET /error/later': async () => {
    await setTimeout(1);
    throw new Error('rejected');
  },
};

async function sendStyle(req, res) {
  const { size, mtime } = await stat(style);
  res.setHeader('Content-Type', 'text/css; charset=utf-8');
  res.setHeader('Last-Modified', mtime.toUTCString());
  res.setHeader('ETag', `"${createHash('sha256').update(`${size} ${mtime}`).digest('base64url')}"`);
  if (req.headers['if-none-match'] === res.getHeader('ETag')) {
    res.writeHead(304).end();
    return;
  }
  const range = /^bytes=(\d+)-(\d+)$/.exec(req.headers.range ?? '');
  const [start, end] = range ? [Number(range[1]), Math.min(Number(range[2]), size - 1)] : [0, size - 1];
  if (range) res.setHeader('Content-Range', `bytes ${start}-${end}/${size}`);
  res.writeHead(range ? 206 : 200, { 'Accept-Ranges': 'bytes', 'Content-Length': end + 1 - start });
  pipeline(createReadStream(style, { start, end }), res, () => {});
}

async function* events() {
  for (let count = 1; count <= 3; count++) {
    await setTimeout(20);
    yield `data: ${count}\n\n`;
  }
}

async function read(req) {
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function wantsGzip(req) {
  return req.headers['accept-encoding']?.includes('gzip') === true;
}

function readCookies(req) {
  const pairs = (req.headers.cookie ?? '').split(/; */).filter(Boolean);
  return new Map(pairs.map((pair) => pair.split('=', 2).map(decodeURIComponent)));
}

function text(res, content) {
  res.setHeader('Content-Type', 'text/plain; charset=utf-8');
  res.end(content);
}

function json(res, content, status = 200) {
  res.writeHead(status, 'Answered', { 'Content-Type': 'application/json' });
  res.end(JSON.stringify(content));
}

export default async function listener(req, res) {
  const { pathname, searchParams } = new URL(req.url, 'http://localhost');
  const name = /^\/hello\/([^/]+)$/.exec(pathname)?.[1];
  if (name !== undefined) {
    text(res, `${searchParams.get('greeting') ?? 'Hello'}, ${decodeURIComponent(name)}\n`);
    return;
  }
  const route = routes[`${req.method === 'HEAD' ? 'GET' : req.method} ${pathname}`];
  try {
    if (route === undefined) json(res, { missing: pathname }, 404);
    else await route(req, res);
  } catch (error) {
    json(res, { error: error.message }, 500);
  }
}
