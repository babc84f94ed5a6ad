// A fetch handler without a framework. It knows nothing of postern:  postern fetch.mjs
import { createHash, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';

const publicFolder = new URL('public/', import.meta.url);
const sessions = new Map();

const routes = {
  'GET /': () => text('fetch\n'),
  'POST /json': async ({ request }) => Response.json({ received: await request.json() }),
  'POST /form': async ({ request }) => {
    const form = await request.formData();
    return Response.json({ received: Object.fromEntries(form) });
  },
  'GET /cookies': ({ cookies }) => {
    const response = Response.json(Object.fromEntries(cookies));
    response.headers.append('Set-Cookie', 'flavour=oat%20%26%20honey; HttpOnly');
    response.headers.append('Set-Cookie', 'size=2');
    return response;
  },
  'GET /session': ({ cookies }) => {
    const id = cookies.get('session') ?? randomUUID();
    const visits = (sessions.get(id) ?? 0) + 1;
    sessions.set(id, visits);
    return Response.json({ visits }, { headers: { 'Set-Cookie': `session=${id}; HttpOnly` } });
  },
  'GET /text': ({ request }) => {
    const body = new Blob(['All work and no play.\n'.repeat(5000)]).stream();
    const headers = { 'Content-Type': 'text/plain; charset=utf-8', Vary: 'Accept-Encoding' };
    if (!request.headers.get('Accept-Encoding')?.includes('gzip')) return new Response(body, { headers });
    return new Response(body.pipeThrough(new CompressionStream('gzip')), {
      headers: { ...headers, 'Content-Encoding': 'gzip' },
    });
  },
  'POST /upload': async ({ request }) => {
    const files = (await request.formData()).getAll('file');
    const received = files.map(async (file) => {
      const bytes = new Uint8Array(await file.arrayBuffer());
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      return { name: file.name, size: file.size, sha256 };
    });
    return Response.json(await Promise.all(received));
  },
  'GET /public/style.css': async ({ request }) => {
    const bytes = await readFile(new URL('style.css', publicFolder));
    const etag = `"${createHash('sha256').update(bytes).digest('base64url')}"`;
    const headers = { 'Content-Type': 'text/css; charset=utf-8', ETag: etag };
    if (request.headers.get('If-None-Match') === etag) {
      return new Response(null, { status: 304, headers });
    }
    return new Response(bytes, { headers });
  },
  'GET /download': async ({ request }) => {
    const bytes = await readFile(new URL('style.css', publicFolder));
    const headers = {
      'Content-Type': 'text/css; charset=utf-8',
      'Content-Disposition': 'attachment; filename="my style.css"',
      'Accept-Ranges': 'bytes',
    };
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.get('Range') ?? '');
    if (range === null) return new Response(bytes, { headers });
    const [start, end] = [Number(range[1]), Math.min(Number(range[2]), bytes.length - 1)];
    headers['Content-Range'] = `bytes ${start}-${end}/${bytes.length}`;
    return new Response(bytes.subarray(start, end + 1), { status: 206, headers });
  },
  'GET /redirect': () => new Response(null, { status: 302, headers: { Location: 'hello/you' } }),
  'GET /events': () =>
    new Response(ReadableStream.from(events()), {
      headers: { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' },
    }),
  'GET /error': () => {
    throw new Error('thrown');
  },
  'GET /error/later': async () => {
    await setTimeout(1);
    throw new Error('rejected');
  },
};

async function* events() {
  for (let count = 1; count <= 3; count++) {
    await setTimeout(20);
    yield new TextEncoder().encode(`data: ${count}\n\n`);
  }
}

function text(content) {
  return new Response(content, { headers: { 'Content-Type': 'text/plain; charset=utf-8' } });
}

function readCookies(request) {
  const pairs = (request.headers.get('Cookie') ?? '').split(/; */).filter(Boolean);
  return new Map(pairs.map((pair) => pair.split('=', 2).map(decodeURIComponent)));
}

export default {
  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    const name = /^\/hello\/([^/]+)$/.exec(pathname)?.[1];
    if (name !== undefined) {
      return text(`${searchParams.get('greeting') ?? 'Hello'}, ${decodeURIComponent(name)}\n`);
    }
    const method = request.method === 'HEAD' ? 'GET' : request.method;
    const route = routes[`${method} ${pathname}`];
    if (route === undefined) return Response.json({ missing: pathname }, { status: 404 });
    try {
      return await route({ request, cookies: readCookies(request) });
    } catch (error) {
      return Response.json({ error: error.message }, { status: 500 });
    }
  },
};
