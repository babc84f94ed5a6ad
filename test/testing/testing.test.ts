/** The test client: directly, over HTTP, through a front end, and with a driver of the test's own. */

import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { runWithFastCgi } from '../../adapters/fastcgi/index.ts';
import { runWithHttp } from '../../adapters/http/index.ts';
import { Headers, UsageError, validator } from '../../src/index.ts';
import type { ApplicationFunction, Environ } from '../../src/index.ts';
import type { Server } from '../../src/listening/server.ts';
import { testClient } from '../../src/testing/index.ts';
import type { TestClient, TestDriver, TestRequest } from '../../src/testing/index.ts';
import { describeWithServer } from '../servers/availability.ts';
import { startNginx } from '../servers/nginx.ts';
import type { RunningServer } from '../servers/launch.ts';

const TEXT: [string, string][] = [['Content-Type', 'text/plain; charset=utf-8']];
const LOG = { error() {}, warn() {}, info() {}, debug() {} };

/** What the application below was told of the client's leaving. */
let left: Promise<string>;
let tellLeft: (how: string) => void;
function expectLeaving(): void {
  left = new Promise((resolve) => {
    tellLeft = resolve;
  });
}

/** One path for each thing that a client can see. */
const app: ApplicationFunction = validator(async (environ, startResponse) => {
  switch (environ.PATH_INFO) {
    case '/hello':
      startResponse('200 OK', TEXT);
      return [Buffer.from('hello')];
    case '/echo':
      startResponse('201 Made', [...TEXT, ['X-Method', environ.REQUEST_METHOD]]);
      return [await environ['wsgi.input'].read()];
    case '/environ':
      return dump(environ, startResponse);
    case '/chunks':
      startResponse('200 OK', TEXT);
      return chunks(['one', 'two', 'three']);
    case '/endless':
      startResponse('200 OK', TEXT);
      return endless(environ);
    case '/broken':
      startResponse('200 OK', TEXT);
      return broken();
    case '/login':
      startResponse('204 No Content', [['Set-Cookie', 'user=ada; Path=/']]);
      return [];
    default:
      environ['wsgi.errors'].write(`nothing at ${environ.PATH_INFO}\n`);
      throw new Error('no such path');
  }
});

function isPlain(value: unknown): boolean {
  return typeof value !== 'object' || Object.getPrototypeOf(value) === null;
}

const dump: ApplicationFunction = (environ, startResponse) => {
  startResponse('200 OK', [['Content-Type', 'application/json']]);
  return [Buffer.from(JSON.stringify(environ, (_, value) => (isPlain(value) ? value : null)))];
};

async function* chunks(texts: string[]): AsyncGenerator<Buffer> {
  for (const text of texts) yield Buffer.from(text);
}

async function* endless(environ: Environ): AsyncGenerator<Buffer> {
  const aborted = new Promise((resolve) => {
    environ['postern.signal'].addEventListener('abort', resolve);
  });
  try {
    yield Buffer.from('begun');
    await aborted;
  } finally {
    tellLeft(environ['postern.signal'].aborted ? 'aborted' : 'only closed');
  }
}

async function* broken(): AsyncGenerator<Buffer> {
  yield Buffer.from('half');
  // As soon as what came before it can have left.
  await new Promise(setImmediate);
  throw new Error('broken on purpose');
}

// ---- what every way of sending a request has in common

