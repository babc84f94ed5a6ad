/** What front ends send differently is made the same in one place. */

import { inspect } from 'node:util';
import { setFlagsFromString } from 'node:v8';

import { describe, expect, test, vi } from 'vitest';

import {
  addVariable,
  asEnviron,
  completeEnviron,
  createEnviron,
  guessScheme,
  splitPort,
} from '../../src/environ/environ.ts';
import type { Variables } from '../../src/environ/environ.ts';
import { RequestError } from '../../src/errors.ts';

type Pairs = readonly (readonly [name: string, value: string])[];

function complete(
  pairs: Pairs,
  { gateway = 'fastcgi', scriptName }: { gateway?: string; scriptName?: string } = {},
): { environ: Variables; length: number } {
  const environ = createEnviron({ signal: new AbortController().signal });
  environ['postern.gateway'] = gateway;
  for (const [name, value] of pairs) addVariable(environ, name, value);
  return { length: completeEnviron(environ, { scriptName }), environ };
}

describe('variables', () => {
  test.each([
    ['HTTP_PROXY', 'http://evil.example/'],
    ['HTTP_CONTENT_TYPE', 'text/plain'],
    ['HTTP_CONTENT_LENGTH', '5'],
    ['HTTP_CONNECTION', 'keep-alive'],
    ['HTTP_KEEP_ALIVE', '300'],
    ['HTTP_PROXY_CONNECTION', 'close'],
    ['HTTP_TRANSFER_ENCODING', 'chunked'],
    ['HTTP_USER_AGENT', ''],
    ['CONTENT_TYPE', ''],
    ['REMOTE_USER', ''],
    ['wsgi.input', 'forged'],
    ['postern.role', 'forged'],
  ])('%s: %j is left out', (name, value) => {
    const { environ } = complete([[name, value]]);
    expect(environ[name]).toBe(createEnviron({ signal: AbortSignal.abort() })[name]);
  });

  test('a header may be empty', () => {
    expect(complete([['HTTP_ACCEPT', '']]).environ['HTTP_ACCEPT']).toBe('');
  });

  test.each([
    ['HTTP_X_TWICE', 'one, two'],
    ['HTTP_COOKIE', 'one; two'],
    ['REMOTE_ADDR', 'two'],
    ['HTTP_USER_AGENT', 'one'],
    ['HTTP_REFERER', 'one'],
    ['HTTP_FROM', 'one'],
    ['HTTP_IF_MODIFIED_SINCE', 'one'],
    ['HTTP_MAX_FORWARDS', 'one'],
  ])('%s twice is %j', (name, expected) => {
    const { environ } = complete([
      [name, 'one'],
      [name, 'two'],
    ]);
    expect(environ[name]).toBe(expected);
  });

  test.each([
    ['CONTENT_TYPE', 'text/plain', 'text/html'],
    ['CONTENT_LENGTH', '1', '2'],
    ['CONTENT_LENGTH', '0', '5'],
    ['CONTENT_LENGTH', '5', '-1'],
    ['HTTP_CONTENT_LENGTH', '5', '6'],
    ['HTTP_HOST', 'a', 'b'],
    ['HTTP_HOST', '', 'b'],
    ['HTTP_HOST', 'a', ''],
    ['HTTP_AUTHORIZATION', 'Basic eDp5', 'Basic eTp4'],
    ['HTTP_AUTHORIZATION', '', 'Basic eTp4'],
    ['HTTP_PROXY_AUTHORIZATION', 'Basic eDp5', 'Basic eTp4'],
  ])('%s: %j and %j are refused', (name, one, other) => {
    const sent: Pairs = [
      [name, one],
      ['HTTP_X', 'between'],
      [name, other],
    ];
    let refused: unknown;
    try {
      complete(sent);
    } catch (error) {
      refused = error;
    }
    expect(refused).toMatchObject({ status: '400 Bad Request' });
    expect((refused as Error).message).toBe(`${name} comes with two values`); // which the log does not show
  });

  test.each([
    ['CONTENT_TYPE', 'text/plain'],
    ['CONTENT_LENGTH', '5'],
    ['HTTP_HOST', 'a'],
    ['HTTP_AUTHORIZATION', 'Basic eDp5'],
  ])('%s may be there twice with the same value', (name, value) => {
    const { environ } = complete([
      [name, value],
      [name, value],
    ]);
    expect(environ[name]).toBe(value);
  });

  test.each(['REDIRECT_HTTP_AUTHORIZATION', 'Authorization'])(
    '%s is HTTP_AUTHORIZATION',
    (name) => {
      const { environ } = complete([[name, 'Basic x']]);
      expect(environ['HTTP_AUTHORIZATION']).toBe('Basic x');
      expect(environ).not.toHaveProperty([name]);
    },
  );
});

