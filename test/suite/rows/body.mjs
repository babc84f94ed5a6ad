/**
 * Rules 10 to 12 and 16: the many shapes of a body, write(), backpressure, and the end of a body.
 *
 * @import { Body, Environ } from '../../../src/types.ts'
 * @import { Row, Visit } from '../types.ts'
 */

import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import { setTimeout as sleep } from 'node:timers/promises';

import { TEXT, codeOf, isSignalled, report, thrownBy, unchecked } from '../kit.mjs';
import { digest, pattern } from '../pattern.mjs';

const MiB = 1024 * 1024;
const LARGE = 32 * MiB;
const STREAMED = /** @type {const} */ ([...TEXT, ['X-Accel-Buffering', 'no']]);

/** @type {[kind: string, body: () => Body][]} */
const SHAPES = [
  ['an array', () => [Buffer.from('one '), Buffer.from('two')]],
  ['a Uint8Array in an array', () => [new TextEncoder().encode('one two')]],
  ['a Set', () => new Set([Buffer.from('one '), Buffer.from('two')])],
  ['a generator', () => generate('one ', 'two')],
  ['an async generator', () => generateAsync('one ', 'two')],
  ['a Node stream', () => Readable.from([Buffer.from('one '), Buffer.from('two')])],
  ['a web stream', () => webStream('one ', 'two')],
  ['the stream of a Response', () => /** @type {Body} */ (new Response('one two').body)],
  ['an iterable that is no iterator', () => ({ [Symbol.iterator]: () => generate('one ', 'two') })],
  ['an async iterable', () => ({ [Symbol.asyncIterator]: () => generateAsync('one ', 'two') })],
  ['a promise of chunks that are ready', () => ready('one ', 'two')],
  ['a view into a larger buffer', () => [Buffer.from('--one two--').subarray(2, 9)]],
];

/** Where gateways change how they send it. */
const TEXT_LENGTHS = [511, 512, 4096, 4097, 16384, 16385, 65528, 65529, 65536, 65537];

/** @param {string} query how many letters before the last one, and that one */
function textOf(query) {
  const [length, last] = query.split('+');
  return 'x'.repeat(Number(length)) + decodeURIComponent(last ?? '');
}