/** Defines the tests of one way of sending requests to the application. */
function defineRequests(
  client: (options?: { cookies: boolean }) => TestClient,
  isDirect = false,
): void {
  test('status, reason, headers and body', async () => {
    const response = await client().get('/hello');
    expect(response).toMatchObject({ status: 200, reason: 'OK', outcome: 'complete' });
    expect(response.headers).toBeInstanceOf(Headers);
    expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(response.headers.get('content-length')).toBe('5');
    expect(response.headers.has('connection')).toBe(false);
    expect(response.body).toEqual(Buffer.from('hello'));
    expect(response.text()).toBe('hello');
  });

  test('every method', async () => {
    const it = client();
    for (const method of ['get', 'post', 'put', 'patch', 'delete', 'options'] as const) {
      const response = await it[method]('/echo');
      expect(response.headers.get('X-Method')).toBe(method.toUpperCase());
    }
    const head = await it.head('/hello');
    expect(head).toMatchObject({ status: 200, outcome: 'complete', chunks: [] });
    expect(head.headers.get('content-length')).toBe('5');
    expect((await it.request('/echo', { method: 'PROPFIND' })).status).toBe(201);
  });

  test('every kind of body', async () => {
    const it = client();
    const bytes = Uint8Array.of(0, 255, 10, 13);
    const send = async (options: Parameters<TestClient['post']>[1]): Promise<string> => {
      const response = await it.post('/echo', options);
      expect(response).toMatchObject({ status: 201, reason: 'Made' });
      return response.body.toString('latin1');
    };
    expect(await send({ body: 'é' })).toBe('Ã©');
    expect(await send({ body: bytes })).toBe('\0\xff\n\r');
    expect(await send({ body: chunks(['str', 'eam']) })).toBe('stream');
    expect(await send({ body: new Blob(['blob']).stream() })).toBe('blob');
    expect(await send({ json: { a: [1] } })).toBe('{"a":[1]}');
    expect(await send({ form: { a: 'b c', d: '&' } })).toBe('a=b+c&d=%26');
    expect(await send({ body: new URLSearchParams({ a: 'b' }) })).toBe('a=b');
    const deleted = await it.delete('/echo', { body: chunks(['with a ', 'body']) });
    expect(deleted.text()).toBe('with a body');
    const form = new FormData();
    form.set('file', new Blob(['content']), 'name.txt');
    expect(await send({ body: form })).toMatch(/^------.*filename="name.txt".*content\r\n/s);
  });

  test('path, query and headers reach the environ', async () => {
    const response = await client().post('/environ', {
      query: { 'a b': 1, c: true },
      headers: { 'X-Own': 'é', Accept: '*/*' },
      json: {},
    });
    expect(response.json()).toMatchObject({
      REQUEST_METHOD: 'POST',
      PATH_INFO: '/environ',
      QUERY_STRING: 'a+b=1&c=true',
      REQUEST_URI: '/environ?a+b=1&c=true',
      CONTENT_TYPE: 'application/json',
      CONTENT_LENGTH: '2',
      HTTP_X_OWN: 'é',
      HTTP_ACCEPT: '*/*',
    });
  });

  test('the pieces of the body as they came', async () => {
    const pieces: string[] = [];
    const response = await client().get('/chunks', {
      onChunk: async (chunk) => {
        await new Promise(setImmediate);
        pieces.push(String(chunk));
      },
    });
    expect(response.outcome).toBe('complete');
    expect(response.text()).toBe('onetwothree');
    expect(response.chunks.map(String)).toEqual(pieces);
    if (isDirect) expect(pieces).toEqual(['one', 'two', 'three']);
  });

  test('a client that leaves in the middle', async () => {
    expectLeaving();
    const controller = new AbortController();
    const response = await client().get('/endless', {
      signal: controller.signal,
      onChunk: () => controller.abort(),
    });
    expect(response).toMatchObject({ status: 200, outcome: 'left' });
    expect(response.text()).toBe('begun');
    expect(await left).toBe('aborted');
  });

  test('a client that has left already', async () => {
    const response = await client().get('/hello', { signal: AbortSignal.abort() });
    expect(response).toMatchObject({ status: 0, reason: '', outcome: 'left', chunks: [] });
  });

  test('a response that breaks', async () => {
    const response = await client().get('/broken');
    expect(response).toMatchObject({ status: 200, outcome: 'broken' });
    expect('half'.startsWith(response.text())).toBe(true);
  });

  test('an error', async () => {
    const response = await client().get('/nowhere');
    expect(response).toMatchObject({ status: 500, outcome: 'complete' });
    expect(response.text()).not.toContain('no such path');
  });

  test('cookies, when they are to be kept', async () => {
    const forgetful = client();
    await forgetful.get('/login');
    expect((await forgetful.get('/environ')).json()).not.toHaveProperty('HTTP_COOKIE');
    const keeping = client({ cookies: true });
    expect((await keeping.get('/login')).status).toBe(204);
    expect(keeping.cookies!.get('user')).toBe('ada');
    expect((await keeping.get('/environ')).json()).toHaveProperty('HTTP_COOKIE', 'user=ada');
  });

  test('what the test throws itself comes back to it', async () => {
    const thrown = new Error('from the test');
    const onChunk = (): never => {
      throw thrown;
    };
    await expect(client().get('/hello', { onChunk })).rejects.toBe(thrown);
  });
}

