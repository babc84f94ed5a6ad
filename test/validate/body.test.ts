/** What the validator says of bodies. */

import { Readable } from 'node:stream';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { describe, expect, test, vi } from 'vitest';

import { FileWrapper, validator } from '../../src/index.ts';
import type { ApplicationFunction, Body, HeaderList } from '../../src/index.ts';
import {
  HELLO,
  TEXT,
  environWith,
  generator,
  later,
  returning,
  serve,
  startNothing,
  stream,
  twice,
  violates,
  web,
} from './kit.ts';

/** Headers that declare `n` bytes. */
function length(n: number): HeaderList {
  return [...TEXT, ['Content-Length', String(n)]];
}

const startsLate: ApplicationFunction = function* (_environ, startResponse) {
  yield Buffer.alloc(0);
  startResponse('200 OK', TEXT);
  yield HELLO;
};

describe('the body', () => {
  test.each(['text', HELLO, new Uint8Array(2)])('that is bare: %o', (body) =>
    violates('body.bare', body, () => serve(returning(body))),
  );
  test.each([undefined, null, 1, {}, true, () => []])('that is none: %o', (body) =>
    violates('body.iterable', body, () => serve(returning(body))),
  );
  test('that is none, later', () =>
    violates('body.iterable', 1, () => serve(async (...args) => returning(1)(...args))));

  test.each(['text', 1, null, undefined, [104], new ArrayBuffer(1)])(
    'with a chunk %o, in any kind of body',
    async (chunk) => {
      for (const kind of [(c: unknown) => [c], twice, generator, later, stream, web]) {
        if (kind === stream && (chunk === null || chunk === undefined)) continue; // ends a stream
        await violates('body.chunk', chunk, () => serve(returning(kind(chunk))));
      }
    },
  );

  test('that comes before startResponse', async () => {
    for (const kind of [(c: unknown) => [c], twice, generator, later]) {
      await violates('body.not-started', HELLO, () => serve(() => kind(HELLO) as Body));
    }
  });
  test.each([[], [Buffer.alloc(0)]])('that ends without startResponse: %o', (...body) =>
    violates('body.not-started', 'end of the body', () => serve(() => body)),
  );
  test('that calls startResponse while it is iterated, before the first bytes', async () => {
    expect(await serve(startsLate)).toEqual(HELLO);
  });

  test('without a Content-Type', async () => {
    await violates('body.content-type', [], () => serve(returning([HELLO], [])));
    expect(await serve(returning([], []))).toHaveLength(0);
    expect(await serve(returning([Buffer.alloc(0)], []))).toHaveLength(0);
  });

  test('longer than its Content-Length', () =>
    violates('body.length', 5, () => serve(returning([HELLO], length(4)))));
  test('shorter than its Content-Length', async () => {
    await violates('body.length', 5, () => serve(returning([HELLO], length(6))));
    await violates('body.length', 0, () => serve(returning([], length(6))));
    await violates('body.length', 5, () => serve(returning(later(HELLO), length(6))));
  });
  test('of its Content-Length; none for HEAD; a file may be longer', async () => {
    expect(await serve(returning([HELLO], length(5)))).toEqual(HELLO);
    expect(await serve(returning([], length(5)), environWith({ REQUEST_METHOD: 'HEAD' }))).toEqual(
      Buffer.alloc(0),
    );
    const file = new FileWrapper(Readable.from([HELLO]));
    expect(await serve(returning(file, length(3)))).toEqual(HELLO);
  });

  test('that is iterated after close()', async () => {
    for (const original of [[HELLO], [HELLO, HELLO], later(HELLO)]) {
      const body = await validator(returning(original))(environWith(), startNothing);
      await body.close!();
      await violates('body.after-close', original, async () => {
        for await (const _ of body) break;
      });
    }
  });

  test('that is closed twice', async () => {
    const original: Uint8Array[] = [];
    const body = await validator(returning(original))(environWith(), startNothing);
    await body.close!();
    await violates('body.closed-twice', original, () => body.close!());
  });

  test('that is never closed is told by a process warning, when it is garbage', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const closed = await validator(returning([HELLO]))(environWith(), startNothing);
    closed.close!();
    await (async () => validator(returning(twice(HELLO)))(environWith(), startNothing))();
    for (let tries = 0; warn.mock.calls.length === 0 && tries < 100; tries++) {
      await new Promise(setImmediate);
      collect();
    }
    expect(warn).toHaveBeenCalledOnce();
    const [warning] = warn.mock.calls[0]!;
    warn.mockRestore();
    await violates('body.not-closed', 'Array', () => Promise.reject(warning));
  });
});
