/**
 * One table: what the gateways promise, for every shape of application, over HTTP and over FastCGI. Every column has the
 * same answer, or a reason in its cell.
 *
 * Over HTTP a Node listener gets node:http's own objects, so that each promise could be forgotten there. FastCGI shows what
 * the application gets when it moves behind a front end.
 */

import { once } from 'node:events';
import type { RequestListener } from 'node:http';

import { afterEach, describe, expect, test } from 'vitest';

import { FASTCGI_OPTIONS } from '../../adapters/fastcgi/options.ts';
import type { HttpOptions } from '../../adapters/http/index.ts';
import { fromFetch } from '../../src/apps/fetch/fetch.ts';
import { fromNode } from '../../src/apps/node/node.ts';
import type { MountedRequest } from '../../src/apps/node/native.ts';
import type { AccessEntry, Application, ApplicationFunction } from '../../src/types.ts';
import { serve as serveFastCgi } from '../fastcgi/kit.ts';
import { until } from '../kit.ts';
import { parse, serve as serveHttp } from './kit.ts';

// ---- the columns

const GATEWAYS = ['HTTP', 'FastCGI'] as const;
const SHAPES = [
  'an application',
  'a fetch handler',
  'a Node listener',
  'a Node listener inside a function',
] as const;
type Shape = (typeof SHAPES)[number];

/** Notes for the test what the application has seen. */
type Note = (what: unknown) => void;

/** The same behaviour in each shape. One that is missing cannot behave so. */
interface Behaviour {
  application?: (note: Note) => ApplicationFunction;
  fetch?: (note: Note) => (request: Request) => Response | Promise<Response>;
  listener?: (note: Note) => RequestListener;
}

function shaped(shape: Shape, behaviour: Behaviour, note: Note): Application | undefined {
  const { application, fetch, listener } = behaviour;
  switch (shape) {
    case 'an application':
      return application?.(note);
    case 'a fetch handler':
      return fetch && fromFetch(fetch(note));
    case 'a Node listener':
      return listener && fromNode(listener(note));
    case 'a Node listener inside a function': {
      const inside = listener && fromNode(listener(note));
      return inside && ((environ, startResponse) => inside(environ, startResponse));
    }
  }
}

// ---- a request, and what comes of it

interface Sent {
  method?: string;
  target?: string;
  headers?: readonly (readonly [name: string, value: string])[];
  body?: string;
  isChunked?: boolean;
  /** What the front end has found out of the visitor: headers of a proxy over HTTP, variables over FastCGI. */
  visitor?: { headers: readonly (readonly [string, string])[]; variables: Record<string, string> };
}

interface Outcome {
  /** `200 OK`. */
  status: string;
  /** Of the response, by name in lower case. */
  headers: Record<string, string>;
  body: string;
  /** Whether the client takes the response for a complete one. */
  isComplete: boolean;
  /** What the application has noted. */
  seen: unknown[];
  /** Log of the gateway and `wsgi.errors`. */
  log: string;
  entries: AccessEntry[];
}

type Options = Omit<Partial<HttpOptions>, 'listen'>;

async function overHttp(
  application: Application,
  sent: Sent,
  options: Options,
): Promise<Omit<Outcome, 'seen' | 'entries'>> {
  const { method = 'GET', target = '/', headers = [], body, isChunked, visitor } = sent;
  const gateway = await serveHttp(application, options);
  const lines = [...headers, ...(visitor?.headers ?? []), ['Connection', 'close'] as const];
  if (!lines.some(([name]) => name === 'Host')) lines.unshift(['Host', 'example.test']);
  if (body !== undefined) {
    lines.push(isChunked ? ['Transfer-Encoding', 'chunked'] : ['Content-Length', `${body.length}`]);
  }
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const content = isChunked ? `${body!.length.toString(16)}\r\n${body}\r\n0\r\n\r\n` : (body ?? '');
  const text = await gateway.talk(`${method} ${target} HTTP/1.1\r\n${head}\r\n${content}`);
  const answer = parse(text.replace(/^HTTP\/1.1 1\d\d .*?\r\n\r\n/s, ''));
  const fields = fieldsOf(answer.headers);
  const isBodiless = method === 'HEAD' || /^HTTP\/1.1 (?:204|304)/.test(answer.status);
  const chunks = fields['transfer-encoding'] === 'chunked' ? dechunk(answer.body) : undefined;
  const length = fields['content-length'];
  return {
    status: answer.status.replace(/^HTTP\/1.1 /, ''),
    headers: fields,
    body: chunks?.body ?? answer.body,
    isComplete:
      chunks?.isComplete ??
      (isBodiless ? answer.body === '' : length === undefined || answer.body.length === +length),
    log: gateway.log.join('\n') + gateway.errors.join('\n'),
  };
}