/** @satisfies {Row[]} */
export const rows = [
  {
    rule: 10,
    name: 'what write() sends precedes what is returned',
    application(_environ, startResponse) {
      const write = startResponse('200 OK', TEXT);
      void write(Buffer.from('1'));
      void write(new Uint8Array([0x32]));
      return [Buffer.from('3'), Buffer.from('4')];
    },
    async check(visit) {
      assert.equal((await visit.response()).text, '1234');
    },
  },
  {
    rule: 10,
    name: 'write() works between the chunks of a body',
    *application(_environ, startResponse) {
      const write = startResponse('200 OK', TEXT);
      yield Buffer.from('1');
      void write(Buffer.from('2'));
      yield Buffer.from('3');
    },
    async check(visit) {
      assert.equal((await visit.response()).text, '123');
    },
  },
  {
    rule: 10,
    name: 'write() without waiting loses and reorders nothing',
    application(_environ, startResponse) {
      const write = startResponse('200 OK', TEXT);
      for (const chunk of pattern(8 * MiB)) void write(chunk);
      return [Buffer.from('end')];
    },
    async check(visit) {
      const { body, complete } = await visit.response();
      assert.equal(complete, true);
      assert.equal(body.length, 8 * MiB + 3);
      assert.equal(digest([body]), digest([...pattern(8 * MiB), Buffer.from('end')]));
      assert.equal(visit.log(), ''); // no warning of Node's, either, of listeners that pile up
    },
  },
  {
    rule: 10,
    name: 'write() says by a promise that the client has to catch up',
    needs: ['streams'],
    async application(environ, startResponse) {
      const write = startResponse('200 OK', STREAMED);
      let waits = 0;
      for (const chunk of pattern(LARGE)) {
        const full = write(chunk);
        if (full === undefined) continue;
        if (waits++ === 0) report(environ, 'full');
        assert.equal(await full, undefined);
      }
      report(environ, 'waits', waits);
      return [];
    },
    async check(visit) {
      await visit.begin(1);
      await visit.event('full');
      const { body, complete } = await visit.response();
      assert.equal(complete, true);
      assert.equal(digest([body]), digest(pattern(LARGE)));
      assert.ok(Number(await visit.event('waits')) > 0);
    },
  },
  {
    rule: 10,
    name: 'write() is refused after the end of the response, and for what is no bytes',
    breaks: 'it writes numbers, and after the end',
    application(environ, startResponse) {
      const write = startResponse('200 OK', TEXT);
      report(environ, 'not bytes', codeOf(thrownBy(() => write(unchecked(42)))));
      return Object.assign([Buffer.from('body')], {
        close() {
          report(environ, 'late', codeOf(thrownBy(() => write(Buffer.from('late')))));
        },
      });
    },
    async check(visit) {
      assert.equal((await visit.response()).text, 'body');
      assert.equal(await visit.event('not bytes'), 'ERR_POSTERN_APPLICATION');
      assert.equal(await visit.event('late'), 'ERR_POSTERN_APPLICATION');
    },
  },
  ...SHAPES.map(
    ([kind, body]) =>
      /** @satisfies {Row} */ ({
        rule: 0,
        name: `${kind} is a body`,
        application(_environ, startResponse) {
          startResponse('200 OK', TEXT);
          return body();
        },
        async check(visit) {
          const response = await visit.response();
          assert.equal(response.status, 200);
          assert.equal(response.text, 'one two');
          assert.equal(response.complete, true);
        },
      }),
  ),
  {
    rule: 11,
    name: 'a response of 32 MiB arrives byte for byte',
    application(_environ, startResponse) {
      startResponse('200 OK', [['Content-Type', 'application/octet-stream']]);
      return pattern(LARGE);
    },
    async check(visit) {
      const { body, complete } = await visit.response();
      assert.equal(complete, true);
      assert.equal(body.length, LARGE);
      assert.equal(digest([body]), digest(pattern(LARGE)));
    },
  },
  {
    rule: 11,
    name: 'a response of 32 MiB in one piece, with its Content-Length, arrives byte for byte',
    application(_environ, startResponse) {
      startResponse('200 OK', [['Content-Type', 'application/octet-stream']]);
      return [Buffer.concat([...pattern(LARGE)])];
    },
    async check(visit) {
      const response = await visit.response();
      assert.equal(response.header('content-length'), String(LARGE));
      assert.equal(response.complete, true);
      assert.equal(digest([response.body]), digest(pattern(LARGE)));
    },
  },
  {
    rule: 11,
    name: 'a slow client bounds what a generator makes',
    needs: ['streams'],
    *application(environ, startResponse) {
      startResponse('200 OK', STREAMED);
      yield* counted(environ);
    },
    check: checkBounded,
  },
  {
    rule: 11,
    name: 'a slow client bounds what an async generator makes',
    needs: ['streams'],
    async *application(environ, startResponse) {
      startResponse('200 OK', STREAMED);
      yield* counted(environ);
    },
    check: checkBounded,
  },
  {
    rule: 11,
    name: 'a slow client bounds what a Node stream makes',
    needs: ['streams'],
    application(environ, startResponse) {
      startResponse('200 OK', STREAMED);
      return Readable.from(counted(environ), { objectMode: false });
    },
    check: checkBounded,
  },
  givingWay('a generator', busy),
  givingWay('an async generator', async function* busyAsync(environ) {
    yield* busy(environ);
  }),
  ...closingRows(),
  {
    rule: 12,
    name: 'a Node stream that is not read to its end is destroyed',
    request: { method: 'HEAD' },
    application(environ, startResponse) {
      startResponse('200 OK', TEXT);
      return new Readable({
        read() {
          this.push('endless');
        },
        destroy(_error, done) {
          report(environ, 'closed');
          done(null);
        },
      });
    },
    async check(visit) {
      assert.equal((await visit.response()).complete, true);
      await visit.event('closed');
    },
  },
  {
    rule: 12,
    name: 'a web stream that is not read to its end is cancelled',
    request: { method: 'HEAD' },
    application(environ, startResponse) {
      startResponse('200 OK', TEXT);
      return new ReadableStream({
        pull(controller) {
          controller.enqueue(Buffer.from('endless'));
        },
        cancel() {
          report(environ, 'closed');
        },
      });
    },
    async check(visit) {
      assert.equal((await visit.response()).complete, true);
      await visit.event('closed');
      assert.equal(visit.events().length, 1);
    },
  },
  {
    rule: 12,
    name: 'a close() that takes its time is waited for',
    application(environ, startResponse) {
      startResponse('200 OK', TEXT);
      return Object.assign([Buffer.from('body')], {
        async close() {
          await sleep(20);
          report(environ, 'closed');
        },
      });
    },
    async check(visit) {
      assert.equal((await visit.response()).text, 'body');
      await visit.event('closed');
    },
  },
  ...[
    { kind: 'throws', close: () => fail('close failed') },
    { kind: 'rejects', close: async () => fail('close failed') },
  ].map(
    ({ kind, close }) =>
      /** @satisfies {Row} */ ({
        rule: 12,
        name: `a close() that ${kind} is logged, and the response is whole`,
        application(_environ, startResponse) {
          startResponse('200 OK', TEXT);
          return Object.assign([Buffer.from('body')], { close });
        },
        async check(visit) {
          const response = await visit.response();
          assert.equal(response.status, 200);
          assert.equal(response.text, 'body');
          await visit.logged(/close failed/);
        },
      }),
  ),
  {
    rule: 16,
    name: 'a chunk of text is sent as UTF-8',
    breaks: 'it yields text',
    application(_environ, startResponse) {
      startResponse('200 OK', TEXT);
      return unchecked(generateText('caf\u00e9 ', '\u2603'));
    },
    async check(visit) {
      assert.deepEqual((await visit.response()).body, Buffer.from('caf\u00e9 \u2603'));
    },
  },
  {
    rule: 16,
    name: 'a body of text is one chunk, not one a character',
    breaks: 'its body is text',
    application(_environ, startResponse) {
      startResponse('200 OK', TEXT);
      return unchecked('caf\u00e9 \u{1f600}');
    },
    async check(visit) {
      const response = await visit.response();
      assert.deepEqual(response.body, Buffer.from('caf\u00e9 \u{1f600}'));
      assert.equal(response.header('content-length'), '10');
    },
  },
  // A row for each: with CGI every request is a process.
  ...['', 'z', '\u00e9', '\u2603'].map(
    /** @returns {Row} */ (letter) => ({
      rule: 16,
      name: `a body of text is complete at any length, with a letter of ${Buffer.byteLength(letter)} bytes at its end`,
      breaks: 'its body is text',
      request: { target: '/?0+' },
      application(environ, startResponse) {
        startResponse('200 OK', TEXT);
        return unchecked(textOf(environ.QUERY_STRING));
      },
      async check(visit) {
        await visit.response();
        for (const length of TEXT_LENGTHS) {
          const query = `${length}+${encodeURIComponent(letter)}`;
          const response = await (await visit.again({ target: `/?${query}` })).response();
          const expected = Buffer.from(textOf(query));
          assert.equal(response.header('content-length'), String(expected.length));
          assert.ok(response.body.equals(expected), query);
        }
      },
    }),
  ),
  {
    rule: 16,
    name: 'a body of bytes is one chunk, not one a byte',
    breaks: 'its body is a Buffer, which iterates over numbers',
    application(_environ, startResponse) {
      startResponse('200 OK', TEXT);
      return unchecked(Buffer.from('bytes'));
    },
    async check(visit) {
      const response = await visit.response();
      assert.equal(response.text, 'bytes');
      assert.equal(response.header('content-length'), '5');
    },
  },
  {
    rule: 16,
    name: 'write() takes text as UTF-8',
    breaks: 'it writes text',
    application(_environ, startResponse) {
      void startResponse('200 OK', TEXT)('caf\u00e9');
      return [];
    },
    async check(visit) {
      assert.deepEqual((await visit.response()).body, Buffer.from('caf\u00e9'));
    },
  },
  ...[42, null, undefined, true, { text: 'x' }, ['x'], new ArrayBuffer(2), new Uint16Array(2)].map(
    (chunk) =>
      /** @satisfies {Row} */ ({
        rule: 16,
        name: `a chunk that is ${nameOf(chunk)} is an error`,
        breaks: 'it yields what is no bytes',
        application(_environ, startResponse) {
          startResponse('200 OK', TEXT);
          return unchecked([chunk]);
        },
        async check(visit) {
          assert.equal((await visit.response()).status, 500);
          await visit.logged(/not bytes/);
        },
      }),
  ),
  ...[42, null, undefined, true, {}, () => 'x'].map(
    (body) =>
      /** @satisfies {Row} */ ({
        rule: 16,
        name: `a body that is ${nameOf(body)} is an error`,
        breaks: 'it returns what is no body',
        application(_environ, startResponse) {
          startResponse('200 OK', TEXT);
          return unchecked(body);
        },
        async check(visit) {
          assert.equal((await visit.response()).status, 500);
          await visit.logged(/no body|returned nothing/);
        },
      }),
  ),
];

