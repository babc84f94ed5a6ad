/** The error page of development: who gets it, what it says, and that nothing in it is more than text. */

import { mkdtempSync, rmSync } from 'node:fs';
import { request as nodeRequest } from 'node:http';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, onTestFinished, test } from 'vitest';

import { isLocalBrowser } from '../../adapters/http/error-page/access.ts';
import type { HttpOptions } from '../../adapters/http/index.ts';
import { fromFetch, fromNode } from '../../src/index.ts';
import type { Application } from '../../src/index.ts';
import { ATTRIBUTE, HOSTILE, SCRIPT } from './hostile.ts';
import { Client, parse, serve, signal } from './kit.ts';

const BARE = 'A server error occurred. Please contact the administrator.';

/** What a browser on this machine sends. */
const BROWSER: Readonly<Record<string, string>> = {
  Host: 'localhost:8000',
  Accept: 'text/html,application/xhtml+xml,*/*;q=0.8',
};

interface Asked {
  line?: string;
  /** In place of, or beside, those of a browser; without a value: not sent. */
  headers?: Readonly<Record<string, string | undefined>>;
}

function bytes({ line = 'GET /x HTTP/1.1', headers = {} }: Asked = {}): string {
  const all = Object.entries({ ...BROWSER, Connection: 'close', ...headers });
  const lines = all.flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]));
  return [line, ...lines, '', ''].join('\r\n');
}

const failing: Application = () => {
  throw new Error('the reason');
};

/** Serves an application that fails. @returns the response to one request */
async function ask(
  asked: Asked = {},
  application: Application = failing,
  options: Partial<HttpOptions> = {},
): Promise<ReturnType<typeof parse> & { errors: string }> {
  const { talk, errors } = await serve(application, { errorPage: true, ...options });
  const response = parse(await talk(bytes(asked)));
  return { ...response, errors: errors.join('') };
}

/** Of an application that throws this. @returns the page */
async function pageOf(thrown: unknown, asked: Asked = {}): Promise<string> {
  const { status, headers, body } = await ask(asked, () => {
    throw thrown;
  });
  expect(status).toBe('HTTP/1.1 500 Internal Server Error');
  expect(headers).toContain('Content-Type: text/html; charset=utf-8');
  return Buffer.from(body, 'latin1').toString();
}

describe('a browser on this machine gets it', () => {
  test.each([
    'localhost',
    'localhost:8000',
    'LOCALHOST',
    'app.localhost:1',
    '127.0.0.1:8000',
    '127.255.0.9',
    '[::1]:8000',
  ])('under the name of %s', async (Host) => {
    const { status, headers, body, errors } = await ask({ headers: { Host } });
    expect(status).toBe('HTTP/1.1 500 Internal Server Error');
    expect(headers).toContain('Content-Type: text/html; charset=utf-8');
    expect(headers).toContain(`Content-Length: ${body.length}`);
    expect(body).toContain('the reason');
    expect(errors).toMatch(/^Error: the reason\n/);
  });

  test.each(['text/html', 'application/json, TEXT/HTML;q=0.1', 'text/html;level=1;q=0.05'])(
    'when it accepts %s',
    async (Accept) => {
      expect((await ask({ headers: { Accept } })).body).toContain('the reason');
    },
  );

  test.each(['POST', 'DELETE'])('whatever it has asked for: %s', async (method) => {
    const { body } = await ask({
      line: `${method} / HTTP/1.1`,
      headers: { 'Content-Length': '0' },
    });
    expect(body).toContain('the reason');
  });

  test('as a head alone, where it has asked for that', async () => {
    const { status, headers, body } = await ask({ line: 'HEAD /x HTTP/1.1' });
    expect(status).toBe('HTTP/1.1 500 Internal Server Error');
    expect(headers).toContain('Content-Type: text/html; charset=utf-8');
    expect(body).toBe('');
  });
});

