import { afterEach, describe, expect, test, vi } from 'vitest';

import { createAccessLog } from '../../src/logging/access-log.ts';
import type { AccessLogOptions } from '../../src/logging/access-log.ts';
import { UsageError } from '../../src/errors.ts';
import type { AccessEntry, Environ } from '../../src/types.ts';
import { hello, request, serve } from '../http/kit.ts';

/** 2026-11-21, 09:05:03 where the test runs. */
const STARTED = new Date(2026, 10, 21, 9, 5, 3).getTime();

function entry(environ: Record<string, string> = {}, more: Partial<AccessEntry> = {}): AccessEntry {
  return {
    environ: {
      REMOTE_ADDR: '203.0.113.7',
      REQUEST_METHOD: 'GET',
      REQUEST_URI: '/a%20b?x=1',
      QUERY_STRING: 'x=1',
      SERVER_PROTOCOL: 'HTTP/1.1',
      HTTP_HOST: 'example.test',
      HTTP_REFERER: 'http://example.test/',
      HTTP_USER_AGENT: 'test/1.0',
      'postern.gateway': 'http',
      ...environ,
    } as unknown as Environ,
    status: '200 OK',
    bytes: 13,
    startedAt: STARTED,
    duration: 1234.5678,
    headers: [
      ['Content-Type', 'text/plain'],
      ['Set-Cookie', 'a=1'],
      ['set-cookie', 'b=2'],
    ],
    ...more,
  };
}

function line(format: string, of: AccessEntry = entry(), options: AccessLogOptions = {}): string {
  const lines: string[] = [];
  createAccessLog(format, (text) => void lines.push(text), options)(of);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/\n$/);
  return lines[0]!.slice(0, -1);
}

const TIME = /\[21\/Nov\/2026:09:05:03 [+-]\d{4}\]/;

describe('formats', () => {
  test('common', () => {
    const text = line('common');
    expect(text).toMatch(TIME);
    expect(text.replace(TIME, 'T')).toBe('203.0.113.7 - - T "GET /a%20b?x=1 HTTP/1.1" 200 13');
  });

  test('combined', () => {
    expect(line('combined').replace(TIME, 'T')).toBe(
      '203.0.113.7 - - T "GET /a%20b?x=1 HTTP/1.1" 200 13 "http://example.test/" "test/1.0"',
    );
    const bare = entry({}, { bytes: 0 });
    for (const name of ['REMOTE_ADDR', 'HTTP_REFERER', 'HTTP_USER_AGENT']) {
      delete bare.environ[name];
    }
    expect(line('combined', bare).replace(TIME, 'T')).toBe(
      '- - - T "GET /a%20b?x=1 HTTP/1.1" 200 - "-" "-"',
    );
  });

  test('json', () => {
    expect(JSON.parse(line('json'))).toEqual({
      time: new Date(STARTED).toISOString(),
      remoteAddress: '203.0.113.7',
      method: 'GET',
      uri: '/a%20b?x=1',
      protocol: 'HTTP/1.1',
      host: 'example.test',
      referer: 'http://example.test/',
      userAgent: 'test/1.0',
      status: 200,
      bytes: 13,
      duration: 1234.568,
      gateway: 'http',
    });
  });

  test('json is ASCII, and says what the bytes say', () => {
    const agent = 'caf\xc3\xa9 \x1b[31m \xe2\x80\xa8"\xf0\x9f\x98\x80';
    const text = line('json', entry({ HTTP_USER_AGENT: agent }));
    expect(text).toMatch(/^[\x20-\x7e]*$/);
    expect(JSON.parse(text)).toHaveProperty('userAgent', 'café \x1b[31m \u2028"😀');
  });

  test('dev', () => {
    const plain = { colors: false };
    expect(line('dev', entry(), plain)).toBe('09:05:03 200 GET /a%20b?x=1 13 B 1235 ms');
    expect(line('dev', entry({}, { duration: 0.123 }), plain)).toMatch(/ 0\.1 ms$/);
  });

  test.each([
    ['200 OK', 32],
    ['304 Not Modified', 36],
    ['404 Not Found', 33],
    ['500 Internal Server Error', 31],
    ['999 Odd', 35],
  ])('dev is coloured by status: %s', (status, color) => {
    const text = line('dev', entry({}, { status }), { colors: true });
    expect(text).toBe(
      `\x1b[${color}m${line('dev', entry({}, { status }), { colors: false })}\x1b[39m`,
    );
  });

  test('dev has no colours where stderr shows none', () => {
    vi.stubEnv('FORCE_COLOR', undefined);
    expect(process.stderr.isTTY).toBeFalsy();
    expect(line('dev')).not.toContain('\x1b');
  });

  test.each([
    ['1', true],
    ['', true],
    ['0', false],
    ['false', false],
  ])('with FORCE_COLOR=%s its colours where stderr is no terminal: %s', (value, isColored) => {
    vi.stubEnv('FORCE_COLOR', value);
    expect(line('dev').includes('\x1b')).toBe(isColored);
  });

  afterEach(() => vi.unstubAllEnvs());
});

/** Credentials of RFC 7617. */
function basic(text: string): string {
  return `Basic ${Buffer.from(text).toString('base64')}`;
}