function dechunk(text: string): { body: string; isComplete: boolean } {
  let body = '';
  for (let at = 0; ;) {
    const end = text.indexOf('\r\n', at);
    const size = Number.parseInt(text.slice(at, end), 16);
    if (end < 0) return { body, isComplete: false };
    if (size === 0) return { body, isComplete: text.slice(end) === '\r\n\r\n' };
    body += text.slice(end + 2, end + 2 + size);
    at = end + 2 + size + 2;
  }
}

async function overFastCgi(
  application: Application,
  sent: Sent,
  { forwardedAllowIps: _http, ...options }: Options,
): Promise<Omit<Outcome, 'seen' | 'entries'>> {
  const { method = 'GET', target = '/', headers = [], body, isChunked, visitor } = sent;
  const [path = '', query = ''] = target.split('?');
  const params: Record<string, string> = {
    REQUEST_METHOD: method,
    REQUEST_URI: target,
    PATH_INFO: unescape(path),
    QUERY_STRING: query,
    HTTP_HOST: 'example.test',
    REMOTE_ADDR: '127.0.0.1',
    SERVER_PROTOCOL: 'HTTP/1.1',
  };
  for (const [name, value] of headers) {
    // What front ends do with these, see conf/README.md.
    if (!name.includes('_')) params[`HTTP_${name.toUpperCase().replaceAll('-', '_')}`] = value;
  }
  if (isChunked) params['CONTENT_LENGTH'] = '-1'; // as Caddy
  Object.assign(params, visitor?.variables);
  const errors: string[] = [];
  const known = Object.entries(options).filter(([name]) => name in FASTCGI_OPTIONS);
  const gateway = await serveFastCgi(application, Object.fromEntries(known));
  const answer = await gateway.request({
    params,
    ...(body === undefined ? {} : { stdin: body }),
  });
  const { status = '', ...fields } = fieldsOf(answer.head.split('\r\n'));
  const length = fields['content-length'];
  const isBodiless = method === 'HEAD' || /^(?:204|304)/.test(status);
  return {
    status,
    headers: fields,
    body: answer.text,
    isComplete:
      answer.end !== undefined &&
      (isBodiless || length === undefined || answer.text.length === Number(length)),
    log: gateway.log.join('\n') + errors.join('\n') + answer.stderr,
  };
}

function fieldsOf(lines: readonly string[]): Record<string, string> {
  const pairs = lines.map((line) => /^([^:]+): ?(.*)$/.exec(line)!.slice(1) as [string, string]);
  return Object.fromEntries(pairs.map(([name, value]) => [name.toLowerCase(), value]));
}

// ---- the table

interface Row {
  /** Of README.md, src/README.md and adapters/README.md. */
  promise: string;
  sent?: Sent;
  options?: Options;
  behaviour: Behaviour;
  /** What is compared. */
  of: (outcome: Outcome) => unknown;
  is: unknown;
  /** Columns that differ: why, and what is there instead; `undefined` if the row is not for that column. */
  but?: readonly { where: RegExp; why: string; is?: unknown }[];
}

const FRONT_END = 'it is the front end that does it';

