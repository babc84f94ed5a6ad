/**
 * The light `Request` and `Response` beside the platform's own classes: each expression has the same result with both, or
 * fails with the same kind of error.
 */

import { Readable } from 'node:stream';
import { inspect } from 'node:util';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { fromFetch } from '../../../src/apps/fetch/fetch.ts';
import { createLightRequest, installLightRequest } from '../../../src/apps/fetch/light-request.ts';
import { installLightResponse, lightPartsOf } from '../../../src/apps/fetch/light-response.ts';
import { createRequest } from '../../../src/apps/fetch/request.ts';
import type { Environ } from '../../../src/types.ts';
import { get as visit } from '../kit.ts';
import type { Request as Visited } from '../kit.ts';

const platform = { Request, Response, fetch };
beforeAll(() => {
  installLightRequest();
  installLightResponse();
});
afterAll(() => void Object.assign(globalThis, platform));

/** The classes that an expression uses, and requests as a fetch handler gets them. */
interface World {
  Request: typeof Request;
  Response: typeof Response;
  /** `GET /a?b=c` with some headers. */
  get: Request;
  /** A form with POST. */
  post: Request;
}

type Expression = (world: World) => unknown;

const HEADERS = [
  ['X-A', '1'],
  ['Cookie', 'a=1; b=2'],
  ['Accept', '*/*'],
] as const;
const GET: Visited = { target: '/a?b=c', headers: HEADERS };
const POST: Visited = {
  method: 'POST',
  target: '/form',
  headers: [...HEADERS, ['Content-Type', 'application/x-www-form-urlencoded']],
  body: 'a=1&b=%32',
};

/** Evaluates an expression while the two requests are being served. */
async function evaluate(
  expression: Expression,
  classes: Pick<World, 'Request' | 'Response'>,
  create: (environ: Environ) => Request,
): Promise<unknown> {
  let result: unknown;
  await visit(async (environ, startResponse) => {
    const post = create(environ);
    await visit(async (inner, startInner) => {
      try {
        const { Request, Response } = classes;
        const world = { Request, Response, get: create(inner), post };
        result = await describeValue(await expression(world));
      } catch (error) {
        result = `throws ${(error as Error).name}`;
      }
      startInner('204 No Content', []);
      return [];
    }, GET);
    startResponse('204 No Content', []);
    return [];
  }, POST);
  return result;
}

/** What can be seen of a value. */
async function describeValue(value: unknown): Promise<unknown> {
  if (value instanceof platform.Response) {
    const { status, statusText, ok, type, url, redirected, bodyUsed } = value;
    const plain = { status, statusText, ok, type, url, redirected, bodyUsed };
    return { ...plain, headers: [...value.headers], body: await bodyOf(value) };
  }
  if (value instanceof platform.Request) {
    const { method, url, bodyUsed, duplex, mode, credentials, cache, redirect, referrer } =
      value as Request & { duplex: string };
    const plain = { method, url, bodyUsed, duplex, mode, credentials, cache, redirect, referrer };
    return { ...plain, headers: [...value.headers], body: await bodyOf(value) };
  }
  if (value instanceof Headers || value instanceof FormData) return [...value];
  if (value instanceof ArrayBuffer) return [...new Uint8Array(value)];
  if (value instanceof Blob) return [value.type, await value.text()];
  if (value instanceof ReadableStream) return `a stream, ${value.locked ? 'locked' : 'free'}`;
  return value;
}

async function bodyOf(message: Request | Response): Promise<unknown> {
  if (message.body === null) return null;
  return [...new Uint8Array(await message.arrayBuffer())];
}

const TEXT = 'h\u00e9llo \ud800 w\u00f6rld';
const ENCODED = new TextEncoder().encode('bytes');
const BOUNDED = Buffer.from('xbytesx').subarray(1, 6);