describe('atoms', () => {
  test.each([
    ['%(h)s', '203.0.113.7'],
    ['%(l)s', '-'],
    ['%(u)s', '-'],
    ['%(r)s', 'GET /a%20b?x=1 HTTP/1.1'],
    ['%(m)s', 'GET'],
    ['%(U)s', '/a%20b'],
    ['%(q)s', 'x=1'],
    ['%(H)s', 'HTTP/1.1'],
    ['%(s)s', '200'],
    ['%(B)s', '13'],
    ['%(b)s', '13'],
    ['%(f)s', 'http://example.test/'],
    ['%(a)s', 'test/1.0'],
    ['%(T)s', '1'],
    ['%(L)s', '1.234568'],
    ['%(M)s', '1235'],
    ['%(D)s', '1234568'],
    ['%(p)s', `<${process.pid}>`],
    ['%({host}i)s', 'example.test'],
    ['%({User-Agent}i)s', 'test/1.0'],
    ['%({X-None}i)s', '-'],
    ['%({Content-Type}i)s', 'text/html'],
    ['%({content-type}o)s', 'text/plain'],
    ['%({Set-Cookie}o)s', 'a=1, b=2'],
    ['%({X-None}o)s', '-'],
    ['%({REQUEST_METHOD}e)s', 'GET'],
    ['%({wsgi.errors}e)s', '-'],
    ['100%% of %(s)s, %%(s)s', '100% of 200, %(s)s'],
    ['', ''],
    ['no atom', 'no atom'],
  ])('%s', (format, expected) => {
    expect(line(format, entry({ CONTENT_TYPE: 'text/html' }))).toBe(expected);
  });

  test('%(t)s is the local time of the request', () => {
    expect(line('%(t)s')).toMatch(new RegExp(`^${TIME.source}$`));
    expect(line('%(t)s', entry({}, { startedAt: STARTED + 1000 }))).toContain(':09:05:04 ');
    expect(line('%(t)s', entry({}, { startedAt: STARTED + 999 }))).toContain(':09:05:03 ');
  });

  test('%(u)s is REMOTE_USER, or as whom the client presents itself', () => {
    expect(line('%(u)s', entry({ REMOTE_USER: 'me' }))).toBe('me');
    expect(line('%(u)s', entry({ HTTP_AUTHORIZATION: basic('you:secret:x') }))).toBe('you');
    expect(line('%(u)s', entry({ HTTP_AUTHORIZATION: basic(':secret') }))).toBe('-');
    expect(line('%(u)s', entry({ HTTP_AUTHORIZATION: 'Bearer abc' }))).toBe('-');
  });

  test.each(['%(x)s', '%s', '%', '%(s)', '%(s)d', '%({a}x)s', '%({}i)s', '%()s', '%(toString)s'])(
    '%j is none',
    (format) => {
      expect(() => createAccessLog(format, () => {})).toThrow(UsageError);
    },
  );
});

describe('what comes from outside', () => {
  const EVIL = 'a\r\nb\x1b[31m"c\\\x85\x7f\u2028é';

  test.each(['common', 'combined', 'dev', 'json', '%(h)s %({X-Evil}i)s %({X}e)s %({X-Evil}o)s'])(
    'cannot change the line: %s',
    (format) => {
      const evil = {
        REMOTE_ADDR: EVIL,
        REMOTE_USER: EVIL,
        REQUEST_METHOD: EVIL,
        REQUEST_URI: EVIL,
        SERVER_PROTOCOL: EVIL,
        HTTP_REFERER: EVIL,
        HTTP_USER_AGENT: EVIL,
        HTTP_X_EVIL: EVIL,
        X: EVIL,
      };
      const text = line(format, entry(evil, { headers: [['X-Evil', EVIL]] }));
      expect(text).toMatch(/^[\x20-\x7e]*$/);
      if (format === 'combined') expect(text.match(/"/g)).toHaveLength(6);
    },
  );

  test('is escaped as nginx does it', () => {
    expect(line('%(a)s', entry({ HTTP_USER_AGENT: 'a"b\\c\n\xe9\u2028' }))).toBe(
      'a\\x22b\\x5cc\\x0a\\xe9\\u2028',
    );
  });
});

test('every response of a gateway has its line', async () => {
  const lines: string[] = [];
  const accessLog = createAccessLog('%(m)s %(U)s %(s)s %(b)s %(a)s', (text) => lines.push(text));
  const gateway = await serve(
    (environ, startResponse) => {
      if (environ.PATH_INFO === '/fail') throw new Error('no');
      return hello(environ, startResponse);
    },
    { accessLog },
  );
  const close = 'Connection: close';
  await gateway.talk(request('GET /a%0ab HTTP/1.1', close, 'User-Agent: \xff[31m'));
  await gateway.talk(request('HEAD / HTTP/1.1', close));
  await gateway.talk(request('GET /fail HTTP/1.1', close));
  await gateway.talk(request('GET /%zz HTTP/1.1', close));
  expect(lines).toEqual([
    'GET /a%0ab 200 5 \\xff[31m\n',
    'HEAD / 200 - -\n',
    'GET /fail 500 58 -\n',
    'GET /%zz 400 12 -\n',
  ]);
});
