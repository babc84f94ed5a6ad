import { describe, expect, it } from 'vitest';

import { fromFetch } from '../../../src/apps/fetch/fetch.ts';
import type { FetchFunction } from '../../../src/apps/fetch/fetch.ts';
import { InputStream } from '../../../src/input/input-stream.ts';
import { get, until, visit } from '../kit.ts';

/** A handler that tells of the request it got. */
const echo: FetchFunction = async (request) =>
  Response.json({
    method: request.method,
    url: request.url,
    headers: Object.fromEntries(request.headers),
    body: await request.text(),
  });

async function seen(request: Parameters<typeof get>[1]): Promise<Record<string, unknown>> {
  const response = await get(fromFetch(echo), request);
  expect(response.status).toBe(200);
  return JSON.parse(response.text) as Record<string, unknown>;
}

describe('the Request', () => {
  it('has method, URL and headers', async () => {
    const headers: [string, string][] = [
      ['X-One', 'a'],
      ['Accept', 'text/html'],
      ['Content-Type', 'text/plain'],
    ];
    const request = { method: 'PUT', target: '/a%20b/%2F?x=1&y=%C3%A9', headers, body: 'hello' };
    expect(await seen(request)).toEqual({
      method: 'PUT',
      url: 'http://localhost/a%20b/%2F?x=1&y=%C3%A9',
      headers: {
        accept: 'text/html',
        'content-length': '5',
        'content-type': 'text/plain',
        host: 'localhost',
        'x-one': 'a',
      },
      body: 'hello',
    });
  });

  it.each([
    [
      'the host and scheme that the client used',
      { HTTP_HOST: 'a.test:81', HTTPS: 'on' },
      'https://a.test:81/',
    ],
    [
      'no Host header',
      { HTTP_HOST: '', SERVER_NAME: 'b.test', SERVER_PORT: '8080' },
      'http://b.test:8080/',
    ],
    ['an IPv6 host', { HTTP_HOST: '[::1]:8000' }, 'http://[::1]:8000/'],
    ['raw bytes', { REQUEST_URI: '/\xc3\xa9', PATH_INFO: '/\xc3\xa9' }, 'http://localhost/%C3%A9'],
    [
      'two slashes',
      { REQUEST_URI: '//evil.test/x', PATH_INFO: '//evil.test/x' },
      'http://localhost//evil.test/x',
    ],
    [
      'a rewritten path',
      { REQUEST_URI: '/old?x', PATH_INFO: '/new é', QUERY_STRING: 'y' },
      'http://localhost/new%20%E9?y',
    ],
    ['*', { REQUEST_METHOD: 'OPTIONS', REQUEST_URI: '*', PATH_INFO: '*' }, 'http://localhost/*'],
  ])('URL with %s', async (_, variables, url) => {
    expect((await seen({ variables })).url).toBe(url);
  });

  it('keeps the mount in its URL', async () => {
    const { url } = await seen({ target: '/app/x%20y?z', scriptName: '/app' });
    expect(url).toBe('http://localhost/app/x%20y?z');
  });

  it.each(['evil/x', 'a@b', 'a b', 'a:99999', '%zz', 'a\\b'])('refuses Host %j', async (host) => {
    const response = await get(fromFetch(echo), { variables: { HTTP_HOST: host } });
    expect(response.status).toBe(400);
  });

  it.each(['TRACE', 'CONNECT'])('refuses %s, which no Request can have', async (method) => {
    expect((await get(fromFetch(echo), { method })).status).toBe(501);
  });

  it('streams its body, and reads no more than the handler does', async () => {
    const pieces: string[] = [];
    let wanted!: () => void;
    const app = fromFetch(async (request) => {
      const reader = request.body!.getReader();
      pieces.push(String(Buffer.from((await reader.read()).value!)));
      await new Promise<void>((resolve) => (wanted = resolve));
      pieces.push(String(Buffer.from((await reader.read()).value!)));
      return new Response(`${pieces.length} ${(await reader.read()).done}`);
    });
    const one = visit(app, { method: 'POST', headers: [['Content-Length', '6']] });
    one.stdin.write('abc');
    await until(() => pieces.length === 1);
    one.stdin.write('def');
    wanted();
    expect((await one.read()).text).toBe('2 true');
    expect(pieces).toEqual(['abc', 'def']);
  });

  it('takes a body of unknown length', async () => {
    const app = fromFetch(async (request) => {
      const coding = request.headers.get('transfer-encoding');
      return new Response(`${coding} ${await request.text()}`);
    });
    // As over FastCGI behind Caddy: a chunked upload has no length, its end alone tells.
    const response = await get(
      (environ, startResponse) => {
        const input = new InputStream(-1, {
          resume() {
            input.push(Buffer.from('of any length'));
            input.end();
          },
          pause() {},
        });
        environ['wsgi.input'] = input;
        return app(environ, startResponse);
      },
      { method: 'POST' },
    );
    expect(response.text).toBe('chunked of any length');
  });

  it('fails to read a body that ends short', async () => {
    const app = fromFetch(async (request) => {
      const error = await request.text().catch((cause: Error & { code: string }) => cause);
      return new Response((error as { code: string }).code);
    });
    const one = visit(app, { method: 'POST', headers: [['Content-Length', '6']] });
    one.stdin.end('abc');
    expect((await one.read()).text).toBe('ERR_POSTERN_INPUT_SHORT');
  });

  it('has a signal that is aborted when the client leaves', async () => {
    let signal: AbortSignal | undefined;
    const app = fromFetch((request) => {
      signal = request.signal;
      return new Promise<Response>((_, reject) => {
        request.signal.addEventListener('abort', () => reject(request.signal.reason));
      });
    });
    const one = visit(app);
    await until(() => signal !== undefined);
    expect(signal!.aborted).toBe(false);
    await one.leave();
    await one.done;
    expect(signal!.aborted).toBe(true);
    expect(one.errors).toBe('');
  });

  it('comes with the environ', async () => {
    const app = fromFetch((_, { environ }) => new Response(String(environ['REMOTE_ADDR'])));
    expect((await get(app)).text).toBe('127.0.0.1');
  });
});

