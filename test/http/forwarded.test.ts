import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { runWithHttp } from '../../adapters/http/index.ts';
import type { HttpOptions } from '../../adapters/http/index.ts';
import { UsageError } from '../../src/errors.ts';
import type { Environ } from '../../src/types.ts';
import { applicationUri } from '../../src/environ/util.ts';
import { hello, request, serve } from './kit.ts';

type Seen = Partial<Environ>;

/** The environ of a request with headers, from a trusted peer unless the options say otherwise. */
async function forward(
  headers: string[],
  options: Partial<HttpOptions> = {},
  host = 'example.test',
): Promise<Seen> {
  let seen: Seen = {};
  const gateway = await serve(
    (environ, startResponse) => {
      seen = environ;
      return hello(environ, startResponse);
    },
    { forwardedAllowIps: ['127.0.0.1'], ...options },
  );
  const line = 'GET /app/x?y HTTP/1.1';
  const text = request(line, 'Connection: close', ...headers);
  expect(await gateway.talk(text.replace('example.test', host))).toMatch(/ 200 OK/);
  return seen;
}

/** All of X-Forwarded-*, the mount too, which nobody is believed by default. */
const WITH_PREFIX: Partial<HttpOptions> = { forwardedHeaders: { prefix: 'X-Forwarded-Prefix' } };

const CLAIMS = [
  'X-Forwarded-For: 203.0.113.7',
  'X-Forwarded-Proto: https',
  'X-Forwarded-Host: www.test:8443',
  'X-Forwarded-Port: 8443',
  'X-Forwarded-Prefix: /app',
  'Forwarded: for=203.0.113.8;proto=https;host=other.test',
];

