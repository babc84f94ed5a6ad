/**
 * Rules 13 to 15 and 18: errors of the application, clients that leave, and wsgi.errors.
 *
 * @import { Row, Visit } from '../types.ts'
 */

import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import { setTimeout as sleep } from 'node:timers/promises';

import { TEXT, assertBroken, report } from '../kit.mjs';

const STREAMED = /** @type {const} */ ([...TEXT, ['X-Accel-Buffering', 'no']]);

/** Ways to fail before anything was sent. @type {[how: string, application: Row['application']][]} */
const FAILURES = [
  ['throws', () => fail()],
  ['rejects', async () => fail()],
  [
    'throws after startResponse',
    (_environ, startResponse) => {
      startResponse('200 OK', [...TEXT, ['X-Half', 'made']]);
      fail();
    },
  ],
  [
    'throws at the first chunk',
    function* (_environ, startResponse) {
      startResponse('200 OK', [...TEXT, ['X-Half', 'made']]);
      yield fail();
    },
  ],
  [
    'rejects at the first chunk',
    async function* (_environ, startResponse) {
      startResponse('200 OK', [...TEXT, ['X-Half', 'made']]);
      await sleep(1);
      yield fail();
    },
  ],
  [
    'returns a stream that fails at once',
    (_environ, startResponse) => {
      startResponse('200 OK', [...TEXT, ['X-Half', 'made']]);
      return new Readable({ read: () => {}, construct: (done) => done(failure()) });
    },
  ],
];

/** Ways to fail after the first chunk. @type {[how: string, application: Row['application']][]} */
const LATE_FAILURES = [
  [
    'a generator throws',
    function* (_environ, startResponse) {
      startResponse('200 OK', TEXT);
      yield Buffer.from('begun');
      fail();
    },
  ],
  [
    'an async generator throws',
    async function* (_environ, startResponse) {
      startResponse('200 OK', TEXT);
      yield Buffer.from('begun');
      await sleep(1);
      fail();
    },
  ],
  [
    'a Node stream fails',
    (_environ, startResponse) => {
      startResponse('200 OK', TEXT);
      return Readable.from(failingLater());
    },
  ],
  [
    'a web stream fails',
    (_environ, startResponse) => {
      startResponse('200 OK', TEXT);
      const chunks = failingLater();
      return new ReadableStream({
        async pull(controller) {
          const { value } = await chunks.next();
          controller.enqueue(/** @type {Buffer} */ (value));
        },
      });
    },
  ],
  [
    'the application throws after write()',
    (_environ, startResponse) => {
      void startResponse('200 OK', TEXT)(Buffer.from('begun'));
      fail();
    },
  ],
];

function unreadable() {
  throw new Error('looked at');
}

const revoked = Proxy.revocable({}, {});
revoked.revoke();
const traps = Object.fromEntries(
  Object.getOwnPropertyNames(Reflect).map((name) => [name, unreadable]),
);
const members = Object.fromEntries(
  ['stack', 'name', 'message', 'cause', 'status', 'code', 'then', 'constructor'].map((name) => [
    name,
    { get: unreadable },
  ]),
);

/** What throws when it is looked at. @type {[what: string, thrown: unknown][]} */
const UNREADABLE = [
  ['a Proxy that was revoked (a draft of Immer)', revoked.proxy],
  ['a Proxy all of whose traps throw', new Proxy(new Error('own'), traps)],
  ['an error all of whose members throw', Object.defineProperties(new Error('own'), members)],
];

/**
 * @param {unknown} thrown
 * @returns {AsyncGenerator<Uint8Array>}
 */
async function* failingWith(thrown) {
  await sleep(1);
  yield await Promise.reject(thrown);
}