describe('the Response', () => {
  it('keeps status, reason, and each Set-Cookie by itself', async () => {
    const headers = new Headers({
      'X-A': '1',
      Connection: 'close',
      'Keep-Alive': 'x',
      Status: '1',
    });
    headers.append('Set-Cookie', 'a=1');
    headers.append('Set-Cookie', 'b=2');
    const app = fromFetch(() => new Response('x', { status: 299, statusText: 'Fine', headers }));
    const response = await get(app);
    expect([response.status, response.reason]).toEqual([299, 'Fine']);
    expect(response.headers).toEqual([
      ['content-type', 'text/plain;charset=UTF-8'],
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
      ['x-a', '1'],
      ['content-length', '1'],
    ]);
  });

  it.each([204, 304])('%i has no body', async (status) => {
    const response = await get(fromFetch(() => new Response(null, { status })));
    expect(response).toMatchObject({ status, headers: [], text: '' });
  });

  it('without a body has length 0', async () => {
    expect((await get(fromFetch(() => new Response(null)))).header('content-length')).toBe('0');
  });

  it.each([
    ['text', () => 'héllo', '6'],
    ['bytes', () => new Uint8Array(5), '5'],
    ['a form', () => new URLSearchParams({ a: '1' }), '3'],
    ['an empty text', () => '', '0'],
    ['an empty stream', () => ReadableStream.from([]), '0'],
    ['a stream', () => ReadableStream.from([Buffer.from('a'), Buffer.from('b')]), undefined],
  ])('made of %s has the Content-Length %s', async (_, body, length) => {
    const response = await get(fromFetch(() => new Response(body())));
    expect(response.header('content-length')).toBe(length);
  });

  it('is cancelled when the client leaves before its first chunk', async () => {
    let cancelled = 0;
    const body = new ReadableStream({ cancel: () => void cancelled++ });
    const one = visit(fromFetch(() => new Response(body)));
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
    await one.leave();
    await one.done;
    expect(cancelled).toBe(1);
  });

  it('to HEAD has its headers and no body', async () => {
    let cancelled = 0;
    const body = new ReadableStream({
      pull: (controller) => controller.enqueue(Buffer.from('x')),
      cancel: () => void cancelled++,
    });
    const app = fromFetch(() => new Response(body, { headers: { 'Content-Length': '7' } }));
    const response = await get(app, { method: 'HEAD' });
    expect(response.text).toBe('');
    expect(response.header('content-length')).toBe('7');
    expect(cancelled).toBe(1);
  });

  it('streams as slowly as the client takes it, and is cancelled when it leaves', async () => {
    let pulled = 0;
    let cancelled = 0;
    const body = new ReadableStream({
      pull(controller) {
        pulled++;
        controller.enqueue(Buffer.alloc(64 * 1024));
      },
      cancel: () => void cancelled++,
    });
    const one = visit(fromFetch(() => new Response(body)));
    await one.read(64 * 1024);
    for (let i = 0; i < 100; i++) await new Promise((resolve) => setImmediate(resolve));
    expect(pulled).toBeLessThan(8);
    await one.leave();
    await one.done;
    expect(cancelled).toBe(1);
    expect(one.errors).toBe('');
  });

  it('that breaks off is not taken for a whole one', async () => {
    let fail!: () => void;
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(Buffer.from('begun'));
        fail = () => controller.error(new Error('broken in the middle'));
      },
    });
    const one = visit(fromFetch(() => new Response(body)));
    await one.read(5);
    fail();
    const response = await one.read();
    await one.done;
    expect(response).toMatchObject({ text: 'begun', complete: false });
    expect(one.errors).toContain('broken in the middle');
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('no answer');
      },
    ],
    ['rejects', () => Promise.reject(new Error('no answer'))],
    ['returns no Response', () => 'no answer' as never],
    ['returns an error', () => Response.error()],
    [
      'returns one that was read',
      async () => {
        const r = new Response('no answer');
        await r.text();
        return r;
      },
    ],
  ])('of a handler that %s is 500', async (_, handler: FetchFunction) => {
    const one = visit(fromFetch(handler));
    const response = await one.read();
    expect(response.status).toBe(500);
    expect(response.text).not.toContain('no answer');
    await one.done;
    expect(one.errors).not.toBe('');
  });
});
