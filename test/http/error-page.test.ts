/** The error page of development: what it says, and that nothing in it is more than text. */

import { describe, expect, test } from 'vitest';

import { ask, bytes, failing, pageOf, withoutSource } from './error-page-kit.ts';
import { ATTRIBUTE, HOSTILE, SCRIPT } from './hostile.ts';
import { serve } from './kit.ts';

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

  test('for what cannot be looked at', async () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    expect(await pageOf(proxy)).toContain('[Proxy]');
    expect(await pageOf(new Error('the effect', { cause: proxy }))).toContain('[Proxy]');
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

  test.each(['E_CODE', 42])('the code %j', async (code) => {
    const text = textOf(await pageOf(Object.assign(new Error('coded'), { code })));
    expect(text).toContain(`Error [${code}] 500 Internal Server Error`);
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
