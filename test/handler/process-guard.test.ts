/** Errors that belong to no request's own chain of promises (src/README.md, rule 15). */

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { afterEach, describe, expect, test, vi } from 'vitest';

import { describeRequest, guardProcess, traceRequests } from '../../src/handler/process-guard.ts';
import type { GuardOptions } from '../../src/handler/process-guard.ts';
import type { Environ } from '../../src/types.ts';
import { setupTestingDefaults } from '../../src/testing/defaults.ts';

const EVENTS = ['uncaughtException', 'unhandledRejection'] as const;
const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

/** What a guard does with errors. They are given to its listeners: the runner has its own. */
function guard(options: GuardOptions = {}): {
  raise: (kind: number, error: unknown) => void;
  told: string[];
} {
  const told: string[] = [];
  const before = EVENTS.map((name) => process.listeners(name as 'uncaughtException'));
  ends.push(guardProcess({ write: (text) => void told.push(text), ...options }));
  const added = EVENTS.map((name, kind) =>
    process.listeners(name as 'uncaughtException').filter((each) => !before[kind]!.includes(each)),
  );
  expect(added.map(({ length }) => length)).toEqual([1, 1]);
  const raise = (kind: number, error: unknown): void =>
    added[kind]![0]!(error as Error, 'uncaughtException');
  return { raise, told };
}

/** Listeners for what a guard looks after. */
const count = (): number[] => [
  ...EVENTS.map((name) => process.listenerCount(name)),
  process.stderr.listenerCount('error'),
];

describe('a guarded process', () => {
  test('tells of an exception and of a rejection, with the stack', () => {
    const { raise, told } = guard();
    raise(0, new Error('thrown'));
    raise(1, new Error('rejected'));
    raise(1, undefined);
    expect(told[0]).toMatch(/^postern: uncaught exception: Error: thrown\n {4}at [^]*\n$/);
    expect(told[1]).toMatch(/^postern: unhandled rejection: Error: rejected\n {4}at [^]*\n$/);
    expect(told[2]).toBe('postern: unhandled rejection: Thrown: undefined\n');
  });

  test('names the request where it is known, in one line, and calls onError after it has told', () => {
    const onError = vi.fn<() => void>(() => expect(told).toHaveLength(1));
    const { raise, told } = guard({ request: () => 'GET /\r\nforged', onError });
    raise(0, 'text');
    expect(told).toEqual([
      "postern: uncaught exception while serving GET /\\r\\nforged: Thrown: 'text'\n",
    ]);
    expect(onError).toHaveBeenCalledOnce();
  });

  test('is as it was when the guard has ended', () => {
    const before = count();
    const end = guardProcess();
    expect(count()).toEqual(before.map((listeners) => listeners + 1));
    end();
    expect(count()).toEqual(before);
  });
});

const environFor = (path: string): Environ =>
  setupTestingDefaults({ PATH_INFO: path, QUERY_STRING: 'q' });

test('a request is described by its method and its URI as it was sent', () => {
  expect(describeRequest(environFor('/a b'))).toBe('GET /a%20b?q');
});

const startResponse = () => (): undefined => undefined;
/** Serves a request as a gateway does: from a step of its own. */
const inAStep = (step: () => Promise<void>): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(() => resolve(step()));
  });

describe('traced requests', () => {
  test('are known in what they begin: timers, promises, and the body', async () => {
    const seen: Record<string, (string | undefined)[]> = {};
    const { application, request } = traceRequests((environ) => {
      const path = String(environ.PATH_INFO);
      const names: (string | undefined)[] = (seen[path] = [request()]);
      const timer = new Promise<void>((resolve) => {
        setTimeout(() => resolve(void names.push(request())), 1);
      });
      return (async function* () {
        await timer;
        names.push(request());
        yield Buffer.from(path);
      })();
    });
    const serve = (path: string): Promise<void> =>
      inAStep(async () => {
        const body = await application(environFor(path), startResponse);
        for await (const chunk of body as AsyncIterable<Uint8Array>)
          expect(String(chunk)).toBe(path);
      });
    await Promise.all([serve('/one'), serve('/two')]);
    expect(seen).toEqual({
      '/one': Array.from({ length: 3 }, () => 'GET /one?q'),
      '/two': Array.from({ length: 3 }, () => 'GET /two?q'),
    });
    expect(request()).toBeUndefined();
  });
});

test('a process goes on after both kinds of error, and says whose they were', () => {
  const source = pathToFileURL(
    join(import.meta.dirname, '../../dist/src/handler/process-guard.js'),
  ).href;
  const program = `
    import { guardProcess, traceRequests } from ${JSON.stringify(source)};
    const { application, request } = traceRequests(({ PATH_INFO }) => {
      if (PATH_INFO === '/a') setTimeout(() => { throw new Error('of a timer'); }, 1);
      else void Promise.reject(new Error('of a promise'));
      return [];
    });
    let errors = 0;
    guardProcess({ request, onError: () => { if (++errors === 3) console.log('alive'); } });
    for (const path of ['/a', '/b']) {
      const environ = { REQUEST_METHOD: 'GET', PATH_INFO: path, REQUEST_URI: path };
      setImmediate(() => application(environ, () => () => {}));
    }
    setTimeout(() => { throw new Error('of nobody'); }, 1);
  `;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--input-type=module', '-e', program],
    { encoding: 'utf8' },
  );
  expect([status, stdout]).toEqual([0, 'alive\n']);
  expect(stderr).toContain('uncaught exception while serving GET /a: Error: of a timer\n');
  expect(stderr).toContain('unhandled rejection while serving GET /b: Error: of a promise\n');
  expect(stderr).toContain('uncaught exception: Error: of nobody\n');
});