test('HTTP_AUTHORIZATION itself counts for more than its other names, which go', () => {
  const { environ } = complete([
    ['Authorization', 'other'],
    ['REDIRECT_HTTP_AUTHORIZATION', 'another'],
    ['HTTP_AUTHORIZATION', 'own'],
  ]);
  expect(Object.entries(environ).filter(([name]) => /authorization/i.test(name))).toEqual([
    ['HTTP_AUTHORIZATION', 'own'],
  ]);
});

describe('the method', () => {
  test.each(['GET', 'get', 'M-SEARCH', 'PROPFIND'])('may be %s', (method) => {
    const { environ } = complete([['REQUEST_METHOD', method]]);
    expect(environ['REQUEST_METHOD']).toBe(method);
  });

  test.each(['G T', 'GET\r\n', 'GET /', 'G\xc9T', '\0'])('%j is none', (method) => {
    expect(() => complete([['REQUEST_METHOD', method]])).toThrow(
      expect.objectContaining({ status: '400 Bad Request' }) as RequestError,
    );
  });
});

describe('the environ', () => {
  test('has no prototype, and names that mean something to JavaScript are only names', () => {
    const { environ } = complete([
      ['__proto__', 'one'],
      ['constructor', 'two'],
    ]);
    expect(Object.getPrototypeOf(asEnviron(environ))).toBeNull();
    expect([environ['__proto__'], environ['constructor']]).toEqual(['one', 'two']);
    expect(environ).not.toHaveProperty(['toString']);
  });

  test('is laid out by V8 as instances of a class are, all of them with the same variables the same', () => {
    setFlagsFromString('--allow-natives-syntax');
    const isFast = new Function('o', 'return %HasFastProperties(o)') as (o: object) => boolean;
    const areAlike = new Function('a', 'b', 'return %HaveSameMap(a, b)') as (
      a: object,
      b: object,
    ) => boolean;
    const variables = [
      ['REQUEST_URI', '/'],
      ['CONTENT_LENGTH', '1'],
      ...Array.from({ length: 20 }, (_, i) => [`HTTP_X_${i}`, 'x']),
    ] as [string, string][];
    const [one, other] = [complete(variables), complete(variables)];
    expect(isFast(one.environ)).toBe(true);
    expect(areAlike(one.environ, other.environ)).toBe(true);
  });

  test('shows its signal, which is made when it is first looked at, and no source of it', () => {
    const signal = vi.fn<() => AbortSignal>(() => AbortSignal.abort('why'));
    const environ = createEnviron({
      get signal() {
        return signal();
      },
    });
    expect(Object.keys(environ)).toContain('postern.signal');
    expect(signal).not.toHaveBeenCalled();
    expect((environ['postern.signal'] as AbortSignal).reason).toBe('why');
    expect(inspect(environ)).not.toContain('source');
  });

  test('takes another signal, and so does one that inherits from it; copies have it as well', () => {
    const [first, second, third] = [1, 2, 3].map((reason) => AbortSignal.abort(reason));
    const environ = createEnviron({ signal: first! });
    const inner = Object.create(environ) as Variables;
    expect([environ['postern.signal'], inner['postern.signal']]).toEqual([first, first]);
    inner['postern.signal'] = third;
    environ['postern.signal'] = second;
    for (const [each, signal] of [[environ, second] as const, [inner, third] as const]) {
      expect(each['postern.signal']).toBe(signal);
      expect({ ...each }['postern.signal']).toBe(signal);
    }
    environ['postern.signal'] = third;
    expect(environ['postern.signal']).toBe(third);
  });
});

