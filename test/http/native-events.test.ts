/**
 * What a Node listener sees when the gateway answers in its place, or when the connection fails: the events of node:http,
 * and no 'finish' of a response that is not the listener's.
 */

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { RequestListener, ServerOptions } from 'node:http';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';

import { describe, expect, it } from 'vitest';

import type { HttpOptions } from '../../adapters/http/index.ts';
import { fromNode } from '../../src/apps/node/node.ts';
import { isOver, watched } from '../apps/node/events-kit.ts';
import type { Listener } from '../apps/node/events-kit.ts';
import { request, serve, until } from './kit.ts';

const CHUNKED = request('POST / HTTP/1.1', 'Transfer-Encoding: chunked');
const BAD_CHUNK = `${CHUNKED}5\r\nhello\r\nno size\r\n`;
const UNFINISHED = request('POST / HTTP/1.1', 'Content-Length: 9') + 'abc';

const WHOLE = request('POST / HTTP/1.1', 'Content-Length: 3') + 'abc';

interface Sent {
  bytes: string;
  /** How the client leaves when the listener has run. */
  leaves?: 'ends' | 'resets';
}

/** The answer, and when all is over the events. */
async function ask(port: number, sent: Sent, seen: string[]): Promise<string> {
  const client = connect(port, '127.0.0.1').on('error', () => {});
  let answer = '';
  client.on('data', (piece: Buffer) => (answer += String(piece)));
  client.write(sent.bytes);
  if (sent.leaves !== undefined) {
    await until(() => seen.includes('listener'));
    if (sent.leaves === 'ends') client.end();
    else client.resetAndDestroy();
  }
  await until(() => isOver(seen) && client.closed);
  client.destroy();
  return answer;
}

interface Outcome {
  seen: string[];
  answer: string;
  log: string;
}

