/**
 * Rules 25 and 26: middleware, made with what the package exports for it.
 *
 * @import { Application, ApplicationFunction, Body, Environ } from '../../../src/types.ts'
 * @import { Row, Visit } from '../types.ts'
 */

import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import { setTimeout as sleep } from 'node:timers/promises';

import { fromFetch, fromNode, mount, toFunction, wrapBody } from 'postern';

import { TEXT, report } from '../kit.mjs';
import {
  ClassApplication,
  asyncApplication,
  generatorApplication,
  objectApplication,
} from '../shapes.mjs';

const STREAMED = /** @type {const} */ ([...TEXT, ['X-Accel-Buffering', 'no']]);

const NODE_TEXT = { 'Content-Type': 'text/plain' };

/** @type {[kind: string, application: Application, text: string][]} */
const SHAPES = [
  ['a function', hello, 'HELLO'],
  ['a class', ClassApplication, 'A CLASS, GET'],
  ['an object', objectApplication, 'AN OBJECT, GET'],
  ['an async function', asyncApplication, 'AN ASYNC FUNCTION, GET'],
  ['an async generator function', generatorApplication, 'AN ASYNC GENERATOR FUNCTION, GET'],
  [
    'a Node listener',
    fromNode((_req, res) => void res.writeHead(200, NODE_TEXT).end('hello')),
    'HELLO',
  ],
  ['a fetch handler', fromFetch(() => new Response('hello')), 'HELLO'],
  ['one that writes', writing, 'HELLO'],
];

/** @type {[kind: string, body: () => Iterable<Uint8Array> | AsyncIterable<Uint8Array>][]} */
const BODIES = [
  ['an array of one chunk', () => [Buffer.from('one two')]],
  ['an array', () => [Buffer.from('one '), Buffer.from('two')]],
  ['a generator', () => generate('one ', 'two')],
  ['an async generator', () => generateLater('one ', 'two')],
  ['a Node stream', () => Readable.from([Buffer.from('one '), Buffer.from('two')])],
  ['a web stream', () => webStream('one ', 'two')],
];

/** @type {[kind: string, body: () => Iterable<Uint8Array> | AsyncIterable<Uint8Array>][]} */
const ENDLESS = [
  ['a generator', () => endless()],
  ['an async generator', () => endlessLater()],
  ['a Node stream', () => Readable.from(endlessLater(), { objectMode: false })],
  ['a web stream', () => ReadableStream.from(endlessLater())],
];

/** @type {Row[]} */
export const rows = [
  ...SHAPES.map(
    ([kind, application, text]) =>
      /** @satisfies {Row} */ ({
        rule: 25,
        name: `middleware around ${kind} changes headers and body`,
        application: upper(application),
        async check(visit) {
          const response = await visit.response();
          assert.equal(response.status, 200);
          assert.equal(response.header('x-middleware'), 'upper');
          assert.equal(response.text, text);
          assert.equal(response.complete, true);
        },
      }),
  ),
  ...['GET', 'HEAD'].flatMap((method) =>
    BODIES.map(
      ([kind, body]) =>
        /** @satisfies {Row} */ ({
          rule: 25,
          name: `a wrapped body is closed once, with ${kind}, for ${method}`,
          request: { method },
          application(environ, startResponse) {
            startResponse('200 OK', TEXT);
            return watched(environ, body());
          },
          async check(visit) {
            const response = await visit.response();
            assert.equal(response.text, method === 'GET' ? 'one two' : '');
            if (kind.includes('one chunk')) assert.equal(response.header('content-length'), '7');
            assert.equal(response.complete, true);
            await checkClosed(visit);
          },
        }),
    ),
  ),
  ...[failing, failingLater].map(
    (body) =>
      /** @satisfies {Row} */ ({
        rule: 25,
        name: `a wrapped body that fails is closed once: ${body.name}`,
        application(environ, startResponse) {
          startResponse('200 OK', TEXT);
          return watched(environ, body());
        },
        async check(visit) {
          await visit.response();
          await checkClosed(visit);
          await visit.logged(/failed on purpose/);
        },
      }),
  ),
  ...ENDLESS.map(
    ([kind, body]) =>
      /** @satisfies {Row} */ ({
        rule: 25,
        name: `a wrapped body is closed once when the client leaves, with ${kind}`,
        needs: ['streams'],
        application(environ, startResponse) {
          startResponse('200 OK', STREAMED);
          return watched(environ, body());
        },
        async check(visit) {
          await visit.begin(1);
          visit.leave();
          await checkClosed(visit);
          assert.equal(visit.log(), '');
        },
      }),
  ),
  {
    rule: 25,
    name: 'middleware that answers itself calls no application',
    request: { headers: [['X-User', 'nobody']] },
    application: onlyFor('ada', hello),
    async check(visit) {
      assert.equal((await visit.response()).status, 403);
      const other = await visit.again({ headers: [['X-User', 'ada']] });
      assert.equal((await other.response()).text, 'hello');
    },
  },
  {
    rule: 26,
    name: 'applications are mounted below prefixes',
    request: { target: '/blog/drafts/1' },
    application: mount({ '/blog': located('blog'), '/blog/drafts': located('drafts') }),
    async check(visit) {
      const [name, script, path] = (await visit.response()).text.split(' ');
      assert.equal(name, 'drafts');
      assert.match(String(script), /\/blog\/drafts$/);
      assert.equal(path, '/1');
      const blog = await (await visit.again({ target: '/blog/draftsman' })).response();
      assert.match(blog.text, /^blog \S*\/blog \/draftsman$/);
      const none = await (await visit.again({ target: '/bloggers' })).response();
      assert.equal(none.status, 404);
      assert.equal(none.complete, true);
    },
  },
  {
    rule: 26,
    name: 'a Node listener and a fetch handler may be mounted',
    request: { target: '/node/x?y' },
    application: mount({
      '/node': fromNode((req, res) => void res.writeHead(200, NODE_TEXT).end(`node ${req.url}`)),
      '': fromFetch((request) => new Response(`fetch ${new URL(request.url).pathname}`)),
    }),
    async check(visit) {
      assert.equal((await visit.response()).text, 'node /x?y');
      const other = await visit.again({ target: '/nodes' });
      assert.match((await other.response()).text, /^fetch \/.*nodes$/);
    },
  },
];