describe('parts', () => {
  test.each([
    ['example.org', 'example.org', undefined],
    ['example.org:80', 'example.org', '80'],
    ['example.org:', 'example.org', undefined],
    ['[::1]', '[::1]', undefined],
    ['[::1]:80', '[::1]', '80'],
    ['::1', '::1', undefined],
    ['example.org:http', 'example.org:http', undefined],
    [':80', '', '80'],
    ['', '', undefined],
  ])('of %j are %j and %j', (text, host, port) => {
    expect(splitPort(text)).toEqual([host, port]);
  });
});

describe('the path', () => {
  test.each([
    // As nginx has it with its stock fastcgi_params, and Apache's mod_proxy_scgi.
    ['/app/x', '', '/app', '/app', '/x'],
    ['/app', '', '/app', '/app', ''],
    // As mod_proxy_uwsgi has it.
    ['', '/app/x', '/app', '/app', '/x'],
    ['/app', '/x', '', '', '/app/x'],
    // Not below the mount, not at the border of a segment.
    ['/apple', '/x', '/app', '/apple', '/x'],
    // Repeated slashes and an encoded newline stay.
    ['/app', '//x\n', '/app', '/app', '//x\n'],
    ['/', '', undefined, '', '/'],
    ['app', 'x', undefined, '/app', '/x'],
    // Shorter than what it is compared with (CVE-2019-11043).
    ['', '', '/app', '', ''],
  ])(
    '%j + %j mounted at %j is %j + %j',
    (script, path, scriptName, expectedScript, expectedPath) => {
      const { environ } = complete(
        [
          ['SCRIPT_NAME', script],
          ['PATH_INFO', path],
        ],
        scriptName === undefined ? {} : { scriptName },
      );
      expect([environ['SCRIPT_NAME'], environ['PATH_INFO']]).toEqual([
        expectedScript,
        expectedPath,
      ]);
    },
  );

  test.each([
    ['', '/a b/\xc3\xa9', 'x=1', '/a%20b/%C3%A9?x=1'],
    ['http://host:80/a%20b?x', '/', '', '/a%20b?x'],
    ['https://host?x', '/', '', '/?x'],
    ['*', '', '', '*'],
    ['host:80', '/p', 'x', '/p?x'],
  ])('REQUEST_URI %j', (uri, path, query, expected) => {
    const { environ } = complete([
      ['REQUEST_URI', uri],
      ['PATH_INFO', path],
      ['QUERY_STRING', query],
    ]);
    expect(environ['REQUEST_URI']).toBe(expected);
  });
});