/** Answers with a text. */
const SAYS = (text: string): Behaviour => ({
  application: () => (_environ, startResponse) => {
    startResponse('200 OK', [['Content-Type', 'text/plain']]);
    return [Buffer.from(text)];
  },
  fetch: () => () => new Response(text),
  listener: () => (_req, res) => void res.end(text),
});

/** Answers with the body of the request. */
const ECHOES: Behaviour = {
  application: () => async (environ, startResponse) => {
    const body = await environ['wsgi.input'].read();
    startResponse('200 OK', []);
    return [body];
  },
  fetch: () => async (request) => new Response(await request.text()),
  listener: () => (req, res) => {
    let body = '';
    req.on('data', (chunk) => (body += String(chunk)));
    req.on('end', () => res.end(body));
  },
};

/** Answers with this head and this body, in pieces if they are many. */
function answers(
  code: number,
  headers: readonly (readonly [string, string])[],
  ...body: string[]
): Behaviour {
  return {
    application: () => (_environ, startResponse) => {
      startResponse(`${code} Some Reason`, headers);
      return body.map((text) => Buffer.from(text));
    },
    listener: () => (_req, res) => {
      res.writeHead(code, 'Some Reason', Object.fromEntries(headers));
      for (const text of body.slice(0, -1)) res.write(text);
      res.end(body.at(-1));
    },
  };
}

/** The same with setHeader and a status code. */
function sets(
  code: number,
  headers: readonly (readonly [string, string])[],
  ...body: string[]
): Behaviour {
  return {
    listener: () => (_req, res) => {
      res.statusCode = code;
      for (const [name, value] of headers) res.setHeader(name, value);
      for (const text of body.slice(0, -1)) res.write(Buffer.from(text));
      if (body.length === 0) res.end();
      else res.end(body.at(-1), 'latin1');
    },
  };
}

/** Tells of the visitor. */
const SEES: Behaviour = {
  application: (note) => (environ, startResponse) => {
    note({
      address: environ['REMOTE_ADDR'],
      isHttps: environ['wsgi.url_scheme'] === 'https',
      host: environ['HTTP_HOST'],
      mount: environ.SCRIPT_NAME,
      url: environ.PATH_INFO + (environ.QUERY_STRING && `?${environ.QUERY_STRING}`),
      whole: environ.REQUEST_URI,
      port: environ.SERVER_PORT,
    });
    startResponse('200 OK', []);
    return [];
  },
  listener: (note) => (req: MountedRequest, res) => {
    note({
      address: req.socket.remoteAddress,
      isHttps: (req.socket as { encrypted?: boolean }).encrypted === true,
      host: req.headers.host,
      mount: req.baseUrl ?? '',
      url: req.url,
      whole: req.originalUrl ?? req.url,
      port: String(req.socket.localPort),
    });
    res.end();
  },
};

/** Tells of its headers. */
const SEES_HEADERS: Behaviour = {
  application: (note) => (environ, startResponse) => {
    note(
      Object.entries(environ)
        .filter(([name]) => name.startsWith('HTTP_'))
        .map(([name, value]) => [name.slice(5).toLowerCase().replaceAll('_', '-'), value]),
    );
    startResponse('200 OK', []);
    return [];
  },
  fetch: (note) => (request) => {
    note([...request.headers]);
    return new Response();
  },
  listener: (note) => (req, res) => {
    note(Object.entries(req.headers));
    expect(Object.keys(req.headersDistinct).toSorted()).toEqual(
      Object.keys(req.headers).toSorted(),
    );
    const raw = req.rawHeaders.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase());
    expect([...new Set(raw)].toSorted()).toEqual(Object.keys(req.headers).toSorted());
    res.end();
  },
};