describe('X-Forwarded-*', () => {
  test('of a trusted proxy describe the client', async () => {
    const environ = await forward(CLAIMS, WITH_PREFIX);
    expect(environ).toMatchObject({
      REMOTE_ADDR: '203.0.113.7',
      HTTPS: 'on',
      'wsgi.url_scheme': 'https',
      HTTP_HOST: 'www.test:8443',
      SERVER_NAME: 'www.test',
      SERVER_PORT: '8443',
      SCRIPT_NAME: '/app',
      PATH_INFO: '/x',
      REQUEST_URI: '/app/x?y',
    });
    expect(environ).not.toHaveProperty('REMOTE_PORT');
  });

  test.each([
    ['by default', undefined],
    ['not in the list', ['10.0.0.0/8', '::1']],
    ['in an empty list', []],
    ['not of a unix socket', ['unix']],
  ])('of a peer that is not trusted count for nothing: %s', async (_what, forwardedAllowIps) => {
    const environ = await forward(CLAIMS, { forwardedAllowIps });
    expect(environ).toMatchObject({
      REMOTE_ADDR: '127.0.0.1',
      'wsgi.url_scheme': 'http',
      HTTP_HOST: 'example.test',
      SERVER_NAME: 'example.test',
      SCRIPT_NAME: '',
      PATH_INFO: '/app/x',
    });
    expect(environ).not.toHaveProperty('HTTPS');
    expect(environ['SERVER_PORT']).not.toBe('8443');
    // With the option they are dropped: frameworks may believe them.
    const left = Object.keys(environ).filter((name) => name.includes('FORWARDED'));
    expect(left).toHaveLength(forwardedAllowIps === undefined ? CLAIMS.length : 0);
  });

  test.each([
    // Host, X-Forwarded-Host, -Proto and -Port, and the Host of the URL.
    ['a.test', undefined, 'https', '8443', 'a.test:8443'],
    ['a.test', 'b.test', 'https', '8443', 'b.test:8443'],
    ['a.test', '[2001:db8::7]', 'https', '8443', '[2001:db8::7]:8443'],
    ['a.test', 'b.test', 'https', '443', 'b.test'],
    ['a.test', 'b.test', 'http', '443', 'b.test:443'],
    ['a.test', 'b.test', undefined, '80', 'b.test'],
    // A port that is written counts more: the visitor has typed it.
    ['a.test:81', undefined, 'https', '8443', 'a.test:81'],
    ['a.test', 'b.test:81', 'https', '8443', 'b.test:81'],
    ['a.test', 'b.test', 'https', 'x', 'b.test'],
  ])('Host %s, -Host %s, -Proto %s, -Port %s: the URL has %s', async (...row) => {
    const [host, forwardedHost, proto, port, expected] = row;
    const lines = [`X-Forwarded-Port: ${port}`];
    if (forwardedHost !== undefined) lines.push(`X-Forwarded-Host: ${forwardedHost}`);
    if (proto !== undefined) lines.push(`X-Forwarded-Proto: ${proto}`);
    const environ = await forward(lines, {}, host);
    expect(environ['HTTP_HOST']).toBe(expected);
    expect(applicationUri(environ)).toBe(`${proto ?? 'http'}://${expected}/`);
    expect(environ['SERVER_NAME']).toBe(expected.replace(/:\d+$/, ''));
  });

  test.each([['*'], ['127.0.0.0/8'], [' 127.0.0.1 ']])('trusted by %s', async (entry) => {
    const environ = await forward(CLAIMS, { forwardedAllowIps: [entry] });
    expect(environ).toHaveProperty('REMOTE_ADDR', '203.0.113.7');
  });

  test('of a peer on a unix socket, if that is listed', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'postern-http-'));
    try {
      const strict = { listen: `unix:${folder}/a` };
      expect(await forward(CLAIMS, strict)).not.toHaveProperty('REMOTE_ADDR');
      const trusting = { listen: `unix:${folder}/b`, forwardedAllowIps: ['unix'] };
      expect(await forward(CLAIMS, trusting)).toHaveProperty('REMOTE_ADDR', '203.0.113.7');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test.each([
    // The client can put anything before what the proxies have added.
    ['6.6.6.6, 203.0.113.7', ['127.0.0.1'], '203.0.113.7'],
    ['6.6.6.6, 203.0.113.7, 10.0.0.2', ['127.0.0.1', '10.0.0.0/8'], '203.0.113.7'],
    ['10.0.0.3, 10.0.0.2', ['127.0.0.1', '10.0.0.0/8'], '10.0.0.3'],
    // Whoever connects is believed, but of the visitor's own words nothing.
    ['6.6.6.6, 203.0.113.7', ['*'], '203.0.113.7'],
    ['6.6.6.6, 203.0.113.7, 10.0.0.2', ['*', '10.0.0.0/8'], '203.0.113.7'],
    ['unknown, 10.0.0.2', ['127.0.0.1', '10.0.0.0/8'], '10.0.0.2'],
    ['<script>', ['127.0.0.1'], '127.0.0.1'],
    ['', ['127.0.0.1'], '127.0.0.1'],
    // What is malformed ends the walk to the left.
    ['6.6.6.6, x, 10.0.0.2', ['127.0.0.1', '10.0.0.0/8'], '10.0.0.2'],
    ['6.6.6.6,, 10.0.0.2', ['127.0.0.1', '10.0.0.0/8'], '10.0.0.2'],
    ['6.6.6.6, 10.0.0.3:0, 10.0.0.2', ['127.0.0.1', '10.0.0.0/8'], '10.0.0.2'],
    ['6.6.6.6, 10.0.0.2, _hidden', ['127.0.0.1', '10.0.0.0/8'], '127.0.0.1'],
    ['6.6.6.6, fe80::1%eth0', ['127.0.0.1', 'fe80::/10'], '127.0.0.1'],
    ['203.0.113.7, ::ffff:10.0.0.2', ['127.0.0.1', '10.0.0.0/8'], '203.0.113.7'],
    ['2001:db8::7', ['127.0.0.1'], '2001:db8::7'],
    ['[2001:db8::7]:1234', ['127.0.0.1'], '2001:db8::7'],
    ['203.0.113.7:1234', ['127.0.0.1'], '203.0.113.7'],
  ])('-For: %s, trusting %s: the client is %s', async (value, forwardedAllowIps, address) => {
    const environ = await forward([`X-Forwarded-For: ${value}`], { forwardedAllowIps });
    expect(environ).toHaveProperty('REMOTE_ADDR', address);
    if (value.endsWith(':1234')) expect(environ).toHaveProperty('REMOTE_PORT', '1234');
  });

  test('-For in several lines is one list', async () => {
    const lines = ['X-Forwarded-For: 6.6.6.6', 'X-Forwarded-For: 203.0.113.7'];
    expect(await forward(lines)).toHaveProperty('REMOTE_ADDR', '203.0.113.7');
  });

  test('in several lines: the last one is that of the proxy', async () => {
    const environ = await forward(
      [
        'X-Forwarded-Proto: http',
        'X-Forwarded-Host: evil.test',
        'X-Forwarded-Port: 666',
        'X-Forwarded-Prefix: /evil',
        'X-Forwarded-Proto: https',
        'X-Forwarded-Host: www.test',
        'X-Forwarded-Port: 8443',
        'X-Forwarded-Prefix: /app',
      ],
      WITH_PREFIX,
    );
    expect(environ).toMatchObject({
      'wsgi.url_scheme': 'https',
      HTTP_HOST: 'www.test:8443',
      SERVER_PORT: '8443',
      SCRIPT_NAME: '/app',
    });
  });

  test('a twin with an underscore that is let through is no header of the proxy', async () => {
    const lines = ['X-Forwarded-For: 203.0.113.7', 'X_Forwarded_For: 6.6.6.6'];
    const environ = await forward(lines, { underscoreHeaders: ['X_Forwarded_For'] });
    expect(environ).toMatchObject({
      REMOTE_ADDR: '203.0.113.7',
      HTTP_X_FORWARDED_FOR: '203.0.113.7, 6.6.6.6',
    });
  });

  test.each([
    ['https', 'https', '443'],
    ['HTTPS', 'https', '443'],
    ['http', 'http', '80'],
    ['http, https', 'https', '443'], // what the peer itself has added counts
    ['ftp', 'http', undefined],
  ])('-Proto: %s is %s', async (value, scheme, port) => {
    const environ = await forward([`X-Forwarded-Proto: ${value}`]);
    expect(environ['wsgi.url_scheme']).toBe(scheme);
    if (port === undefined) expect(['80', '443']).not.toContain(environ['SERVER_PORT']);
    else expect(environ['SERVER_PORT']).toBe(port);
  });

  test.each([
    ['www.test', 'www.test', 'www.test'],
    ['a.test, www.test', 'www.test', 'www.test'],
    ['[2001:db8::7]:81', '[2001:db8::7]:81', '[2001:db8::7]'],
    ['a/b', 'example.test', 'example.test'],
    ['user@a', 'example.test', 'example.test'],
    ['', 'example.test', 'example.test'],
    [':80', 'example.test', 'example.test'],
    ['www.test:0', 'example.test', 'example.test'],
    ['www.test:65536', 'example.test', 'example.test'],
  ])('-Host: %s', async (value, host, name) => {
    const environ = await forward([`X-Forwarded-Host: ${value}`]);
    expect(environ).toMatchObject({ HTTP_HOST: host, SERVER_NAME: name });
  });

  test.each([
    ['1', true],
    ['65535', true],
    ['8443, 443', true],
    ['0', false],
    ['65536', false],
    ['99999', false],
    ['0443', false],
    ['-1', false],
    ['443, x', false],
    ['', false],
  ])('-Port: %s, which is believed: %j', async (value, isBelieved) => {
    const environ = await forward([`X-Forwarded-Port: ${value}`]);
    const last = value.split(', ').at(-1);
    if (isBelieved) expect(environ['SERVER_PORT']).toBe(last);
    else expect(Number(environ['SERVER_PORT'])).toBeGreaterThan(1023); // the listener's
  });

  test('-Prefix counts for nothing unless it is named', async () => {
    expect(await forward(CLAIMS)).toMatchObject({
      SCRIPT_NAME: '',
      PATH_INFO: '/app/x',
      REQUEST_URI: '/app/x?y',
    });
  });

  test.each([
    ['/app', '/app', '/x', '/app/x?y'],
    ['/app/', '/app', '/x', '/app/x?y'],
    ['/ap', '/ap', '/app/x', '/ap/app/x?y'], // the proxy has taken it off
    ['/', '', '/app/x', '/app/x?y'],
    ['app', '', '/app/x', '/app/x?y'],
    ['//evil.test', '', '/app/x', '/app/x?y'],
    ['/evil, /app', '/app', '/x', '/app/x?y'],
    ['/a-Z_0.9~/@b:c+d=e', '/a-Z_0.9~/@b:c+d=e', '/app/x', '/a-Z_0.9~/@b:c+d=e/app/x?y'],
    [`/${'a'.repeat(255)}`, `/${'a'.repeat(255)}`, '/app/x', `/${'a'.repeat(255)}/app/x?y`],
    ...[
      '/a?b',
      '/a#b',
      '/a%2fb',
      '/..',
      '/a/../b',
      '/./a',
      '/a//b',
      '/app//',
      '/\\evil.com',
      '/a\\b',
      '/<script>',
      '/"a"',
      "/'a'",
      '/a b',
      '/a&b',
      '/a;b',
      '/\xe9',
      'http://evil.test/app',
      `/${'a'.repeat(256)}`,
      '/'.repeat(31_000),
    ].map((value): [string, string, string, string] => [value, '', '/app/x', '/app/x?y']),
  ])('-Prefix: %s', async (value, script, path, uri) => {
    const environ = await forward([`X-Forwarded-Prefix: ${value}`], WITH_PREFIX);
    expect(environ).toMatchObject({ SCRIPT_NAME: script, PATH_INFO: path, REQUEST_URI: uri });
  });

  test('under other names, and only those that the proxy sets', async () => {
    const environ = await forward([...CLAIMS, 'X-Real-IP: 203.0.113.9'], {
      forwardedHeaders: { for: 'X-Real-IP', host: null, port: null },
    });
    expect(environ).toMatchObject({
      REMOTE_ADDR: '203.0.113.9',
      'wsgi.url_scheme': 'https',
      HTTP_HOST: 'example.test',
      SERVER_PORT: '443',
      SCRIPT_NAME: '',
    });
  });
});