describe('everybody else gets the bare 500', () => {
  const cases: [why: string, asked: Asked, options?: Partial<HttpOptions>][] = [
    ['nobody has asked for the page', {}, { errorPage: undefined }],
    ['it is switched off', {}, { errorPage: false }],

    ['another Host', { headers: { Host: 'example.org' } }],
    ['an address that is not loopback', { headers: { Host: '192.0.2.1:8000' } }],
    ['a name that begins like one', { headers: { Host: 'localhost.example.org' } }],
    ['a name that ends like one', { headers: { Host: 'notlocalhost' } }],
    ['an address as a subdomain (DNS rebinding)', { headers: { Host: '127.0.0.1.example.org' } }],
    ['an address that says less than four bytes', { headers: { Host: '127.1' } }],
    ['every address', { headers: { Host: '0.0.0.0:8000' } }],
    ['another IPv6 address', { headers: { Host: '[::2]' } }],
    ['an empty Host', { headers: { Host: '' } }],

    ['no Accept', { headers: { Accept: undefined } }],
    ['what curl accepts', { headers: { Accept: '*/*' } }],
    ['any text', { headers: { Accept: 'text/*' } }],
    ['a program', { headers: { Accept: 'application/json' } }],
    ['HTML refused', { headers: { Accept: 'text/html;q=0, */*' } }],
    ['HTML refused at length', { headers: { Accept: 'text/html; Q=0.000' } }],

    ...[
      'Forwarded',
      'Via',
      'X-Forwarded-For',
      'x-forwarded-host',
      'X-Forwarded-Proto',
      'X-Forwarded-Server',
      'X_Forwarded_For',
      'X-Real-IP',
      'X-Original-Host',
      'True-Client-IP',
      'CF-Connecting-IP',
      'CDN-Loop',
    ].map((name): [string, Asked] => [
      `through a proxy: ${name}`,
      { headers: { [name]: '127.0.0.1' } },
    ]),
    [
      'through a proxy that is trusted',
      { headers: { 'X-Forwarded-For': '127.0.0.1' } },
      { forwardedAllowIps: ['127.0.0.1'] },
    ],
    [
      'through a proxy with headers of its own',
      { headers: { 'X-Our-Client': '127.0.0.1' } },
      { forwardedHeaders: { for: 'X-Our-Client' } },
    ],
    ['through a proxy that says no more than HTTP/1.0', { line: 'GET /x HTTP/1.0' }],
    ['as to a proxy', { line: 'GET http://localhost/x HTTP/1.1' }],
  ];

  test.each(cases)('%s', async (_why, asked, options) => {
    const { status, headers, body, errors } = await ask(asked, failing, options);
    if (asked.headers?.['Host'] === '') {
      expect(status).toMatch(/^HTTP\/1\.1 (?:400|500) /);
      expect(body).not.toContain('the reason');
      return;
    }
    expect(status).toBe('HTTP/1.1 500 Internal Server Error');
    expect(headers).toContain('Content-Type: text/plain; charset=utf-8');
    expect(body).toBe(BARE);
    expect(errors).toMatch(/^Error: the reason\n/);
  });

  test('through a unix socket', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'postern-page-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const { talk } = await serve(failing, {
      errorPage: true,
      listen: `unix:${join(folder, 'socket')}`,
    });
    expect(parse(await talk(bytes())).body).toBe(BARE);
  });

  const external = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ internal, family }) => !internal && family === 'IPv4')?.address;

  test.skipIf(external === undefined)('from an address of the network', async () => {
    const { port } = await serve(failing, { errorPage: true, listen: '0.0.0.0:0' });
    const client = await Client.connect({ address: external!, family: 'IPv4', port });
    expect(parse(await client.send(bytes()).rest()).body).toBe(BARE);
  });

  test.each([
    ['127.0.0.1', true],
    ['127.8.8.8', true],
    ['::1', true],
    ['::ffff:127.0.0.1', true],
    ['::ffff:192.0.2.1', false],
    ['192.0.2.1', false],
    ['10.0.0.1', false],
    ['172.17.0.1', false],
    ['fe80::1', false],
    ['::', false],
    [undefined, false], // a unix socket, or one that has been closed
  ])('from %s: %j', (remoteAddress, expected) => {
    const headers = { host: 'localhost', accept: 'text/html' };
    const rawHeaders = Object.entries(headers).flat();
    const incoming = {
      socket: { remoteAddress },
      url: '/',
      httpVersionMinor: 1,
      headers,
      rawHeaders,
    };
    expect(isLocalBrowser(incoming as never, [])).toBe(expected);
  });
});