/** Bodies of every kind, made anew for each response. */
const SOURCES: Record<string, () => unknown> = {
  none: () => undefined,
  null: () => null,
  'an empty text': () => '',
  text: () => TEXT,
  'a String object': () => Object('text'),
  'a number': () => 5,
  'a boolean': () => false,
  'an object': () => ({ a: 1 }),
  'an array': () => ['a', 'b'],
  'a Date': () => new Date(0),
  'a function': () => describeValue.name.at.bind('x', 0),
  'a Uint8Array': () => new Uint8Array([1, 2, 255]),
  'an empty Uint8Array': () => new Uint8Array(0),
  'a large Uint8Array': () => new Uint8Array(100_000).fill(7),
  'a Buffer': () => Buffer.from('buffer'),
  'a part of a Buffer': () => BOUNDED,
  'a Uint8Array of TextEncoder': () => ENCODED,
  'a Uint16Array': () => new Uint16Array([1, 258]),
  'a Float64Array': () => new Float64Array([1.5]),
  'a DataView': () => new DataView(new Uint8Array([1, 2, 3]).buffer, 1),
  'an ArrayBuffer': () => new Uint8Array([1, 2, 3]).buffer,
  'a SharedArrayBuffer': () => new SharedArrayBuffer(2),
  'bytes of a SharedArrayBuffer': () => new Uint8Array(new SharedArrayBuffer(2)),
  'bytes of a resizable ArrayBuffer': () => {
    const Resizable = ArrayBuffer as new (length: number, options: object) => ArrayBuffer;
    return new Uint8Array(new Resizable(2, { maxByteLength: 8 }));
  },
  'bytes of a transferred ArrayBuffer': () => {
    const bytes = new Uint8Array([1, 2]);
    structuredClone(bytes, { transfer: [bytes.buffer] });
    return bytes;
  },
  URLSearchParams: () => new URLSearchParams({ a: '1', b: 'ü' }),
  'a Blob': () => new Blob(['blob']),
  'a Blob with a type': () => new Blob(['blob'], { type: 'text/css' }),
  'a File': () => new File(['file'], 'a.txt', { type: 'text/plain' }),
  'a web stream': () => new Blob(['stream']).stream(),
  'a locked stream': () => {
    const stream = new Blob(['stream']).stream();
    stream.getReader();
    return stream;
  },
  'a Node stream': () => Readable.from([Buffer.from('node')]),
  'a generator': () =>
    (function* () {
      yield Buffer.from('piece');
    })(),
  'an async generator': () =>
    (async function* () {
      yield Buffer.from('piece');
    })(),
  'a symbol': () => Symbol('x'),
  'a Proxy of an object': () => new Proxy({}, {}),
};

class WithHeader {
  'x-a' = '1';
}

/** Headers of every shape. */
const HEADER_SHAPES: Record<string, () => unknown> = {
  'an empty object': () => ({}),
  'an object': () => ({ 'X-A': '1', 'content-type': 'text/html' }),
  'names in other cases': () => ({ 'CONTENT-type': 'text/html', 'x-A': '1' }),
  'a name twice': () => ({ 'X-A': '1', 'x-a': '2' }),
  'Content-Type twice': () => ({ 'Content-Type': 'a/b', 'content-type': 'c/d' }),
  'Set-Cookie twice': () => ({ 'Set-Cookie': 'a=1', 'set-cookie': 'b=2' }),
  'Set-Cookie': () => ({ 'Set-Cookie': 'a=1, b=2' }),
  pairs: () => [
    ['X-A', '1'],
    ['x-a', '2'],
    ['Set-Cookie', 'a=1'],
    ['Set-Cookie', 'b=2'],
  ],
  'no pairs': () => [],
  'a pair of three': () => [['a', 'b', 'c']],
  'a flat array': () => ['a', 'b'],
  'a Headers': () => new Headers({ 'X-A': '1' }),
  'a Map': () => new Map([['X-A', '1']]),
  'an iterator of pairs': () => new Map([['X-A', '1']]).entries(),
  'an object without a prototype': () => Object.assign(Object.create(null), { 'X-A': '1' }),
  'an instance of a class': () => new WithHeader(),
  'an inherited header': () => Object.create({ 'X-A': '1' }),
  'a header that is not enumerable': () => Object.defineProperty({}, 'x-a', { value: '1' }),
  'a header that is a getter': () => ({
    get 'x-a'() {
      return 'got';
    },
  }),
  'a getter that throws': () => ({
    get 'x-a'() {
      throw new RangeError('got');
    },
  }),
  'a symbol as a name': () => ({ [Symbol('x')]: '1' }),
  'a Proxy': () => new Proxy({ 'X-A': '1' }, {}),
  null: () => null,
  undefined: () => undefined,
  'a number': () => 5,
  text: () => 'X-A: 1',
  'a function': () => Object.assign(() => {}, { 'x-a': '1' }),
  'a value that is a number': () => ({ 'Content-Length': 5 }),
  'a value that is null': () => ({ 'X-A': null }),
  'a value that is undefined': () => ({ 'X-A': undefined }),
  'a value that is an array': () => ({ 'X-A': ['1', '2'] }),
  'a value that is an object': () => ({ 'X-A': { toString: () => 'made' } }),
  'an empty value': () => ({ 'X-A': '' }),
  'a value with spaces around': () => ({ 'X-A': ' \t1 ' }),
  'a value with a TAB': () => ({ 'X-A': '1\t2' }),
  'a value of latin-1': () => ({ 'X-A': 'caf\u00e9' }),
  'a value above latin-1': () => ({ 'X-A': '\u20ac' }),
  'a value with a line break': () => ({ 'X-A': '1\r\nX-B: 2' }),
  'a value with a line break at its end': () => ({ 'X-A': '1\n' }),
  'a value with NUL': () => ({ 'X-A': '1\0' }),
  'a value with another control character': () => ({ 'X-A': '1\u0001' }),
  'a value with DEL': () => ({ 'X-A': '1\u007f2' }),
  'an empty name': () => ({ '': '1' }),
  'a name with a space': () => ({ 'X A': '1' }),
  'a name with a colon': () => ({ 'X-A:': '1' }),
  'a name above latin-1': () => ({ 'X-\u20ac': '1' }),
  'a name of an accessor': () => ({ __proto__x: '1', constructor: '2' }),
  'a number as a name': () => ({ 5: '1' }),
  'hop-by-hop headers': () => ({ Connection: 'close', 'Transfer-Encoding': 'chunked' }),
};