describe('Forwarded', () => {
  const options: Partial<HttpOptions> = { forwardedHeaders: 'forwarded' };

  test('describes the client, and X-Forwarded-* do not', async () => {
    expect(await forward(CLAIMS, options)).toMatchObject({
      REMOTE_ADDR: '203.0.113.8',
      'wsgi.url_scheme': 'https',
      HTTP_HOST: 'other.test',
      SERVER_PORT: '443',
      SCRIPT_NAME: '',
    });
  });

  // From RFC 7239 § 4 and § 6, where there is an example.
  test.each([
    ['for="[2001:db8:cafe::17]:4711"', '2001:db8:cafe::17'],
    ['for=192.0.2.60;proto=http;by=203.0.113.43', '192.0.2.60'],
    ['for=192.0.2.43, for=198.51.100.17', '198.51.100.17'],
    ['For = 192.0.2.43', '127.0.0.1'], // no spaces around =
    ['FOR=192.0.2.43 ; Proto=https', '192.0.2.43'],
    ['for="_gazonk"', '127.0.0.1'],
    ['for=unknown', '127.0.0.1'],
    ['for="192.0.2.43\\""', '127.0.0.1'],
    ['for="1\\92.0.2.43"', '192.0.2.43'],
    ['for="192.0.2.43, for=198.51.100.17', '198.51.100.17'], // the proxy's own element stands
    ['for=192.0.2.43,;x', '127.0.0.1'],
    ['proto=https', '127.0.0.1'],
    ['for="[fe80::1%25eth0]"', '127.0.0.1'],
    ['for="192.0.2.43:0"', '127.0.0.1'],
  ])('%s: the client is %s', async (value, address) => {
    const environ = await forward([`Forwarded: ${value}`], options);
    expect(environ).toHaveProperty('REMOTE_ADDR', address);
  });

  const OWN = 'for="203.0.113.7:4711";proto=https;host=www.test';

  test.each([
    'x',
    'for="',
    'for="\\',
    'for=6.6.6.6;x="',
    'for=6.6.6.6;proto=http;host=evil.test',
    'for=10.0.0.2;for=10.0.0.3',
    '"',
    ',,;',
    '',
  ])('of a visitor undoes nothing that the proxy says: %s', async (visitors) => {
    const expected = {
      REMOTE_ADDR: '203.0.113.7',
      REMOTE_PORT: '4711',
      'wsgi.url_scheme': 'https',
      HTTP_HOST: 'www.test',
    };
    const joined = [`Forwarded: ${visitors}, ${OWN}`];
    const apart = [`Forwarded: ${visitors}`, `Forwarded: ${OWN}`];
    expect(await forward(joined, options)).toMatchObject(expected);
    expect(await forward(apart, options)).toMatchObject(expected);
  });

  test.each([
    ['for=6.6.6.6, for=203.0.113.7, for=10.0.0.2', '203.0.113.7'],
    ['for=203.0.113.7, for="10.0.0.3:80", for=10.0.0.2', '203.0.113.7'],
    ['for=6.6.6.6, x, for=10.0.0.2', '10.0.0.2'],
    ['for=6.6.6.6, for=unknown, for=10.0.0.2', '10.0.0.2'],
    ['for=6.6.6.6,, for=10.0.0.2', '10.0.0.2'],
    ['for=6.6.6.6, for=", for=10.0.0.2', '10.0.0.2'],
  ])('of several proxies is read from the right: %s', async (value, address) => {
    const trusted = { ...options, forwardedAllowIps: ['127.0.0.1', '10.0.0.0/8'] };
    const environ = await forward([`Forwarded: ${value}`], trusted);
    expect(environ).toHaveProperty('REMOTE_ADDR', address);
  });

  test('is of no weight when it comes from the client', async () => {
    const environ = await forward(CLAIMS, { ...options, forwardedAllowIps: ['10.0.0.1'] });
    expect(environ).toHaveProperty('REMOTE_ADDR', '127.0.0.1');
  });
});

test('an entry that is none is said at once', async () => {
  const start = runWithHttp(hello, { listen: '127.0.0.1:0', forwardedAllowIps: ['localhost'] });
  await expect(start).rejects.toThrow(UsageError);
});