/** close() after success, after an error, and when nothing was asked of the body. */
function closingRows() {
  /** @type {[when: string, body: () => Iterable<Uint8Array> | AsyncIterable<Uint8Array>][]} */
  const bodies = [
    ['an array of one chunk', () => [Buffer.from('x')]],
    ['an array of several chunks', () => [Buffer.from('x'), Buffer.from('y')]],
    ['an empty array', () => []],
    ['a generator', () => generate('x', 'y')],
    ['an async generator', () => generateAsync('x', 'y')],
    ['a generator that throws at once', () => failing()],
    ['a generator that throws later', () => failing('x')],
    ['an async generator that throws', () => failingAsync('x')],
    ['a chunk that is no bytes', () => unchecked([42])],
    ['an async chunk that is no bytes', () => unchecked(failingAsync(42))],
  ];
  return bodies.flatMap(([kind, make]) =>
    ['GET', 'HEAD'].map(
      (method) =>
        /** @satisfies {Row} */ ({
          rule: 12,
          name: `close() is called once, with ${kind}, for ${method}`,
          ...(kind.includes('no bytes') && { breaks: 'it yields numbers' }),
          request: { method },
          application(environ, startResponse) {
            startResponse('200 OK', TEXT);
            const body = make();
            return Object.assign(body, { close: () => report(environ, 'closed') });
          },
          /** @param {Visit} visit */
          async check(visit) {
            await visit.response();
            await visit.event('closed');
            // Another request is answered after whatever the first one may still have done.
            assert.deepEqual(visit.events(), [{ name: 'closed' }]);
          },
        }),
    ),
  );
}