/** Elements of the page that are none of its own. The browser test looks at them with a parser of HTML. */
function intruders(page: string): string[] {
  const elements = page.replace(/ title="[^"]*"/g, '').match(/<[a-z][^>]*>/gi)!;
  return elements.filter(
    (element) =>
      /^<(?:img|iframe|link|object|base|form)\b/i.test(element) ||
      (/^<script\b/i.test(element) && !element.includes(' nonce=')),
  );
}

describe('it is no way in', () => {
  test.each(HOSTILE)('for the %s', async (_where, thrown) => {
    expect(intruders(await pageOf(thrown))).toEqual([]);
  });

  test('for the request', async () => {
    const page = await pageOf(new Error('x'), {
      line: `GET /${encodeURIComponent(SCRIPT)}?${encodeURIComponent(ATTRIBUTE)} HTTP/1.1`,
      headers: { 'User-Agent': SCRIPT + ATTRIBUTE, "X-'`~": SCRIPT },
    });
    expect(intruders(page)).toEqual([]);
    expect(page).toContain('/&lt;script&gt;window.intruder = 1&lt;/script&gt;');
  });

  test('for what middleware has put into the environ', async () => {
    const { body } = await ask({}, (environ) => {
      environ[SCRIPT] = SCRIPT;
      environ['app.object'] = { [ATTRIBUTE]: SCRIPT };
      throw new Error('x');
    });
    expect(intruders(body)).toEqual([]);
    expect(body).toContain('&#60;script&#62;');
  });

  test('for source', async () => {
    const page = await pageOf(new Error('<b>')); // <script>alert(2)</script><img src=x>
    expect(intruders(page)).toEqual([]);
    expect(page).toContain('alert(2)');
  });

  test('and if it were one, nothing would run or be loaded', async () => {
    const { headers } = await ask();
    const policy = headers.find((line) => line.startsWith('Content-Security-Policy: '))!;
    expect(policy).toMatch(/ default-src 'none';/);
    expect(policy).toMatch(/ script-src 'nonce-[\w+/]{22}==';/);
    expect(policy).toMatch(/ frame-ancestors 'none'$/);
    expect(policy.replace(/(?:script|style)-src-attr [^;]*/g, '')).not.toContain('unsafe');
    expect(headers).toEqual(
      expect.arrayContaining([
        'Cache-Control: no-store',
        'Cross-Origin-Resource-Policy: same-origin',
        'X-Content-Type-Options: nosniff',
      ]),
    );
  });

  test('with a nonce of its own each time', async () => {
    const { talk } = await serve(failing, { errorPage: true });
    const nonces = [await talk(bytes()), await talk(bytes())].map(
      (answer) => /'nonce-([^']+)'/.exec(answer)![1],
    );
    expect(nonces[0]).not.toBe(nonces[1]);
  });

  test('to files that a message names', async () => {
    const page = await pageOf(new Error('forged\n    at x (/etc/passwd:1:1)'));
    expect(withoutSource(page)).toContain('/etc/passwd'); // the message
    expect(page).not.toMatch(new RegExp(['root', 'x', '0'].join(':')));
  });
});

/** A page without the lines of this file, which have in them what they look for. */
const withoutSource = (page: string): string =>
  page.replace(/<div class="stack-frame-source">[^]*?<\/li>|<details[^]*?<\/details>/g, '');

/** Text of a page, as a person reads it. */
const textOf = (page: string): string =>
  page
    .replace(/<(script|style)\b[^]*?<\/\1>/g, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)))
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replace(/\s+/g, ' ');