describe('the server', () => {
  test.each([
    // HAProxy without `host_only`.
    [[['SERVER_NAME', 'example.org:8080']], 'example.org', '80'],
    [[['SERVER_NAME', '[::1]:8080']], '[::1]', '80'],
    // Caddy.
    [[['SERVER_NAME', '::1']], '[::1]', '80'],
    [[['SERVER_NAME', '[::1]']], '[::1]', '80'],
    // lighttpd without a Host header.
    [[['SERVER_NAME', '']], 'localhost', '80'],
    // nginx without server_name.
    [[['HTTP_HOST', 'example.org:8080']], 'example.org', '8080'],
    [[['SERVER_ADDR', '192.0.2.1']], '192.0.2.1', '80'],
    [[['SERVER_ADDR', '2001:db8::1']], '[2001:db8::1]', '80'],
    // A Host header, and with it what HAProxy says, may have no name in it.
    [[['HTTP_HOST', ':8080']], 'localhost', '8080'],
    [
      [
        ['SERVER_NAME', ':8080'],
        ['SERVER_ADDR', '192.0.2.1'],
      ],
      '192.0.2.1',
      '80',
    ],
    [[['HTTPS', 'on']], 'localhost', '443'],
    [[], 'localhost', '80'],
  ] as [Pairs, string, string][])('%j', (pairs, name, port) => {
    const { environ } = complete(pairs);
    expect([environ['SERVER_NAME'], environ['SERVER_PORT']]).toEqual([name, port]);
  });

  // As Apache sends it for `<!--#include virtual="/app/x/y" -->`: the path is in SCRIPT_NAME, too.
  test.each([
    ['/app/x/y', '/x/y', '/app', '/x/y'],
    ['/app/', '/', '/app', '/'],
    ['/app', '', '/app', ''],
    ['/x', '/x', '', '/x'],
    ['/app', '/x', '/app', '/x'], // with `ProxyFCGISetEnvIf`
  ])('INCLUDED: SCRIPT_NAME %j, PATH_INFO %j: %j, %j', (script, path, ...expected) => {
    const sent: Pairs = [
      ['SCRIPT_NAME', script],
      ['PATH_INFO', path],
    ];
    const { environ } = complete([...sent, ['SERVER_PROTOCOL', 'INCLUDED']]);
    expect([environ['SCRIPT_NAME'], environ['PATH_INFO']]).toEqual(expected);
    const ordinary = complete([...sent, ['SERVER_PROTOCOL', 'HTTP/1.1']]).environ;
    expect(ordinary['PATH_INFO']).toBe(path);
    expect(ordinary['SCRIPT_NAME']).toBe(script);
  });

  // As uWSGI's router sends a target in absolute form.
  test.each([
    ['http://www.test:81/a b', 'http://www.test:81/a%20b?x', '/a b', '/a%20b?x', 'www.test:81'],
    ['http://www.test', 'http://www.test', '/', '/', 'www.test'],
    ['HTTP://www.test/', 'HTTP://www.test/', '/', '/', 'www.test'],
    // A path that looks like it: `fastcgi_split_path_info ^(/proxy/)(.*)$`.
    ['http://www.test/a', '/proxy/http://www.test/a', '/http://www.test/a', undefined, 'here.test'],
  ])('PATH_INFO %s of %s', (path, uri, info, origin, host) => {
    const { environ } = complete([
      ['PATH_INFO', path],
      ['REQUEST_URI', uri],
      ['HTTP_HOST', 'here.test'],
    ]);
    expect(environ).toMatchObject({
      PATH_INFO: info,
      REQUEST_URI: origin ?? uri,
      HTTP_HOST: host,
    });
  });

  test('a target in absolute form with a host that is none is refused', () => {
    const uri = 'http://user@www.test/';
    const sent: Pairs = [
      ['PATH_INFO', uri],
      ['REQUEST_URI', uri],
    ];
    expect(() => complete(sent)).toThrow(RequestError);
  });

  test.each(['', 'INCLUDED'])('SERVER_PROTOCOL %j is HTTP/1.0', (protocol) => {
    const { environ } = complete([['SERVER_PROTOCOL', protocol]]);
    expect(environ['SERVER_PROTOCOL']).toBe('HTTP/1.0');
  });
});