const STATUSES: unknown[] = [
  0,
  -1,
  99,
  100,
  101,
  103,
  199,
  200,
  201,
  204,
  205,
  206,
  299,
  300,
  304,
  404,
  500,
  599,
  600,
  999,
  65_736,
  200.5,
  NaN,
  Infinity,
  '201',
  '',
  'x',
  null,
  undefined,
  true,
  [],
  [201],
  {},
];

/** Second arguments of every shape, apart from their headers. */
const INITS: Record<string, () => unknown> = {
  undefined: () => undefined,
  null: () => null,
  'an empty object': () => ({}),
  'a number': () => 5,
  text: () => 'init',
  true: () => true,
  'an array': () => [],
  'a function': () => Object.assign(() => {}, { status: 201 }),
  'an object without a prototype': () => Object.assign(Object.create(null), { status: 201 }),
  'an inherited status': () => Object.create({ status: 201 }),
  'a getter': () => ({
    get status() {
      return 201;
    },
  }),
  'a getter that throws': () => ({
    get status() {
      throw new RangeError('got');
    },
  }),
  'another Response': () => new platform.Response('other', { status: 201, headers: { a: 'b' } }),
  'a Request': () => new platform.Request('http://a.test/', { headers: { a: 'b' } }),
  'a reason': () => ({ statusText: 'Fine' }),
  'an empty reason': () => ({ statusText: '' }),
  'no reason': () => ({ statusText: undefined }),
  'null as a reason': () => ({ statusText: null }),
  'a number as a reason': () => ({ statusText: 5 }),
  'a reason with a line break': () => ({ statusText: 'a\nb' }),
  'a reason above latin-1': () => ({ statusText: '\u20ac' }),
  'other members': () => ({ url: 'x', ok: false, type: 'error', body: 'x' }),
  ...Object.fromEntries(
    STATUSES.map((status) => [`status ${inspect(status)}`, () => ({ status })]),
  ),
  'status 201 as a bigint': () => ({ status: 201n }),
  'status as a Number object': () => ({ status: Object(201) }),
};

