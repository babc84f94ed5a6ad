/** Odd requests through both drivers of the test client: the same environ and body, the same answer, or the same error. */

import type { AddressInfo } from 'node:net';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { runWithHttp } from '../../adapters/http/index.ts';
import { UsageError } from '../../src/index.ts';
import type { ApplicationFunction } from '../../src/index.ts';
import type { Server } from '../../src/listening/server.ts';
import { testClient } from '../../src/testing/index.ts';
import type { RequestOptions, TestClient, TestClientOptions } from '../../src/testing/index.ts';

const LOG = { error() {}, warn() {}, info() {}, debug() {} };

/** Answers with its variables and its body. */
const dump: ApplicationFunction = async (environ, startResponse) => {
  const variables = Object.entries(environ).filter(([, value]) => typeof value === 'string');
  const body = await environ['wsgi.input'].read();
  startResponse('200 OK', [['Content-Type', 'application/json']]);
  return [Buffer.from(JSON.stringify({ ...Object.fromEntries(variables), body: body.toString() }))];
};

let server: Server;
let baseUrl: string;
beforeAll(async () => {
  server = await runWithHttp(dump, { listen: '127.0.0.1:0', log: LOG });
  baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close({ timeout: 0 }));

/** What a test may get wrong, too: nothing here is typed. */
type Odd = Partial<Record<keyof RequestOptions, unknown>>;

/** What becomes of a request: the dump, a refusal, or the error of the test. */
async function outcomeOf(
  target: ApplicationFunction | Server,
  path: string,
  options: Odd,
  clientOptions: TestClientOptions,
): Promise<unknown> {
  try {
    const client: TestClient = testClient(target, { baseUrl, ...clientOptions });
    const response = await client.request(path, options as RequestOptions);
    const { status, outcome } = response;
    if (status !== 200 || response.chunks.length === 0) return { status, outcome };
    const dumped = response.json() as Record<string, unknown>;
    delete dumped['REMOTE_PORT']; // of a connection, which there is only over HTTP
    return dumped;
  } catch (error) {
    return error;
  }
}

type Row = [what: string, options: Odd, path?: string, clientOptions?: object];

/** A stream that both drivers can read. */
function pieces(...all: unknown[]): AsyncIterable<unknown> {
  return {
    async *[Symbol.asyncIterator]() {
      yield* all;
    },
  };
}

const circular: Record<string, unknown> = {};
circular['self'] = circular;

const ROWS: Row[] = [
  ['nothing', {}],
  // ---- headers: values
  ['a number', { headers: { 'x-count': 5 } }],
  ['zero, minus, not a number', { headers: { 'x-a': 0, 'x-b': -1.5, 'x-c': Number.NaN } }],
  ['a bigint', { headers: { 'x-count': 5n } }],
  ['booleans', { headers: { 'x-yes': true, 'x-no': false } }],
  ['an array', { headers: { 'x-list': ['a', 'b'] } }],
  ['an array of other things', { headers: { 'x-list': [1, true, 'c'] } }],
  ['an empty array', { headers: { 'x-list': [] } }],
  ['an array of what is no value', { headers: { 'x-list': ['a', null] } }],
  ['an array in an array', { headers: { 'x-list': [['a']] } }],
  ['undefined', { headers: { 'x-a': undefined } }],
  ['null', { headers: { 'x-a': null } }],
  ['an object', { headers: { 'x-a': { b: 1 } } }],
  ['a date', { headers: { 'x-a': new Date(0) } }],
  ['a buffer', { headers: { 'x-a': Buffer.from('a') } }],
  ['a symbol', { headers: { 'x-a': Symbol('a') } }],
  ['a function', { headers: { 'x-a': () => 'a' } }],
  ['empty text', { headers: { 'x-a': '' } }],
  ['blanks around', { headers: { 'x-a': ' \t a\t b \t' } }],
  ['blanks alone', { headers: { 'x-a': '  ' } }],
  ['latin-1', { headers: { 'x-a': 'é\xff' } }],
  ['above U+00FF', { headers: { 'x-a': '€' } }],
  ['CR LF', { headers: { 'x-a': 'a\r\nX-Evil: 1' } }],
  ['LF', { headers: { 'x-a': 'a\nb' } }],
  ['NUL', { headers: { 'x-a': 'a\0b' } }],
  ['DEL', { headers: { 'x-a': 'a\x7fb' } }],
  ['a space at the end and CR LF', { headers: { 'x-a': 'a\r\n' } }],
  // ---- headers: names
  ['a name with a blank', { headers: { 'x a': '1' } }],
  ['a name with a colon', { headers: { 'x:a': '1' } }],
  ['a name with CR LF', { headers: { 'x\r\na': '1' } }],
  ['an empty name', { headers: { '': '1' } }],
  ['a name that is not ASCII', { headers: { é: '1' } }],
  ['a name of odd tokens', { headers: { "!#$%&'*+.^`|~": '1' } }],
  ['a name with an underscore', { headers: { x_a: '1' } }],
  ['a name that is a key of the contract', { headers: { 'wsgi.input': '1', 'postern.role': '1' } }],
  ['__proto__', { headers: [['__proto__', '1']] }],
  ['constructor', { headers: { constructor: '1' } }],
  ['a number as a name', { headers: [[5, '1']] }],
  ['undefined as a name', { headers: [[undefined, '1']] }],
  ['one name in two cases', { headers: { 'X-A': '1', 'x-a': '2' } }],
  // ---- headers: shapes
  [
    'pairs',
    {
      headers: [
        ['x-a', 1],
        ['x-a', [2, 3]],
      ],
    },
  ],
  ['a pair too short', { headers: [['x-a']] }],
  ['a pair too long', { headers: [['x-a', '1', '2']] }],
  ['a flat list', { headers: ['x-a', '1'] }],
  ['a Map', { headers: new Map([['x-a', 1]]) }],
  ['Headers of fetch', { headers: new Headers({ 'x-a': '1' }) }],
  ['text', { headers: 'x-a: 1' }],
  ['null as headers', { headers: null }],
  ['a number as headers', { headers: 5 }],
  ['a function as headers', { headers: () => [] }],
  // ---- headers that mean something
  ['Host', { headers: { Host: 'example.org:81' } }],
  ['Host in IPv6', { headers: { Host: '[::1]:81' } }],
  ['an empty Host', { headers: { Host: '' } }],
  ['an invalid Host', { headers: { Host: 'a b' } }],
  [
    'two Hosts',
    {
      headers: [
        ['Host', 'a'],
        ['Host', 'b'],
      ],
    },
  ],
  [
    'one Host twice',
    {
      headers: [
        ['Host', 'a'],
        ['Host', 'a'],
      ],
    },
  ],
  ['Cookie twice', { headers: { cookie: ['a=1', 'b=2'] } }],
  ['Authorization twice', { headers: { authorization: ['a', 'b'] } }],
  ['User-Agent twice', { headers: { 'user-agent': ['a', 'b'] } }],
  ['an empty User-Agent', { headers: { 'user-agent': '' } }],
  ['Proxy', { headers: { proxy: 'http://evil' } }],
  ['Connection', { headers: { connection: 'close' } }],
  ['Connection: keep-alive', { headers: { connection: 'keep-alive', 'keep-alive': '5' } }],
  ['TE', { headers: { te: 'trailers' } }],
  ['Trailer', { headers: { trailer: 'x-a' } }],
  ['Upgrade', { headers: { connection: 'upgrade', upgrade: 'websocket' } }],
  ['Upgrade alone', { headers: { upgrade: 'h2c' } }],
  ['Expect', { headers: { expect: '100-continue' }, body: 'x' }],
  ['Expect without a body', { headers: { expect: '100-continue' } }],
  ['another Expect', { headers: { expect: 'wonders' } }],
  ['X-Forwarded-For', { headers: { 'x-forwarded-for': '192.0.2.1', forwarded: 'for=192.0.2.2' } }],
  ['Content-Type twice', { headers: { 'content-type': ['a/b', 'c/d'] }, body: 'x' }],
  ['an empty Content-Type', { headers: { 'content-type': '' }, json: {} }],
  ['Content-Type without a body', { headers: { 'content-type': 'a/b' } }],
  // ---- length of the body
  ['Content-Length without a body', { headers: { 'content-length': 0 } }],
  ['Content-Length as a number', { headers: { 'content-length': 1 }, body: 'x' }],
  ['Content-Length that is none', { headers: { 'content-length': 'x' }, body: 'x' }],
  ['Content-Length below zero', { headers: { 'content-length': -1 }, body: 'x' }],
  ['Content-Length twice', { headers: { 'content-length': [1, 2] }, body: 'x' }],
  ['Content-Length of a stream', { headers: { 'content-length': 2 }, body: pieces('a', 'b') }],
  ['Content-Length too small', { headers: { 'content-length': 1 }, body: 'xyz' }],
  [
    'Content-Length too small, of a stream',
    { headers: { 'content-length': 1 }, body: pieces('xyz') },
  ],
  ['Transfer-Encoding', { headers: { 'transfer-encoding': 'chunked' }, body: 'x' }],
  [
    'Transfer-Encoding of a stream',
    { headers: { 'transfer-encoding': 'chunked' }, body: pieces('x') },
  ],
  ['Transfer-Encoding of nothing', { headers: { 'transfer-encoding': 'chunked' } }],
  ['another Transfer-Encoding', { headers: { 'transfer-encoding': 'gzip' }, body: 'x' }],
  ['both', { headers: { 'transfer-encoding': 'chunked', 'content-length': 1 }, body: 'x' }],
  // ---- bodies
  ['empty text as a body', { body: '' }],
  ['text', { body: 'é' }],
  ['bytes', { body: Uint8Array.of(97) }],
  ['a view', { body: new DataView(new ArrayBuffer(2)) }],
  ['16-bit numbers', { body: Uint16Array.of(97) }],
  ['an ArrayBuffer', { body: new ArrayBuffer(2) }],
  ['an array of bytes', { body: [Buffer.from('a'), Buffer.from('b')] }],
  ['a number as a body', { body: 5 }],
  ['zero as a body', { body: 0 }],
  ['true as a body', { body: true }],
  ['null as a body', { body: null }],
  ['an object as a body', { body: { a: 1 } }],
  ['a function as a body', { body: () => 'x' }],
  ['a stream of bytes', { body: pieces(Buffer.from('a'), Uint8Array.of(98)) }],
  ['a stream of text', { body: pieces('é', 'b') }],
  ['a stream of nothing', { body: pieces() }],
  ['a stream of empty pieces', { body: pieces('', Buffer.alloc(0), 'x') }],
  ['a stream of numbers', { body: pieces(5) }],
  ['a stream with null in it', { body: pieces('a', null, 'b') }],
  ['a Blob', { body: new Blob(['x'], { type: 'a/b' }) }],
  ['URLSearchParams', { body: new URLSearchParams({ a: 'é' }) }],
  ['JSON', { json: { a: 'é' } }],
  ['JSON of null', { json: null }],
  ['JSON of a function', { json: () => 5 }],
  ['JSON of a circle', { json: circular }],
  ['JSON of a bigint', { json: 5n }],
  ['a form', { form: { a: 'é', b: 1 } }],
  ['a form that is text', { form: 'a=1' }],
  ['a form of null', { form: null }],
  // ---- methods
  ...[
    'GET',
    'HEAD',
    'POST',
    'PUT',
    'DELETE',
    'OPTIONS',
    'PATCH',
    'TRACE',
    'CONNECT',
    'PROPFIND',
  ].flatMap((method): Row[] => [
    [method, { method }],
    [`${method} with a body`, { method, body: 'x' }],
    [`${method} with a stream`, { method, body: pieces('x') }],
  ]),
  ['a method in lower case', { method: 'post' }],
  ['a method in another case', { method: 'pRoPfInD' }],
  ['a method that nobody knows', { method: 'FROB' }],
  ['M-SEARCH', { method: 'M-SEARCH' }],
  ['a method with a blank', { method: 'NO METHOD' }],
  ['a method with CR LF', { method: 'GET / HTTP/1.1\r\nX: y' }],
  ['no method at all', { method: '' }],
  ['a number as a method', { method: 5 }],
  ['null as a method', { method: null }],
  // ---- targets
  ...[
    '/',
    '//',
    '//host/x',
    '/./a/../b',
    '/a%2Fb',
    '/%',
    '/%zz',
    '/%4',
    '/%00',
    '/a b',
    '/é',
    '/\r\nX: y',
    '/\0',
    '/\x7f',
    '/\ud800',
    '/a#b',
    '/?',
    '/?a',
    '/?a?b',
    '/?a#b',
    '/?a b',
    '/a"<>\\^`{|}',
    '/a;b=c',
    '/%E9',
    '*',
    '*x',
    '/*',
    'http://host/',
    '',
  ].map((path): Row => [`the path ${JSON.stringify(path)}`, {}, path]),
  ['OPTIONS *', { method: 'OPTIONS' }, '*'],
  ['a path that is no text', {}, 5 as never],
  // ---- the query
  ['query as text', { query: 'a=b' }],
  ['query with blanks', { query: 'a b' }],
  ['query with CR LF', { query: 'a\r\nX: y' }],
  ['query that is not ASCII', { query: 'é€' }],
  ['query with half a surrogate', { query: '\ud800' }],
  ['query with a fragment', { query: 'a#b' }],
  ['an empty query', { query: '' }],
  ['query beside query', { query: { c: 1 } }, '/?a=b'],
  ['query of all kinds', { query: { a: 'é', b: 1, c: true, d: '&=' } }],
  ['query of what is nothing', { query: { a: undefined, b: null } }],
  ['query of lists', { query: { a: [1, 2] } }],
  ['null as a query', { query: null }],
  ['a number as a query', { query: 5 }],
  ['query as parameters', { query: new URLSearchParams('a=1&a=2') }],
  // ---- headers of the client
  ['defaults', {}, '/', { headers: { 'x-count': 5, 'x-list': ['a', true] } }],
  ['defaults that are replaced', { headers: { 'X-Count': 6 } }, '/', { headers: { 'x-count': 5 } }],
  ['defaults with CR LF', {}, '/', { headers: { 'x-a': 'a\r\nb' } }],
  ['defaults without a value', {}, '/', { headers: { 'x-a': undefined } }],
];

describe('directly and over HTTP the same comes of', () => {
  test.each(ROWS)('%s', async (_what, options, path = '/x', clientOptions = {}) => {
    const over = await outcomeOf(server, path, options, clientOptions);
    const direct = await outcomeOf(dump, path, options, clientOptions);
    expect(direct).toEqual(over);
    // What the test got wrong is said by the client itself, not by whatever came upon it.
    if (direct instanceof Error) expect(direct).toBeInstanceOf(UsageError);
  });
});

describe('directly and over HTTP differ', () => {
  test.each([
    ['of text', 'x'],
    ['of a stream', pieces('x')],
    ['of nothing', undefined],
  ])(
    'Content-Length that is too large, %s: HTTP has no answer to half a request',
    async (_, body) => {
      const options = { headers: { 'content-length': 9 }, body };
      expect(await outcomeOf(dump, '/', options, {})).toMatchObject({
        code: 'ERR_POSTERN_INPUT_SHORT',
      });
      expect(await outcomeOf(server, '/', options, {})).toEqual({ status: 0, outcome: 'broken' });
    },
  );

  test('environ, which is out of reach over HTTP', async () => {
    const options = { environ: { REMOTE_USER: 'ada' } };
    expect(await outcomeOf(dump, '/', options, {})).toMatchObject({ REMOTE_USER: 'ada' });
    const refused = await outcomeOf(server, '/', options, {});
    expect(refused).toBeInstanceOf(UsageError);
  });
});

describe('what is sent, and what is refused', () => {
  test('a number, a boolean, and each value of an array are sent as text', async () => {
    const headers = { 'x-count': 5, 'x-yes': true, 'x-list': ['a', 1, false], 'x-blank': ' a b ' };
    expect(await outcomeOf(dump, '/', { headers }, {})).toMatchObject({
      HTTP_X_COUNT: '5',
      HTTP_X_YES: 'true',
      HTTP_X_LIST: 'a, 1, false',
      HTTP_X_BLANK: 'a b',
    });
  });

  test.each([
    [{ 'x-a': undefined }, 'the value of header x-a is undefined, not text'],
    [{ 'x-a': {} }, 'the value of header x-a is an object of class Object, not text'],
    [
      { 'x-a': 'a\r\nX-Evil: 1' },
      'value "a\\r\\nX-Evil: 1" of header x-a has a control character or one above U+00FF',
    ],
    [{ 'x a': '1' }, 'header name "x a" is not a token'],
    [[['x-a']], 'a header is an object of class Array, not a pair [name, value]'],
    ['x-a: 1', 'the headers are a string, not an object or pairs'],
  ])('%j is refused', async (headers, message) => {
    expect(await outcomeOf(dump, '/', { headers }, {})).toMatchObject({
      name: 'UsageError',
      message,
    });
  });

  test('a cookie of the test with CR LF', async () => {
    const client = testClient(dump, { cookies: true });
    client.cookies!.set('a', 'b\r\nX: y');
    await expect(client.get('/')).rejects.toThrow(UsageError);
  });
});
