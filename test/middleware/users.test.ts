/**
 * What users of the library write around applications, with the public surface alone and without a cast: middleware of each
 * kind, a router, a gateway, and the tests of them. Each runs around every shape of application.
 */

import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { Readable, pipeline } from 'node:stream';
import { createGzip, gunzipSync } from 'node:zlib';

import { describe, expect, test } from 'vitest';

import {
  BaseHandler,
  Headers,
  InputStream,
  addVariable,
  createAccessLog,
  createErrorStream,
  fromFetch,
  fromNode,
  mount,
  toFunction,
  validator,
  wrapBody,
} from '../../src/index.ts';
import type {
  Application,
  ApplicationFunction,
  Environ,
  ErrorStream,
  GatewayOptions,
  StartResponse,
  Variables,
} from '../../src/index.ts';
import { testClient } from '../../src/testing/index.ts';
import type { TestResponse } from '../../src/testing/index.ts';

/** What middleware adds to the environ has a type. */
declare module '../../src/index.ts' {
  interface Environ {
    'users.session'?: { visits: number };
    'users.params'?: Readonly<Record<string, string>>;
  }
}

const TEXT = [['Content-Type', 'text/plain']] as const;

class Greeting {
  constructor(_environ: Environ, startResponse: StartResponse) {
    startResponse('200 OK', TEXT);
  }
  *[Symbol.iterator](): Iterator<Uint8Array> {
    yield Buffer.from('hel');
    yield Buffer.from('lo');
  }
}

const greet: ApplicationFunction = (_environ, startResponse) => {
  startResponse('200 OK', TEXT);
  return [Buffer.from('hello')];
};

const SHAPES: readonly (readonly [kind: string, application: Application])[] = [
  ['a function', greet],
  ['a class', Greeting],
  ['an object', { call: greet }],
  ['an async function', async (environ, startResponse) => greet(environ, startResponse)],
  [
    'a generator function',
    function* generate(_environ, startResponse) {
      startResponse('200 OK', TEXT);
      yield Buffer.from('hello');
    },
  ],
  [
    'an async generator function',
    async function* generateLater(_environ, startResponse) {
      startResponse('200 OK', TEXT);
      yield Buffer.from('hello');
    },
  ],
  [
    'a Node listener',
    fromNode((_req, res) => void res.writeHead(200, { 'Content-Type': 'text/plain' }).end('hello')),
  ],
  ['a fetch handler', fromFetch(() => new Response('hello'))],
  ['a stream', streaming],
];

function streaming(_environ: Environ, startResponse: StartResponse): Readable {
  startResponse('200 OK', TEXT);
  return Readable.from([Buffer.from('hel'), Buffer.from('lo')]);
}

// ---- 1. headers

function withHeader(application: Application, name: string, value: string): ApplicationFunction {
  const call = toFunction(application);
  return (environ, startResponse) =>
    call(environ, (status, headers, ...excInfo) =>
      startResponse(status, [...headers, [name, value]], ...excInfo),
    );
}

function withStatus(application: Application, status: string): ApplicationFunction {
  const call = toFunction(application);
  return (environ, startResponse) =>
    call(environ, (_status, headers, ...excInfo) => startResponse(status, headers, ...excInfo));
}

// ---- 2. the body, through a stream of Node's

function gzip(application: Application): ApplicationFunction {
  const call = toFunction(application);
  return async (environ, startResponse) => {
    const body = await call(environ, (status, headers, ...excInfo) => {
      const changed = new Headers(headers).set('Content-Encoding', 'gzip');
      changed.delete('Content-Length');
      return startResponse(status, changed.toArray(), ...excInfo);
    });
    const zipped = createGzip();
    pipeline(Readable.from(body), zipped, () => {});
    return wrapBody(zipped, { close: () => body.close?.() });
  };
}

// ---- 3. one that answers itself

function onlyFor(user: string, application: Application): ApplicationFunction {
  const call = toFunction(application);
  const challenge = [...TEXT, ['WWW-Authenticate', 'Basic realm="here"']] as const;
  return (environ, startResponse) => {
    const { HTTP_AUTHORIZATION: authorization = '' } = environ;
    const credentials = Buffer.from(authorization.replace(/^Basic /i, ''), 'base64').toString();
    if (credentials.startsWith(`${user}:`)) return call(environ, startResponse);
    startResponse('401 Unauthorized', challenge);
    return [Buffer.from('who are you?\n')];
  };
}

function onlyForAda(application: Application): ApplicationFunction {
  return onlyFor('ada', application);
}

// ---- 4. time

function timed(
  application: Application,
  tell: (ms: number, uri: string) => void,
): ApplicationFunction {
  const call = toFunction(application);
  return (environ, startResponse) => {
    const start = performance.now();
    const close = (): void => tell(performance.now() - start, environ.REQUEST_URI);
    return wrapBody(call(environ, startResponse), { close });
  };
}

// ---- 5. a router

