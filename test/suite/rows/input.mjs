/**
 * Rule 17: wsgi.input.
 *
 * @import { Environ, Input } from '../../../src/types.ts'
 * @import { Capability, Row, SuiteRequest } from '../types.ts'
 */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';

import { TEXT, codeOf, report } from '../kit.mjs';
import { digest, pattern } from '../pattern.mjs';

const MiB = 1024 * 1024;
const LARGE = 32 * MiB;
const HALF = 100_000;
const LINES = 'first\nsecond\r\n\nthe last one';

/**
 * A row whose application answers with what `read` makes of the input, as JSON.
 *
 * @param {string} name
 * @param {string | Uint8Array} body
 * @param {(input: Input, environ: Environ) => unknown} read
 * @param {unknown} expected
 * @returns {Row}
 */
function reading(name, body, read, expected) {
  return {
    rule: 17,
    name,
    request: { method: 'POST', body },
    async application(environ, startResponse) {
      const result = await read(environ['wsgi.input'], environ);
      startResponse('200 OK', [['Content-Type', 'application/json']]);
      return [Buffer.from(JSON.stringify(result))];
    },
    async check(visit) {
      const response = await visit.response();
      assert.equal(response.status, 200);
      assert.deepEqual(JSON.parse(response.text), expected);
    },
  };
}

