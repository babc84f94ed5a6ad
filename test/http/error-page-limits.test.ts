/** The error page of development: whatever is thrown, it is made in no time, and no longer than can be read. */

import { inspect } from 'node:util';

import { expect, test } from 'vitest';

import { Describer } from '../../adapters/http/error-page/describe.ts';
import { showErrors } from '../../adapters/http/error-page/errors.ts';
import { renderErrorPage } from '../../adapters/http/error-page/render.ts';
import { ask } from './error-page-kit.ts';

/** A page without a request around it: what the log tells of the error is the log's affair. */
async function pageOf(error: unknown, environ: Record<string, unknown> = {}): Promise<string> {
  const { body } = await renderErrorPage(environ, error);
  return Buffer.from(body).toString();
}

const MANY = 300_000;
const LONG = 'a=b '.repeat(MANY);

const having = (members: object): Error => Object.assign(new Error('x'), members);
const withStack = (stack: string): Error => having({ stack });
const objectOf = (length: number): object =>
  Object.fromEntries(Array.from({ length }, (_, i) => [`k${i}`, i]));

/** `{ a: { a: … } }` */
function nested(depth: number): object {
  let value = {};
  for (let i = 0; i < depth; i++) value = { a: value, b: [value] };
  return value;
}

function chain(length: number): Error {
  let error = new Error('0');
  for (let i = 1; i < length; i++) error = new Error(`${i}`, { cause: error });
  return error;
}

const HUGE: readonly [what: string, thrown: () => unknown][] = [
  ['message', () => new Error(LONG)],
  ['message without a space', () => new Error('x'.repeat(4 * MANY))],
  ['name', () => having({ name: LONG })],
  ['code', () => having({ code: LONG })],
  // 21 seconds it took, with 80 kB.
  ['member', () => having({ data: 'x'.repeat(MANY) })],
  ['name of a member', () => having({ [LONG]: 1 })],
  ['members', () => having(objectOf(MANY))],
  ['array', () => having({ data: Array.from({ length: MANY }, () => LONG) })],
  ['array with nothing in it', () => having({ data: Object.assign([], { length: 2 ** 31 }) })],
  ['object', () => having({ data: objectOf(MANY) })],
  ['object of a class', () => having({ data: Object.assign(new EventTarget(), objectOf(MANY)) })],
  ['map', () => having({ data: new Map(Object.entries(objectOf(MANY))) })],
  ['buffer', () => having({ data: Buffer.alloc(100 * MANY) })],
  [
    'object with a text for each of its members',
    () => having({ data: [new String(LONG), [LONG]] }),
  ],
  ['nesting', () => having({ data: nested(5000) })],
  [
    'errors',
    () =>
      new AggregateError(
        Array.from({ length: MANY }, () => new Error('x')),
        'all',
      ),
  ],
  ['chain of causes', () => chain(5000)],
  [
    'errors of errors',
    () => having({ errors: [1, 2, 3, 4].map(() => having({ errors: [chain(9)], data: LONG })) }),
  ],
  ['text that is thrown', () => LONG],
  ['array that is thrown', () => Array.from({ length: MANY }, () => LONG)],
  ['stack', () => withStack(`Error: x\n${'    at f (/srv/a.js:1:1)\n'.repeat(MANY / 10)}`)],
  ['line of a stack', () => withStack(`Error: x\n    at ${'f'.repeat(MANY)} (/srv/a.js:1:1)`)],
  ['stack of spaces', () => withStack(`Error: x\n${' '.repeat(MANY)}`)],
  ['stack of empty lines', () => withStack(`Error: x\n${'\n'.repeat(MANY)}    at f (/a.js:1:1)`)],
  ['stack of colons', () => withStack(`Error: x\n    at ${': '.repeat(MANY)}`)],
  // A search for one in the other takes the product of their lengths.
  [
    'message that is not that of the stack',
    () => {
      const message = `b${'a'.repeat(MANY)}`;
      return Object.assign(new Error(message), { stack: 'a'.repeat(2 * MANY) });
    },
  ],
];

test.each(HUGE)('a huge %s', async (_what, thrown) => {
  const error = thrown();
  await pageOf(new Error('the first page loads what the others need as well'));
  const began = process.cpuUsage();
  const page = await pageOf(error);
  const { user } = process.cpuUsage(began);
  expect(page.length).toBeLessThan(1_000_000);
  expect(user / 1000).toBeLessThan(1000);
});

test('all of it at once', async () => {
  const members = { a: LONG, b: objectOf(1000), c: [LONG, [LONG, LONG]] };
  const error = Object.assign(new AggregateError([], LONG, { cause: chain(3) }), members);
  error.errors = Array.from({ length: 9 }, () => Object.assign(new Error(LONG), members));
  const environ = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`app.${i}`, members]));
  const began = process.cpuUsage();
  const page = await pageOf(error, environ);
  expect(page.length).toBeLessThan(2_000_000);
  expect(process.cpuUsage(began).user / 1000).toBeLessThan(2000);
});

test('a header of 31 kB', async () => {
  await ask(); // loads what the page needs
  const began = process.cpuUsage();
  const { body } = await ask({ headers: { 'X-Long': 'x'.repeat(31_000) } });
  expect(body).toContain('HTTP_X_LONG');
  expect(process.cpuUsage(began).user / 1000).toBeLessThan(1000);
});

test('what was left out is said', async () => {
  const page = await pageOf(
    having({ list: Array.from({ length: 1000 }, () => 1), map: objectOf(300) }),
  );
  expect(page).toContain('… 800 more');
  expect(page).toContain('100 more');
});

test('code of members is not run', async () => {
  const ran: string[] = [];
  const run = (what: string) => (): never => {
    ran.push(what);
    throw new Error(what);
  };
  const members = Object.defineProperty({}, 'getter', { get: run('getter'), enumerable: true });
  class Shy {
    static get [Symbol.species](): unknown {
      return run('species')();
    }
    get [Symbol.toStringTag](): string {
      return run('toStringTag')();
    }
    toString = run('toString');
    toJSON = run('toJSON');
    [Symbol.toPrimitive] = run('toPrimitive');
    [inspect.custom] = run('inspect');
  }
  const traps = Object.fromEntries(
    Object.getOwnPropertyNames(Reflect).map((name) => [name, run(name)]),
  );
  const inner = Object.defineProperty(new Error(), 'message', { get: run('message') });
  const page = await pageOf(
    having({
      members,
      shy: new Shy(),
      plain: { shy: new Shy() },
      proxy: new Proxy({}, traps),
      list: new Proxy([], traps),
      inner,
    }),
  );
  expect(ran).toEqual([]);
  for (const shown of ['[Getter]', '[Shy]', '[Proxy]', '[Error: ]']) expect(page).toContain(shown);
});

const frames = (error: unknown): string => showErrors(error, new Describer())[0]!.stack;

test('frames are those of the stack, not those that a message pretends', () => {
  const forged = 'x\n    at forged (/srv/forged.js:1:1)';
  expect(frames(new Error(forged))).not.toContain('forged');
  expect(frames(Object.assign(new Error(forged), { name: 'Other' }))).not.toContain('forged');
  expect(frames(new Error(forged))).toContain('error-page-limits.test.ts');
  // As V8 writes an error without a name.
  const nameless = { message: forged, stack: `${forged}\n    at real (/srv/real.js:1:1)` };
  expect(frames(nameless)).toBe('    at real (/srv/real.js:1:1)');
});