function router(routes: Readonly<Record<string, Application>>): ApplicationFunction {
  const compiled = Object.entries(routes).map(([route, application]) => {
    const pattern = route.replaceAll(/:(\w+)/g, '(?<$1>[^/]+)');
    return { pattern: new RegExp(`^${pattern}$`), call: toFunction(application) };
  });
  return (environ, startResponse) => {
    const method = environ.REQUEST_METHOD === 'HEAD' ? 'GET' : environ.REQUEST_METHOD;
    for (const { pattern, call } of compiled) {
      const match = pattern.exec(`${method} ${environ.PATH_INFO}`);
      if (match === null) continue;
      environ['users.params'] = match.groups ?? {};
      return call(environ, startResponse);
    }
    startResponse('404 Not Found', TEXT);
    return [Buffer.from('nothing here\n')];
  };
}

const named: ApplicationFunction = (environ, startResponse) => {
  startResponse('200 OK', TEXT);
  return [Buffer.from(environ['users.params']?.['name'] ?? '')];
};

// ---- one that puts a page of its own in place of a response

function notFoundPage(application: Application, page: Uint8Array): ApplicationFunction {
  const call = toFunction(application);
  return (environ, startResponse) => {
    let isReplaced = false;
    const body = call(environ, (status, headers, ...excInfo) => {
      isReplaced = status.startsWith('404');
      const write = startResponse(status, isReplaced ? TEXT : headers, ...excInfo);
      return (chunk) => (isReplaced ? undefined : write(chunk));
    });
    // Not before the hooks are called is it known: startResponse may be called late.
    return wrapBody(body, {
      transform: (chunk) => (isReplaced ? chunk.subarray(0, 0) : chunk),
      flush: () => (isReplaced ? page : undefined),
    });
  };
}

// ---- one that does not send what the application has made

function ignoring(application: Application): ApplicationFunction {
  const call = toFunction(application);
  return async (environ, startResponse) => {
    const body = await call(environ, () => () => undefined);
    await wrapBody(body).close();
    startResponse('200 OK', TEXT);
    return [Buffer.from('nothing of it')];
  };
}

// ---- 6. a session, which is stored at the end of the response

function sessions(application: Application, store: Map<string, string>): ApplicationFunction {
  const call = toFunction(application);
  return (environ, startResponse) => {
    const id = /(?:^|; )id=(\w+)/.exec(environ.HTTP_COOKIE ?? '')?.[1] ?? `s${store.size}`;
    const session: Environ['users.session'] = JSON.parse(store.get(id) ?? '{ "visits": 0 }');
    environ['users.session'] = session;
    const body = call(environ, (status, headers, ...excInfo) =>
      startResponse(status, [...headers, ['Set-Cookie', `id=${id}; HttpOnly`]], ...excInfo),
    );
    return wrapBody(body, { close: () => store.set(id, JSON.stringify(session)) });
  };
}

const counter: ApplicationFunction = (environ, startResponse) => {
  startResponse('200 OK', TEXT);
  const session = environ['users.session'];
  if (session !== undefined) session.visits++;
  return [Buffer.from(String(session?.visits))];
};

async function* slow(environ: Environ, startResponse: StartResponse): AsyncGenerator<Uint8Array> {
  startResponse('200 OK', TEXT);
  const session = environ['users.session']!;
  session.visits++;
  yield Buffer.from('x');
  if (environ.QUERY_STRING === 'fail') throw new Error('no more');
  await once(environ['postern.signal'], 'abort');
}

// ---- 7. a gateway: a request is a line, the response what CGI has, and the connection is closed after it

class LineHandler extends BaseHandler {
  override readonly gateway = 'line';
  readonly #socket: Socket;
  readonly #line: string;

