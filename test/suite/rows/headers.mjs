/**
 * Rules 6 to 9: what status and headers may hold, Content-Length, and responses without a body.
 *
 * @import { Header } from '../../../src/types.ts'
 * @import { Row } from '../types.ts'
 */

import assert from 'node:assert/strict';

import { TEXT, assertBroken, report, unchecked } from '../kit.mjs';

const BAD_STATUSES = [
  '200',
  '200 ',
  '20 OK',
  '2000 OK',
  '099 Low',
  '100 Continue',
  '101 Switching Protocols',
  '103 Early Hints',
  'OK',
  '',
  '200  ',
  '200-OK',
  ' 200 OK',
  '200 OK\r\n',
  '200 OK\r\nX-Injected: 1',
  '200 O\nK',
  '200 O\0K',
  '200 O\x7fK',
  '200 \u0100',
  200,
  undefined,
  null,
];

/** @type {unknown[]} */
const BAD_HEADERS = [
  ['', 'empty name'],
  ['Two Words', '1'],
  ['Colon:', '1'],
  ['New\nLine', '1'],
  ['Trailing ', '1'],
  ['Nam\u00e9', '1'],
  ['Nul\0', '1'],
  ['X-A', 'line\nbreak'],
  ['X-A', 'carriage\rreturn'],
  ['X-A', 'a\r\nX-Injected: 1'],
  ['X-A', 'nul\0'],
  ['X-A', 'bell\x07'],
  ['X-A', 'escape\x1b'],
  ['X-A', 'delete\x7f'],
  ['X-A', 'beyond bytes \u0100'],
  ['X-A', 'snowman \u2603'],
  ['X-A', 1],
  ['X-A', undefined],
  ['X-A', null],
  ['X-A', ['1', '2']],
  ['X-A', Buffer.from('1')],
  ['X-A'],
  ['X-A', '1', '2'],
  'X-A: 1',
  { name: 'X-A', value: '1' },
  null,
  [1, '1'],
  ['Status', '404 Not Found'],
  ['status', '404 Not Found'],
  ['Connection', 'close'],
  ['CONNECTION', 'keep-alive'],
  ['Keep-Alive', 'timeout=5'],
  ['Proxy-Authenticate', 'Basic'],
  ['Proxy-Authorization', 'Basic eDp5'],
  ['TE', 'trailers'],
  ['Trailer', 'X-T'],
  ['Trailers', 'X-T'],
  ['Transfer-Encoding', 'chunked'],
  ['Upgrade', 'websocket'],
  ['Content-Length', '-1'],
  ['Content-Length', '1e3'],
  ['Content-Length', '0x10'],
  ['Content-Length', ' 5'],
  ['Content-Length', ''],
  ['Content-Length', '5, 5'],
  ['Content-Length', '99999999999999999999'],
];