/** Ways of using a response. */
const USES: Record<string, (response: Response, world: World) => unknown> = {
  'text()': (r) => r.text(),
  'json()': (r) => r.json(),
  'arrayBuffer()': (r) => r.arrayBuffer(),
  'blob()': (r) => r.blob(),
  'formData()': (r) => r.formData(),
  'bytes()': (r) => (r as Response & { bytes?(): Promise<Uint8Array> }).bytes?.(),
  'text() twice': async (r) => [await r.text(), await r.text()],
  'clone()': (r) => r.clone(),
  'clone() of a clone': (r) => r.clone().clone(),
  'clone() and the original': async (r) => [await r.clone().text(), await r.text()],
  'clone() after a read': async (r) => (await r.text(), r.clone()),
  'clone() of a locked body': (r) => (r.body?.getReader(), r.clone()),
  body: (r) => r.body,
  'body, the same one': (r) => r.body === r.body,
  'body, locked': (r) => (r.body?.getReader(), r.body),
  'body, iterated': async (r) => {
    const chunks = [];
    for await (const chunk of r.body ?? []) chunks.push(...(chunk as Uint8Array));
    return chunks;
  },
  'bodyUsed before and after': async (r) => [r.bodyUsed, await r.text(), r.bodyUsed],
  'cancel()': async (r) => (await r.body?.cancel(), r.bodyUsed),
  'headers, the same one': (r) => r.headers === r.headers,
  'headers.set()': (r) => (r.headers.set('x-a', '2'), r),
  'headers.append()': (r) => (r.headers.append('set-cookie', 'c=3'), r),
  'headers.delete()': (r) => (r.headers.delete('content-type'), r),
  'headers.getSetCookie()': (r) => r.headers.getSetCookie(),
  'a changed header in a clone': (r) => (r.headers.set('x-a', '2'), r.clone()),
  'as the init of another': (r, w) => new w.Response('again', r),
  'its body in another': (r, w) => new w.Response(r.body, r),
  'its body in another, read twice': (r, w) => (new w.Response(r.body, r), r.text()),
  'as the body of another': (r, w) => new w.Response(r as unknown as string).text(),
};

const RESPONSES: Record<string, (world: World) => Response> = {
  'of text': ({ Response: R }) => new R('{"a":1}', { headers: { 'X-A': '1' } }),
  'of bytes': ({ Response: R }) => new R(Buffer.from('{"a":1}'), { status: 201 }),
  'of nothing': ({ Response: R }) => new R(null, { status: 204 }),
  'of a form': ({ Response: R }) => new R(new URLSearchParams({ a: '1' })),
};

/** Arguments that are changed after the object was made. */
const CHANGED: Expression[] = [
  ({ Response: R }) => {
    const bytes = Buffer.from('first');
    const response = new R(bytes);
    bytes.fill('x');
    return response;
  },
  ({ Response: R }) => {
    const bytes = new Uint8Array(4 * 1024 * 1024).fill(1);
    const response = new R(bytes);
    bytes.fill(2);
    return response.arrayBuffer().then((all) => new Set(new Uint8Array(all)));
  },
  ({ Response: R }) => {
    const bytes = new Uint8Array([1, 2]);
    const response = new R(bytes);
    structuredClone(bytes, { transfer: [bytes.buffer] });
    return response;
  },
  ({ Response: R }) => {
    const { buffer } = new Uint8Array([1, 2]);
    const response = new R(buffer);
    new Uint8Array(buffer).fill(3);
    return response;
  },
  ({ Response: R }) => {
    const headers: Record<string, string> = { 'X-A': '1' };
    const response = new R('x', { headers });
    headers['X-A'] = '2';
    headers['X-B'] = '3';
    return response;
  },
  ({ Response: R }) => {
    const headers: Record<string, string> = { 'X-A': '1' };
    const response = new R('x', { headers });
    headers['X-A'] = 'not\nvalid';
    return [...response.headers];
  },
  ({ Response: R }) => {
    const headers = new Headers({ 'X-A': '1' });
    const response = new R('x', { headers });
    headers.set('X-A', '2');
    return response;
  },
  ({ Response: R }) => {
    const headers: [string, string][] = [['X-A', '1']];
    const response = new R('x', { headers });
    headers[0]![1] = '2';
    headers.push(['X-B', '3']);
    return response;
  },
  ({ Response: R }) => {
    const init = { status: 201, headers: {}, statusText: '' };
    const response = new R('x', init);
    Object.assign(init, { status: 404, statusText: 'Gone', headers: { a: 'b' } });
    return response;
  },
  ({ Response: R }) => {
    const init = Object.freeze({ status: 201, headers: Object.freeze({ a: 'b' }) });
    return new R('x', init);
  },
  ({ Response: R }) => {
    const params = new URLSearchParams({ a: '1' });
    const response = new R(params);
    params.set('a', '2');
    return response;
  },
  ({ Response: R }) => {
    const first = new R('x', { headers: { a: '1' } });
    const second = new R('y', first);
    first.headers.set('a', '2');
    return second;
  },
  ({ Response: R }) => {
    const first = new R('x', { headers: { a: '1' } });
    const second = first.clone();
    second.headers.set('a', '2');
    return first;
  },
  ({ Response: R }) => Object.assign(new R('x'), { status: 5 }),
  ({ Response: R }) => Object.assign(new R('x'), { ok: false }),
  ({ Response: R }) => Object.assign(new R('x'), { headers: {} }),
  ({ Response: R }) => Object.assign(new R('x'), { own: 1 }),
  ({ Response: R }) => Object.assign(new R('x'), { text: () => 'mine' }).text(),
  ({ Request: R }) => {
    const headers: Record<string, string> = { 'X-A': '1' };
    const request = new R('http://a.test/', { headers });
    headers['X-A'] = '2';
    return request;
  },
  ({ Request: R }) => {
    const body = Buffer.from('first');
    const request = new R('http://a.test/', { method: 'POST', body });
    body.fill('x');
    return request;
  },
  ({ get, Request: R }) => {
    const copy = new R(get);
    get.headers.set('X-A', '2');
    return copy;
  },
  ({ get, Request: R }) => {
    const copy = new R(get);
    copy.headers.set('X-A', '2');
    return get;
  },
  ({ get }) => {
    const copy = get.clone();
    get.headers.set('X-A', '2');
    return copy;
  },
  ({ get }) => {
    const copy = get.clone();
    copy.headers.set('X-A', '2');
    return get;
  },
  ({ get }) => Object.assign(get, { method: 'PUT' }),
  ({ get }) => Object.assign(get, { url: 'http://b.test/' }),
  ({ get }) => Object.assign(get, { own: 1 }),
  ({ get }) => Object.defineProperty(get, 'url', { value: 'http://b.test/' }).url,
];

