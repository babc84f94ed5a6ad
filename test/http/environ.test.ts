import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import type { HttpOptions } from '../../adapters/http/index.ts';
import type { Environ } from '../../src/types.ts';
import { Client, hello, parse, request, serve } from './kit.ts';
import type { Running } from './kit.ts';

/** Serves an application that keeps its environ. */
async function observe(
  options: Partial<HttpOptions> = {},
): Promise<Running & { environ: Partial<Environ> }> {
  const seen = { environ: {} as Partial<Environ> };
  const gateway = await serve((environ, startResponse) => {
    seen.environ = environ;
    return hello(environ, startResponse);
  }, options);
  return Object.assign(seen, gateway);
}

async function environOf(
  bytes: string,
  options: Partial<HttpOptions> = {},
): Promise<Partial<Environ>> {
  const gateway = await observe(options);
  await gateway.talk(bytes);
  return gateway.environ;
}

/** The environ of a request for a target. */
const environAt = (target: string): Promise<Partial<Environ>> =>
  environOf(request(`GET ${target} HTTP/1.1`, 'Connection: close'));

describe('the environ', () => {
  test('has what RFC 3875 asks for, and what the client has sent', async () => {
    const gateway = await observe();
    const client = await gateway.connect();
    client.send(
      request(
        'POST /a%20b?x=1&y=a%20b HTTP/1.1',
        'Content-Type: text/plain',
        'Content-Length: 2',
        'User-Agent: test',
        'Connection: close',
      ) + 'hi',
    );
    await client.rest();
    const variables = Object.entries(gateway.environ).filter(([name]) => /^[A-Z]/.test(name));
    expect(Object.fromEntries(variables)).toEqual({
      REQUEST_METHOD: 'POST',
      SCRIPT_NAME: '',
      PATH_INFO: '/a b',
      QUERY_STRING: 'x=1&y=a%20b',
      REQUEST_URI: '/a%20b?x=1&y=a%20b',
      SERVER_NAME: 'example.test',
      SERVER_PORT: String(gateway.port),
      SERVER_PROTOCOL: 'HTTP/1.1',
      SERVER_SOFTWARE: 'postern',
      SERVER_ADDR: '127.0.0.1',
      REMOTE_ADDR: '127.0.0.1',
      REMOTE_PORT: String(client.socket.localPort),
      GATEWAY_INTERFACE: 'CGI/1.1',
      CONTENT_TYPE: 'text/plain',
      CONTENT_LENGTH: '2',
      HTTP_HOST: 'example.test',
      HTTP_USER_AGENT: 'test',
    });
    expect(gateway.environ['wsgi.url_scheme']).toBe('http');
    expect(gateway.environ['postern.gateway']).toBe('http');
  });

  test.each([
    ['/', '/', ''],
    ['/a?b', '/a', 'b'],
    ['/a?', '/a', ''],
    ['/a?b?c', '/a', 'b?c'],
    ['/some%20path/%C3%A9?x=1&y=a%20b', '/some path/\xc3\xa9', 'x=1&y=a%20b'],
    ['/%2525', '/%25', ''], // decoded once
    ['/a%2Fb', '/a/b', ''],
    ['/a%3fb', '/a?b', ''],
    ['//a//../b/.', '//a//../b/.', ''],
    ['/a%0d%0ab%1b', '/a\r\nb\x1b', ''],
    ['/%ff%80', '/\xff\x80', ''],
    ['/a+b;c=d', '/a+b;c=d', ''],
    ['/?%zz', '/', '%zz'], // a query is the application's to decode
  ])('of the target %s', async (target, path, query) => {
    expect(await environAt(target)).toMatchObject({
      SCRIPT_NAME: '',
      PATH_INFO: path,
      QUERY_STRING: query,
      REQUEST_URI: target,
    });
  });

  test.each([
    ['http://other.test:81/a%20b?x', '/a b', '/a%20b?x', 'other.test:81', 'other.test'],
    ['https://other.test', '/', '/', 'other.test', 'other.test'],
    ['HTTP://[::1]:81/', '/', '/', '[::1]:81', '[::1]'],
    ['http://other.test?x', '/', '/?x', 'other.test', 'other.test'],
  ])('of the absolute target %s, whose host counts more', async (target, path, uri, host, name) => {
    expect(await environAt(target)).toMatchObject({
      PATH_INFO: path,
      REQUEST_URI: uri,
      HTTP_HOST: host,
      SERVER_NAME: name,
    });
  });

  test('of OPTIONS *', async () => {
    const environ = await environOf(request('OPTIONS * HTTP/1.1', 'Connection: close'));
    expect(environ).toMatchObject({ REQUEST_METHOD: 'OPTIONS', REQUEST_URI: '*', PATH_INFO: '' });
  });

  test('has headers joined, empty ones too, and none of those that it must not have', async () => {
    const environ = await environOf(
      request(
        'GET / HTTP/1.1',
        'Accept: a',
        'accept: b',
        'Cookie: c=1',
        'Cookie: d=2',
        'X-Empty:',
        'X-Latin: caf\xe9',
        'Proxy: http://evil.test',
        'Connection: close',
      ),
    );
    expect(environ).toMatchObject({
      HTTP_ACCEPT: 'a, b',
      HTTP_COOKIE: 'c=1; d=2',
      HTTP_X_EMPTY: '',
      HTTP_X_LATIN: 'caf\xe9',
    });
    expect(environ).not.toHaveProperty('HTTP_PROXY');
  });

  const twins = request(
    'POST / HTTP/1.1',
    'X_Forwarded_For: 6.6.6.6',
    'Content_Length: 5',
    'Transfer_Encoding: chunked',
    'X_Allowed: yes',
    'X-Real: yes',
    'Connection: close',
  );

  test('has no header with an underscore in its name', async () => {
    const environ = await environOf(twins);
    const headers = Object.keys(environ).filter((name) => name.startsWith('HTTP_'));
    expect(headers.toSorted()).toEqual(['HTTP_HOST', 'HTTP_X_REAL']);
    expect(environ).not.toHaveProperty('CONTENT_LENGTH');
  });

  test('except those that are let through', async () => {
    const environ = await environOf(twins, { underscoreHeaders: ['x_allowed'] });
    expect(environ).toHaveProperty('HTTP_X_ALLOWED', 'yes');
    expect(environ).not.toHaveProperty('HTTP_X_FORWARDED_FOR');
  });

  test('cannot be changed by names of its own keys', async () => {
    const environ = await environOf(
      request(
        'GET / HTTP/1.1',
        '__proto__: x',
        'constructor: y',
        'wsgi.input: z',
        'Connection: close',
      ),
      { underscoreHeaders: ['__proto__'] },
    );
    expect(environ).toMatchObject({
      HTTP___PROTO__: 'x',
      HTTP_CONSTRUCTOR: 'y',
      'HTTP_WSGI.INPUT': 'z',
    });
    expect(Object.getPrototypeOf(environ)).toBeNull();
  });

  test('has the name of the address where HTTP/1.0 does not say Host', async () => {
    const gateway = await observe();
    await gateway.talk('GET / HTTP/1.0\r\n\r\n');
    expect(gateway.environ).toMatchObject({
      SERVER_PROTOCOL: 'HTTP/1.0',
      SERVER_NAME: '127.0.0.1',
      SERVER_PORT: String(gateway.port),
    });
    expect(gateway.environ).not.toHaveProperty('HTTP_HOST');
  });

  test('has the host of each request, also when they change on one connection', async () => {
    const gateway = await observe();
    const client = await gateway.connect();
    const names: unknown[] = [];
    for (const host of ['a.test', 'a.test', 'b.test:1', '', '[::1]:8000', 'a.test']) {
      client.text = '';
      client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      await client.until(/hello$/);
      names.push([gateway.environ.HTTP_HOST, gateway.environ.SERVER_NAME]);
    }
    expect(names).toEqual([
      ['a.test', 'a.test'],
      ['a.test', 'a.test'],
      ['b.test:1', 'b.test'],
      ['', '127.0.0.1'],
      ['[::1]:8000', '[::1]'],
      ['a.test', 'a.test'],
    ]);
  });

  test('is split at the mount', async () => {
    const options = { scriptName: '/app' };
    const target = request('GET /app/x%20y HTTP/1.1', 'Connection: close');
    expect(await environOf(target, options)).toMatchObject({
      SCRIPT_NAME: '/app',
      PATH_INFO: '/x y',
      REQUEST_URI: '/app/x%20y',
    });
  });

  test('on an IPv6 socket', async () => {
    const gateway = await observe({ listen: '[::1]:0' });
    await gateway.talk(request('GET / HTTP/1.1', 'Connection: close'));
    expect(gateway.environ).toMatchObject({ REMOTE_ADDR: '::1', SERVER_ADDR: '::1' });
  });

  test('on a socket for both, IPv4 addresses as such', async () => {
    const gateway = await observe({ listen: '[::]:0' });
    const client = await Client.connect({ address: '127.0.0.1', port: gateway.port, family: '' });
    await client.send(request('GET / HTTP/1.1', 'Connection: close')).rest();
    expect(gateway.environ).toMatchObject({ REMOTE_ADDR: '127.0.0.1', SERVER_ADDR: '127.0.0.1' });
  });

  test('on a unix socket', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'postern-http-'));
    try {
      const gateway = await observe({ listen: `unix:${folder}/s` });
      const close = 'Connection: close\r\n\r\n';
      await gateway.talk(`GET / HTTP/1.1\r\nHost: a.test:81\r\n${close}`);
      expect(gateway.environ).toMatchObject({ SERVER_NAME: 'a.test', SERVER_PORT: '81' });
      expect(gateway.environ).not.toHaveProperty('REMOTE_ADDR');
      expect(gateway.environ).not.toHaveProperty('REMOTE_PORT');
      await gateway.talk(`GET / HTTP/1.1\r\nHost: a.test\r\n${close}`);
      expect(gateway.environ).toMatchObject({ SERVER_NAME: 'a.test', SERVER_PORT: '80' });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('a target that is none is refused', () => {
  test.each([
    ['/a%', 'has a bad escape'],
    ['/a%2', 'has a bad escape'],
    ['/a%2/b', 'has a bad escape'],
    ['/a%zz', 'has a bad escape'],
    ['/%u00e9', 'has a bad escape'],
    ['/a%00b', 'has a NUL'],
    ['/a#b', 'has a fragment'],
    ['/?a#b', 'has a fragment'],
    ['*', 'is neither a path nor a URL'],
    ['a/b', 'HPE_INVALID_URL'],
    ['ftp://other.test/', 'is neither a path nor a URL'],
    ['http:///a', 'is neither a path nor a URL'],
    ['http://user@other.test/', 'invalid host in'],
    ['http://other.test:port/', 'invalid host in'],
  ])('%s', async (target, why) => {
    const gateway = await observe();
    const text = await gateway.talk(request(`GET ${target} HTTP/1.1`));
    expect(parse(text)).toMatchObject({
      status: 'HTTP/1.1 400 Bad Request',
      body: 'Bad Request\n',
    });
    expect(gateway.environ).toEqual({});
    expect(gateway.log).toEqual([expect.stringMatching(/^http: 127\.0\.0\.1(:\d+)?: 400: /)]);
    expect(gateway.log[0]).toContain(why);
  });
});