const visitor: Sent['visitor'] = {
  headers: [
    ['Host', 'app.internal'],
    ['X-Forwarded-For', '6.6.6.6, 203.0.113.9'],
    ['X-Forwarded-Proto', 'https'],
    ['X-Forwarded-Host', 'shop.example'],
    ['X-Forwarded-Prefix', '/shop'],
  ],
  variables: {
    REMOTE_ADDR: '203.0.113.9',
    HTTPS: 'on',
    HTTP_HOST: 'shop.example',
    SERVER_PORT: '443',
    SCRIPT_NAME: '/shop',
    REQUEST_URI: '/shop/x%20y?z',
  },
};

const names = (outcome: Outcome): string[] =>
  (outcome.seen[0] as [string, unknown][])
    .map(([name]) => name)
    .filter((name) => !/^(?:host|connection)$/.test(name));
const response = ({ status, body, isComplete }: Outcome): unknown => ({ status, body, isComplete });
const failed = {
  status: '500 Internal Server Error',
  body: 'A server error occurred. Please contact the administrator.',
  isComplete: true,
};
const logged = ({ entries }: Outcome): unknown =>
  entries.map(({ status, bytes, headers }) => ({
    status: status.slice(0, 3),
    bytes,
    type: headers.find(([name]) => name.toLowerCase() === 'content-type')?.[1],
    length: headers.find(([name]) => name.toLowerCase() === 'content-length')?.[1],
    others: headers.filter(([name]) => /^(?:server|connection|keep-alive|transfer)/i.test(name)),
  }));
const line = (bytes: number, type?: string, length?: string, status = '200'): unknown => [
  { status, bytes, type, length, others: [] },
];

