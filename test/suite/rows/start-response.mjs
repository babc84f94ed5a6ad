/**
 * Rules 1 to 5: when status and headers are stored, sent, replaced and refused.
 *
 * @import { ApplicationFunction } from '../../../src/types.ts'
 * @import { Row } from '../types.ts'
 */

import assert from 'node:assert/strict';

import { TEXT, assertBroken, codeOf, report, signalled, thrownBy } from '../kit.mjs';

/** Anything can be thrown, so `excInfo` cannot be told by its truth. @type {[string, unknown][]} */
const THROWN = [
  ['an Error', new Error('thrown on purpose')],
  ['undefined', undefined],
  ['null', null],
  ['0', 0],
  ['an empty string', ''],
  ['false', false],
];

/** @type {ApplicationFunction} */
const failing = (_environ, startResponse) => {
  startResponse('200 OK', [
    ['Content-Type', 'text/html'],
    ['Content-Length', '1000'],
  ]);
  throw new RangeError('inner failure');
};

/** @satisfies {Row[]} */
export const rows = [
  {
    rule: 1,
    name: 'status, reason and headers arrive as they were given, in order',
    application(_environ, startResponse) {
      startResponse('418 I am a teapot', [
        ['Content-Type', 'text/plain; charset=utf-8'],
        ['X-Case', 'Kept as IT is'],
        ['Set-Cookie', 'a=1'],
        ['Set-Cookie', 'b=2'],
      ]);
      return [Buffer.from('short and stout')];
    },
    async check(visit) {
      const response = await visit.response();
      assert.equal(response.status, 418);
      assert.equal(response.reason, 'I am a teapot');
      assert.equal(response.header('content-type'), 'text/plain; charset=utf-8');
      assert.equal(response.header('x-case'), 'Kept as IT is');
      const cookies = response.headers.filter(([name]) => name === 'set-cookie');
      assert.deepEqual(cookies, [
        ['set-cookie', 'a=1'],
        ['set-cookie', 'b=2'],
      ]);
      assert.equal(response.text, 'short and stout');
      assert.equal(response.complete, true);
    },
  },
  {
    rule: 1,
    name: 'startResponse sends nothing, and neither does an empty chunk',
    *application(_environ, startResponse) {
      startResponse('200 OK', TEXT);
      yield Buffer.alloc(0);
      startResponse('503 Service Unavailable', TEXT, new Error('a better idea'));
      yield Buffer.from('replaced');
    },
    async check(visit) {
      const response = await visit.response();
      assert.equal(response.status, 503);
      assert.equal(response.text, 'replaced');
    },
  },
  {
    rule: 1,
    name: 'the headers leave with the first chunk that is not empty',
    needs: ['streams'],
    async *application(environ, startResponse) {
      startResponse('200 OK', [...TEXT, ['X-Accel-Buffering', 'no']]);
      yield Buffer.from('first');
      await signalled(environ);
      yield Buffer.from(' second');
    },
    async check(visit) {
      const begun = await visit.begin(5);
      assert.equal(begun.status, 200);
      assert.equal(begun.text, 'first');
      visit.signal();
      const response = await visit.response();
      assert.equal(response.text, 'first second');
      assert.equal(response.complete, true);
    },
  },
  {
    rule: 1,
    name: 'the headers leave with the first write(), even an empty one',
    needs: ['cut'],
    application(environ, startResponse) {
      const write = startResponse('200 OK', TEXT);
      void write(Buffer.alloc(0));
      const late = new Error('too late');
      const thrown = thrownBy(() => startResponse('500 No', TEXT, late));
      report(environ, 'identical', Object.is(thrown, late));
      return [Buffer.from('never')];
    },
    async check(visit) {
      const response = await visit.response();
      assert.equal(await visit.event('identical'), true);
      assertBroken(response, '');
    },
  },
  {
    rule: 1,
    name: 'the headers leave at the end of an empty body',
    *application(_environ, startResponse) {
      startResponse('201 Created', [['Location', 'https://example.org/new']]);
      yield Buffer.alloc(0);
    },
    async check(visit) {
      const response = await visit.response();
      assert.equal(response.status, 201);
      assert.equal(response.header('location'), 'https://example.org/new');
      assert.equal(response.body.length, 0);
      assert.equal(response.complete, true);
    },
  },
  {
    rule: 2,
    name: 'a second call without excInfo is refused',
    breaks: 'it calls startResponse twice',
    application(environ, startResponse) {
      startResponse('200 OK', TEXT);
      const error = thrownBy(() => startResponse('201 Created', TEXT));
      report(environ, 'error', [codeOf(error), String(error)]);
      return [Buffer.from('as at first')];
    },
    async check(visit) {
      const response = await visit.response();
      assert.equal(response.status, 200);
      assert.equal(response.text, 'as at first');
      const [code, message] = /** @type {[string, string]} */ (await visit.event('error'));
      assert.equal(code, 'ERR_POSTERN_APPLICATION');
      assert.match(message, /Headers already set/);
    },
  },
  {
    rule: 2,
    name: 'a second call is refused also when the first one threw',
    breaks: 'it calls startResponse twice, first with a header that is none',
    application(environ, startResponse) {
      const first = thrownBy(() => startResponse('200 OK', [['Bad Name', '1']]));
      const second = thrownBy(() => startResponse('200 OK', TEXT));
      report(environ, 'codes', [codeOf(first), codeOf(second)]);
      return [Buffer.from('no status, no response')];
    },
    async check(visit) {
      assert.equal((await visit.response()).status, 500);
      const codes = await visit.event('codes');
      assert.deepEqual(codes, ['ERR_POSTERN_HEADER', 'ERR_POSTERN_APPLICATION']);
    },
  },
  {
    rule: 2,
    name: 'a second call is refused once the headers have left',
    breaks: 'it calls startResponse twice',
    *application(environ, startResponse) {
      startResponse('200 OK', TEXT);
      yield Buffer.from('sent');
      report(environ, 'code', codeOf(thrownBy(() => startResponse('200 OK', TEXT))));
    },
    async check(visit) {
      assert.equal((await visit.response()).text, 'sent');
      assert.equal(await visit.event('code'), 'ERR_POSTERN_APPLICATION');
    },
  },
  ...THROWN.map(
    ([kind, thrown]) =>
      /** @satisfies {Row} */ ({
        rule: 3,
        name: `with ${kind} as excInfo and nothing sent, status and headers are replaced`,
        application(_environ, startResponse) {
          startResponse('200 OK', [...TEXT, ['X-First', '1']]);
          startResponse('500 Sorry', [...TEXT, ['X-Second', '2']], thrown);
          return [Buffer.from('sorry')];
        },
        async check(visit) {
          const response = await visit.response();
          assert.equal(response.status, 500);
          assert.equal(response.reason, 'Sorry');
          assert.equal(response.header('x-first'), undefined);
          assert.equal(response.header('x-second'), '2');
          assert.equal(response.text, 'sorry');
        },
      }),
  ),
  {
    rule: 3,
    name: 'the first call may have excInfo',
    application(_environ, startResponse) {
      startResponse('500 Sorry', TEXT, new Error('caught before anything was said'));
      return [Buffer.from('sorry')];
    },
    async check(visit) {
      assert.equal((await visit.response()).status, 500);
    },
  },
  {
    rule: 3,
    name: 'an error handler around an application replaces its half-made response',
    application(environ, startResponse) {
      try {
        return failing(environ, startResponse);
      } catch (error) {
        startResponse('502 Bad Gateway', TEXT, error);
        return [Buffer.from('handled')];
      }
    },
    async check(visit) {
      const response = await visit.response();
      assert.equal(response.status, 502);
      assert.equal(response.header('content-type'), 'text/plain');
      assert.equal(response.text, 'handled');
      assert.equal(response.complete, true);
    },
  },
  ...THROWN.map(
    ([kind, error]) =>
      /** @satisfies {Row} */ ({
        rule: 4,
        name: `with ${kind} as excInfo after the headers were sent, the same is thrown again`,
        needs: ['cut'],
        *application(environ, startResponse) {
          startResponse('200 OK', TEXT);
          yield Buffer.from('begun');
          try {
            startResponse('500 Too Late', TEXT, error);
          } catch (thrown) {
            report(environ, 'identical', Object.is(thrown, error));
            throw thrown;
          }
          yield Buffer.from(' and never ended');
        },
        async check(visit) {
          assertBroken(await visit.response(), 'begun');
          assert.equal(await visit.event('identical'), true);
        },
      }),
  ),
  {
    rule: 4,
    name: 'a response stays broken when the application swallows what startResponse threw',
    needs: ['cut'],
    *application(_environ, startResponse) {
      startResponse('200 OK', TEXT);
      yield Buffer.from('half');
      thrownBy(() => startResponse('500 Too Late', TEXT, new Error('swallowed')));
      yield Buffer.from(' of something else');
    },
    async check(visit) {
      assertBroken(await visit.response(), 'half');
      await visit.logged(/swallowed/);
    },
  },
  {
    rule: 5,
    name: 'startResponse may be called while the body is iterated',
    *application(_environ, startResponse) {
      yield Buffer.alloc(0);
      startResponse('200 OK', TEXT);
      yield Buffer.from('late, but in time');
    },
    async check(visit) {
      const response = await visit.response();
      assert.equal(response.status, 200);
      assert.equal(response.text, 'late, but in time');
    },
  },
  {
    rule: 5,
    name: 'a chunk that comes before startResponse is an error',
    breaks: 'it yields before startResponse',
    *application(_environ, startResponse) {
      yield Buffer.from('too early');
      startResponse('200 OK', TEXT);
    },
    async check(visit) {
      const response = await visit.response();
      assert.equal(response.status, 500);
      assert.doesNotMatch(response.text, /too early/);
      await visit.logged(/without calling startResponse/);
    },
  },
  {
    rule: 5,
    name: 'a body that ends without startResponse is an error',
    breaks: 'it never calls startResponse',
    application() {
      return [];
    },
    async check(visit) {
      assert.equal((await visit.response()).status, 500);
      await visit.logged(/without calling startResponse/);
    },
  },
  {
    rule: 5,
    name: 'an array of one chunk without startResponse is an error',
    breaks: 'it never calls startResponse',
    async application() {
      return [Buffer.from('no status')];
    },
    async check(visit) {
      const response = await visit.response();
      assert.equal(response.status, 500);
      assert.doesNotMatch(response.text, /no status/);
    },
  },
];