/** Objects of classes that extend Response. */
const EXTENDED: Expression[] = [
  ({ Response: R }) => new (class extends R {})('x', { status: 201, headers: { a: 'b' } }),
  ({ Response: R }) => extended(R, 'status', () => 299),
  ({ Response: R }) => extended(R, 'headers', () => new Headers({ c: 'd' })),
  ({ Response: R }) => extended(R, 'body', () => new Blob(['other']).stream()),
  ({ Response: R }) => extended(R, 'text', () => () => 'other'),
];

function extended(Base: typeof Response, member: string, get: () => unknown): Response {
  class Own extends Base {}
  Object.defineProperty(Own.prototype, member, { get });
  return new Own('x', { headers: { a: 'b' } });
}

/** The classes themselves. */
const CLASSES: Expression[] = [
  ({ Response: R }) => R.name,
  ({ Response: R }) => R.length,
  ({ Response: R }) => typeof R,
  ({ Response: R }) => String(R).slice(0, 5),
  ({ Response: R }) => Object.getOwnPropertyNames(R).toSorted(),
  ({ Response: R }) => Object.getPrototypeOf(R) === Function.prototype,
  ({ Response: R }) => Object.getOwnPropertyNames(R.prototype).toSorted(),
  ({ Response: R }) => Object.keys(R.prototype).toSorted(),
  ({ Response: R }) => Object.prototype.toString.call(R.prototype),
  ({ Response: R }) => R.prototype.status,
  ({ Response: R }) => R.prototype.headers,
  ({ Response: R }) => R.prototype.text.name,
  ({ Response: R }) => R.prototype.text.length,
  ({ Response: R }) => R.prototype.text.call({} as Response),
  ({ Response: R }) => R.prototype.clone.call({} as Response),
  ({ Response: R }) => (R as unknown as () => Response)(),
  ({ Response: R }) => R.prototype.constructor === R,
  ({ Response: R }) => new R('x').constructor === R,
  ({ Response: R }) => new R('x').constructor.name,
  ({ Response: R }) => new R('x') instanceof R,
  ({ Response: R }) => new R('x') instanceof platform.Response,
  ({ Response: R }) => new platform.Response('x') instanceof R,
  ({ Response: R }) => new R(new Blob(['x'])) instanceof R,
  ({ Response: R }) => R.json({}) instanceof R,
  ({ Response: R }) => R.error() instanceof R,
  ({ Response: R }) => R.redirect('http://a.test/', 302) instanceof R,
  ({ Response: R }) => new R('x').clone() instanceof R,
  ({ Response: R }) => ({}) instanceof R,
  ({ Response: R }) => (null as unknown as object) instanceof R,
  ({ Response: R }) => Object.create(R.prototype) instanceof R,
  ({ Response: R, get }) => get instanceof R,
  ({ Response: R }) => Object.prototype.toString.call(new R('x')),
  ({ Response: R }) => String(new R('x')),
  ({ Response: R }) => JSON.stringify(new R('x')),
  ({ Response: R }) => Object.keys(new R('x')),
  ({ Response: R }) => Object.keys({ ...new R('x') }),
  ({ Response: R }) => {
    const names = [];
    for (const name in new R('x')) names.push(name);
    return names.toSorted();
  },
  ({ Response: R }) => Object.defineProperty(new R('x'), 'status', { value: 201 }),
  ({ Response: R }) => 'status' in new R('x'),
  ({ Response: R }) => Object.hasOwn(new R('x'), 'status'),
  ({ Response: R }) => inspect(new R('x', { headers: { a: 'b' } })),
  ({ Response: R }) => inspect(new R('x')),
  ({ Response: R }) => R.json({ a: 1 }),
  ({ Response: R }) => R.json({ a: 1 }, { status: 201, headers: { 'X-A': '1' } }),
  ({ Response: R }) => R.json('text', { headers: { 'Content-Type': 'application/ld+json' } }),
  ({ Response: R }) => R.json(undefined),
  ({ Response: R }) => R.json(null),
  ({ Response: R }) => R.json(1n),
  ({ Response: R }) => R.json({}, { status: 204 }),
  ({ Response: R }) => R.json({}, { status: 99 }),
  ({ Response: R }) => (R.json as () => Response)(),
  ({ Response: R }) => (0, R.json)({ a: 1 }),
  ({ Response: R }) => R.json.name,
  ({ Response: R }) => R.json.length,
  ({ Response: R }) => (R.redirect as (url: string) => Response)('http://a.test/x'),
  ({ Response: R }) => R.redirect('http://a.test/x', 308),
  ({ Response: R }) => R.redirect(new URL('http://a.test/x'), 301),
  ({ Response: R }) => R.redirect('http://a.test/x', 200 as 302),
  ({ Response: R }) => R.redirect('/relative', 302),
  ({ Response: R }) => R.error(),
  ({ Response: R }) => R.error().headers.set('a', 'b'),
  ({ Response: R }) => {
    class Own extends R {
      get own(): string {
        return 'own';
      }
    }
    const own = new Own('x', { status: 201 });
    return [own.own, own.status, own instanceof Own, own instanceof R, own.constructor === Own];
  },
  ({ Response: R }) => {
    class Own extends R {}
    return new R('x') instanceof Own;
  },
  ({ Response: R }) => {
    class Own extends R {}
    return new Own('x').clone();
  },
  ({ Response: R }) => {
    class Own extends R {}
    return Own.json({ a: 1 });
  },
  ({ Response: R }) => extended(R, 'status', () => 299).ok,
  ({ Response: R }) => Reflect.construct(R, ['x', { status: 201 }]),
  ({ Response: R }) => Reflect.construct(R, ['x'], Object).constructor === Object,
  ({ Response: R }) => new Proxy(R, {}).length,
  ({ Response: R }) => new new Proxy(R, {})('x'),
  ({ Response: R }) => new (R.bind(null))('x'),
  ({ Request: R }) => R.name,
  ({ Request: R }) => R.length,
  ({ Request: R }) => R.prototype.constructor.name,
  ({ Request: R }) => Object.getOwnPropertyNames(R).toSorted(),
  ({ Request: R }) => Object.keys(R.prototype).toSorted(),
  ({ Request: R }) => (R as unknown as () => Request)(),
  ({ Request: R }) => new R('/relative'),
  ({ Request: R }) => new R('http://a.test/', { method: 'TRACE' }),
  ({ Request: R }) => new R('http://a.test/', { method: 'patch', body: 'x' }),
  ({ Request: R }) => new R('http://a.test/', { body: 'x' }),
  ({ Request: R }) => new R('http://a.test/', null as unknown as RequestInit),
  ({ Request: R }) => new R('http://a.test/') instanceof R,
  ({ Request: R }) => new R('http://a.test/').constructor === R.prototype.constructor,
  ({ Request: R, get }) => get instanceof R,
  ({ get }) => get instanceof platform.Request,
  ({ get, Response: R }) => get instanceof R,
  ({ Request: R, get }) => {
    class Own extends R {}
    return [get instanceof Own, new Own('http://a.test/') instanceof Own];
  },
];

