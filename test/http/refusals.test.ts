import { describe, expect, test, vi } from 'vitest';

import type { HttpOptions } from '../../adapters/http/index.ts';
import { createAccessLog } from '../../src/logging/access-log.ts';
import type { Application } from '../../src/types.ts';
import { echo, hello, parse, request, serve, where } from './kit.ts';

/** Serves an application that must not be reached. */
async function serveNobody() {
  const application = vi.fn(hello);
  return Object.assign(await serve(application), { application });
}

const POST = 'POST / HTTP/1.1\r\nHost: example.test\r\n';
// What an attacker would like to be taken for a request.
const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: example.test\r\n\r\n';

describe('refused before the application is called, the connection closed', () => {
  test.each([
    ['no Host', 'GET / HTTP/1.1\r\n\r\n', 400],
    ['two Hosts', 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 400],
    ['the same Host twice', 'GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n', 400],
    ['two Hosts, one of them empty', 'GET / HTTP/1.1\r\nHost:\r\nHost: a\r\n\r\n', 400],
    ['two Hosts in HTTP/1.0', 'GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n', 400],
    ['a Host that is none', 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n', 400],
    ['a Host with a path', 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n', 400],
    ['a Host with a user', 'GET / HTTP/1.1\r\nHost: user@a\r\n\r\n', 400],
    ['a Host with a strange port', 'GET / HTTP/1.1\r\nHost: a:b\r\n\r\n', 400],
    ['an absolute target without Host', 'GET http://a/ HTTP/1.1\r\n\r\n', 400],
    [
      'an absolute target with two Hosts',
      'GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
      400,
    ],
    ['two lengths', `${POST}Content-Length: 1\r\nContent-Length: 2\r\n\r\na`, 400],
    ['the same length twice', `${POST}Content-Length: 1\r\nContent-Length: 1\r\n\r\na`, 400],
    ['a list of lengths', `${POST}Content-Length: 1, 1\r\n\r\na`, 400],
    ['a negative length', `${POST}Content-Length: -1\r\n\r\na`, 400],
    ['a signed length', `${POST}Content-Length: +1\r\n\r\na`, 400],
    ['a hexadecimal length', `${POST}Content-Length: 0x1\r\n\r\na`, 400],
    ['an empty length', `${POST}Content-Length:\r\n\r\n`, 400],
    ['a length beyond counting', `${POST}Content-Length: 99999999999999999999\r\n\r\n`, 400],
    [
      'a length and chunks',
      `${POST}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      400,
    ],
    [
      'chunks and a length',
      `${POST}Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n`,
      400,
    ],
    [
      'chunks in HTTP/1.0',
      'POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
    ],
    ['chunks that are not the last coding', `${POST}Transfer-Encoding: chunked, gzip\r\n\r\n`, 400],
    [
      'chunks twice',
      `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      400,
    ],
    [
      'a coding that is only like chunks',
      `${POST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`,
      501,
    ],
    ['a coding that is not known', `${POST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`, 501],
    [
      'an expectation that is not known',
      `${POST}Expect: a-miracle\r\nContent-Length: 1\r\n\r\n`,
      417,
    ],
    ['a space before the colon', 'GET / HTTP/1.1\r\nHost : a\r\n\r\n', 400],
    ['a folded header', 'GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n', 400],
    ['a bare line feed', 'GET / HTTP/1.1\nHost: a\n\n', 400],
    ['a bare carriage return', 'GET / HTTP/1.1\r\nHost: a\r\nX: 1\r2\r\n\r\n', 400],
    ['a NUL in a header', 'GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n', 400],
    ['a header without a name', 'GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n', 400],
    ['a header without a colon', 'GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n', 400],
    ['a method that is none', 'G@T / HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['HTTP/0.9', 'GET /\r\nHost: a\r\n\r\n', 505],
    ['HTTP/2 in name only', 'GET / HTTP/2.0\r\nHost: a\r\n\r\n', 505],
    ['a version to come', 'GET / HTTP/9.9\r\nHost: a\r\n\r\n', 400],
    ['HTTP/2 out of the blue', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505],
    ['no HTTP at all', '\x01\x02\x03\r\n\r\n', 400],
    ['CONNECT', 'CONNECT example.test:443 HTTP/1.1\r\nHost: example.test:443\r\n\r\n', 501],
  ])('%s', async (_what, bytes, status) => {
    const gateway = await serveNobody();
    const { status: line, headers, body } = parse(await gateway.talk(bytes + SMUGGLED));
    expect(line).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(headers).toContain('Connection: close');
    expect(headers).toContain('Content-Type: text/plain; charset=utf-8');
    expect(headers).toContain(`Content-Length: ${body.length}`);
    expect(body).toBe(`${line.slice('HTTP/1.1 400 '.length)}\n`);
    expect(gateway.application).not.toHaveBeenCalled();
    expect(gateway.log).toEqual([
      expect.stringMatching(new RegExp(`^http: 127\\.0\\.0\\.1(:\\d+)?: ${status}: .`)),
    ]);
    expect(gateway.errors).toEqual([]);
  });

  test('the next client is served', async () => {
    const gateway = await serve(hello);
    await gateway.talk('nonsense\r\n\r\n');
    expect(await gateway.talk(request('GET / HTTP/1.1', 'Connection: close'))).toMatch(/hello$/);
  });
});

test('a TLS hello on the plain port is explained in the log', async () => {
  const gateway = await serveNobody();
  await gateway.talk('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03');
  expect(gateway.log).toEqual([expect.stringMatching(/TLS .* http:\/\/ instead of https:\/\//)]);
});

test('a connection that ends without, or within, a request is nobody’s fault', async () => {
  const gateway = await serveNobody();
  for (const bytes of ['', 'GE', 'GET / HTTP/1.1\r\nHost: a']) {
    const client = await gateway.connect();
    client.send(bytes);
    client.socket.end();
    expect(await client.rest()).toBe('');
  }
  expect(gateway.log).toEqual([]);
});

describe('chunks that are malformed', () => {
  test.each([
    ['a size that is none', 'x\r\n'],
    ['a size with a sign', '-1\r\n'],
    ['a size beyond counting', 'ffffffffffffffffff\r\n'],
    ['data longer than its size', '1\r\nabc\r\n'],
    ['a bare line feed after the size', '1\na\r\n0\r\n\r\n'],
  ])('%s: the read fails, and the answer is 400', async (_what, chunks) => {
    const gateway = await serve(echo);
    const head = `${POST}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n`;
    const { status, headers } = parse(await gateway.talk(head + chunks + SMUGGLED));
    expect(status).toBe('HTTP/1.1 400 Bad Request');
    expect(headers).toContain('Connection: close');
    expect(gateway.log).toEqual([expect.stringMatching(/^http: 127\.0\.0\.1: 400: HPE_/)]);
    expect(gateway.errors).toEqual([]);
  });

  test('after a response that is under way, which is broken off', async () => {
    const gateway = await serve(async function* (environ, startResponse) {
      startResponse('200 OK', [['Content-Type', 'text/plain']]);
      yield Buffer.from('first');
      yield await environ['wsgi.input'].read();
    });
    const client = await gateway.connect();
    client.send(`${POST}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n`);
    await client.until(/first/);
    client.send('x\r\n');
    expect(await client.rest()).toMatch(/first\r\n$/); // and no last chunk
  });
});

test('what is refused behind a good request is refused after its response', async () => {
  const gateway = await serve(async (environ, startResponse) => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    return hello(environ, startResponse);
  });
  const client = await gateway.connect();
  client.send(`${request()}nonsense\r\n\r\n${SMUGGLED}`);
  const text = await client.rest();
  expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 400']);
  expect(text.indexOf('hello')).toBeLessThan(text.indexOf('HTTP/1.1 400'));
});

test('a request with Upgrade is served as any other', async () => {
  const gateway = await serve(where);
  const text = await gateway.talk(
    request('GET /chat HTTP/1.1', 'Connection: Upgrade, close', 'Upgrade: websocket'),
  );
  expect(parse(text)).toMatchObject({ status: 'HTTP/1.1 200 OK', body: '/chat' });
});

test('what is refused says nothing of what was sent, and its log line has no control characters', async () => {
  const lines: string[] = [];
  const { createLog } = await import('../../src/logging/log.ts');
  const gateway = await serve(hello, { log: createLog('debug', (line) => void lines.push(line)) });
  const text = await gateway.talk('GET /%zz\x1b[31m HTTP/1.1\r\nHost: <script>\x85\r\n\r\n');
  expect(text).not.toContain('script');
  expect(text).not.toContain('zz');
  expect(lines).toHaveLength(1);
  // eslint-disable-next-line no-control-regex
  expect(lines[0]).toMatch(/^[\x20-\x7e]*\n$/);
});

/** Lines of the access log. */
async function linesOf(
  bytes: string,
  options: Partial<HttpOptions> = {},
  application: Application = where,
): Promise<string[]> {
  const lines: string[] = [];
  const accessLog = createAccessLog('%(h)s "%(r)s" %(s)s %(B)s %({Content-Type}o)s', (line) => {
    lines.push(line);
  });
  const gateway = await serve(application, { ...options, accessLog });
  await gateway.talk(bytes);
  return lines;
}

describe('what the parser refuses is in the access log', () => {
  const text = 'text/plain; charset=utf-8\n';

  test.each([
    ['a bad header', 'GET /x HTTP/1.1\r\nbad header\r\n\r\n', '"GET /x HTTP/1.1" 400 12'],
    ['a bad request line', 'GET\r\n\r\n', '"- - -" 400 12'],
    ['a TLS hello', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc', '"- - -" 400 12'],
    ['a quotation mark', 'GET /" HTTP/1.1\r\nbad header\r\n\r\n', '"GET /\\x22 HTTP/1.1" 400 12'],
  ])('%s', async (_name, bytes, line) => {
    expect(await linesOf(bytes)).toEqual([`127.0.0.1 ${line} ${text}`]);
  });

  test('a head that is too long', async () => {
    const long = `GET /x HTTP/1.1\r\nX: ${'x'.repeat(5000)}\r\n\r\n`;
    const lines = await linesOf(long, { maxHeaderSize: 2000 });
    expect(lines).toEqual([`127.0.0.1 "GET /x HTTP/1.1" 431 32 ${text}`]);
  });

  test('a head that takes too long', async () => {
    const lines = await linesOf('GET /x HTTP/1.1\r\n', { headersTimeout: 40 });
    expect(lines).toEqual([expect.stringContaining('408')]);
  });

  test('a bad chunk, with the line of its request', async () => {
    const lines = await linesOf(`${POST}Transfer-Encoding: chunked\r\n\r\nno size\r\n`, {}, echo);
    expect(lines).toEqual([expect.stringContaining('"POST / HTTP/1.1" 400 12')]);
  });

  test('behind a good request, whose line is another', async () => {
    const lines = await linesOf(`${request('GET /good HTTP/1.1')}GET /bad HTTP/1.1\r\nbad\r\n\r\n`);
    expect(lines).toEqual([
      expect.stringContaining('"GET /good HTTP/1.1" 200'),
      expect.stringContaining('"- - -" 400'),
    ]);
  });
});