/** @type {ApplicationFunction} */
function hello(_environ, startResponse) {
  startResponse('200 OK', TEXT);
  return [Buffer.from('hello')];
}

/** @type {ApplicationFunction} */
function writing(_environ, startResponse) {
  const write = startResponse('200 OK', TEXT);
  void write(Buffer.from('hel'));
  return [Buffer.from('lo')];
}

/**
 * Changes a header, and each chunk.
 *
 * @param {Application} application
 * @returns {ApplicationFunction}
 */
function upper(application) {
  const call = toFunction(application);
  return (environ, startResponse) => {
    const body = call(environ, (status, headers, ...excInfo) => {
      const all = /** @type {const} */ ([...headers, ['X-Middleware', 'upper']]);
      const write = startResponse(status, all, ...excInfo);
      return (chunk) => write(toUpper(Buffer.from(chunk)));
    });
    return wrapBody(body, { transform: toUpper });
  };
}

/** @param {Uint8Array} chunk */
function toUpper(chunk) {
  return Buffer.from(Buffer.from(chunk).toString().toUpperCase());
}

/**
 * Answers itself, unless a request comes from somebody.
 *
 * @param {string} user
 * @param {Application} application
 * @returns {ApplicationFunction}
 */
function onlyFor(user, application) {
  const call = toFunction(application);
  return (environ, startResponse) => {
    if (environ.HTTP_X_USER === user) return call(environ, startResponse);
    startResponse('403 Forbidden', TEXT);
    return [];
  };
}

/** @param {string} name @returns {ApplicationFunction} */
function located(name) {
  return (environ, startResponse) => {
    startResponse('200 OK', TEXT);
    return [Buffer.from(`${name} ${environ.SCRIPT_NAME} ${environ.PATH_INFO}`)];
  };
}

/**
 * Reports the ends of a body, and of its wrapper.
 *
 * @param {Environ} environ
 * @param {Iterable<Uint8Array> | AsyncIterable<Uint8Array>} body
 * @returns {Body}
 */
function watched(environ, body) {
  const close = () => report(environ, 'closed');
  return wrapBody(Object.assign(body, { close }), {
    transform: (chunk) => chunk,
    close: () => report(environ, 'wrapper closed'),
  });
}

/** @param {Visit} visit */
async function checkClosed(visit) {
  await visit.event('wrapper closed');
  // Another request is answered after whatever the first one may still have done.
  assert.deepEqual(visit.events(), [{ name: 'closed' }, { name: 'wrapper closed' }]);
}

/** @param {string[]} parts */
function* generate(...parts) {
  for (const part of parts) yield Buffer.from(part);
}

/** @param {string[]} parts */
async function* generateLater(...parts) {
  for (const part of parts) {
    await sleep(1);
    yield Buffer.from(part);
  }
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

function* failing() {
  yield Buffer.from('one ');
  throw new Error('failed on purpose');
}

async function* failingLater() {
  yield* failing();
}

function* endless() {
  for (;;) yield Buffer.alloc(65536, 'x');
}

async function* endlessLater() {
  for (;;) {
    await sleep(1);
    yield Buffer.alloc(4096, 'x');
  }
}