/** Requests as a fetch handler gets them. */
const REQUESTS: Expression[] = [
  ({ get }) => get,
  ({ post }) => post,
  ({ get }) => get.body,
  ({ get }) => get.text(),
  ({ get }) => get.json(),
  ({ post }) => post.text(),
  ({ post }) => post.json(),
  ({ post }) => post.formData(),
  ({ post }) => post.blob(),
  ({ post }) => post.arrayBuffer(),
  ({ post }) => post.body,
  ({ post }) => post.body === post.body,
  async ({ post }) => [await post.text(), post.bodyUsed],
  async ({ post }) => [await post.text(), await post.text()],
  async ({ post }) => (await post.text(), post.clone()),
  ({ post }) => (post.body!.getReader(), post.clone()),
  ({ post }) => post.clone(),
  async ({ post }) => [await post.clone().text(), await post.text()],
  ({ get }) => get.clone(),
  ({ get }) => get.headers === get.headers,
  ({ get }) => get.signal === get.signal,
  ({ get }) => get.signal instanceof AbortSignal,
  ({ get }) => get.signal.aborted,
  ({ get }) => get.headers.get('COOKIE'),
  ({ get }) => get.headers.has('x-b'),
  ({ get }) => (get.headers.set('x-a', 'bad\n'), get),
  ({ get }) => (get.headers.delete('x-a'), get),
  ({ get }) => (get.headers.set('x-a', '2'), get.clone()),
  ({ get }) => [get.method, get.destination, get.integrity, get.keepalive, get.referrerPolicy],
  ({ get }) => (get as Request & { isHistoryNavigation?: boolean }).isHistoryNavigation,
  ({ get }) => (get as unknown as Record<string, unknown>)['nothing'],
  ({ get }) => Object.prototype.toString.call(get),
  ({ get }) => String(get),
  ({ get }) => JSON.stringify(get),
  ({ get }) => get.constructor.name,
  ({ get }) => 'method' in get,
  ({ get }) => {
    const names = [];
    for (const name in get) names.push(name);
    return names.filter((name) => name !== 'signal').toSorted(); // which createRequest redefines
  },
  ({ get }) => Object.getPrototypeOf(get).text.name,
  ({ get, Request: R }) => new R(get),
  ({ post, Request: R }) => new R(post),
  async ({ post, Request: R }) => [await new R(post).text(), post.bodyUsed],
  async ({ post, Request: R }) => (await post.text(), new R(post)),
  ({ post, Request: R }) => (post.body!.getReader(), new R(post)),
  ({ get, Request: R }) => new R(get, { headers: { 'X-B': '2' } }),
  ({ get, Request: R }) => new R(get, { method: 'POST', body: 'x' }),
  ({ post, Request: R }) => new R(post, { method: 'PUT' }),
  ({ post, Request: R }) => new R(post, { method: 'GET' }),
  ({ post, Request: R }) => new R(post, { body: 'other' }),
  ({ get, Request: R }) => new R('http://b.test/', get),
  ({ post, Request: R }) => new R('http://b.test/', post),
  ({ get, Request: R }) => new R(get.url, get),
  ({ get, Request: R }) => new R(get, get),
  ({ get, Request: R }) => Reflect.construct(R, [get]),
  ({ get, Request: R }) => {
    class Own extends R {}
    return new Own(get);
  },
  ({ post, Request: R }) => {
    class Own extends R {}
    return new Own(post).text();
  },
  ({ get, Request: R }) => new R(new URL(get.url)),
  ({ get, Request: R }) => new R(new R(get)),
  ({ get, Request: R }) => new R(get.clone()),
  ({ get, Request: R }) => {
    const controller = new AbortController();
    const request = new R(get, { signal: controller.signal });
    controller.abort();
    return request.signal.aborted;
  },
  ({ post, Response: R }) => new R(post.body),
  ({ post, Response: R }) => new R(post.body, { headers: post.headers }),
  ({ get, Response: R }) => new R(get.url),
  ({ get, Response: R }) => new R('x', get as unknown as ResponseInit),
  async ({ post, Response: R }) => new R(await post.arrayBuffer()),
  ({ get }) => new Headers(get.headers),
  ({ get }) => Object.fromEntries(get.headers),
];

