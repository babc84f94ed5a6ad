import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { fromFetch } from '../../../src/apps/fetch/fetch.ts';
import { createRequest } from '../../../src/apps/fetch/request.ts';
import { createLightRequest, installLightRequest } from '../../../src/apps/fetch/light-request.ts';
import type { Environ } from '../../../src/types.ts';
import { get } from '../kit.ts';
import type { Request as Visited } from '../kit.ts';

const Native = globalThis.Request;
const nativeFetch = globalThis.fetch;

beforeAll(installLightRequest);
afterAll(() => {
  globalThis.Request = Native;
  globalThis.fetch = nativeFetch;
});

/** Runs `look` on a request of either kind. */
async function lookAt<T>(
  make: (environ: Environ) => Request,
  visited: Visited,
  look: (request: Request, environ: Environ) => T | Promise<T>,
): Promise<T | string> {
  let seen: T | string = 'not called';
  await get(async (environ, startResponse) => {
    try {
      seen = await look(make(environ), environ);
    } catch (error) {
      seen = `${(error as Error).name}: ${(error as Error).message}`;
    }
    startResponse('204 No Content', []);
    return [];
  }, visited);
  return seen;
}

/** That both kinds look the same. */
async function expectSame<T>(
  visited: Visited,
  look: (request: Request, environ: Environ) => T | Promise<T>,
): Promise<T | string> {
  const light = await lookAt(createLightRequest, visited, look);
  expect(light).toEqual(await lookAt(createRequest, visited, look));
  return light;
}

const POST = { method: 'POST', body: 'a=1&b=%32' } as const;

/** Everything that can be asked of a request. */
async function describeRequest(request: Request): Promise<object> {
  const names = Object.getOwnPropertyNames(Native.prototype) as (keyof Request)[];
  const plain = names.filter(
    (name) => typeof request[name] !== 'function' && typeof request[name] !== 'object',
  );
  const copy = request.clone();
  return {
    ...Object.fromEntries(plain.map((name) => [name, request[name]])),
    headers: [...request.headers],
    hasBody: request.body !== null,
    text: await request.text(),
    usedNow: request.bodyUsed,
    copy: Buffer.from(await copy.arrayBuffer()).toString('latin1'),
    copied: [copy.method, copy.url, [...copy.headers]],
    tag: Object.prototype.toString.call(request),
    isRequest: [request instanceof Request, request instanceof Native],
  };
}

describe('is as the platform makes it', () => {
  it.each<[string, Visited]>([
    ['a plain GET', {}],
    [
      'a header twice',
      {
        headers: [
          ['X-A', '1'],
          ['X-A', '2'],
        ],
      },
    ],
    ['bytes above 0x7f in a header', { headers: [['X-A', 'caf\xe9']] }],
    ['HEAD', { method: 'HEAD' }],
    ['a method in small letters', { method: 'post', body: 'x' }],
    ['a method of its own', { method: 'PURGE' }],
    ['a body', POST],
    ['a body of no length', { method: 'PUT', body: '' }],
  ])('%s', async (_, visited) => {
    const seen = await expectSame(visited, describeRequest);
    expect(typeof seen).toBe('object');
  });

  it.each([
    '/',
    '/a/b.css?x=1&y=%20',
    '/a/../b',
    '/a/./b',
    '/a/%2e%2e/b',
    '/.well-known/x',
    '//double//slash',
    '/caf%C3%A9/%',
    "/it's?it's",
    '/a|b^c"d<e>?`{}',
    '/a\\b?c\\d',
    '/caf\xc3\xa9?caf\xc3\xa9',
    '/x?',
    '/x?a?b/..',
    '*',
  ])('with the target %j', async (target) => {
    const seen = await expectSame({ target }, ({ url }) => url);
    expect(seen).toBe(new URL(seen).href);
  });

  it.each(['A.TEST', 'a.test:80', 'a.test:8080', '[::1]:1', 'a%41', 'b%zz', 'a:99999'])(
    'with Host %j',
    async (host) => void (await expectSame({ variables: { HTTP_HOST: host } }, ({ url }) => url)),
  );

  it.each(['json', 'formData', 'blob', 'arrayBuffer'] as const)('read by %s()', async (how) => {
    const headers = [['Content-Type', 'application/x-www-form-urlencoded']] as const;
    await expectSame({ ...POST, headers }, async (request) => {
      const read: unknown = await request[how]();
      if (read instanceof FormData) return [...read];
      return read instanceof Blob ? [read.type, await read.text()] : read;
    });
  });

  it('read twice: an error', async () => {
    await expectSame(POST, async (request) => {
      await request.text();
      return request.text();
    });
  });
});

async function change(request: Request, copy: () => Request): Promise<unknown> {
  request.headers.set('X-A', 'new');
  await request.clone().text();
  request.headers.append('X-A', 'newer');
  const copied = copy();
  return [request.headers.get('x-a'), copied.headers.get('x-a'), copied.url, await copied.text()];
}

describe('where headers were changed', () => {
  it('a clone has them', async () => {
    const seen = await expectSame(POST, (request) => change(request, () => request.clone()));
    expect(seen).toContain('new, newer');
  });

  it('a new Request has them', async () => {
    const seen = await expectSame(POST, (request) => change(request, () => new Request(request)));
    expect(seen).toContain('new, newer');
  });

  it('a new Request with headers of its own has those', () =>
    expectSame(POST, (request) =>
      change(request, () => new Request(request, { headers: { 'X-A': 'own' } })),
    ));
});

it('is the environ that it was made of whose signal it has', async () => {
  const isSame = await expectSame(
    {},
    ({ signal }, environ) => signal === environ['postern.signal'],
  );
  expect(isSame).toBe(true);
});

it('can be sent on by fetch()', async () => {
  const server = createServer(async (req, res) => {
    let body = '';
    for await (const chunk of req) body += String(chunk);
    res.end(`${req.method} ${req.headers['x-a'] as string} ${body}`);
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const app = fromFetch(
    (request) => {
      request.headers.set('X-A', '1');
      return fetch(request);
    },
    { lightObjects: true },
  );
  const { status, text } = await get(app, { ...POST, variables: { HTTP_HOST: host } });
  expect([status, text]).toEqual([200, `POST 1 ${POST.body}`]);
  server.close();
});

it('is refused as the platform refuses it', async () => {
  const app = fromFetch((request) => new Response(request.url), { lightObjects: true });
  expect((await get(app, { method: 'TRACE' })).status).toBe(501);
  expect((await get(app, { variables: { HTTP_HOST: 'a b' } })).status).toBe(400);
  expect((await get(app, { variables: { HTTP_HOST: 'a:99999' } })).status).toBe(400);
});

it('lets the platform class be what it was', () => {
  expect(Request.name).toBe('Request');
  expect(new Request('http://a.test/')).toBeInstanceOf(Native);
  class Own extends Request {
    get greeting(): string {
      return 'hello';
    }
  }
  const own = new Own('http://a.test/', { method: 'POST', body: 'x' });
  expect([own.greeting, own.method, own instanceof Own]).toEqual(['hello', 'POST', true]);
  expect(() => new Request('/no base')).toThrow(TypeError);
});
