import { describe, expect, it } from 'vitest';

import { fromFetch } from '../../../src/apps/fetch/fetch.ts';
import { toFetch } from '../../../src/apps/fetch/to-fetch.ts';
import type { ApplicationFunction } from '../../../src/types.ts';
import { until } from '../kit.ts';

const LOG = { error() {}, warn() {}, info() {}, debug() {} };

/** Tells of its environ. */
const tellEnviron: ApplicationFunction = async (environ, startResponse) => {
  startResponse('200 OK', [['Content-Type', 'application/json']]);
  const { 'wsgi.input': input, 'postern.signal': _, ...rest } = environ;
  const strings = Object.entries(rest).filter(([, value]) => typeof value === 'string');
  return [
    JSON.stringify({ ...Object.fromEntries(strings), body: String(await input.read()) }),
  ] as never;
};

const notFound: ApplicationFunction = (_, startResponse) => {
  startResponse('404 No Such Thing', [
    ['Set-Cookie', 'a=1'],
    ['Set-Cookie', 'b=2'],
  ]);
  return [Buffer.from('nothing')];
};

describe('toFetch', () => {
  it('makes the environ of a Request', async () => {
    const request = new Request('https://a.test:8443/app/b%20c?x=1', {
      method: 'POST',
      headers: { 'Content-Type': 'text/plain', 'X-One': 'a', X_One: 'forged', Proxy: 'evil' },
      body: 'hello',
    });
    const response = await toFetch(tellEnviron, { scriptName: '/app' })(request);
    expect(await response.json()).toEqual({
      REQUEST_METHOD: 'POST',
      SCRIPT_NAME: '/app',
      PATH_INFO: '/b c',
      QUERY_STRING: 'x=1',
      REQUEST_URI: '/app/b%20c?x=1',
      SERVER_NAME: 'a.test',
      SERVER_PORT: '8443',
      SERVER_PROTOCOL: 'HTTP/1.1',
      CONTENT_TYPE: 'text/plain',
      HTTPS: 'on',
      HTTP_HOST: 'a.test:8443',
      HTTP_X_ONE: 'a',
      'postern.gateway': 'http',
      'postern.role': 'responder',
      'wsgi.url_scheme': 'https',
      body: 'hello',
    });
  });

  it('keeps status, reason and headers', async () => {
    const response = await toFetch(notFound)(new Request('http://a.test/'));
    expect([response.status, response.statusText]).toEqual([404, 'No Such Thing']);
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect(await response.text()).toBe('nothing');
  });

  it.each(['204 No Content', '304 Not Modified'])('%s has no body', async (status) => {
    const app: ApplicationFunction = (_, startResponse) => {
      startResponse(status, []);
      return [Buffer.from('x')];
    };
    const response = await toFetch(app)(new Request('http://a.test/'));
    expect(response.status).toBe(Number(status.slice(0, 3)));
    expect(response.body).toBe(null);
  });

  it('streams as slowly as it is read, and ends the body when it is cancelled', async () => {
    let yielded = 0;
    let ended = 0;
    async function* body(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) {
          yielded++;
          yield Buffer.alloc(64 * 1024);
        }
      } finally {
        ended++;
      }
    }
    const app: ApplicationFunction = (_, startResponse) => {
      startResponse('200 OK', []);
      return body();
    };
    const response = await toFetch(app)(new Request('http://a.test/'));
    const reader = response.body!.getReader();
    await reader.read();
    for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
    expect(yielded).toBeLessThan(8);
    await reader.cancel();
    await until(() => ended === 1);
  });

  it('tells the application when the request is aborted', async () => {
    const controller = new AbortController();
    let signal: AbortSignal | undefined;
    const app: ApplicationFunction = async (environ) => {
      signal = environ['postern.signal'];
      await new Promise((resolve) => signal!.addEventListener('abort', resolve));
      return [];
    };
    const answer = toFetch(app)(new Request('http://a.test/', { signal: controller.signal }));
    await until(() => signal !== undefined);
    controller.abort();
    expect((await answer).type).toBe('error');
    expect(signal!.aborted).toBe(true);
  });

  it('errors: 500 before the headers, a broken body after', async () => {
    const failing = toFetch(
      () => {
        throw new Error('no answer');
      },
      { log: LOG },
    );
    expect((await failing(new Request('http://a.test/'))).status).toBe(500);
    const breaking = toFetch(async function* (_: unknown, startResponse) {
      startResponse('200 OK', []);
      yield Buffer.from('begun');
      throw new Error('broken');
    } as ApplicationFunction);
    const response = await breaking(new Request('http://a.test/'));
    await expect(response.text()).rejects.toThrow();
  });

  it('and back again', async () => {
    const there = toFetch(
      fromFetch(async (request) => new Response(`${request.url} ${await request.text()}`)),
    );
    const response = await there(new Request('http://a.test/x?y', { method: 'POST', body: 'z' }));
    expect(await response.text()).toBe('http://a.test/x?y z');
  });
});