describe('directly', () =>
  defineRequests((options) => testClient(app, { log: LOG, throwErrors: false, ...options }), true));

describe('over HTTP', () => {
  let server: Server;
  beforeAll(async () => {
    server = await runWithHttp(app, { listen: '127.0.0.1:0', log: LOG });
  });
  afterAll(() => server.close({ timeout: 0 }));
  defineRequests((options) => testClient(server, options));

  test('a body that fails is an error of the test', async () => {
    const thrown = new Error('upload');
    const body = (async function* (): AsyncGenerator<Buffer> {
      yield Buffer.from('x');
      throw thrown;
    })();
    await expect(testClient(server).post('/echo', { body })).rejects.toBe(thrown);
  });
});

describe('over HTTP on a unix socket', () => {
  let folder: string;
  let server: Server;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'postern-testing-'));
    server = await runWithHttp(app, { listen: `unix:${join(folder, 'http.sock')}`, log: LOG });
  });
  afterAll(async () => {
    await server.close({ timeout: 0 });
    rmSync(folder, { recursive: true });
  });
  defineRequests((options) => testClient(server, options));
});

describeWithServer('nginx', 'over FastCGI behind nginx', () => {
  let server: Server;
  let nginx: RunningServer;
  beforeAll(async () => {
    server = await runWithFastCgi(app, { listen: '127.0.0.1:0', log: LOG });
    const { port } = server.address() as AddressInfo;
    nginx = await startNginx({
      conf: 'nginx/fastcgi.conf',
      values: { upstream: `127.0.0.1:${port}`, mount: '' },
      extra: 'fastcgi_buffering off;',
    });
  });
  afterAll(async () => {
    await nginx?.stop();
    await server.close({ timeout: 0 });
  });
  defineRequests((options) => testClient(nginx.url, options));
});

test('a driver of the test’s own', async () => {
  const requests: TestRequest[] = [];
  const driver: TestDriver = {
    async send(request) {
      requests.push(request);
      return {
        status: '404 Gone Fishing',
        headers: [['Connection', 'close'], ...TEXT],
        chunks: [Buffer.from('no'), Buffer.from('thing')],
        outcome: 'broken',
        errors: 'said',
      };
    },
  };
  const response = await testClient(driver, { headers: { A: 'b' } }).put('/x?y', {
    query: 'z',
    body: 'in',
  });
  expect(requests).toEqual([
    {
      method: 'PUT',
      target: '/x?y&z',
      headers: [
        ['A', 'b'],
        ['Content-Length', '2'],
      ],
      body: Buffer.from('in'),
      environ: {},
      signal: undefined,
      onChunk: undefined,
    },
  ]);
  expect(response).toMatchObject({
    status: 404,
    reason: 'Gone Fishing',
    outcome: 'broken',
    errors: 'said',
  });
  expect(response.headers.toArray()).toEqual(TEXT);
  expect(response.text()).toBe('nothing');
});

describe('servers', () => {
  test('a server that closes without an answer', async () => {
    const server = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const response = await testClient(server).get('/');
    expect(response).toMatchObject({ status: 0, outcome: 'broken' });
    await new Promise((resolve) => server.close(resolve));
  });

  test('a server that is not there is an error of the test', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const gone = testClient(`http://127.0.0.1:${port}`).get('/');
    await expect(gone).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(() => testClient(server)).toThrow(UsageError);
  });

  test.each(['ftp://localhost/', 'https://localhost/'])('%s is refused', (url) => {
    expect(() => testClient(url)).toThrow(UsageError);
  });
});

test('what is no target, and no path', async () => {
  expect(() => testClient(5 as never)).toThrow(UsageError);
  expect(() => testClient(null as never)).toThrow(UsageError);
  await expect(testClient(app).get('hello')).rejects.toThrow(UsageError);
});
