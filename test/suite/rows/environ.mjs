/**
 * Rules 19 to 21, and 24: the environ, responses without a Content-Type, and the synchronous path.
 *
 * @import { Row, SuiteRequest, Visit } from '../types.ts'
 */

import assert from 'node:assert/strict';
import { open, readFile } from 'node:fs/promises';

import { TEXT, report } from '../kit.mjs';

/**
 * A row whose application answers with its environ.
 *
 * @param {string} name
 * @param {SuiteRequest} request
 * @param {(environ: Record<string, unknown>, visit: Visit) => void} check
 * @param {Row['needs']} [needs]
 * @returns {Row}
 */
function environRow(name, request, check, needs = []) {
  return {
    rule: 19,
    name,
    request,
    needs,
    application(environ, startResponse) {
      startResponse('200 OK', [['Content-Type', 'application/json']]);
      // Byte strings as what they are, and not as UTF-8 of their code units.
      return [Buffer.from(JSON.stringify({ ...environ, 'postern.signal': null }, plain), 'latin1')];
    },
    async check(visit) {
      const response = await visit.response();
      assert.equal(response.status, 200);
      check(JSON.parse(response.body.toString('latin1')), visit);
    },
  };
}

/**
 * A row about a header that may have one value, and has two.
 *
 * @param {string} header
 * @param {string} one
 * @param {string} other
 * @returns {Row}
 */
function twoValuesRow(header, one, other) {
  const key = header.toUpperCase().replaceAll('-', '_');
  const variable = key === 'CONTENT_TYPE' ? key : `HTTP_${key}`;
  return {
    rule: 19,
    name: `two values of ${header}: refused, or the first where the front end has dropped the other`,
    request: {
      headers: [
        [header, one],
        ['X-Between', '1'],
        [header, other],
      ],
    },
    needs: ['repeats'],
    application(environ, startResponse) {
      report(environ, 'called');
      startResponse('200 OK', TEXT);
      return [Buffer.from(String(environ[variable]))];
    },
    async check(visit) {
      const response = await visit.response();
      if (response.status === 400) assert.deepEqual(visit.events(), []);
      else assert.equal(response.text, one);
    },
  };
}

/** @param {string} _key @param {unknown} value */
function plain(_key, value) {
  const isPlain = typeof value !== 'object' || value === null || Array.isArray(value);
  return isPlain || Object.getPrototypeOf(value) === Object.prototype ? value : `a ${typeof value}`;
}