/** What a client gets of a response that a handler returns. */
async function send(
  expression: Expression,
  classes: Pick<World, 'Request' | 'Response'>,
): Promise<unknown> {
  // Not a request of the gateway: these expressions take none.
  const get = new classes.Request('http://a.test/a?b=c');
  const { Request, Response } = classes;
  const app = fromFetch(() => expression({ Request, Response, get, post: get }) as Response);
  const { status, headers, body } = await visit(app);
  return { status, headers: headers.map(String).toSorted(), body: body.toString('latin1') };
}

/** Objects that stand for another one. The classes of Node 20 take them: their state is no private field. */
const STAND_INS: Expression[] = [
  ({ Response: R }) => new Proxy(new R('x'), {}).status,
  ({ Response: R }) => Object.create(new R('x')).status,
  ({ get }) => new Proxy(get, {}).method,
  ({ get }) => Object.create(get).url,
  ({ get, Request: R }) => new R(new Proxy(get, {})),
];

type NamedExpression = [name: string, expression: Expression];

/** Responses that a handler can return as they were made. */
const RETURNED: NamedExpression[] = [
  ...table(SOURCES, (make, { Response: R }) => new R(make() as string)),
  ...table(SOURCES, (make, { Response: R }) => new R(make() as string, { status: 204 }), '204'),
  ...table(
    SOURCES,
    (make, { Response: R }) => new R(make() as string, { headers: { 'content-TYPE': 'a/b' } }),
    'Content-Type',
  ),
  ...table(HEADER_SHAPES, (make, { Response: R }) => new R('x', headersInit(make())), 'text'),
  ...table(HEADER_SHAPES, (make, { Response: R }) => new R(null, headersInit(make())), 'null'),
  ...table(HEADER_SHAPES, (make, { Response: R }) => R.json({}, headersInit(make())), 'json'),
  ...table(INITS, (make, { Response: R }) => new R('x', make() as ResponseInit), 'text'),
  ...table(INITS, (make, { Response: R }) => new R(null, make() as ResponseInit), 'null'),
  ...named([...CHANGED, ...EXTENDED]),
];

