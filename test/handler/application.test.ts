import { describe, expect, test, vi } from 'vitest';

import { isClass, toFunction } from '../../src/handler/application.ts';
import { UsageError } from '../../src/errors.ts';
import type { Application, Environ, StartResponse } from '../../src/types.ts';
import { setupTestingDefaults } from '../../src/testing/defaults.ts';

const BODY = [Buffer.from('body')];
const environ: Environ = setupTestingDefaults({});
const startResponse: StartResponse = () => () => undefined;

const plain = (): Uint8Array[] => BODY;
const later = async (): Promise<Uint8Array[]> => BODY;
/** Its name is no keyword. */
function classy(): void {}

class AsBody {
  readonly args: unknown[];
  constructor(...args: unknown[]) {
    this.args = args;
  }
  *[Symbol.iterator](): Generator<Uint8Array> {
    yield* BODY;
  }
}
class AsCallable {
  readonly body = BODY;
  call(): Uint8Array[] {
    return this.body;
  }
}

test('a function is what it was: nothing is called in between', () => {
  for (const application of [plain, later]) expect(toFunction(application)).toBe(application);
});

test('of a class an instance is made for each request, which is the body', () => {
  const run = toFunction(AsBody);
  const [first, second] = [run(environ, startResponse), run(environ, startResponse)];
  expect(first).toBeInstanceOf(AsBody);
  expect(first).not.toBe(second);
  expect((first as unknown as AsBody).args).toEqual([environ, startResponse]);
});

test('an object is called by its call(), which may use the object', () => {
  expect(toFunction(new AsCallable())(environ, startResponse)).toBe(BODY);
  const call = vi.fn<() => Uint8Array[]>(() => BODY);
  void toFunction({ call })(environ, startResponse);
  expect(call).toHaveBeenCalledWith(environ, startResponse);
});

test('of the same application it is always the same function, and of that function itself', () => {
  for (const application of [AsBody, new AsCallable()]) {
    const run = toFunction(application);
    expect(toFunction(application)).toBe(run);
    expect(toFunction(run)).toBe(run);
  }
});

test('an object whose call() is replaced later is called by the new one', () => {
  const application = { call: (): Uint8Array[] => [] };
  const run = toFunction(application);
  application.call = () => BODY;
  expect(run(environ, startResponse)).toBe(BODY);
});

test.each([
  [undefined, 'undefined'],
  [null, 'null'],
  ['app', 'a string'],
  [{}, 'an object of class Object'],
  [{ call: 5 }, 'an object of class Object'],
  [[() => BODY], 'an object of class Array'],
])('%o is no application', (value, name) => {
  expect(() => toFunction(value as unknown as Application)).toThrow(UsageError);
  expect(() => toFunction(value as unknown as Application)).toThrow(`${name} is no application`);
});

test('what another function makes an application of is said', () => {
  const handler = { fetch: () => new Response() } as unknown as Application;
  expect(() => toFunction(handler)).toThrow(/is no application: fromFetch\(\) makes one/);
  const koa = { callback() {} } as unknown as Application;
  expect(() => toFunction(koa)).toThrow(/fromNode\(\) and fromFetch\(\) make one of others$/);
});

describe('what is a class', () => {
  test.each([
    ['a class', class extends Object {}, true],
    ['one with a name', AsBody, true],
    ['one that extends another', class extends AsBody {}, true],
    ['a function', function () {}, false],
    ['an arrow', plain, false],
    ['an async function', later, false],
    ['a generator', function* () {}, false],
    ['a function of such a name', classy, false],
    ['a method of that name', { class() {} }.class, false],
    ['a bound class', AsBody.bind(null), false],
    ['what Node has', Map, false],
  ])('%s: %o', (_, value, expected) => {
    expect(isClass(value)).toBe(expected);
  });
});