const ROWS: readonly Row[] = [
  // ---- what the application sees
  {
    promise: 'the visitor behind a trusted proxy: address, scheme, Host, mount',
    sent: { target: '/x%20y?z', visitor },
    options: {
      forwardedAllowIps: ['127.0.0.1'],
      forwardedHeaders: { prefix: 'X-Forwarded-Prefix' },
    },
    behaviour: SEES,
    of: ({ seen }) => seen,
    is: [
      {
        address: '203.0.113.9',
        isHttps: true,
        host: 'shop.example',
        mount: '/shop',
        url: '/x%20y?z',
        whole: '/shop/x%20y?z',
        port: '443',
      },
    ],
    but: [
      {
        where: /^an application/,
        why: 'PATH_INFO is decoded',
        is: [expect.objectContaining({ address: '203.0.113.9', mount: '/shop', url: '/x y?z' })],
      },
    ],
  },
  {
    promise: 'nothing of a peer that is no trusted proxy',
    sent: { visitor: { headers: visitor.headers, variables: { HTTP_HOST: 'app.internal' } } },
    options: { forwardedAllowIps: ['10.0.0.1'] },
    behaviour: SEES,
    of: ({ seen }) => seen,
    is: [
      expect.objectContaining({
        address: '127.0.0.1',
        isHttps: false,
        host: 'app.internal',
        mount: '',
      }),
    ],
  },
  {
    promise: '--script-name',
    sent: { target: '/app/x?y' },
    options: { scriptName: '/app' },
    behaviour: SEES,
    of: ({ seen }) => seen,
    is: [expect.objectContaining({ mount: '/app', url: '/x?y', whole: '/app/x?y' })],
  },
  {
    promise: '--script-name, and a path that is not below it',
    sent: { target: '/apple?y' },
    options: { scriptName: '/app' },
    behaviour: SEES,
    of: ({ seen }) => seen,
    is: [expect.objectContaining({ mount: '', url: '/apple?y', whole: '/apple?y' })],
  },
  {
    promise: 'a target in absolute form is the path, and its host counts more than Host',
    sent: {
      target: 'http://other.test/x?y',
      visitor: {
        headers: [],
        variables: {
          REQUEST_URI: 'http://other.test/x?y',
          PATH_INFO: '/x',
          QUERY_STRING: 'y',
          HTTP_HOST: 'other.test',
        },
      },
    },
    behaviour: SEES,
    of: ({ seen }) => seen,
    is: [expect.objectContaining({ host: 'other.test', url: '/x?y' })],
  },
  {
    promise: 'headers with `_`, and Proxy, are dropped',
    sent: {
      headers: [
        ['X_Real_Ip', '6.6.6.6'],
        ['Proxy', 'http://evil.test'],
        ['X-Kept', 'a'],
      ],
    },
    behaviour: SEES_HEADERS,
    of: names,
    is: ['x-kept'],
  },
  {
    promise: 'underscoreHeaders lets them through',
    sent: {
      headers: [
        ['X_Real_Ip', '6.6.6.6'],
        ['X_Other', 'b'],
      ],
    },
    options: { underscoreHeaders: ['X_Real_IP'] },
    behaviour: SEES_HEADERS,
    of: names,
    is: ['x-real-ip'],
    but: [
      {
        where: /^a Node listener over HTTP/,
        why: 'it has the name as it was sent',
        is: ['x_real_ip'],
      },
      { where: /FastCGI/, why: FRONT_END, is: [] },
    ],
  },
  // ---- the body of the request
  {
    promise: 'maxBodySize, by Content-Length',
    sent: { method: 'POST', body: 'x'.repeat(200) },
    options: { maxBodySize: 100 },
    behaviour: ECHOES,
    of: response,
    is: { status: '413 Content Too Large', body: 'Content Too Large\n', isComplete: true },
    but: [{ where: /FastCGI/, why: FRONT_END, is: expect.objectContaining({ status: '200 OK' }) }],
  },
  {
    promise: 'maxBodySize, of a chunked body',
    sent: { method: 'POST', body: 'x'.repeat(200), isChunked: true },
    options: { maxBodySize: 100 },
    behaviour: ECHOES,
    of: response,
    is: { status: '413 Content Too Large', body: 'Content Too Large\n', isComplete: true },
    but: [{ where: /FastCGI/, why: FRONT_END, is: expect.objectContaining({ status: '200 OK' }) }],
  },
  {
    promise: 'a chunked body within maxBodySize arrives',
    sent: { method: 'POST', body: 'x'.repeat(100), isChunked: true },
    options: { maxBodySize: 100 },
    behaviour: ECHOES,
    of: response,
    is: { status: '200 OK', body: 'x'.repeat(100), isComplete: true },
  },
  // ---- the response
  ...[answers, sets].flatMap((make): Row[] => [
    {
      promise: `never more bytes than Content-Length (${make.name})`,
      behaviour: make(200, [['Content-Length', '5']], 'hel', 'lo, and more', 'HTTP/1.1 200 OK'),
      of: (outcome) => [response(outcome), outcome.log],
      is: [
        { status: expect.stringMatching(/^200 /), body: 'hello', isComplete: true },
        expect.stringMatching(
          /^(?!.*excess.*excess).*Content-Length of 5 bytes; the excess was dropped/s,
        ),
      ],
    },
    {
      promise: `a response that is shorter than its Content-Length is broken (${make.name})`,
      behaviour: make(200, [['Content-Length', '50']], 'hello'),
      of: ({ body, isComplete, log }) => [body, isComplete, log],
      is: ['hello', false, expect.stringContaining('45 bytes before its Content-Length')],
    },
    {
      promise: `204 has no Content-Length (${make.name})`,
      behaviour: make(204, [['Content-Length', '5']], 'hello'),
      of: ({ status, headers, body }) => [status.slice(0, 3), headers['content-length'], body],
      is: ['204', undefined, ''],
    },
    {
      promise: `a final status is 200 or above (${make.name})`,
      behaviour: make(103, [], 'hello'),
      of: response,
      is: failed,
    },
    {
      promise: `a malformed Content-Length is an error (${make.name})`,
      behaviour: make(200, [['Content-Length', 'five']], 'hello'),
      of: response,
      is: failed,
    },
    {
      promise: `HEAD has the headers of GET and no body (${make.name})`,
      sent: { method: 'HEAD' },
      behaviour: make(200, [['Content-Length', '5']], 'hello'),
      of: ({ status, headers, body }) => [status.slice(0, 3), headers['content-length'], body],
      is: ['200', '5', ''],
    },
    {
      promise: `Server is sent (${make.name})`,
      behaviour: make(200, [], 'hello'),
      of: ({ headers }) => headers['server'],
      is: 'postern',
      but: [{ where: /FastCGI/, why: FRONT_END, is: undefined }],
    },
    {
      promise: `serverHeader: false sends none (${make.name})`,
      options: { serverHeader: false },
      behaviour: make(200, [], 'hello'),
      of: ({ headers }) => headers['server'],
      is: undefined,
    },
    {
      promise: `a Server of the application stays (${make.name})`,
      behaviour: make(200, [['server', 'mine']], 'hello'),
      of: ({ headers }) => headers['server'],
      is: 'mine',
    },
  ]),
  {
    promise: 'a Content-Length that comes twice is an error',
    behaviour: {
      application: () => (_environ, startResponse) => {
        startResponse('200 OK', [
          ['Content-Length', '5'],
          ['content-length', '6'],
        ]);
        return [Buffer.from('hello!')];
      },
      listener: () => (_req, res) => {
        res.writeHead(200, ['Content-Length', '5', 'content-length', '6']).end('hello!');
      },
    },
    of: response,
    is: failed,
  },
  // ---- errors
  {
    promise: 'an error before the head is answered 500, without what was set before',
    behaviour: {
      application: () => async (_environ, startResponse) => {
        startResponse('200 OK', [['X-Secret', '1']]);
        await Promise.resolve();
        throw new Error('the reason');
      },
      fetch: () => async () => Promise.reject(new Error('the reason')),
      listener: () => async (_req, res) => {
        res.setHeader('X-Secret', '1');
        // As middleware does it.
        res.writeHead = () => res.setHeader('X-Secret', '2');
        res.end = () => res;
        await Promise.resolve();
        throw new Error('the reason');
      },
    },
    of: (outcome) => [response(outcome), outcome.headers['x-secret'], outcome.log],
    is: [failed, undefined, expect.stringContaining('the reason')],
  },
  {
    promise: 'after the head the response is broken',
    behaviour: {
      application: () => (_environ, startResponse) =>
        (async function* () {
          startResponse('200 OK', []);
          yield Buffer.from('begun');
          throw new Error('the reason');
        })(),
      listener: () => async (_req, res) => {
        res.write('begun');
        await new Promise((resolve) => setImmediate(resolve));
        throw new Error('the reason');
      },
    },
    of: ({ body, isComplete, log }) => [body, isComplete, log],
    is: ['begun', false, expect.stringContaining('the reason')],
  },
  {
    promise: 'what is written after the answer to an error is not sent, and ends no process',
    behaviour: {
      application: (note) => (_environ, startResponse) => {
        const write = startResponse('200 OK', []);
        setTimeout(() => {
          try {
            void write(Buffer.from('late'));
          } catch {
            // the contract says so
          }
          note('written');
        }, 20);
        throw new Error('the reason');
      },
      listener: (note) => (_req, res) => {
        setTimeout(() => {
          res.write('late');
          res.end('late');
          note('written');
        }, 20);
        throw new Error('the reason');
      },
    },
    of: response,
    is: failed,
  },
  {
    promise: 'what is written while the error page is being made is not sent',
    options: { errorPage: true },
    sent: {
      headers: [
        ['Host', 'localhost'],
        ['Accept', 'text/html'],
      ],
    },
    behaviour: {
      application: () => async (_environ, startResponse) => {
        const write = startResponse('200 OK', []);
        setImmediate(() => {
          try {
            void write(Buffer.from('late'));
          } catch {
            // the contract says so
          }
        });
        throw new Error('the reason');
      },
      listener: () => (_req, res) => {
        setImmediate(() => res.end('late'));
        throw new Error('the reason');
      },
    },
    of: ({ status, body, isComplete }) => [status, /<html/i.test(body), isComplete],
    is: ['500 Internal Server Error', true, true],
    but: [
      {
        where: /FastCGI/,
        why: 'only HTTP has an error page',
        is: ['500 Internal Server Error', false, true],
      },
    ],
  },
  {
    promise: 'of what a listener returns only promises of JavaScript are looked at',
    behaviour: {
      listener: (note) => (_req, res) => {
        res.end('hello');
        // oxlint-disable-next-line unicorn/no-thenable -- that is what is tested
        return { then: () => note('a query is sent') } as unknown as undefined;
      },
    },
    of: ({ body, log, seen }) => [body, log, seen],
    is: ['hello', '', []],
  },
  {
    promise: 'what is written after the end is not sent, ends no process, and is told of',
    behaviour: {
      application: (note) => (_environ, startResponse) => {
        const write = startResponse('200 OK', []);
        setTimeout(() => {
          try {
            void write(Buffer.from('late'));
          } catch (error) {
            note(String(error));
          }
        }, 20);
        return [Buffer.from('hello')];
      },
      listener: () => (_req, res) => {
        res.end('hello');
        res.write('late');
        res.end('later');
      },
    },
    of: ({ body, isComplete, log }) => [body, isComplete, log],
    is: ['hello', true, expect.stringContaining('wrote after the end of its response')],
    but: [{ where: /^an application/, why: 'write() throws', is: ['hello', true, ''] }],
  },
  {
    promise: 'so is what is written after the end of a large response',
    behaviour: {
      listener: (note) => (_req, res) => {
        res.end('x'.repeat(300_000));
        res.write('late', (error) => note((error as NodeJS.ErrnoException).code));
      },
    },
    of: ({ body, isComplete, log, seen }) => [body.length, isComplete, log, seen],
    is: [
      300_000,
      true,
      expect.stringContaining('wrote after the end of its response'),
      ['ERR_STREAM_WRITE_AFTER_END'],
    ],
  },
  ...[5, 300_000].map((size): Row => ({
    promise: `a listener for 'error' gets it, once, of a response of ${size} bytes`,
    behaviour: {
      listener: (note) => (_req, res) => {
        res.on('error', (error: NodeJS.ErrnoException) => note(error.code));
        res.on('close', () => note('close'));
        res.end('x'.repeat(size));
        res.write('late');
      },
    },
    of: ({ body, isComplete, log, seen }) => [body.length, isComplete, log, seen],
    is: [size, true, '', ['ERR_STREAM_WRITE_AFTER_END', 'close']],
  })),
  {
    promise: 'responseTimeout is answered 503, and what comes later is not sent',
    options: { responseTimeout: 20 },
    behaviour: {
      application: () => async (environ, startResponse) => {
        await once(environ['postern.signal'], 'abort');
        startResponse('200 OK', []);
        return [Buffer.from('late')];
      },
      listener: () => (_req, res) => void res.on('close', () => res.end('late')),
    },
    of: response,
    is: expect.objectContaining({ status: '503 Service Unavailable', isComplete: true }),
  },
  {
    promise: 'a listener that is an application in fact is told so',
    behaviour: { listener: () => (() => [Buffer.from('hello')]) as unknown as RequestListener },
    of: (outcome) => [response(outcome), outcome.log],
    is: [failed, expect.stringContaining('--interface wsgi')],
  },
  {
    promise: 'a response that the listener destroys is answered 500',
    behaviour: { listener: () => (_req, res) => void res.destroy() },
    of: response,
    is: failed,
    but: [
      {
        where: /^a Node listener over HTTP/,
        why: "the connection is node:http's, which closes it",
        is: { status: '', body: '', isComplete: true },
      },
    ],
  },
  {
    promise: 'responseTimeout is for the head alone',
    options: { responseTimeout: 20 },
    behaviour: {
      application: () => (_environ, startResponse) =>
        (async function* () {
          startResponse('200 OK', []);
          yield Buffer.from('first, ');
          await new Promise((resolve) => setTimeout(resolve, 200));
          yield Buffer.from('last');
        })(),
      listener: () => (_req, res) => {
        res.write('first, ');
        setTimeout(() => res.end('last'), 200);
      },
    },
    of: response,
    is: { status: '200 OK', body: 'first, last', isComplete: true },
  },
  // ---- the access log
  {
    promise: 'the access log has the bytes and the headers: a whole body',
    behaviour: {
      application: SAYS('hällo').application!,
      listener: () => (_req, res) =>
        void res.writeHead(200, { 'Content-Type': 'text/plain' }).end('hällo'),
    },
    of: logged,
    is: line(6, 'text/plain', '6'),
    but: [
      {
        where: /^a Node listener over HTTP/,
        why: 'writeHead() comes before the length is known',
        is: line(6, 'text/plain'),
      },
    ],
  },
  {
    promise: 'the access log has the bytes and the headers: pieces',
    behaviour: {
      application: () => (_environ, startResponse) => {
        startResponse('200 OK', [['Content-Type', 'text/plain']]);
        return [Buffer.from('one'), Buffer.from('two')];
      },
      listener: () => (_req, res) => {
        res.setHeader('Content-Type', 'text/plain');
        res.write('one');
        res.end('two');
      },
    },
    of: logged,
    is: line(6, 'text/plain'),
  },
  {
    promise: 'the access log has the bytes and the headers: more than Content-Length',
    behaviour: answers(
      200,
      [
        ['Content-Type', 'text/plain'],
        ['Content-Length', '5'],
      ],
      'hello, and more',
    ),
    of: logged,
    is: line(5, 'text/plain', '5'),
  },
  {
    promise: 'the access log has the bytes and the headers: HEAD',
    sent: { method: 'HEAD' },
    behaviour: answers(
      200,
      [
        ['Content-Type', 'text/plain'],
        ['Content-Length', '5'],
      ],
      'hello',
    ),
    of: logged,
    is: line(0, 'text/plain', '5'),
  },
  {
    promise: 'the access log has the bytes and the headers: an error',
    behaviour: {
      application: () => () => {
        throw new Error('the reason');
      },
      listener: () => () => {
        throw new Error('the reason');
      },
    },
    of: logged,
    is: line(failed.body.length, 'text/plain; charset=utf-8', String(failed.body.length), '500'),
  },
  {
    promise: 'the access log has the bytes and the headers: a response that broke off',
    behaviour: answers(200, [['Content-Length', '50']], 'hello'),
    of: logged,
    is: line(5, undefined, '50'),
  },
];