  constructor(socket: Socket, line: string, options: GatewayOptions) {
    super(options);
    this.#socket = socket.on('close', () => this.disconnect());
    this.#line = line;
  }
  protected override addCgiVars(environ: Variables): void {
    const [method = '', path = ''] = this.#line.split(' ');
    addVariable(environ, 'REQUEST_METHOD', method);
    addVariable(environ, 'PATH_INFO', path);
    addVariable(environ, 'SERVER_PROTOCOL', 'LINE/1.0');
    addVariable(environ, 'REMOTE_ADDR', this.#socket.remoteAddress ?? '');
  }
  protected override getStdin(): InputStream {
    return new InputStream(this.contentLength);
  }
  protected override getStderr(): ErrorStream {
    return createErrorStream((text) => this.log.error(text));
  }
  protected override send(head: string, chunk: Uint8Array): boolean {
    this.#socket.write(head, 'latin1');
    return this.#socket.write(chunk);
  }
  protected override async drained(): Promise<void> {
    if (this.#socket.writableNeedDrain) await once(this.#socket, 'drain').catch(() => {});
  }
  protected override finish(head: string, last: Uint8Array = Buffer.alloc(0)): void {
    this.#socket.write(head, 'latin1');
    this.#socket.end(last);
  }
  protected override abandon(): void {
    this.#socket.resetAndDestroy();
  }
}

/** Asks such a gateway. */
async function askLine(
  application: Application,
  line: string,
  options: GatewayOptions,
): Promise<string> {
  const server = createServer((socket) => {
    socket.once('data', (data) => {
      void new LineHandler(socket, data.toString().trim(), options).run(application);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const socket = connect(port, '127.0.0.1').setEncoding('latin1');
  socket.write(`${line}\n`);
  let text = '';
  for await (const chunk of socket) text += chunk;
  server.close();
  return text;
}

// ---- 8. their tests

/** Middleware is checked from both sides. */
function ask(
  application: Application,
  middleware: (application: Application) => Application,
  headers: Readonly<Record<string, string>> = {},
): Promise<TestResponse> {
  return testClient(validator(middleware(validator(application))), { headers }).get('/x');
}

describe.each(SHAPES)('around %s', (kind, application) => {
  test('a header is added', async () => {
    const response = await ask(application, (inner) =>
      withHeader(inner, 'X-Frame-Options', 'DENY'),
    );
    expect(response.headers.get('X-Frame-Options')).toBe('DENY');
    expect(response.text()).toBe('hello');
  });

  test('the body goes through a stream', async () => {
    const response = await ask(application, gzip);
    expect(response.headers.get('Content-Encoding')).toBe('gzip');
    expect(String(gunzipSync(response.body))).toBe('hello');
  });

  test('one answers itself', async () => {
    expect((await ask(application, onlyForAda)).status).toBe(401);
    const authorization = `Basic ${Buffer.from('ada:secret').toString('base64')}`;
    expect((await ask(application, onlyForAda, { authorization })).text()).toBe('hello');
  });

  test('one times', async () => {
    const told: [number, string][] = [];
    await ask(application, (inner) => timed(inner, (...args) => told.push(args)));
    expect(told).toEqual([[expect.any(Number), '/x']]);
  });

  test('one routes', async () => {
    const client = testClient(router({ 'GET /hello/:name': application, 'POST /': counter }));
    expect((await client.get('/hello/ada')).text()).toBe('hello');
    expect((await client.get('/')).status).toBe(404);
    expect((await client.post('/')).text()).toBe('undefined');
  });

  test('one puts its own page in place of a response', async () => {
    const page = Buffer.from('look elsewhere');
    const replaced = (inner: Application): Application => notFoundPage(inner, page);
    expect((await ask(application, replaced)).text()).toBe('hello');
    const missing = withStatus(application, '404 Not Found');
    expect((await ask(missing, replaced)).text()).toBe('look elsewhere');
  });

  test('one ends what is not sent', async () => {
    expect((await ask(application, ignoring)).text()).toBe('nothing of it');
  });

  test('several around each other', async () => {
    const told: number[] = [];
    const response = await ask(application, (inner) =>
      withHeader(
        timed(mount({ '/x': gzip(inner) }), (ms) => told.push(ms)),
        'X-A',
        'b',
      ),
    );
    expect(String(gunzipSync(response.body))).toBe('hello');
    expect(response.headers.get('X-A')).toBe('b');
    expect(told).toHaveLength(1);
  });

  test('a gateway of one’s own serves it', async () => {
    const lines: string[] = [];
    const accessLog = createAccessLog('%(m)s %(U)s %(s)s', (line) => lines.push(line));
    const inner = withHeader(validator(application), 'X-A', 'b');
    const answer = await askLine(validator(inner), 'GET /x', { accessLog });
    expect(answer, kind).toMatch(/^Status: 200 OK\r\n[^]*\r\nX-A: b\r\n(?:[^]*\r\n)?\r\nhello$/);
    expect(lines).toEqual(['GET /x 200\n']);
  });
});

test('a session is stored at the end of each response', async () => {
  const store = new Map<string, string>();
  const client = testClient(validator(sessions(validator(counter), store)), { cookies: true });
  expect((await client.get('/')).text()).toBe('1');
  expect((await client.get('/')).text()).toBe('2');
  expect([...store]).toEqual([['s0', '{"visits":2}']]);
});

test('a session is stored also when the client leaves, or the body fails', async () => {
  const store = new Map<string, string>();
  const client = testClient(sessions(slow, store), { cookies: true, throwErrors: false });
  const leaving = new AbortController();
  const response = await client.get('/', {
    signal: leaving.signal,
    onChunk: () => leaving.abort(),
  });
  expect(response.outcome).toBe('left');
  expect([...store.values()]).toEqual(['{"visits":1}']);
  expect((await client.get('/?fail', { headers: { Cookie: 'id=s0' } })).outcome).toBe('broken');
  expect([...store.values()]).toEqual(['{"visits":2}']);
});

test('an application sees what the router has found', async () => {
  expect((await testClient(router({ 'GET /:name': named })).get('/ada')).text()).toBe('ada');
});