async function underNode(listener: Listener, sent: Sent, options: ServerOptions): Promise<Outcome> {
  const seen: string[] = [];
  const server = createServer(options, watched(listener, seen)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const answer = await ask((server.address() as AddressInfo).port, sent, seen);
  server.close();
  return { seen, answer, log: '' };
}

async function underPostern(
  listener: Listener,
  sent: Sent,
  options: Partial<HttpOptions> = {},
): Promise<Outcome> {
  const seen: string[] = [];
  const gateway = await serve(fromNode(watched(listener, seen)), options);
  const answer = await ask(gateway.port, sent, seen);
  return { seen, answer, log: gateway.log.concat(gateway.errors).join('\n') };
}

const nothing: Listener = () => {};
const read: Listener = (req) => void req.resume();
const counts: Listener = (req, _, seen) =>
  void req.on('close', () => seen.push(`${req.readableLength} bytes are left`));
const begin: Listener = (_, res) => void res.write('x');

/** The socket is closed when the client has read the answer: node:http may reset the connection before. */
function exceptTheSocket(events: readonly string[]): string[] {
  return events.filter((event) => !/^socket (?:end|finish|close)$/.test(event));
}

describe('the events are those of node:http, in their order:', () => {
  const TIMEOUT = { requestTimeout: 50, headersTimeout: 40 };
  it.each<[string, Listener, Sent, object?]>([
    ['a chunk that is none, in a body that is not read', nothing, { bytes: BAD_CHUNK }],
    ['a chunk that is none, in a body that is read', read, { bytes: BAD_CHUNK }],
    ['a chunk that is none, and a response that has begun', begin, { bytes: BAD_CHUNK }],
    ['requestTimeout', nothing, { bytes: UNFINISHED }, TIMEOUT],
    ['requestTimeout of a body that is read', read, { bytes: UNFINISHED }, TIMEOUT],
    ['requestTimeout, and a response that has begun', begin, { bytes: UNFINISHED }, TIMEOUT],
    ['an upload that the client ends too early', nothing, { bytes: UNFINISHED, leaves: 'ends' }],
    ['one that is read', read, { bytes: UNFINISHED, leaves: 'ends' }],
    ['one with a response that has begun', begin, { bytes: UNFINISHED, leaves: 'ends' }],
    ['an upload that the client cuts off', read, { bytes: UNFINISHED, leaves: 'resets' }],
    [
      'a body that has come whole, of a client that leaves',
      counts,
      { bytes: WHOLE, leaves: 'ends' },
    ],
    ['a client that leaves', nothing, { bytes: request(), leaves: 'ends' }],
    ['a client that resets the connection', nothing, { bytes: request(), leaves: 'resets' }],
  ])('%s', async (_, listener, sent, options = {}) => {
    const expected = await underNode(listener, sent, {
      ...options,
      connectionsCheckingInterval: 10,
    });
    const outcome = await underPostern(listener, sent, options);
    expect(exceptTheSocket(outcome.seen)).toEqual(exceptTheSocket(expected.seen));
    if (sent.leaves !== undefined) return; // a client that has closed its side is taken for gone: it gets no answer
    expect(outcome.answer.split('\r\n', 1)).toEqual(expected.answer.split('\r\n', 1));
    expect(outcome.answer).toMatch(/^$|^HTTP\/1.1 4[^]*\r\n\r\n[A-Z].*\n$|^HTTP\/1.1 200 /);
  });
});

const fails: Listener = () => {
  throw new Error('no answer');
};
const failsLater: Listener = () => Promise.reject(new Error('no answer')) as unknown as undefined;

describe('a listener whose request the gateway answers gets no event of that answer:', () => {
  const ABORTED = ['req aborted', 'res close', 'req error ECONNRESET', 'req close'];
  const LIMIT = 'ERR_POSTERN_LIMIT';
  const LIMITED = [
    `socket error ${LIMIT}`,
    'req aborted',
    'res close',
    `req error ${LIMIT}`,
    'req close',
  ];
  const LONG = { bytes: `${CHUNKED}14\r\n${'x'.repeat(20)}\r\n` };
  it.each<[string, number, readonly string[], Listener, Sent, Partial<HttpOptions>?]>([
    ['throws', 500, ABORTED, fails, { bytes: request() }],
    ['rejects', 500, ABORTED, failsLater, { bytes: request() }],
    ['throws, with an upload', 500, ABORTED, fails, { bytes: UNFINISHED }],
    [
      'rejects, with an error page',
      500,
      ABORTED,
      failsLater,
      { bytes: request('GET / HTTP/1.1', 'Accept: text/html') },
      { errorPage: true },
    ],
    ['maxBodySize', 413, LIMITED, read, LONG, { maxBodySize: 10 }],
    [
      'maxBodySize, with a head that was set',
      413,
      LIMITED,
      (req, res) => {
        res.setHeader('X-Own', '1').statusCode = 201;
        req.resume();
      },
      LONG,
      { maxBodySize: 10 },
    ],
    ['bodyTimeout', 408, LIMITED, read, { bytes: UNFINISHED }, { bodyTimeout: 40 }],
    ['responseTimeout', 503, LIMITED, nothing, { bytes: request() }, { responseTimeout: 40 }],
    [
      'responseTimeout, with an upload',
      503,
      LIMITED,
      nothing,
      { bytes: UNFINISHED },
      { responseTimeout: 40 },
    ],
  ])('%s', async (_, status, expected, listener, sent, options) => {
    const { seen, answer, log } = await underPostern(listener, sent, options);
    expect(exceptTheSocket(seen).filter((event) => event !== 'listener')).toEqual(expected);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} [^]*\r\nConnection: close\r\n`));
    expect(answer).toMatch(/\r\nServer: postern\r\n/);
    expect(answer).not.toContain('X-Own');
    expect(log).not.toBe('');
  });

  it('sendTimeout', async () => {
    const seen: string[] = [];
    const gateway = await serve(
      fromNode(watched((_, res) => void res.end(Buffer.alloc(20 * 1024 * 1024)), seen)),
      { sendTimeout: 50 },
    );
    const client = await gateway.connect();
    client.socket.pause();
    client.send(request());
    await until(() => seen.includes('socket close'));
    client.leave();
    expect(seen).toContain(`socket error ${LIMIT}`);
  });

  it('a HEAD request gets the head alone', async () => {
    const { answer } = await underPostern(fails, { bytes: request('HEAD / HTTP/1.1') });
    expect(answer).toMatch(/^HTTP\/1.1 500 [^]*\r\nContent-Length: \d+\r\n[^]*\r\n\r\n$/);
  });

  it('the response to the request before is sent first, and is not the worse for it', async () => {
    const seen: string[] = [];
    const gateway = await serve(
      fromNode((req, res) => {
        if (req.url === '/1') setTimeout(() => res.end('a'.repeat(3_000_000)), 20);
        else watched(fails, seen)(req, res);
      }),
    );
    const text = await gateway.talk(request('GET /1 HTTP/1.1') + request('GET /2 HTTP/1.1'));
    expect(text.slice(0, text.lastIndexOf('HTTP/1.1 ')).endsWith('a'.repeat(3_000_000))).toBe(true);
    expect(text).toMatch(/HTTP\/1.1 500 .*\r\n[^a][^]{0,200}administrator\.$/);
  });
});

const onFinished = createRequire(import.meta.resolve('express'))('on-finished') as {
  (message: object, listener: (error: Error | null) => void): void;
  isFinished(message: object): boolean;
};

it('what comes after a chunk that is none is thrown away', async () => {
  const gateway = await serve(fromNode(nothing as RequestListener));
  const client = await gateway.connect();
  client.send(BAD_CHUNK);
  await client.until(/Bad Request\n$/);
  for (let i = 0; i < 10; i++) client.send('x'.repeat(60_000));
  await client.rest();
  expect(client.ending).toBe('closed');
});

describe('on-finished', () => {
  it.each<[string, Listener, Sent, string | null, Partial<HttpOptions>?]>([
    [
      'a chunk that is none',
      nothing,
      { bytes: BAD_CHUNK },
      'Parse Error: Invalid character in chunk size',
    ],
    [
      'an upload that ends too early',
      nothing,
      { bytes: UNFINISHED, leaves: 'ends' },
      'Parse Error',
    ],
    [
      'bodyTimeout',
      read,
      { bytes: UNFINISHED },
      'the client sent nothing of the body for bodyTimeout',
      { bodyTimeout: 40 },
    ],
    ['a client that leaves', nothing, { bytes: request(), leaves: 'ends' }, null],
  ])('%s', async (_, listener, sent, message, options) => {
    const told: (string | null)[] = [];
    const isFinished: boolean[] = [];
    await underPostern(
      (req, res, seen) => {
        for (const one of [req, res]) {
          onFinished(one, (error) => {
            told.push(error?.message ?? null);
            isFinished.push(onFinished.isFinished(one));
          });
        }
        return listener(req, res, seen);
      },
      sent,
      options,
    );
    expect(told).toEqual([message, message]);
    expect(isFinished).toEqual([true, true]);
  });
});