/** @satisfies {Row[]} */
export const rows = [
  reading(
    'read() gives all that is left, and then nothing',
    'the whole body',
    async (input) => [
      await text(input.read()),
      await text(input.read()),
      await text(input.read(5)),
    ],
    ['the whole body', '', ''],
  ),
  reading(
    'read(n) gives exactly n bytes unless the body ends before',
    '0123456789',
    async (input) => {
      const parts = [];
      for (const size of [4, 1, 3, 4, 4]) parts.push(await text(input.read(size)));
      return parts;
    },
    ['0123', '4', '567', '89', ''],
  ),
  {
    rule: 17,
    name: 'read(CONTENT_LENGTH) gives the whole of a body that comes in many pieces',
    request: { method: 'POST', body: Buffer.concat([...pattern(MiB)]) },
    async application(environ, startResponse) {
      const body = await environ['wsgi.input'].read(Number(environ.CONTENT_LENGTH));
      startResponse('200 OK', TEXT);
      return [Buffer.from(`${body.length} ${digest([body])}`)];
    },
    async check(visit) {
      assert.equal((await visit.response()).text, `${MiB} ${digest(pattern(MiB))}`);
    },
  },
  reading(
    'read1(n) gives at most n bytes and at least one until the end',
    '0123456789',
    async (input) => {
      let whole = '';
      for (;;) {
        const chunk = await input.read1(4);
        assert.ok(Buffer.isBuffer(chunk) && chunk.length <= 4);
        if (chunk.length === 0) return whole;
        whole += chunk.toString();
      }
    },
    '0123456789',
  ),
  reading(
    'a size of 0 gives nothing and takes nothing; a negative size is none',
    'body',
    async (input) => [
      await text(input.read(0)),
      await text(input.read1(0)),
      await text(input.readline(0)),
      await text(input.read(-1)),
    ],
    ['', '', '', 'body'],
  ),
  reading(
    'a body that is empty ends at once',
    '',
    async (input) => [
      await text(input.read()),
      await text(input.read(1)),
      await text(input.readline()),
      (await input.readlines()).length,
      await texts(input.lines()),
      await texts(input),
    ],
    ['', '', '', 0, [], []],
  ),
  reading(
    'readline() gives a line with its end, and at most the limit',
    LINES,
    async (input) => {
      const lines = [];
      for (const limit of [undefined, 3, 100, undefined, 5, undefined, undefined]) {
        lines.push(await text(input.readline(limit)));
      }
      return lines;
    },
    ['first\n', 'sec', 'ond\r\n', '\n', 'the l', 'ast one', ''],
  ),
  reading(
    'readlines() gives the lines that are left',
    LINES,
    async (input) => [await text(input.readline()), (await input.readlines()).map(String)],
    ['first\n', ['second\r\n', '\n', 'the last one']],
  ),
  reading(
    'readlines(hint) stops with the line that reaches the hint',
    LINES,
    async (input) => [(await input.readlines(7)).map(String), await text(input.read())],
    [['first\n', 'second\r\n'], '\nthe last one'],
  ),
  reading('lines() iterates over the lines', LINES, (input) => texts(input.lines()), [
    'first\n',
    'second\r\n',
    '\n',
    'the last one',
  ]),
  reading(
    'iteration gives the whole body',
    LINES,
    async (input) => (await texts(input)).join(''),
    LINES,
  ),
  reading(
    'the ways to read can be mixed',
    LINES,
    async (input) => {
      const parts = [await text(input.readline()), await text(input.read(1))];
      for await (const line of input.lines()) {
        parts.push(line.toString());
        break;
      }
      return [...parts, await text(input.read())];
    },
    ['first\n', 's', 'econd\r\n', '\nthe last one'],
  ),
  reading(
    'a line that is longer than any buffer comes whole',
    Buffer.concat([Buffer.alloc(300_000, 'x'), Buffer.from('\nrest')]),
    async (input) => [(await input.readline()).length, await text(input.readline())],
    [300_001, 'rest'],
  ),
  reading(
    'every byte value arrives',
    Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)),
    async (input) => [...(await input.read())],
    Array.from({ length: 256 }, (_, byte) => byte),
  ),
  reading(
    'bytes that look like the end of a request or of a record are only bytes',
    'a\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n\x01\x03\0\x01\0\0\0\0',
    async (input) => text(input.read()),
    'a\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n\x01\x03\0\x01\0\0\0\0',
  ),
  {
    rule: 17,
    name: 'an upload of 32 MiB arrives byte for byte',
    request: uploading(LARGE),
    async application(environ, startResponse) {
      const hash = createHash('sha256');
      let size = 0;
      for await (const chunk of environ['wsgi.input']) {
        hash.update(chunk);
        size += chunk.length;
      }
      startResponse('200 OK', TEXT);
      return [Buffer.from(`${size} ${hash.digest('hex')}`)];
    },
    async check(visit) {
      assert.equal((await visit.response()).text, `${LARGE} ${digest(pattern(LARGE))}`);
    },
  },
  {
    rule: 17,
    name: 'an upload that is sent back while it comes in arrives byte for byte',
    needs: ['duplex'],
    request: uploading(4 * MiB),
    async *application(environ, startResponse) {
      startResponse('200 OK', TEXT);
      yield* environ['wsgi.input'];
    },
    async check(visit) {
      const { body, complete } = await visit.response();
      assert.equal(complete, true);
      assert.equal(digest([body]), digest(pattern(4 * MiB)));
    },
  },
  {
    rule: 17,
    name: 'the input ends at CONTENT_LENGTH, whatever the transport holds',
    needs: ['excessUpload'],
    request: { method: 'POST', body: 'body', excess: 'GET /smuggled HTTP/1.1\r\n\r\n' },
    async application(environ, startResponse) {
      const parts = [await environ['wsgi.input'].read(), await environ['wsgi.input'].read(100)];
      startResponse('200 OK', TEXT);
      return [Buffer.from(JSON.stringify(parts.map(String)))];
    },
    async check(visit) {
      assert.deepEqual(JSON.parse((await visit.response()).text), ['body', '']);
    },
  },
  {
    rule: 17,
    name: 'a body that ends short raises a typed error',
    needs: ['shortUpload'],
    request: { method: 'POST', body: 'short', headers: [['Content-Length', '100']] },
    async application(environ, startResponse) {
      const input = environ['wsgi.input'];
      report(environ, 'begun', String(await input.read(5)));
      try {
        await input.read();
      } catch (error) {
        report(environ, 'code', codeOf(error));
      }
      startResponse('200 OK', TEXT);
      return [Buffer.from('done')];
    },
    async check(visit) {
      assert.equal(await visit.event('begun'), 'short');
      // Most transports cannot tell a body that ends short from a client that has left.
      assert.match(String(await visit.event('code')), /^ERR_POSTERN_(INPUT_SHORT|DISCONNECT)$/);
    },
  },
  {
    rule: 17,
    name: 'a client that leaves its upload in the middle: the read fails, the rest goes on',
    needs: ['partialUpload'],
    request: {
      method: 'POST',
      // More than a front end may gather before it passes on any of it.
      body: Buffer.alloc(HALF, 'x'),
      unfinished: true,
      headers: [['Content-Length', String(2 * HALF)]],
    },
    async application(environ, startResponse) {
      const input = environ['wsgi.input'];
      try {
        for (let size = 0, read = 1; size < HALF && read > 0; size += read) {
          read = (await input.read(HALF)).length; // 0 for the second request, which is whole
        }
        report(environ, 'begun');
        await input.read();
      } finally {
        report(environ, 'ended');
      }
      startResponse('200 OK', TEXT);
      return [Buffer.from('done')];
    },
    async check(visit) {
      await visit.event('begun');
      visit.leave();
      await visit.event('ended');
      const again = await visit.again({ method: 'POST', body: 'whole' });
      assert.equal((await again.response()).status, 200);
    },
  },
  {
    rule: 17,
    name: 'a second read while one is pending is refused, and harms nothing',
    breaks: 'it reads twice at once',
    request: { method: 'POST', body: 'body' },
    async application(environ, startResponse) {
      const input = environ['wsgi.input'];
      const both = await Promise.allSettled([input.readline(), input.readline()]);
      startResponse('200 OK', TEXT);
      return [
        Buffer.from(both.map(({ status }) => status).join(' ')),
        Buffer.from(`, ${await input.read()}`),
      ];
    },
    async check(visit) {
      // Where all of the body is there already, the first read is over before the second begins.
      assert.match((await visit.response()).text, /^fulfilled (rejected|fulfilled), $/);
    },
  },
  ...[
    ['a little', 1000, undefined],
    ['more than is buffered anywhere', 8 * MiB, 'unreadUpload'],
  ].map(
    ([amount, size, need]) =>
      /** @satisfies {Row} */ ({
        rule: 17,
        name: `an upload of ${amount} that the application does not read is no obstacle`,
        needs: /** @type {Capability[]} */ (need === undefined ? [] : [need]),
        request: uploading(Number(size)),
        application(_environ, startResponse) {
          startResponse('413 Content Too Large', TEXT);
          return [Buffer.from('not wanted')];
        },
        async check(visit) {
          const response = await visit.response();
          assert.equal(response.status, 413);
          assert.equal(response.text, 'not wanted');
          const again = await visit.again({ method: 'POST', body: 'small' });
          assert.equal((await again.response()).status, 413);
        },
      }),
  ),
  {
    rule: 17,
    name: 'the input cannot be read after the request',
    breaks: 'it reads after the request',
    request: { method: 'POST', body: 'body' },
    application(environ, startResponse) {
      startResponse('200 OK', TEXT);
      return Object.assign([Buffer.from('done')], {
        async close() {
          const [late] = await Promise.allSettled([environ['wsgi.input'].read()]);
          report(environ, 'late', late.status === 'rejected' && codeOf(late.reason));
        },
      });
    },
    async check(visit) {
      assert.equal((await visit.response()).text, 'done');
      assert.match(String(await visit.event('late')), /^ERR_POSTERN_/);
    },
  },
];

/**
 * @param {number} size
 * @returns {SuiteRequest}
 */
function uploading(size) {
  return {
    method: 'PUT',
    // Made when it is wanted: not in every process that only serves a row.
    get body() {
      return Buffer.concat([...pattern(size)]);
    },
  };
}

/** @param {Promise<Buffer>} bytes */
async function text(bytes) {
  return (await bytes).toString('latin1');
}

/** @param {AsyncIterable<Buffer>} chunks */
async function texts(chunks) {
  const all = [];
  for await (const chunk of chunks) all.push(chunk.toString('latin1'));
  return all;
}