/** @satisfies {Row[]} */
export const rows = [
  ...FAILURES.map(
    ([how, application]) =>
      /** @satisfies {Row} */ ({
        rule: 13,
        name: `an application that ${how} is answered 500, without a word of why`,
        application,
        async check(visit) {
          const response = await visit.response();
          assert.equal(response.status, 500);
          assert.equal(response.reason, 'Internal Server Error');
          assert.match(String(response.header('content-type')), /^text\/plain/);
          assert.equal(response.header('x-half'), undefined);
          assert.ok(response.body.length > 0 && response.body.length < 200);
          assert.doesNotMatch(response.text, /secret|Error:| at /);
          assert.equal(response.complete, true);
          await visit.logged(/TypeError: a secret/);
          await visit.logged(/errors\.mjs:\d+/); // the stack
        },
      }),
  ),
  {
    rule: 13,
    name: 'the answer to an error has no body for HEAD',
    request: { method: 'HEAD' },
    application: () => fail(),
    async check(visit) {
      const response = await visit.response();
      assert.equal(response.status, 500);
      assert.equal(response.body.length, 0);
      assert.equal(response.complete, true);
    },
  },
  ...[undefined, null, 0, 'a string', { message: 'an object' }].map(
    (thrown) =>
      /** @satisfies {Row} */ ({
        rule: 13,
        name: `throwing ${thrown === null ? 'null' : typeof thrown} is an error like any other`,
        application() {
          throw thrown;
        },
        async check(visit) {
          assert.equal((await visit.response()).status, 500);
          await visit.logged(/Thrown: /);
        },
      }),
  ),
  ...UNREADABLE.flatMap(([what, thrown]) =>
    /** @type {const} */ (['thrown', 'rejected', 'thrown by the body']).map(
      (how) =>
        /** @satisfies {Row} */ ({
          rule: 13,
          name: `${what}, ${how}, is an error like any other`,
          application(_environ, startResponse) {
            if (how === 'thrown') throw thrown;
            if (how === 'rejected') return Promise.reject(thrown);
            startResponse('200 OK', TEXT);
            return failingWith(thrown);
          },
          async check(visit) {
            assert.equal((await visit.response()).status, 500);
            await visit.logged(/Thrown: |\[?Error: own/);
          },
        }),
    ),
  ),
  ...LATE_FAILURES.map(
    ([how, application]) =>
      /** @satisfies {Row} */ ({
        rule: 13,
        name: `when ${how} after the headers, the response is broken and nothing is added`,
        needs: ['cut'],
        application,
        async check(visit) {
          assertBroken(await visit.response(), 'begun');
          await visit.logged(/TypeError: a secret/);
        },
      }),
  ),
  {
    rule: 13,
    name: 'control characters of an error are escaped in the log',
    application() {
      throw new Error('first\x1b[31mred\x07');
    },
    async check(visit) {
      assert.equal((await visit.response()).status, 500);
      await visit.logged(/first.*red/);
      // eslint-disable-next-line no-control-regex
      assert.doesNotMatch(visit.log(), /\x1b|\x07/);
    },
  },
  {
    rule: 14,
    name: 'a client that leaves a response in the middle: told, closed, quiet',
    needs: ['streams'],
    async *application(environ, startResponse) {
      startResponse('200 OK', STREAMED);
      environ['postern.signal'].addEventListener('abort', () => report(environ, 'aborted'));
      try {
        for (;;) {
          yield Buffer.alloc(4096, 'x');
          await sleep(5);
        }
      } finally {
        report(environ, 'closed');
      }
    },
    check: checkDeparture,
  },
  {
    rule: 14,
    name: 'a client that leaves while a generator produces: told, closed, quiet',
    needs: ['streams'],
    *application(environ, startResponse) {
      startResponse('200 OK', STREAMED);
      environ['postern.signal'].addEventListener('abort', () => report(environ, 'aborted'));
      try {
        for (;;) yield Buffer.alloc(65536, 'x');
      } finally {
        report(environ, 'closed');
      }
    },
    check: checkDeparture,
  },
  {
    rule: 14,
    name: 'a client that leaves while the application writes: told, and quiet',
    needs: ['streams'],
    async application(environ, startResponse) {
      const write = startResponse('200 OK', STREAMED);
      const signal = environ['postern.signal'];
      while (!signal.aborted) {
        await write(Buffer.alloc(65536, 'x'));
        await sleep(1);
      }
      report(environ, 'aborted');
      // Whatever is still written goes nowhere, and is no error.
      for (let i = 0; i < 10; i++) await write(Buffer.from('late'));
      report(environ, 'closed');
      return [Buffer.from('later')];
    },
    check: checkDeparture,
  },
  {
    rule: 14,
    name: 'a client that leaves while nothing is sent: told, closed, quiet',
    needs: ['streams', 'idleDeparture'],
    async *application(environ, startResponse) {
      startResponse('200 OK', STREAMED);
      const signal = environ['postern.signal'];
      try {
        yield Buffer.from('begun');
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        report(environ, 'aborted', /** @type {Error} */ (signal.reason).name);
      } finally {
        report(environ, 'closed');
      }
    },
    check: checkDeparture,
  },
  {
    rule: 14,
    name: 'a client that leaves a Node stream that has nothing to say: destroyed, quiet',
    needs: ['streams', 'idleDeparture'],
    application(environ, startResponse) {
      startResponse('200 OK', STREAMED);
      environ['postern.signal'].addEventListener('abort', () => report(environ, 'aborted'));
      const body = new Readable({
        read() {},
        destroy(_error, done) {
          report(environ, 'closed');
          done(null);
        },
      });
      body.push('begun');
      return body;
    },
    check: checkDeparture,
  },
  {
    rule: 14,
    name: 'a client that leaves a web stream that has nothing to say: cancelled, quiet',
    needs: ['streams', 'idleDeparture'],
    application(environ, startResponse) {
      startResponse('200 OK', STREAMED);
      environ['postern.signal'].addEventListener('abort', () => report(environ, 'aborted'));
      return new ReadableStream({
        start(controller) {
          controller.enqueue(Buffer.from('begun'));
        },
        cancel() {
          report(environ, 'closed');
        },
      });
    },
    check: checkDeparture,
  },
  {
    rule: 14,
    name: 'an error that follows from the departure is not printed',
    needs: ['streams', 'idleDeparture'],
    async *application(environ, startResponse) {
      startResponse('200 OK', STREAMED);
      const signal = environ['postern.signal'];
      try {
        yield Buffer.from('begun');
        await new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            report(environ, 'aborted');
            reject(signal.reason);
          });
        });
      } finally {
        report(environ, 'closed');
      }
    },
    check: checkDeparture,
  },
  {
    rule: 14,
    name: 'the signal of a request that was answered is never aborted',
    application(environ, startResponse) {
      startResponse('200 OK', TEXT);
      environ['postern.signal'].addEventListener('abort', () => report(environ, 'aborted'));
      return [Buffer.from('done')];
    },
    async check(visit) {
      assert.equal((await visit.response()).text, 'done');
      const again = await visit.again();
      assert.equal((await again.response()).text, 'done');
      assert.deepEqual(visit.events(), []);
    },
  },
  {
    rule: 15,
    name: 'an error in a timer is logged, and does not take other requests down',
    needs: ['uncaught'],
    async application(environ, startResponse) {
      if (environ.QUERY_STRING !== 'again') {
        setTimeout(fail, 1);
        await sleep(20);
      }
      startResponse('200 OK', TEXT);
      return [Buffer.from('answered')];
    },
    async check(visit) {
      const response = await visit.response();
      // One process, one request: there it is the request's own error.
      assert.ok(response.status === 200 || response.status === 500);
      await visit.logged(/TypeError: a secret/);
      assert.doesNotMatch(response.text, /secret/);
      const again = await visit.again({ target: '/?again' });
      assert.equal((await again.response()).text, 'answered');
    },
  },
  {
    rule: 15,
    name: 'a rejection that nobody handles is logged, and does not take other requests down',
    needs: ['uncaught'],
    async application(environ, startResponse) {
      if (environ.QUERY_STRING !== 'again') {
        void Promise.reject(failure());
        await sleep(20);
      }
      startResponse('200 OK', TEXT);
      return [Buffer.from('answered')];
    },
    async check(visit) {
      const response = await visit.response();
      assert.ok(response.status === 200 || response.status === 500);
      await visit.logged(/TypeError: a secret/);
      assert.doesNotMatch(response.text, /secret/);
      const again = await visit.again({ target: '/?again' });
      assert.equal((await again.response()).text, 'answered');
    },
  },
  {
    rule: 18,
    name: 'wsgi.errors takes text, a piece at a time or many',
    application(environ, startResponse) {
      const errors = environ['wsgi.errors'];
      errors.write('the first line\n');
      errors.writelines(['the second line\n', 'the third line\n']);
      errors.writelines(new Set(['the fourth line\n']));
      errors.flush();
      startResponse('200 OK', TEXT);
      return [Buffer.from('done')];
    },
    async check(visit) {
      assert.equal((await visit.response()).text, 'done');
      for (const which of ['first', 'second', 'third', 'fourth']) {
        await visit.logged(new RegExp(`the ${which} line`));
      }
    },
  },
];

function failure() {
  return new TypeError('a secret of the application');
}

/** @returns {never} */
function fail() {
  throw failure();
}

async function* failingLater() {
  yield Buffer.from('begun');
  // The first chunk is on its way before the stream fails: a stream drops what it holds.
  await sleep(20);
  fail();
}

/** @param {Visit} visit */
async function checkDeparture(visit) {
  await visit.begin(1);
  visit.leave();
  await visit.event('aborted');
  await visit.event('closed');
  // Answered after whatever the first may still have done or said.
  const again = await visit.again();
  await again.begin(1);
  again.leave();
  await again.event('closed');
  const named = (/** @type {string} */ name) =>
    visit.events().filter((event) => event.name === name);
  assert.equal(named('aborted').length, 1);
  assert.equal(named('closed').length, 1);
  assert.equal(visit.log(), '');
}