describe('it says', () => {
  test('the chain of causes, to its end', async () => {
    const root = Object.assign(new RangeError('the root'), { code: 'E_ROOT', where: 'below' });
    const middle = new TypeError('the middle', { cause: root });
    const text = textOf(await pageOf(new Error('the top', { cause: middle })));
    expect(text).toMatch(
      /Error .*the top .*Caused by TypeError the middle .*Caused by RangeError \[E_ROOT\] the root .* where below /,
    );
  });

  test('all errors of an AggregateError', async () => {
    const text = textOf(await pageOf(new AggregateError([new Error('one'), 'two'], 'all')));
    expect(text).toMatch(
      /all .*One of its errors Error one .*One of its errors string, not an Error two /,
    );
  });

  test('a circle of causes, once', async () => {
    const error = new Error('round');
    error.cause = new Error('and round', { cause: error });
    const text = textOf(withoutSource(await pageOf(error)));
    expect(text.match(/Caused by/g)).toHaveLength(1);
  });

  test.each([
    ['text', 'text'],
    [undefined, 'undefined'],
    [null, 'null'],
    [{ status: 404 }, '{ status: 404 }'],
    [Object.create(null), '{}'],
  ])('%j, when that was thrown', async (thrown, expected) => {
    expect(textOf(await pageOf(thrown))).toContain(`not an Error 500 Internal Server Error`);
    expect(textOf(await pageOf(thrown))).toContain(expected);
  });

  test('where it was, with the lines around it', async () => {
    const text = textOf(await pageOf(new Error('here'))); // this very line
    expect(text).toContain('this very line');
    expect(text).toContain('test/http/error-page.test.ts');
  });

  test('the environ', async () => {
    const { body } = await ask({ line: 'GET /a%20b?c=d HTTP/1.1', headers: { 'X-Color': 'blue' } });
    const text = textOf(body);
    expect(text).toContain('PATH_INFO /a b ');
    expect(text).toContain('QUERY_STRING c=d ');
    expect(text).toContain('HTTP_X_COLOR blue ');
    expect(text).toContain('wsgi.version [ 1, 0 ] ');
  });

  test('no secrets, by their names', async () => {
    const headers = {
      Authorization: 'Bearer hidden-1',
      Cookie: 'sid=hidden-2; a=hidden-2',
      'X-API-Key': 'hidden-3',
      'X-Csrf-Token': 'hidden-4',
      'Proxy-Authorization': 'Basic hidden-5',
      Referer: 'http://user:hidden-6@localhost/?password=hidden-6?hidden-6&shown=r',
    };
    const line = 'GET /?access_token=hidden-7&shown=q&client_secret=hidden-7?hidden-7 HTTP/1.1';
    const { body } = await ask({ line, headers }, (environ) => {
      environ['app.session'] = { user: 'hidden-8' };
      environ['app.config'] = { user: 'shown-c', db: { password: 'hidden-9', host: 'shown-h' } };
      const request = { headers: { authorization: 'hidden-a' }, url: '/?token=hidden-b' };
      throw Object.assign(
        new Error('x', { cause: Object.assign(new Error(), { apiKey: 'hidden-c' }) }),
        {
          request,
          SECRET: 'hidden-d',
        },
      );
    });
    const page = withoutSource(body);
    expect(page).not.toContain('hidden-');
    for (const shown of ['shown=q', 'shown=r', 'shown-c', 'shown-h']) expect(page).toContain(shown);
  });

  test('not more than can be read of what is very long', async () => {
    const page = await pageOf(new Error('long '.repeat(1_000_000)));
    expect(page.length).toBeLessThan(500_000);
  });
});

describe('an error reaches it from', () => {
  const cause = new Error('the reason');
  const applications: [string, Application][] = [
    ['an application', () => Promise.reject(cause)],
    [
      'a body, before anything was sent',
      async function* (_environ, startResponse) {
        startResponse('200 OK', []);
        yield Buffer.alloc(0);
        throw cause;
      },
    ],
    [
      'a class',
      class {
        constructor() {
          throw cause;
        }
        [Symbol.iterator](): never {
          throw cause;
        }
      },
    ],
    [
      'a fetch handler',
      fromFetch(() => {
        throw cause;
      }),
    ],
    ['an asynchronous fetch handler', fromFetch(() => Promise.reject(cause))],
    [
      'a Node listener',
      fromNode(() => {
        throw cause;
      }),
    ],
    ['an asynchronous Node listener', fromNode((() => Promise.reject(cause)) as never)],
    [
      'a Node listener that has set headers',
      fromNode((_req, res) => {
        res.setHeader('Content-Encoding', 'gzip');
        throw cause;
      }),
    ],
  ];

  test.each(applications)('%s', async (_name, application) => {
    const { status, headers, body, errors } = await ask({}, application);
    expect(status).toBe('HTTP/1.1 500 Internal Server Error');
    expect(headers.filter((line) => /^content-(?:type|length|encoding)/i.test(line))).toEqual([
      'Content-Type: text/html; charset=utf-8',
      `Content-Length: ${body.length}`,
    ]);
    expect(body).toContain('the reason');
    expect(errors).toMatch(/^Error: the reason\n/);
  });

  test.each(applications)('%s, for those who may see it alone', async (_name, application) => {
    const { body } = await ask({ headers: { Host: 'example.org' } }, application);
    expect(body).toBe(BARE);
  });

  test('nothing that has begun to answer', async () => {
    const { status, body } = await ask({}, async function* (_environ, startResponse) {
      startResponse('200 OK', [['Content-Type', 'text/plain']]);
      yield Buffer.from('begun');
      throw cause;
    });
    expect(status).toBe('HTTP/1.1 200 OK');
    expect(body).toBe('5\r\nbegun\r\n');
  });

  test('no request that is wrong', async () => {
    const { status, body } = await ask({ headers: { 'Content-Length': 'x' } });
    expect(status).toBe('HTTP/1.1 400 Bad Request');
    expect(body).not.toContain('<');
  });
});