/** @satisfies {Row[]} */
export const rows = [
  {
    rule: 6,
    name: 'a status is three digits, a space and a reason without control characters',
    breaks: 'it tries every status that is none',
    application(environ, startResponse) {
      const accepted = BAD_STATUSES.filter((status) => {
        try {
          // With excInfo, so that it is not refused for being the second call.
          startResponse(unchecked(status), [], new Error('replaced'));
          return true;
        } catch {
          return false;
        }
      });
      report(environ, 'accepted', accepted);
      startResponse('299 \u00c9tat: pas mal', TEXT, new Error('replaced'));
      return [Buffer.from('done')];
    },
    async check(visit) {
      const response = await visit.response();
      assert.deepEqual(await visit.event('accepted'), []);
      assert.equal(response.status, 299);
      assert.equal(response.reason, '\u00c9tat: pas mal');
    },
  },
  {
    rule: 6,
    name: 'headers that no response may carry are refused',
    breaks: 'it tries every header that is none',
    application(environ, startResponse) {
      const accepted = BAD_HEADERS.filter((header) => {
        try {
          startResponse('200 OK', unchecked([['X-Good', '1'], header]), new Error('replaced'));
          return true;
        } catch {
          return false;
        }
      });
      report(environ, 'accepted', accepted);
      startResponse('200 OK', TEXT, new Error('replaced'));
      return [Buffer.from('done')];
    },
    async check(visit) {
      const response = await visit.response();
      assert.deepEqual(await visit.event('accepted'), []);
      assert.equal(response.header('x-good'), undefined);
      assert.equal(response.text, 'done');
    },
  },
  {
    rule: 6,
    name: 'headers are an array, and Content-Length is in it once',
    breaks: 'it tries every list of headers that is none',
    application(environ, startResponse) {
      const lists = [
        undefined,
        null,
        'X-A: 1',
        { 'X-A': '1' },
        new Map([['X-A', '1']]),
        new Set([['X-A', '1']]),
        [
          ['Content-Length', '4'],
          ['content-length', '4'],
        ],
      ];
      const accepted = lists.filter((list) => {
        try {
          startResponse('200 OK', unchecked(list), new Error('replaced'));
          return true;
        } catch {
          return false;
        }
      });
      report(environ, 'accepted', accepted.map(String));
      startResponse('200 OK', TEXT, new Error('replaced'));
      return [Buffer.from('done')];
    },
    async check(visit) {
      assert.equal((await visit.response()).text, 'done');
      assert.deepEqual(await visit.event('accepted'), []);
    },
  },
  {
    rule: 6,
    name: 'a refused header that nobody catches is a 500, and nothing of it is sent',
    breaks: 'it sends a header with a line break',
    application(_environ, startResponse) {
      startResponse('200 OK', [['X-A', 'a\r\nX-Injected: 1']]);
      return [Buffer.from('never')];
    },
    async check(visit) {
      const response = await visit.response();
      assert.equal(response.status, 500);
      assert.equal(response.header('x-a'), undefined);
      assert.equal(response.header('x-injected'), undefined);
      assert.doesNotMatch(response.text, /never/);
      await visit.logged(/X-A/);
    },
  },
  {
    rule: 6,
    name: 'every byte that a header may hold arrives',
    application(_environ, startResponse) {
      startResponse('200 OK', [
        ...TEXT,
        ["x-!#$%&'*+-.^_`|~09", 'token'],
        ['X-Tab', 'a\tb'],
        ['X-Latin', 'caf\u00e9 \u00a0\u00ff'],
        ['X-Ascii', '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~'],
      ]);
      return [Buffer.from('done')];
    },
    async check(visit) {
      const response = await visit.response();
      assert.equal(response.header("x-!#$%&'*+-.^_`|~09"), 'token');
      assert.equal(response.header('x-tab'), 'a\tb');
      assert.equal(response.header('x-latin'), 'caf\u00e9 \u00a0\u00ff');
      assert.equal(response.header('x-ascii'), '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~');
    },
  },
  {
    rule: 6,
    name: 'what the application does to its headers afterwards changes nothing',
    *application(_environ, startResponse) {
      /** @type {[string, string][]} */
      const headers = [
        ['Content-Type', 'text/plain'],
        ['X-A', 'before'],
      ];
      startResponse('200 OK', headers);
      headers[1] = ['X-A', 'after'];
      headers[0]?.splice(1, 1, 'text/html\r\nX-Injected: 1');
      headers.push(['X-B', 'late\r\n']);
      yield Buffer.from('done');
    },
    async check(visit) {
      const response = await visit.response();
      assert.equal(response.header('content-type'), 'text/plain');
      assert.equal(response.header('x-a'), 'before');
      assert.equal(response.header('x-b'), undefined);
    },
  },
  {
    rule: 7,
    name: 'an array of one chunk is given its Content-Length',
    application(_environ, startResponse) {
      startResponse('200 OK', TEXT);
      return [Buffer.from('thirteen byte')];
    },
    async check(visit) {
      const response = await visit.response();
      assert.equal(response.header('content-length'), '13');
      assert.equal(response.text, 'thirteen byte');
    },
  },
  {
    rule: 7,
    name: 'an array of one chunk after write() is not taken for the whole body',
    application(_environ, startResponse) {
      void startResponse('200 OK', TEXT)(Buffer.from('written '));
      return [Buffer.from('and returned')];
    },
    async check(visit) {
      const response = await visit.response();
      assert.equal(response.text, 'written and returned');
      assert.equal(response.complete, true);
      assert.notEqual(response.header('content-length'), '12');
    },
  },
  {
    rule: 7,
    name: 'an array of several chunks arrives whole',
    application(_environ, startResponse) {
      startResponse('200 OK', TEXT);
      return [Buffer.from('one '), Buffer.alloc(0), new Uint8Array([0x74, 0x77, 0x6f])];
    },
    async check(visit) {
      const response = await visit.response();
      assert.equal(response.text, 'one two');
      assert.equal(response.complete, true);
    },
  },
  ...[
    { kind: 'empty array', body: [] },
    { kind: 'array of an empty chunk', body: [Buffer.alloc(0)] },
    { kind: 'array of two empty chunks', body: [Buffer.alloc(0), Buffer.alloc(0)] },
  ].map(
    ({ kind, body }) =>
      /** @satisfies {Row} */ ({
        rule: 7,
        name: `an ${kind} is given Content-Length 0`,
        application(_environ, startResponse) {
          startResponse('200 OK', TEXT);
          return body;
        },
        async check(visit) {
          const response = await visit.response();
          assert.equal(response.header('content-length'), '0');
          assert.equal(response.body.length, 0);
          assert.equal(response.complete, true);
        },
      }),
  ),
  {
    rule: 7,
    name: 'a Content-Length of the application stays as it is',
    *application(_environ, startResponse) {
      startResponse('200 OK', [...TEXT, ['content-LENGTH', '6']]);
      yield Buffer.from('abc');
      yield Buffer.from('def');
    },
    async check(visit) {
      const response = await visit.response();
      assert.equal(response.header('content-length'), '6');
      assert.equal(response.text, 'abcdef');
    },
  },
  ...['GET', 'HEAD'].map(
    (method) =>
      /** @satisfies {Row} */ ({
        rule: 7,
        name: `${method} of an event stream says that it is one, and not how nginx is told`,
        request: { method },
        async *application(_environ, startResponse) {
          startResponse('200 OK', [['Content-Type', 'text/event-stream']]);
          yield Buffer.from('data: 1\n\n');
          yield Buffer.from('data: 2\n\n');
        },
        async check(visit) {
          const response = await visit.response();
          assert.equal(response.header('incremental'), '?1');
          assert.equal(response.header('x-accel-buffering'), undefined);
          assert.equal(response.text, method === 'HEAD' ? '' : 'data: 1\n\ndata: 2\n\n');
        },
      }),
  ),
  {
    rule: 7,
    name: 'an event stream keeps what the application says of intermediaries',
    async *application(_environ, startResponse) {
      startResponse('200 OK', [
        ['Content-Type', 'text/event-stream; charset=utf-8'],
        ['incremental', '?0'],
      ]);
      yield Buffer.from('data: 1\n\n');
    },
    async check(visit) {
      const response = await visit.response();
      assert.equal(response.header('incremental'), '?0');
    },
  },
  ...[
    { kind: 'an array of one chunk', body: () => [Buffer.from('0123456789')] },
    { kind: 'several chunks', body: () => ['0123', '456', '789'].map((part) => Buffer.from(part)) },
    { kind: 'write()', body: () => [], written: '0123456789' },
  ].map(
    ({ kind, body, written }) =>
      /** @satisfies {Row} */ ({
        rule: 8,
        name: `more than the Content-Length, by ${kind}: the excess is dropped and logged once`,
        breaks: 'it sends more than its Content-Length',
        application(_environ, startResponse) {
          const write = startResponse('200 OK', [...TEXT, ['Content-Length', '5']]);
          if (written !== undefined) void write(Buffer.from(written));
          return body();
        },
        async check(visit) {
          const response = await visit.response();
          assert.equal(response.text, '01234');
          assert.equal(response.complete, true);
          await visit.logged(/more than its Content-Length/);
          assert.equal(visit.log().split('more than its Content-Length').length, 2);
        },
      }),
  ),
  ...[
    { kind: 'an array of one chunk', body: () => [Buffer.from('01234')] },
    { kind: 'a generator', body: () => generate('012', '34') },
    { kind: 'an empty array', body: () => [] },
    { kind: 'write()', body: () => [], written: '01234' },
  ].map(
    ({ kind, body, written }) =>
      /** @satisfies {Row} */ ({
        rule: 8,
        name: `less than the Content-Length, by ${kind}: logged, and no complete response`,
        needs: ['shortResponse'],
        breaks: 'it sends less than its Content-Length',
        application(_environ, startResponse) {
          const write = startResponse('200 OK', [...TEXT, ['Content-Length', '10']]);
          if (written !== undefined) void write(Buffer.from(written));
          return body();
        },
        async check(visit) {
          assertBroken(await visit.response(), '01234');
          await visit.logged(/before its Content-Length/);
        },
      }),
  ),
  {
    rule: 9,
    name: 'HEAD gets the headers of GET and no body',
    request: { method: 'HEAD' },
    application(_environ, startResponse) {
      startResponse('200 OK', TEXT);
      return [Buffer.from('thirteen byte')];
    },
    async check(visit) {
      const response = await visit.response();
      assert.equal(response.status, 200);
      assert.equal(response.header('content-type'), 'text/plain');
      assert.equal(response.header('content-length'), '13');
      assert.equal(response.body.length, 0);
      assert.equal(response.complete, true);
    },
  },
  {
    rule: 9,
    name: 'HEAD with an empty body is given no Content-Length',
    request: { method: 'HEAD' },
    application(_environ, startResponse) {
      startResponse('200 OK', TEXT);
      return [];
    },
    async check(visit) {
      const response = await visit.response();
      assert.equal(response.header('content-length'), undefined);
      assert.equal(response.complete, true);
    },
  },
  {
    rule: 9,
    name: 'HEAD may declare the length that GET would have',
    request: { method: 'HEAD' },
    application(_environ, startResponse) {
      startResponse('200 OK', [...TEXT, ['Content-Length', '1000']]);
      return [];
    },
    async check(visit) {
      const response = await visit.response();
      assert.equal(response.header('content-length'), '1000');
      assert.equal(response.body.length, 0);
      assert.equal(response.complete, true);
    },
  },
  {
    rule: 9,
    name: 'HEAD does not iterate a body to its end',
    request: { method: 'HEAD' },
    *application(environ, startResponse) {
      startResponse('200 OK', TEXT);
      try {
        for (;;) yield Buffer.from('endless');
      } finally {
        report(environ, 'closed');
      }
    },
    async check(visit) {
      const response = await visit.response();
      assert.equal(response.body.length, 0);
      assert.equal(response.complete, true);
      await visit.event('closed');
    },
  },
  {
    rule: 9,
    name: 'write() of a HEAD request sends nothing',
    request: { method: 'HEAD' },
    application(_environ, startResponse) {
      void startResponse('200 OK', TEXT)(Buffer.from('written'));
      return [Buffer.from('returned')];
    },
    async check(visit) {
      const response = await visit.response();
      assert.equal(response.status, 200);
      assert.equal(response.body.length, 0);
    },
  },
  ...bodiless('204 No Content'),
  ...bodiless('304 Not Modified'),
  {
    rule: 9,
    name: '304 is given no Content-Length',
    needs: ['bare304'],
    application(_environ, startResponse) {
      startResponse('304 Not Modified', []);
      return [Buffer.from('dropped')];
    },
    async check(visit) {
      const response = await visit.response();
      assert.equal(response.status, 304);
      assert.equal(response.header('content-length'), undefined);
    },
  },
  {
    rule: 9,
    name: '204 loses a Content-Length of the application',
    application(_environ, startResponse) {
      startResponse('204 No Content', [['Content-Length', '7']]);
      return [Buffer.from('dropped')];
    },
    async check(visit) {
      const response = await visit.response();
      assert.equal(response.status, 204);
      assert.equal(response.header('content-length'), undefined);
      assert.equal(response.body.length, 0);
      assert.equal(response.complete, true);
    },
  },
  {
    rule: 9,
    name: '304 keeps the headers of the application',
    application(_environ, startResponse) {
      startResponse('304 Not Modified', [
        ['ETag', '"abc"'],
        ['Last-Modified', 'Sat, 21 Nov 2026 08:00:00 GMT'],
      ]);
      return [];
    },
    async check(visit) {
      const response = await visit.response();
      assert.equal(response.header('etag'), '"abc"');
      assert.equal(response.header('last-modified'), 'Sat, 21 Nov 2026 08:00:00 GMT');
    },
  },
];

/** @param {string[]} parts */
function* generate(...parts) {
  for (const part of parts) yield Buffer.from(part);
}

/**
 * @param {string} status
 * @returns {Row[]}
 */
function bodiless(status) {
  const code = Number(status.slice(0, 3));
  /** @type {[kind: string, headers: Header[], body: () => Iterable<Uint8Array>][]} */
  const responses = [
    ['an array of one chunk', [], () => [Buffer.from('dropped')]],
    ['a generator', [], () => generate('drop', 'ped')],
    ['an empty body', [], () => []],
  ];
  return responses.map(([kind, headers, body]) => ({
    rule: 9,
    name: `${code} carries no body, with ${kind}`,
    application(_environ, startResponse) {
      startResponse(status, headers);
      return body();
    },
    async check(visit) {
      const response = await visit.response();
      assert.equal(response.status, code);
      assert.equal(response.header('content-type'), undefined);
      assert.equal(response.body.length, 0);
      assert.equal(response.complete, true);
    },
  }));
}