/** @satisfies {Row[]} */
export const rows = [
  environRow('what is always there is there', {}, (environ) => {
    assert.equal(environ['REQUEST_METHOD'], 'GET');
    assert.equal(environ['SCRIPT_NAME'], '');
    assert.equal(environ['PATH_INFO'], '/');
    assert.equal(environ['QUERY_STRING'], '');
    assert.equal(environ['REQUEST_URI'], '/');
    assert.match(String(environ['SERVER_NAME']), /^[^:]+$/);
    assert.match(String(environ['SERVER_PORT']), /^\d+$/);
    assert.match(String(environ['SERVER_PROTOCOL']), /^HTTP\/1\.[01]$/);
  }),
  environRow('what is absent is absent', {}, (environ) => {
    for (const name of ['CONTENT_TYPE', 'CONTENT_LENGTH', 'HTTPS', 'HTTP_COOKIE', 'REMOTE_USER']) {
      assert.ok(!(name in environ), name);
    }
    for (const [name, value] of Object.entries(environ)) {
      assert.notEqual(value, undefined, name);
      if (/^[A-Z_]+$/.test(name)) assert.equal(typeof value, 'string', name);
    }
  }),
  environRow(
    'PATH_INFO is decoded once, REQUEST_URI and QUERY_STRING are as they were sent',
    { target: '/some%20path/%C3%A9%2520?x=1&y=a%20b&z=%C3%A9' },
    (environ) => {
      assert.equal(environ['SCRIPT_NAME'], '');
      assert.equal(environ['PATH_INFO'], '/some path/\u00c3\u00a9%20');
      assert.equal(environ['QUERY_STRING'], 'x=1&y=a%20b&z=%C3%A9');
      assert.equal(environ['REQUEST_URI'], '/some%20path/%C3%A9%2520?x=1&y=a%20b&z=%C3%A9');
    },
  ),
  environRow(
    'a path may hold any byte',
    { target: '/%ff%fe%01~+;=&,' },
    (environ) => {
      assert.equal(environ['PATH_INFO'], '/\u00ff\u00fe\u0001~+;=&,');
      assert.equal(environ['REQUEST_URI'], '/%ff%fe%01~+;=&,');
    },
    ['anyBytes'],
  ),
  environRow(
    'an empty query is no query, and it is not lost from the URI',
    { target: '/p?' },
    (environ) => {
      assert.equal(environ['PATH_INFO'], '/p');
      assert.equal(environ['QUERY_STRING'], '');
      assert.equal(environ['REQUEST_URI'], '/p?');
    },
  ),
  environRow(
    'a query is never decoded, nor taken for options',
    { target: '/?-e+process.exit()&a==&%00&?' },
    (environ) => {
      assert.equal(environ['QUERY_STRING'], '-e+process.exit()&a==&%00&?');
    },
  ),
  environRow(
    'headers arrive as HTTP_ variables',
    {
      headers: [
        ['X-Some-Header', 'some value'],
        ['Accept', 'text/html;q=0.9, */*'],
        ['Cookie', 'a=1; b="2"'],
        ['User-Agent', ''],
      ],
    },
    (environ) => {
      assert.equal(environ['HTTP_X_SOME_HEADER'], 'some value');
      assert.equal(environ['HTTP_ACCEPT'], 'text/html;q=0.9, */*');
      assert.equal(environ['HTTP_COOKIE'], 'a=1; b="2"');
      assert.match(String(environ['HTTP_HOST']), /./);
    },
  ),
  environRow(
    'a repeated header is joined',
    {
      headers: [
        ['X-Twice', 'one'],
        ['X-Twice', 'two'],
      ],
    },
    (environ) => {
      assert.match(String(environ['HTTP_X_TWICE']), /^one, ?two$/);
    },
    ['bothValues'],
  ),
  twoValuesRow('Content-Type', 'text/plain', 'application/json'),
  twoValuesRow('Authorization', 'Basic dTpw', 'Basic djpx'),
  twoValuesRow('Host', 'a.test', 'b.test'),
  environRow(
    'of a header that has one value the first counts',
    {
      headers: [
        ['User-Agent', 'one'],
        ['User-Agent', 'two'],
        ['Referer', 'http://one/'],
        ['Referer', 'http://two/'],
      ],
    },
    (environ) => {
      assert.equal(environ['HTTP_USER_AGENT'], 'one');
      assert.equal(environ['HTTP_REFERER'], 'http://one/');
    },
    ['repeats'],
  ),
  environRow(
    'a header keeps its bytes',
    { headers: [['X-Bytes', 'caf\u00e9 \u00ff']] },
    (environ) => {
      assert.equal(environ['HTTP_X_BYTES'], 'caf\u00e9 \u00ff');
    },
    ['anyBytes'],
  ),
  environRow('Authorization arrives', { headers: [['Authorization', 'Basic dTpw']] }, (environ) => {
    assert.equal(environ['HTTP_AUTHORIZATION'], 'Basic dTpw');
    // Who the client says it is, nobody has checked.
    assert.ok(!('REMOTE_USER' in environ));
  }),
  environRow(
    'Authorization arrives whole where it has commas',
    { headers: [['Authorization', 'Digest username="u", realm="a, b", uri="/"']] },
    (environ) => {
      assert.equal(environ['HTTP_AUTHORIZATION'], 'Digest username="u", realm="a, b", uri="/"');
    },
  ),
  environRow(
    'a Proxy header becomes no variable',
    { headers: [['Proxy', 'http://evil:1']] },
    (environ) => {
      assert.ok(!('HTTP_PROXY' in environ));
    },
  ),
  environRow(
    'CONTENT_TYPE and CONTENT_LENGTH have no HTTP_ twins',
    { method: 'POST', body: '{}', headers: [['Content-Type', 'application/json']] },
    (environ) => {
      assert.equal(environ['REQUEST_METHOD'], 'POST');
      assert.equal(environ['CONTENT_TYPE'], 'application/json');
      assert.equal(environ['CONTENT_LENGTH'], '2');
      assert.ok(!('HTTP_CONTENT_TYPE' in environ));
      assert.ok(!('HTTP_CONTENT_LENGTH' in environ));
    },
  ),
  environRow('an upload of nothing has the length 0', { method: 'POST', body: '' }, (environ) => {
    assert.equal(environ['CONTENT_LENGTH'], '0');
  }),
  environRow('a method that is not in any list arrives', { method: 'PROPFIND' }, (environ) => {
    assert.equal(environ['REQUEST_METHOD'], 'PROPFIND');
  }),
  environRow(
    'names that mean something to JavaScript are only names',
    {
      headers: [
        ['constructor', 'y'],
        ['toString', 'z'],
      ],
    },
    (environ) => {
      assert.equal(environ['HTTP_CONSTRUCTOR'], 'y');
      assert.equal(environ['HTTP_TOSTRING'], 'z');
    },
  ),
  {
    rule: 19,
    name: 'the environ has no prototype and is not shared between requests',
    application(environ, startResponse) {
      const seen = [Object.getPrototypeOf(environ), 'leftover' in environ];
      environ['leftover'] = true;
      startResponse('200 OK', TEXT);
      return [Buffer.from(JSON.stringify(seen))];
    },
    async check(visit) {
      assert.equal((await visit.response()).text, '[null,false]');
      const again = await visit.again();
      assert.equal((await again.response()).text, '[null,false]');
    },
  },
  ...['abc', '-5', '1e3', '0x10', '12 12', '99999999999999999999'].map(
    (length) =>
      /** @satisfies {Row} */ ({
        rule: 19,
        name: `the Content-Length ${length} is answered 400 before the application is called`,
        request: { method: 'POST', headers: [['Content-Length', length]] },
        application(environ, startResponse) {
          report(environ, 'called');
          startResponse('200 OK', TEXT);
          return [];
        },
        async check(visit) {
          const response = await visit.response();
          // A front end may find it before postern does, and say 413 to a number that is too large.
          assert.ok([400, 413].includes(response.status), String(response.status));
          assert.deepEqual(visit.events(), []);
        },
      }),
  ),
  {
    rule: 20,
    name: 'the environ tells what the gateway is',
    application(environ, startResponse) {
      startResponse('200 OK', [['Content-Type', 'application/json']]);
      const names = Object.keys(environ).filter((name) => /^(wsgi|postern)\./.test(name));
      const told = names.map((name) => [name, name.endsWith('.signal') ? null : environ[name]]);
      return [Buffer.from(JSON.stringify(Object.fromEntries(told), plain))];
    },
    async check(visit) {
      const environ = JSON.parse((await visit.response()).text);
      assert.deepEqual(environ['wsgi.version'], [1, 0]);
      assert.equal(environ['wsgi.url_scheme'], 'http');
      assert.equal(environ['wsgi.multithread'], false);
      assert.equal(typeof environ['wsgi.multiprocess'], 'boolean');
      assert.equal(environ['wsgi.run_once'], visit.gateway === 'cgi');
      assert.equal(environ['postern.gateway'], visit.gateway);
      assert.equal(environ['postern.role'], 'responder');
      const names = ['wsgi.input', 'wsgi.errors', 'postern.signal'];
      for (const name of names) assert.ok(name in environ, name);
    },
  },
  {
    rule: 20,
    name: 'wsgi.file_wrapper streams a file and closes it',
    async application(environ, startResponse) {
      const handle = await open(new URL(import.meta.url), 'r');
      const close = handle.close.bind(handle);
      handle.close = async () => {
        await close();
        report(environ, 'closed');
      };
      startResponse('200 OK', [['Content-Type', 'text/javascript']]);
      return new environ['wsgi.file_wrapper'](handle, 1000);
    },
    async check(visit) {
      const response = await visit.response();
      assert.deepEqual(response.body, await readFile(new URL(import.meta.url)));
      await visit.event('closed');
      assert.equal(visit.events().length, 1);
    },
  },
  {
    rule: 20,
    name: 'postern.signal is an AbortSignal, and always the same one',
    application(environ, startResponse) {
      const signal = environ['postern.signal'];
      startResponse('200 OK', TEXT);
      const facts = [
        signal instanceof AbortSignal,
        signal === environ['postern.signal'],
        signal.aborted,
      ];
      return [Buffer.from(JSON.stringify(facts))];
    },
    async check(visit) {
      assert.equal((await visit.response()).text, '[true,true,false]');
    },
  },
  {
    rule: 21,
    name: 'a response without a Content-Type is sent without one',
    breaks: 'it sends a body without a Content-Type',
    application(_environ, startResponse) {
      startResponse('200 OK', []);
      return [Buffer.from('<script>alert(1)</script>')];
    },
    async check(visit) {
      const response = await visit.response();
      assert.equal(response.status, 200);
      assert.equal(response.header('content-type'), undefined);
    },
  },
  {
    rule: 24,
    name: 'an application that returns an array is answered without a promise in between',
    application(environ, startResponse) {
      // Anything that is awaited lets this run first.
      queueMicrotask(() => report(environ, 'later'));
      startResponse('200 OK', TEXT);
      return Object.assign([Buffer.from('at once')], { close: () => report(environ, 'closed') });
    },
    async check(visit) {
      assert.equal((await visit.response()).text, 'at once');
      await visit.event('later');
      assert.deepEqual(visit.events(), [{ name: 'closed' }, { name: 'later' }]);
    },
  },
  {
    rule: 24,
    name: 'a generator that never waits is answered without a promise in between',
    *application(environ, startResponse) {
      queueMicrotask(() => report(environ, 'later'));
      startResponse('200 OK', TEXT);
      try {
        yield Buffer.from('at ');
        yield Buffer.from('once');
      } finally {
        report(environ, 'closed');
      }
    },
    async check(visit) {
      assert.equal((await visit.response()).text, 'at once');
      await visit.event('later');
      assert.deepEqual(visit.events(), [{ name: 'closed' }, { name: 'later' }]);
    },
  },
];