const EXPRESSIONS: NamedExpression[] = [
  ...RETURNED,
  ...Object.entries(RESPONSES).flatMap(([name, make]) =>
    table(USES, (use, world) => use(make(world), world), `a response ${name}`),
  ),
  ...named([...CLASSES, ...REQUESTS]),
];

function named(expressions: Expression[]): NamedExpression[] {
  return expressions.map((expression) => [String(expression).replaceAll(/\s+/g, ' '), expression]);
}

function headersInit(headers: unknown): ResponseInit {
  return { headers: headers as Record<string, string> };
}

function table<T>(
  rows: Record<string, T>,
  evaluateRow: (row: T, world: World) => unknown,
  more = '',
): NamedExpression[] {
  return Object.entries(rows).map(([name, row]) => [
    more === '' ? name : `${more}: ${name}`,
    (world) => evaluateRow(row, world),
  ]);
}

describe('is the same as with the platform', () => {
  test.each(EXPRESSIONS)('%s', async (_, expression) => {
    const expected = await evaluate(expression, platform, createRequest);
    expect(await evaluate(expression, globalThis, createLightRequest)).toEqual(expected);
  });
});

describe('is sent as that of the platform', () => {
  test.each(RETURNED)('%s', async (_, expression) => {
    const expected = await send(expression, platform);
    expect(await send(expression, globalThis)).toEqual(expected);
  });
});

test.each(STAND_INS.map((expression) => [String(expression), expression] as const))(
  'is an error, as since Node 24: %s',
  async (_, expression) => {
    const expected = await evaluate(expression, platform, createRequest);
    if (Number(process.versions.node.split('.')[0]) >= 24)
      expect(expected).toBe('throws TypeError');
    expect(await evaluate(expression, globalThis, createLightRequest)).toBe('throws TypeError');
  },
);

test('the light classes were compared', async () => {
  expect(EXPRESSIONS.length).toBeGreaterThan(500);
  expect(Response).not.toBe(platform.Response);
  expect(lightPartsOf(new Response('x', { status: 201, headers: { a: 'b' } }))).toBeDefined();
  expect(await evaluate(hasPlatformClass, globalThis, createLightRequest)).toEqual([false, false]);
  expect(await evaluate(hasPlatformClass, globalThis, createRequest)).toEqual([true, true]);
});

function hasPlatformClass({ get, post }: World): boolean[] {
  return [get, post].map((one) => Object.getPrototypeOf(one) === platform.Request.prototype);
}