/** 256 MiB in pieces of 64 KiB, telling how far it has come. @param {import('../../../src/types.ts').Environ} environ */
function* counted(environ) {
  try {
    for (let made = 1; made <= 256; made++) {
      yield* pattern(MiB);
      report(environ, 'made', made);
    }
    report(environ, 'all');
  } finally {
    report(environ, 'closed');
  }
}

/**
 * Works without waiting for anything, until the other request was answered.
 *
 * @param {Environ} environ
 */
function* busy(environ) {
  yield Buffer.from('busy ');
  for (const end = Date.now() + 20_000; !isSignalled(environ);) {
    if (Date.now() > end) {
      yield Buffer.from('for ever');
      return;
    }
    for (const pause = Date.now() + 2; Date.now() < pause;);
    yield Buffer.from('.');
  }
  yield Buffer.from(' done');
}

/**
 * @param {string} kind
 * @param {(environ: Environ) => Body} body
 * @returns {Row}
 */
function givingWay(kind, body) {
  return {
    rule: 11,
    name: `${kind} that never waits lets other requests have their turn`,
    needs: ['streams'],
    application(environ, startResponse) {
      startResponse('200 OK', STREAMED);
      return environ.QUERY_STRING === 'other' ? [Buffer.from('other')] : body(environ);
    },
    async check(visit) {
      await visit.begin(5);
      const other = await visit.again({ target: '/?other' });
      assert.equal((await other.response()).text, 'other');
      visit.signal();
      assert.match((await visit.response()).text, /^busy \.* done$/);
    },
  };
}

/** @param {Visit} visit */
async function checkBounded(visit) {
  await visit.begin(1);
  // Until the application has come no further for a while. A machine that is slow can make this check
  // too easy, but not fail.
  const made = () => visit.events().length;
  for (let before = -1; before !== made();) {
    before = made();
    await sleep(300);
  }
  assert.ok(made() < 64, `${made()} MiB were made for a client that reads nothing`);
  visit.leave();
  await visit.event('closed');
  assert.equal(visit.events().filter(({ name }) => name === 'closed').length, 1);
  assert.equal(
    visit.events().some(({ name }) => name === 'all'),
    false,
  );
}

/** @param {string[]} parts */
function* generate(...parts) {
  for (const part of parts) yield Buffer.from(part);
}

/** @param {string[]} parts */
async function* generateAsync(...parts) {
  for (const part of parts) {
    await sleep(1);
    yield Buffer.from(part);
  }
}

/** @param {string[]} parts */
async function* ready(...parts) {
  yield* generate(...parts);
}

/** @param {string[]} parts */
function* generateText(...parts) {
  yield* parts;
}

/** @param {string[]} parts */
function webStream(...parts) {
  return new ReadableStream({
    start(controller) {
      for (const part of parts) controller.enqueue(Buffer.from(part));
      controller.close();
    },
  });
}

/** @param {string[]} parts */
function* failing(...parts) {
  yield* generate(...parts);
  fail('failed on purpose');
}

/** @param {unknown[]} parts */
async function* failingAsync(...parts) {
  for (const part of parts) yield typeof part === 'string' ? Buffer.from(part) : unchecked(part);
  fail('failed on purpose');
}

/** @param {string} message @returns {never} */
function fail(message) {
  throw new Error(message);
}

/** @param {unknown} value */
function nameOf(value) {
  if (typeof value !== 'object' || value === null) return String(value).replaceAll(/\W+/g, ' ');
  return `of class ${value.constructor.name}`;
}