describe('the length of the body', () => {
  const CHUNKED = ['HTTP_TRANSFER_ENCODING', 'chunked'] as const;

  test('none', () => {
    expect(complete([]).length).toBe(0);
  });

  test.each(['GET', 'HEAD'])('of %s: 0 is as good as none', (method) => {
    const { environ, length } = complete([
      ['REQUEST_METHOD', method],
      ['CONTENT_LENGTH', '0'],
    ]);
    expect(length).toBe(0);
    expect(environ).not.toHaveProperty(['CONTENT_LENGTH']);
  });

  test.each([['HTTP_CONTENT_LENGTH', '0'] as const, CHUNKED])(
    'of GET: 0 is kept with %s %s',
    (name, value) => {
      const { environ, length } = complete([
        ['REQUEST_METHOD', 'GET'],
        [name, value],
        ['CONTENT_LENGTH', '0'],
      ]);
      expect(length).toBe(0);
      expect(environ['CONTENT_LENGTH']).toBe('0');
    },
  );

  test('of POST: 0 is what the client said', () => {
    const { environ } = complete([
      ['REQUEST_METHOD', 'POST'],
      ['CONTENT_LENGTH', '0'],
    ]);
    expect(environ['CONTENT_LENGTH']).toBe('0');
  });

  test.each(['fastcgi', 'http'])('%s: chunked, it ends with the stream', (gateway) => {
    const { environ, length } = complete([CHUNKED], { gateway });
    expect(length).toBe(-1);
    expect(environ).not.toHaveProperty(['HTTP_TRANSFER_ENCODING']);
  });

  test.each(['cgi', 'scgi', 'uwsgi'])('%s: chunked, it has no end', (gateway) => {
    expect(() => complete([CHUNKED], { gateway })).toThrow(
      expect.objectContaining({ status: '411 Length Required' }) as RequestError,
    );
  });

  test.each([['404'], ['500']])('of the page for an error (%s): there is none', (status) => {
    const sent: Pairs = [
      ['REQUEST_METHOD', 'GET'],
      ['REDIRECT_STATUS', status],
    ];
    const { environ, length } = complete([...sent, ['CONTENT_LENGTH', '5']], { gateway: 'scgi' });
    expect(length).toBe(0);
    expect(environ).not.toHaveProperty(['CONTENT_LENGTH']);
    expect(complete([...sent, CHUNKED], { gateway: 'cgi' }).length).toBe(0);
  });

  test('of a request that was redirected otherwise: it is there', () => {
    const sent: Pairs = [['CONTENT_LENGTH', '5']];
    expect(complete([...sent, ['REDIRECT_STATUS', '200']]).length).toBe(5);
    // lighttpd and nginx keep the method, and the body with it.
    expect(complete([...sent, ['REDIRECT_STATUS', '404'], ['REQUEST_METHOD', 'POST']]).length).toBe(
      5,
    );
  });

  test('the front end has taken the chunks apart', () => {
    const { environ, length } = complete([CHUNKED, ['CONTENT_LENGTH', '5']], { gateway: 'scgi' });
    expect(length).toBe(5);
    expect(environ).not.toHaveProperty(['HTTP_TRANSFER_ENCODING']);
  });

  test('Caddy says -1 over FastCGI', () => {
    const { environ, length } = complete([['CONTENT_LENGTH', '-1']]);
    expect(length).toBe(-1);
    expect(environ).not.toHaveProperty(['CONTENT_LENGTH']);
  });

  test.each(['cgi', 'scgi', 'uwsgi', 'http'])('%s: -1 is no length', (gateway) => {
    expect(() => complete([['CONTENT_LENGTH', '-1']], { gateway })).toThrow(RequestError);
  });

  test.each(['5x', '+5', '5 5', '0x5', '5, 5', '1e3', '9'.repeat(30)])('%j is none', (text) => {
    expect(() => complete([['CONTENT_LENGTH', text]])).toThrow(
      expect.objectContaining({ status: '400 Bad Request' }) as RequestError,
    );
  });
});

test('guessScheme', () => {
  for (const HTTPS of ['on', 'yes', '1']) expect(guessScheme({ HTTPS })).toBe('https');
  for (const environ of [{}, { HTTPS: 'foo' }, { HTTPS: 'off' }, { HTTPS: '' }, { HTTPS: '0' }]) {
    expect(guessScheme(environ)).toBe('http');
  }
});