afterEach(() => {
  expect(uncaught).toEqual([]);
});
const uncaught: unknown[] = [];
process.on('uncaughtException', (error) => void uncaught.push(error));

describe.each(ROWS)('$promise', ({ sent = {}, options = {}, behaviour, of, is, but = [] }) => {
  for (const gateway of GATEWAYS) {
    for (const shape of SHAPES) {
      const column = `${shape} over ${gateway}`;
      const seen: unknown[] = [];
      const application = shaped(shape, behaviour, (what) => void seen.push(what));
      if (application === undefined) continue;
      const other = but.find(({ where }) => where.test(column));
      test(other === undefined ? column : `${column}: not so, ${other.why}`, async () => {
        const entries: AccessEntry[] = [];
        const errors: string[] = [];
        const run = gateway === 'HTTP' ? overHttp : overFastCgi;
        const outcome = await run(application, sent, {
          ...options,
          accessLog: (entry) => void entries.push(entry),
        });
        if (outcome.status !== '') await until(() => entries.length > 0);
        await new Promise((resolve) => setTimeout(resolve, 50)); // for what is written too late
        expect(of({ ...outcome, log: outcome.log + errors.join(''), seen, entries })).toEqual(
          other === undefined ? is : other.is,
        );
      });
    }
  }
});