describe('while it is made', () => {
  test('the body is not closed twice', async () => {
    let closed = 0;
    const body = {
      [Symbol.iterator]: () => ({
        next(): never {
          throw new Error('the reason');
        },
      }),
      close: () => void closed++,
    };
    const { body: page } = await ask({}, () => body);
    expect(page).toContain('the reason');
    expect(closed).toBe(1);
  });

  test('the application has no say any more', async () => {
    const outcomes: unknown[] = [];
    const late = signal();
    const { body } = await ask({}, (_environ, startResponse) => {
      const write = startResponse('200 OK', [['Content-Type', 'text/plain']]);
      queueMicrotask(() => {
        for (const attempt of [() => write('late'), () => startResponse('200 OK', [], null)]) {
          try {
            attempt();
            outcomes.push('done');
          } catch (error) {
            outcomes.push((error as Error).message);
          }
        }
        late.fire();
      });
      throw new Error('the reason');
    });
    await late.promise;
    expect(outcomes).toEqual([
      'write() was called after the response had ended',
      'startResponse() was called after an error',
    ]);
    expect(body).toContain('the reason');
    expect(body).not.toContain('>late<');
  });

  test('a client may leave', async () => {
    const closed = signal();
    const { connect, talk, log } = await serve(
      () => ({
        [Symbol.iterator]: () => ({
          next(): never {
            throw new Error('the reason');
          },
        }),
        close: closed.fire,
      }),
      { errorPage: true },
    );
    const client = await connect();
    client.send(bytes());
    client.leave();
    await closed.promise;
    expect(await talk(bytes())).toContain('the reason');
    expect(log).toEqual([]);
  });

  test('more requests of the connection wait for it', async () => {
    let calls = 0;
    const { talk } = await serve(
      (_environ, startResponse) => {
        if (calls++ === 0) throw new Error('the reason');
        startResponse('200 OK', [['Content-Type', 'text/plain']]);
        return [Buffer.from('the second')];
      },
      { errorPage: true },
    );
    const kept = bytes({ headers: { Connection: undefined } });
    const answer = await talk(kept + bytes());
    expect(answer).toMatch(/^HTTP\/1\.1 500 [^]*the reason[^]*HTTP\/1\.1 200 OK[^]*the second$/);
  });

  test('an error that cannot be looked at is answered with the bare 500', async () => {
    const { talk, log, errors } = await serve(
      () => {
        throw new Proxy(new Error('the reason'), {
          get(target, name): unknown {
            if (name === 'message') throw new Error('look away');
            return Reflect.get(target, name);
          },
        });
      },
      { errorPage: true },
    );
    expect(parse(await talk(bytes())).body).toBe(BARE);
    expect(errors).toHaveLength(1);
    expect(log.join('')).toContain('the error page failed: Error: look away');
  });

  test('an upload that nobody reads is no obstacle', async () => {
    const { port } = await serve(failing, { errorPage: true });
    const headers = { ...BROWSER, 'Content-Length': 100_000 };
    const outgoing = nodeRequest({ port, host: '127.0.0.1', method: 'POST', headers });
    const page = new Promise<string>((resolve, reject) => {
      outgoing.on('error', reject).on('response', (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('end', () => resolve(text));
      });
    });
    outgoing.end(Buffer.alloc(100_000));
    expect(await page).toContain('the reason');
  });
});
